"""What a card says of labelled pictures, through the same path as in the program, beside what holds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from engine.cards.graph import made_in, maker_of
from engine.cards.nodes import Node
from engine.cards.registry import LoadedCard
from engine.cards.schema import Card
from engine.cards.suitability import why_unsuitable
from engine.errors import MismatchError, PlanimeterError, UnsuitableInputError
from engine.inference.context import Context
from engine.inference.graph import run_nodes
from engine.inference.opinions import likely
from engine.inference.scores import Scores
from engine.operations import classify, combine, gate, head, hierarchy, pool
from engine.progress import Progress
from engine.training.labelled.sample import TEST, Sample, fingerprint
from engine.training.learned import learned_from

Report = Progress


@dataclass(frozen=True)
class Question:
    """Labels of which one holds, and what each stands for in a data set; a single label holds or does not.

    Args:
        node: whose scores they are.
        leaves: label → the data set's labels that are it; itself, or those that are summed to it.
    """

    node: str
    leaves: dict[str, tuple[str, ...]]

    @property
    def labels(self) -> tuple[str, ...]:
        """In order."""
        return tuple(self.leaves)

    def truth(self, sample: Sample) -> str | None:
        """The label that holds; None where the set does not say, or where a single one does not hold."""
        return next((label for label, leaves in self.leaves.items() if sample.labels & set(leaves)), None)

    def is_told_of(self, sample: Sample) -> bool:
        """Whether the set says what holds; of a single label it does by leaving it away."""
        return len(self.leaves) == 1 or self.truth(sample) is not None


@dataclass(eq=False)
class Said:
    """What a card says of one picture.

    Args:
        sample: of the set.
        scores: node → its scores.
        sets: question's labels → the labels in the conformal set.
        strangeness: as of `Scores`.
    """

    sample: Sample
    scores: dict[str, Scores]
    sets: dict[tuple[str, ...], list[str]] = field(default_factory=dict)
    strangeness: float = 0.0

    def of(self, question: Question) -> NDArray[np.float64]:
        """(labels,) of a question."""
        return np.array([self.scores[question.node].of(label) for label in question.labels])


def questions_of(card: Card) -> list[Question]:
    """What a card's classifiers answer: the groups of their labels, and the sums of those.

    Raises:
        MismatchError: it has no classifier of labels.
    """
    questions: list[Question] = []
    asked: dict[str, list[Question]] = {}
    for node in card.graph:
        own = _own_questions(node, [asked[name] for name in node.inputs if name in asked])
        asked |= dict.fromkeys(node.names, own)
        questions += own
    if not questions:
        raise MismatchError(f"The model '{card.id}' gives no scores of labels, so there is nothing to compare.")
    return questions


def _own_questions(node: Node, before: Sequence[Sequence[Question]]) -> list[Question]:
    """What the scores of a node answer, by the questions of what it is given."""
    params = node.params
    if isinstance(params, classify.Params):
        alone = params.labels if params.activation == "sigmoid" else ()
        groups = [*params.groups, *((label,) for label in alone)]
        return [Question(node.node, {label: (label,) for label in group}) for group in groups]
    if isinstance(params, head.Params) and not params.is_of_times:
        return [Question(node.node, {label: (label,)}) for label in params.labels]
    if isinstance(params, hierarchy.Params) and before:
        below = {label: question for question in before[0] for label in question.leaves}
        of_group: dict[tuple[str, ...], dict[str, tuple[str, ...]]] = {}
        for parent, leaves in params.parents.items():
            if all(leaf in below for leaf in leaves):
                under = tuple(label for leaf in leaves for label in below[leaf].leaves[leaf])
                of_group.setdefault(below[leaves[0]].labels, {})[parent] = under
        return [Question(node.node, leaves) for leaves in of_group.values() if len(leaves) > 1]
    if isinstance(params, pool.Params | combine.Params | gate.Params) and before:
        return [replace(question, node=node.node) for question in before[0]]
    return []


def aim_of(card: Card, questions: Sequence[Question]) -> tuple[Question, str]:
    """The label of the first score among the outputs: what the card is for; else that of the first question."""
    made = made_in(card)
    for output in card.outputs:
        if output.kind != "mask":
            maker = maker_of(card, made, output)
            for question in questions:
                if question.node == maker and output.label in question.labels:
                    return question, output.label
    return questions[0], questions[0].labels[0]


def judged_by(
    loaded: LoadedCard, samples: Sequence[Sample], report: Report, *, with_learned: bool
) -> tuple[list[Sample], int | None]:
    """The pictures of a set that a card is judged by, and how many were left out because it learned from them.

    Those of the set's own part for tests, where it names one; what can't be read stays. None, and all of them, where
    the card does not say what it learned from, or `with_learned`.
    """
    samples = [sample for sample in samples if sample.part == TEST] or samples
    known = set() if with_learned else learned_from(loaded)
    if not known:
        return list(samples), None
    others = []
    for index, sample in enumerate(samples):
        report(index / len(samples), f"was {sample.name} learned from?")
        try:
            learned = fingerprint(*sample.images_for(loaded.card).values()) in known
        except PlanimeterError:
            # Whoever judges it says why.
            learned = False
        others += [] if learned else [sample]
    return others, len(samples) - len(others)


def said_of(
    loaded: LoadedCard, samples: Sequence[Sample], device: str, report: Report, failed: dict[str, str]
) -> Iterator[Said]:
    """Run a card on pictures; those that it refuses go into `failed`, with the reason."""
    calibration = loaded.card.uncertainty.calibration
    classes = calibration.classes if calibration is not None else ()
    for index, sample in enumerate(samples):
        report(index / len(samples), sample.name)
        try:
            inputs = sample.images_for(loaded.card)
            refusals = why_unsuitable(loaded.card, inputs)
            if refusals:
                raise UnsuitableInputError(refusals[0].text, refusals[0].overridable)
            values = run_nodes(Context(loaded, inputs, device))
        except PlanimeterError as error:
            failed[sample.name] = str(error)
            continue
        scores = {name: value for name, value in values.items() if isinstance(value, Scores)}
        said = Said(sample, scores, strangeness=max((made.strangeness for made in scores.values()), default=0.0))
        for made in classes:
            holder = next((s for s in scores.values() if set(made.labels) <= set(s.labels)), None)
            if made.levels and holder is not None:
                said.sets[made.labels] = likely(made, holder)
        yield said
    report(1.0, "done")


def classifier_of(card: Card) -> Node:
    """The classifier whose features tell what is familiar: the first.

    Raises:
        MismatchError: the card has none.
    """
    for node in card.graph:
        if isinstance(node.params, classify.Params):
            return node
    raise MismatchError(f"The model '{card.id}' has no classifier.")
