"""Boxes against marked findings: the sensitivity at so many false boxes a picture (free-response ROC).

A box meets a finding when its centre lies on it, or within `TOLERANCE_PIXELS` of it; further boxes that meet the same
finding are neither right nor wrong, as in the evaluation of LUNA16 (Setio et al., Med Image Anal 2017;42:1). Intervals
are 95 % percentile bootstraps over pictures.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.answers import Box
from engine.cards.registry import LoadedCard
from engine.cards.schema import Metric
from engine.errors import CancelledError, MismatchError, PlanimeterError
from engine.inference.run import run_card
from engine.training.labelled.sample import fingerprint
from engine.training.learned import learned_from
from engine.training.marked import Findings, Marked, marked_images
from engine.training.parting import spread

#: False boxes a picture at which the sensitivity is told; the last is the one that a card is compared by.
RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
_RESAMPLES = 500


@dataclass(frozen=True, eq=False)
class Judged:
    """The boxes of one label on one picture.

    Args:
        values: (boxes,) the surest first.
        right: (boxes,) whether a box is the first to meet a finding.
        wrong: (boxes,) whether it meets none.
        findings: how many are marked.
    """

    values: NDArray[np.float64]
    right: NDArray[np.bool_]
    wrong: NDArray[np.bool_]
    findings: int


@dataclass(eq=False)
class BoxScores:
    """What was measured.

    Args:
        card: id and version.
        rows: label → its boxes, picture by picture.
        failed: picture → why the card could not be run on it; all its findings count as missed.
        left_out: picture → why it, or what is marked in it, could not be read, so that it counts in no figure.
        learned: how many the card learned from, which are left out; None where it does not say.
    """

    card: str
    rows: dict[str, list[Judged]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    learned: int | None = None

    def summary(self) -> dict[str, Any]:
        """The JSON of `planimeter evaluate --json`; `froc` is the mean over the labels at 8 false boxes a picture."""
        labels = {label: _row(judged) for label, judged in self.rows.items()}
        last = [row["sensitivity"][str(RATES[-1])] for row in labels.values() if row["sensitivity"]]
        return {
            "card": self.card,
            "n": max((len(judged) for judged in self.rows.values()), default=0),
            "froc": round(float(np.mean(last)), 4) if last else None,
            "labels": labels,
            "failed": self.failed,
            "left_out": self.left_out,
            "learned_from": self.learned,
        }


def evaluate_boxes(
    loaded: LoadedCard,
    data: Path,
    *,
    device: str = "auto",
    most: int = 0,
    with_learned: bool = False,
    report: Callable[[float, str], None] = lambda fraction, text: None,
) -> BoxScores:
    """Run a card on marked pictures and compare its boxes with what is marked.

    Args:
        loaded: the card; its box outputs are compared with the marks of the same label.
        data: a folder of marked images (`engine.training.marked`).
        device: as for `run_card`.
        most: no more than so many of the pictures that it did not learn from, spread over the set; 0 for all.
        with_learned: judge by those that it learned from as well.
        report: told the fraction done and the picture.

    Raises:
        ReadError, MismatchError: the folder does not hold what is needed.
    """
    labels = [output.label for output in loaded.card.outputs if output.kind == "box"]
    marked = marked_images(data, labels, loaded.card)
    prints = learned_from(loaded)
    others = marked if with_learned else [picture for picture in marked if not _is_known(picture, prints)]
    scores = BoxScores(f"{loaded.card.id} {loaded.card.version}", {label: [] for label in labels})
    scores.learned = len(marked) - len(others) if prints and not with_learned else None
    if not others:
        raise MismatchError(f"The card learned from all {len(marked)} images, so nothing could be judged by them.")
    marked = spread(others, most)
    for index, picture in enumerate(marked):
        report(index / len(marked), picture.name)
        try:
            images, marks = picture.open(labels)
        except CancelledError:
            raise
        except PlanimeterError as error:
            scores.left_out[picture.name] = str(error)
            continue
        boxes: tuple[Box, ...] = ()
        try:
            boxes = run_card(loaded, images, device=device).boxes
        except PlanimeterError as error:
            scores.failed[picture.name] = str(error)
        for label in labels:
            own = [box for box in boxes if box.label == label]
            scores.rows[label].append(judged_of(own, marks[label]))
    if len(scores.left_out) == len(marked):
        raise MismatchError(f"None of the images can be judged: {next(iter(scores.left_out.values()))}")
    report(1.0, "done")
    return scores


def _is_known(picture: Marked, prints: Collection[int]) -> bool:
    """Whether an image is among those that were learned from; one that can't be read is told when it is judged."""
    if not prints:
        return False
    try:
        images, _ = picture.read()
    except CancelledError:
        raise
    except PlanimeterError:
        return False
    return fingerprint(*images.values()) in prints


