"""`planimeter evaluate`: each kind of thing that a card gives is judged by measures of its own.

A card that gives several kinds is judged by each for which the data set has labels; for which it has none is said.
"""

import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from engine.cards.registry import LoadedCard
from engine.cards.saliency import MapMethod, SaliencyTest
from engine.cards.schema import Card, Metric
from engine.errors import MismatchError, PlanimeterError
from engine.training.case import DataSource
from engine.training.classes import Report
from engine.training.dataset import open_data
from engine.training.evaluate import evaluate, metrics, score_table
from engine.training.evaluate_boxes import box_metrics, box_table, evaluate_boxes
from engine.training.evaluate_classes import class_metrics, class_table, evaluate_classes, unjudged_told
from engine.training.evaluate_risks import evaluate_cohort, is_of_risks, risk_metrics, risk_table
from engine.training.labelled.sample import Sample, fingerprint, labels_in
from engine.training.labelled.table import labelled_samples, notes_of_labelled
from engine.training.learned import UNTOLD, learned_from, of_calibration_alone
from engine.training.publish import amend_card
from engine.training.randomised import saliency_sentence, saliency_test, with_tests
from engine.training_process.checked import listed_names
from engine.training_process.label_names import guess_told

_WITH_LEARNED = "What the card learned from is judged by as well (--learned), so the figures may be better than it is."


@dataclass(frozen=True)
class Request:
    """What is to be measured.

    Args:
        loaded: the card.
        data: folder of the data set.
        dataset, split: their names in the card's table.
        when: day of the measurement.
        synthetic: make CT cases look as from a scanner first.
        most: no more than so many cases, spread over the data set; 0 for all.
        device: as for `run_card`.
        occlusion: test maps by occlusion as well, which takes minutes.
        report: told the fraction done and the case.
        pictures: folder for a picture of each case that has contours; None for none.
        with_learned: judge by what it learned from as well, which is left out else.
    """

    loaded: LoadedCard
    data: Path
    dataset: str
    split: str
    when: date
    synthetic: bool
    most: int
    device: str
    report: Report
    occlusion: bool = False
    pictures: Path | None = None
    with_learned: bool = False

    @property
    def running(self) -> dict[str, Any]:
        """What every way of judging is told of how to run the card."""
        how = {"most": self.most, "device": self.device, "report": self.report}
        return {**how, "with_learned": self.with_learned}


@dataclass(frozen=True)
class Assessment:
    """What was measured.

    Args:
        summary: for `--json`.
        table: the same as text.
        metrics: the same for the card's table.
        saliency: what came of the tests of its maps, one a method, where it has any.
        held_out: whether it is known to be of cases that the card did not learn from.
    """

    summary: dict[str, Any]
    table: str
    metrics: tuple[Metric, ...]
    saliency: tuple[SaliencyTest, ...] = ()
    held_out: bool = False

    @property
    def not_run(self) -> str:
        """What is said of cases that could not be read, or on which the card could not be run; "" for none."""
        names = list({**self.summary["failed"], **self.summary["left_out"]})
        if not names:
            return ""
        cases, them = ("1 case", "it") if len(names) == 1 else (f"{len(names)} cases", "them")
        return f"{cases} could not be read, or the card could not be run on {them}: {listed_names(names)}."


def assess(request: Request) -> Assessment:
    """Judge a card by everything that it gives.

    Raises:
        MismatchError: it is to be shown CT as from a scanner, and draws nothing.
        PlanimeterError: the data set has labels for nothing that the card gives.
    """
    card = request.loaded.card
    if request.synthetic and not _draws(card):
        raise MismatchError(f"Only CT can be made to look as from a scanner, and '{card.id}' gives scores.")
    kinds = {name: how for name, (applies, how) in _ASSESSORS.items() if applies(card)}
    made: list[Assessment] = []
    without_labels: dict[str, PlanimeterError] = {}
    for name, how in kinds.items():
        try:
            made.append(how(request))
        except PlanimeterError as error:
            without_labels[name] = error
    if not made:
        raise next(iter(without_labels.values()), MismatchError(f"'{card.id}' gives nothing that can be judged."))
    summary: dict[str, Any] = {}
    for assessment in made:
        unjudged = {
            kind: {**summary.get(kind, {}), **assessment.summary.get(kind, {})} for kind in ("failed", "left_out")
        }
        notes = list(dict.fromkeys([*summary.get("notes", ()), *assessment.summary.get("notes", ())]))
        summary = {**assessment.summary, **summary, **unjudged, "notes": notes}
    lines = [assessment.table for assessment in made]
    if without_labels:
        summary["not_judged"] = {name: str(error) for name, error in without_labels.items()}
        lines += [f"The {name} were not judged: {error}" for name, error in without_labels.items()]
    told = _learned_told(request, made)
    summary["notes"] += told
    lines += told
    figures = tuple(metric for assessment in made for metric in assessment.metrics)
    tests = tuple(test for assessment in made for test in assessment.saliency)
    held_out = not request.with_learned and any(each.summary["learned_from"] is not None for each in made)
    return Assessment(summary, "\n".join(lines), figures, tests, held_out)


