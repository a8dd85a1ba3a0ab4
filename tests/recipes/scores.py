"""Figures of a trained card on cases that it did not see, measured as `planimeter evaluate` measures them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from engine.cards.registry import LoadedCard


def mean_dice(loaded: LoadedCard, folder: Path) -> float:
    """The mean Dice of its structures."""
    from engine.training.dataset import open_data
    from engine.training.evaluate import evaluate

    names = [output.name for output in loaded.card.outputs if output.kind == "mask"]
    summary = evaluate(loaded, open_data(folder, names, loaded.card.inputs), device="cpu").summary()
    assert not summary["failed"], summary["failed"]
    return float(summary["mean_dice"])


def _classes(loaded: LoadedCard, folder: Path) -> dict[str, Any]:
    from engine.training.evaluate_classes import evaluate_classes
    from engine.training.labelled.table import labelled_samples

    samples = labelled_samples(folder)
    summary = evaluate_classes(loaded, samples, device="cpu", report=lambda done, text: None).summary()
    assert not summary["failed"], summary["failed"]
    return summary


def mean_auc(loaded: LoadedCard, folder: Path) -> float:
    """The mean area under the curve of its labels, on a set of labelled pictures."""
    return float(np.mean([row["auc"] for row in _classes(loaded, folder)["classes"].values()]))


def balanced_accuracy(loaded: LoadedCard, folder: Path) -> float:
    """The balanced accuracy of its labels, on a set of labelled pictures."""
    return float(_classes(loaded, folder)["balanced_accuracy"])


def concordance(loaded: LoadedCard, folder: Path) -> float:
    """Harrell's C of its risk, on a cohort."""
    from engine.training.evaluate_risks import evaluate_cohort

    summary = evaluate_cohort(loaded, folder, device="cpu", report=lambda done, text: None).summary()
    assert not summary["failed"], summary["failed"]
    return float(summary["c_index"])


def sensitivity_at(rate: float) -> Callable[[LoadedCard, Path], float]:
    """Of its boxes: the sensitivity at so many false ones an image, the mean over the labels."""

    def measured(loaded: LoadedCard, folder: Path) -> float:
        from engine.training.evaluate_boxes import evaluate_boxes

        summary = evaluate_boxes(loaded, folder, device="cpu").summary()
        assert not summary["failed"], summary["failed"]
        return float(np.mean([row["sensitivity"][str(rate)] for row in summary["labels"].values()]))

    return measured
