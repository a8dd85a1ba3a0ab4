"""What becomes of a model's answers: which structures they may replace, and the step by which they come in. No Qt."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine.answers import Answer, Box, Document, Result, Score
from engine.edits import AnswerChange, Step
from engine.findings.assessment import WHOLE_IMAGE, Evidence
from engine.structures import Generation, Roi, StructureSet
from viewer.history import History, adopt

if TYPE_CHECKING:
    from engine.card_templates import TemplateCard
    from engine.cards.schema import Card


@dataclass(frozen=True)
class Places:
    """Where a run's structures meet others of the same name.

    Args:
        free: name → number of the ROI that the run replaces: the same model drew it and nobody touched it, or it is
            still to be drawn, as those of a template. What another model drew stays beside what the run draws.
        contested: likewise of ROIs that a person drew or edited: only a person may let them be replaced.
    """

    free: Mapping[str, int]
    contested: Mapping[str, int]


class Together:
    """Several runs that undo takes back as one.

    Where something else was done between two of them, what came before it and what came after it are a step each: undo
    goes back in the order in which things were done, and takes nobody's work along. To show or hide structures, or to
    give those that came of the runs another name or colour, is nothing else.

    Args:
        title: what they are together.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._models: list[str] = []
        self._answers: tuple[Answer, ...] = ()
        self._last: Step | None = None
        #: How many steps they became.
        self.steps = 0
        #: Numbers of the structures that came of them; one is not to replace what another drew.
        self.drawn: set[int] = set()
        #: Which names more than one of them drew.
        self.notes: list[str] = []

    def do(self, history: History, step: Step, result: Result, model: str) -> None:
        """Do the step of one run, as the continuation of the last where nothing else was done since."""
        last, onto = history.last, self._last
        continued = onto is not None and history.can_continue(onto)
        models = [*self._models, model] if continued else [model]
        answers = (*self._answers, *result.answers) if continued else result.answers
        step = replace(step, text=f"{self._title}: {', '.join(models)} ({counted(Result(answers))})")
        if continued and onto is not None:
            done = history.join(step, onto)
        else:
            history.do(step)
            done = history.last if history.last is not last else None
        if done is None:
            return
        self._models, self._answers, self._last = models, answers, done
        self.steps += not continued
        came = [change.after for change in step.changes if isinstance(change, AnswerChange)]
        rois = [answer for answer in came if isinstance(answer, Roi)]
        self.notes += [
            f"{roi.name} is drawn by two models; that of {model} is called {here.name}."
            for roi, here in zip(result.rois, rois, strict=False)
            if roi.name != here.name and any(history.name_of(number) == roi.name for number in self.drawn)
        ]
        self.drawn |= {roi.number for roi in rois}


@dataclass(frozen=True)
class Part:
    """What a model is in a template.

    Args:
        called: how what it draws is called.
        number, count: which of how many it is, from 1.
        together: the runs with which it is undone.
    """

    called: TemplateCard
    number: int
    count: int
    together: Together


def places(structures: StructureSet, result: Result, kept: Collection[int] = ()) -> Places:
    """Which of `structures` the structures of a run may replace; locked ones and those of the numbers `kept` never."""
    same = {roi.name: roi for roi in structures.rois if roi.number not in kept}
    met = [(same[roi.name], roi) for roi in result.rois if roi.name in same and not same[roi.name].locked]
    return Places(
        {
            old.name: old.number
            for old, roi in met
            if _is_blank(old) or (_is_untouched(old) and old.provenance.algorithm == roi.provenance.algorithm)
        },
        {old.name: old.number for old, _ in met if not (_is_blank(old) or _is_untouched(old))},
    )


def run_step(
    document: Document,
    card: Card,
    result: Result,
    replaced: Mapping[str, int],
    *,
    anyway: bool,
    drawn: Roi | None = None,
) -> Step:
    """The step by which the answers of a run enter the document.

    Args:
        replaced: name → number of the ROI to replace; those that are gone meanwhile are left out.
        anyway: the model was run on an image that it was not made for.
        drawn: the structure that the model looked at; where that is another by now, no score says that it is of it.
    """
    replaced = {name: number for name, number in replaced.items() if number in document.structures}
    answers: tuple[Roi | Score | Box, ...] = (*result.rois, *result.scores, *result.boxes)
    weights = dict.fromkeys(answer.provenance.weights_sha256 for answer in answers)
    more = ["run on an image that it was not made for"] if anyway else []
    text = f"{card.title} ({', '.join([counted(result), *more])})"
    step = adopt(
        document,
        result,
        replaced=replaced,
        text=text,
        tool=f"{card.id} {card.version}",
        weights_sha256=" ".join(weight for weight in weights if weight),
    )
    return _of_drawn(step, drawn, document.structures)


def _of_drawn(step: Step, drawn: Roi | None, structures: StructureSet) -> Step:
    """The step, its scores computed from a structure that is there as it was, where they are of no other place."""
    if drawn is None or drawn.number not in structures or structures[drawn.number].planes != drawn.planes:
        return step
    place = Evidence(roi_number=drawn.number, roi_uid=drawn.uid)
    changes = tuple(
        replace(change, after=replace(change.after, evidence=place))
        if isinstance(change, AnswerChange) and isinstance(change.after, Score) and change.after.evidence == WHOLE_IMAGE
        else change
        for change in step.changes
    )
    return replace(step, changes=changes)


def about_of(card: Card) -> tuple[str, ...]:
    """What a refusal is about that a look at an image led to: parts of the body, or this card alone."""
    return card.inputs[0].regions or (card.id,)


def counted(result: Result) -> str:
    """What a run answered, as "7 structures and 2 scores"."""
    drawn = sum(not roi.is_empty for roi in result.rois)
    counts = (("structure", drawn), ("score", len(result.scores)), ("box", len(result.boxes)))
    parts = [f"{count} {name}{'' if count == 1 else 'es' if name == 'box' else 's'}" for name, count in counts if count]
    return " and ".join(parts) or "nothing"


def _is_untouched(roi: Roi) -> bool:
    return roi.provenance.generation is Generation.AUTOMATIC and not roi.provenance.edited


def _is_blank(roi: Roi) -> bool:
    """Whether nobody has drawn anything yet; one that a person emptied is not."""
    drawn = roi.provenance
    by_nobody = drawn.generation in (Generation.MANUAL, Generation.UNKNOWN) and not drawn.edited
    return by_nobody and roi.is_empty and not roi.loose and roi.recipe is None