def judged_of(boxes: list[Box], marks: Findings) -> Judged:
    """Which boxes of a label meet what is marked of it."""
    boxes = sorted(boxes, key=lambda box: -box.value)
    met: set[int] = set()
    right, wrong = [], []
    for box in boxes:
        middle = (np.array(box.low_kji) + box.high_kji) / 2
        place = np.clip(np.rint(middle).astype(int), 0, np.array(marks.numbers.shape) - 1)
        finding = int(marks.numbers[tuple(place)])
        right.append(finding > 0 and finding not in met)
        wrong.append(finding == 0)
        met.add(finding)
    values = np.array([box.value for box in boxes], np.float64)
    return Judged(values, np.array(right, np.bool_), np.array(wrong, np.bool_), len(marks.centres))


def sensitivities(judged: list[Judged]) -> NDArray[np.float64]:
    """(rates,) the greatest share of the findings that are met with at most so many false boxes a picture."""
    values = np.concatenate([one.values for one in judged])
    order = np.argsort(-values, kind="stable")
    right = np.cumsum(np.concatenate([one.right for one in judged])[order])
    wrong = np.cumsum(np.concatenate([one.wrong for one in judged])[order])
    # Boxes of the same value are taken or left together.
    ends = np.flatnonzero(np.append(np.diff(values[order]) != 0, True)) if len(values) else np.zeros(0, np.intp)
    right, wrong = right[ends], wrong[ends]
    findings = max(sum(one.findings for one in judged), 1)
    return np.array([right[wrong <= rate * len(judged)].max(initial=0) / findings for rate in RATES])


def _row(judged: list[Judged]) -> dict[str, Any]:
    findings = sum(one.findings for one in judged)
    if not findings:
        return {"findings": 0, "sensitivity": {}, "sensitivity_ci": {}}
    rng = np.random.default_rng(0)
    picks = rng.integers(0, len(judged), (_RESAMPLES, len(judged)))
    drawn = np.array([sensitivities([judged[index] for index in pick]) for pick in picks])
    ends = np.percentile(drawn, [2.5, 97.5], axis=0)
    own = sensitivities(judged)
    return {
        "findings": findings,
        "sensitivity": {str(rate): round(float(own[i]), 4) for i, rate in enumerate(RATES)},
        "sensitivity_ci": {str(r): [round(float(e), 4) for e in ends[:, i]] for i, r in enumerate(RATES)},
    }


def box_metrics(summary: dict[str, Any], measured: Callable[..., Metric]) -> list[Metric]:
    """What a summary of the boxes adds to a card's table; `measured` as for `evaluate.metrics`."""
    return [
        measured(n=summary["n"], name=f"sensitivity_at_{rate}_false", label=label, value=value,
                 ci=tuple(row["sensitivity_ci"][rate]))
        for label, row in summary["labels"].items()
        for rate, value in row["sensitivity"].items()
    ]  # fmt: skip


def box_table(summary: dict[str, Any]) -> str:
    """The summary as text, a label a line."""
    lines = [f"{summary['card']}, {summary['n']} pictures", "Sensitivity at so many false boxes a picture:"]
    lines.append(f"{'':16}{'findings':>9}" + "".join(f"{rate:>7g}" for rate in RATES))
    for label, row in summary["labels"].items():
        values = "".join(f"{row['sensitivity'].get(str(rate), float('nan')):>7.3f}" for rate in RATES)
        lines.append(f"{label:16}{row['findings']:>9}{values}")
    lines += [f"{name}: {why}" for name, why in summary["failed"].items()]
    lines += [f"Left out, {name}: {why}" for name, why in summary["left_out"].items()]
    return "\n".join(lines)