def record(loaded: LoadedCard, assessment: Assessment) -> Card:
    """Put what was measured into the card, in place of the figures on the same data and split.

    Raises:
        MismatchError: the card could not be run on some of the cases, or was changed meanwhile.
    """
    if failed := assessment.summary["failed"]:
        raise MismatchError(f"No figures were recorded, as the card could not be run on {listed_names(list(failed))}.")
    new = {(metric.dataset, metric.split) for metric in assessment.metrics}
    others = (metric for metric in loaded.card.metrics if (metric.dataset, metric.split) not in new)
    update: dict[str, Any] = {
        "metrics": (*others, *assessment.metrics),
        "saliency": with_tests(loaded.card, assessment.saliency),
    }
    if loaded.card.badge == "runs" and assessment.held_out and assessment.metrics:
        update["badge"] = "trained"
    return amend_card(loaded, update)


def _measured(request: Request, split: str = "") -> Callable[..., Metric]:
    whole = (split or request.split) + (", with what it learned from" if request.with_learned else "")
    return partial(Metric, dataset=request.dataset, split=whole, when=request.when)


def _assess_scores(request: Request) -> Assessment:
    samples = labelled_samples(request.data, labels_in(request.loaded.card))
    summary = evaluate_classes(request.loaded, samples, **request.running).summary()
    methods: tuple[MapMethod, ...] = ("hirescam", "occlusion") if request.occlusion else ("hirescam",)
    tried = (
        saliency_test(request.loaded, samples, request.dataset, request.when, method=method, report=request.report)
        for method in methods
    )
    tests = tuple(test for test in tried if test is not None)
    summary["saliency"] = [{**test.model_dump(mode="json"), "passed": test.passed} for test in tests]
    notes = notes_of_labelled(request.data, labels_in(request.loaded.card))
    summary["notes"] = notes = [*unjudged_told(summary), *notes]
    lines = [class_table(summary), *notes, *map(saliency_sentence, tests)]
    return Assessment(summary, "\n".join(lines), tuple(class_metrics(summary, _measured(request))), tests)


def _assess_boxes(request: Request) -> Assessment:
    summary = evaluate_boxes(request.loaded, request.data, **request.running).summary()
    return Assessment(summary, box_table(summary), tuple(box_metrics(summary, _measured(request))))


def _assess_risks(request: Request) -> Assessment:
    summary = evaluate_cohort(request.loaded, request.data, **request.running).summary()
    summary["notes"] = notes = notes_of_labelled(request.data)
    table = "\n".join([risk_table(summary), *notes])
    return Assessment(summary, table, tuple(risk_metrics(summary, _measured(request))))


def _assess_structures(request: Request) -> Assessment:
    card = request.loaded.card
    dataset = open_data(request.data, [output.name for output in card.outputs if output.kind == "mask"], card.inputs)
    learned = _learned(request.loaded, request.data)
    how: dict[str, Any] = {"synthetic": request.synthetic, "without": learned, "pictures": request.pictures}
    summary = evaluate(request.loaded, dataset, **how, **request.running).summary()
    summary["notes"] += [*_without_figure(dataset, summary), *dataset.left_out, *_guessed(dataset)]
    split = f"{request.split}, as from a scanner" if request.synthetic else request.split
    table = "\n".join([score_table(summary), *summary["notes"]])
    return Assessment(summary, table, tuple(metrics(summary, _measured(request, split))))


def _learned_told(request: Request, made: Sequence[Assessment]) -> list[str]:
    """What is said of images that the card learned from."""
    known = [each.summary["learned_from"] for each in made if each.summary["learned_from"] is not None]
    if request.with_learned:
        return [] if known and not max(known) else [_WITH_LEARNED]
    if not known:
        return [UNTOLD]
    most = max(known)
    told = [f"{most} image{' was' if most == 1 else 's were'} learned from, and left out."] if most else []
    return told + of_calibration_alone(request.loaded.card)


def _without_figure(dataset: DataSource, summary: dict[str, Any]) -> list[str]:
    """What is said of structures that no case has, of which the mean knows nothing."""
    without = [name for name in dataset.structures if name not in summary["structures"]]
    return [f"Not judged, as no case has it contoured: {', '.join(without)}."] if without else []


def _guessed(dataset: DataSource) -> list[str]:
    """What was guessed of a data set."""
    numbers = getattr(dataset, "numbers", {})
    return [guess_told(numbers)] if numbers and not getattr(dataset, "named_by", "") else []


def _learned(loaded: LoadedCard, data: Path) -> Collection[str]:
    """The names of the pictures that a card's classifier learned from, as a set of pictures with masks has them."""
    known, names = learned_from(loaded), set()
    samples: list[Sample] = []
    # A set of masks alone has no such pictures.
    with contextlib.suppress(PlanimeterError):
        samples = labelled_samples(data) if known and _scores(loaded.card) else []
    for sample in samples:
        # What can't be read is told when it is judged.
        with contextlib.suppress(PlanimeterError):
            if fingerprint(*sample.images_for(loaded.card).values()) in known:
                names.add(Path(sample.name).stem)
    return names


def _draws(card: Card) -> bool:
    return any(output.kind == "mask" for output in card.outputs)


def _scores(card: Card) -> bool:
    return any(output.kind == "score" for output in card.outputs) and not is_of_risks(card)


#: What people call it → whether a card gives it, and how it is judged.
_ASSESSORS: dict[str, tuple[Callable[[Card], bool], Callable[[Request], Assessment]]] = {
    "scores": (_scores, _assess_scores),
    "boxes": (lambda card: any(output.kind == "box" for output in card.outputs), _assess_boxes),
    "risks": (is_of_risks, _assess_risks),
    "structures": (_draws, _assess_structures),
}
