"""Honest probabilities: a temperature and the levels of inner and outer contours, fitted on validation cases.

`planimeter calibrate CARD --data DIR` writes them into the card.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.cards.calibration import Band, Calibration
from engine.cards.registry import LoadedCard
from engine.cards.schema import Card
from engine.errors import CancelledError, MismatchError, PlanimeterError
from engine.inference.context import Context
from engine.inference.graph import maps_of, run_nodes
from engine.inference.maps import Maps
from engine.training.case import Case, inputs_of, volume_of
from engine.training.dataset import open_data
from engine.training.learned import UNTOLD, learned_from, print_of
from engine.training.publish import amend_card

#: Expected share of a structure that the outer contour may miss, and of the inner contour that may be wrong: the first
#: of these that can be held.
RISKS = (0.1, 0.15, 0.2)
_TEMPERATURES = np.geomspace(0.5, 3.0, 25)
_LEVELS = np.linspace(0.005, 0.995, 199)


@dataclass(frozen=True, eq=False)
class Predicted:
    """What a network says about the voxels of one case where anything is in doubt.

    Args:
        probabilities: (classes, voxels) float32, background first, as the program averages them over tiles and mirrors.
        labels: (voxels,) class that was contoured.
        contoured: (structures,).
    """

    probabilities: NDArray[np.float32]
    labels: NDArray[np.uint8]
    contoured: NDArray[np.bool_]

    def at(self, temperature: float) -> NDArray[np.float32]:
        """The probabilities as they would be with logits divided by a temperature."""
        scaled = self.probabilities ** (1 / temperature)
        return np.asarray(scaled / scaled.sum(axis=0))


def calibration_of(predicted: Sequence[Predicted], structures: Sequence[str], dataset: str) -> Calibration:
    """Temperature and bands fitted on some cases.

    The temperature is that of the least negative log-likelihood, structures that were not contoured counted as
    background; it is kept only where each case is likelier with the temperature of the other cases than without one, in
    the mean. The levels of the bands control the risk of each structure over new cases (Angelopoulos et al., "Conformal
    risk control", ICLR 2024): with n cases, n/(n+1) of the mean loss plus 1/(n+1) is at most the risk.

    Raises:
        MismatchError: one case, or none, from which nothing can be told of others.
    """
    if len(predicted) < 2:
        raise MismatchError(f"A calibration needs two cases at least, and '{dataset}' has {len(predicted)}.")
    losses = np.array([[_loss(case, t) for t in _TEMPERATURES] for case in predicted])
    others = [int(np.delete(losses, left_out, axis=0).mean(axis=0).argmin()) for left_out in range(len(losses))]
    loss = float(np.mean([row[best] for row, best in zip(losses, others, strict=True)]))
    plain = float(np.mean([_loss(case, 1.0) for case in predicted]))
    temperature = round(float(_TEMPERATURES[losses.mean(axis=0).argmin()]), 3) if loss < plain else 1.0
    scaled = [case.at(temperature) for case in predicted]
    bands = []
    for index, name in enumerate(structures):
        pairs = [
            (p[index + 1], case.labels == index + 1)
            for p, case in zip(scaled, predicted, strict=True)
            if case.contoured[index]
        ]
        band = band_of(name, pairs)
        if band is not None:
            bands.append(band)
    return Calibration(
        temperature=temperature, loss=round(loss, 4), uncalibrated_loss=round(plain, 4), bands=tuple(bands),
        dataset=dataset, n=len(predicted),
    )  # fmt: skip


def predict(loaded: LoadedCard, case: Case, device: str = "auto") -> Predicted:
    """Run the card's networks on a case through the program's own path, without its present temperature."""
    uncalibrated = loaded.card.uncertainty.model_copy(update={"calibration": None})
    plain = replace(loaded, parsed=loaded.card.model_copy(update={"uncertainty": uncalibrated}))
    context = Context(plain, inputs_of(plain.card, case), device)
    values = run_nodes(context)
    return doubtful(case, maps_of(context, values, plain.card.outputs[0]), _labels(plain))


def _labels(loaded: LoadedCard) -> list[str]:
    """The labels of the card's masks, in order."""
    return [output.label for output in loaded.card.outputs if output.kind == "mask"]


def doubtful(case: Case, maps: Maps, labels: Sequence[str]) -> Predicted:
    """The voxels of `maps` where a structure is likely at all, or contoured, with their labels on the same grid."""
    organs = maps.dense(labels).astype(np.float32)
    start = np.rint(volume_of(case).geometry.kji_from_lps(maps.prepared.geometry.lps_from_kji([[0, 0, 0]]))[0])
    k, j, i = (int(value) for value in start)
    planes, rows, columns = organs.shape[1:]
    if not np.allclose(maps.prepared.spacing, case.spacing, rtol=1e-3):
        raise MismatchError(
            f"{case.name} was resampled for the network, so its labels can't be compared voxel by voxel."
        )
    truth = case.labels[k : k + planes, j : j + rows, i : i + columns]
    chosen = (organs > 0).any(axis=0) | (truth > 0)
    own = organs[:, chosen]
    background = np.clip(1 - own.sum(axis=0, keepdims=True), 0, None)
    probabilities = np.clip(np.concatenate([background, own]), 1e-4, None)
    return Predicted(probabilities / probabilities.sum(axis=0), truth[chosen], case.contoured)


def band_of(name: str, pairs: Sequence[tuple[NDArray[np.float32], NDArray[np.bool_]]]) -> Band | None:
    """The levels of a structure's inner and outer contours; None where none of the risks can be held.

    Args:
        name: of the structure.
        pairs: (probability, truth) of the voxels of each case that has it contoured.
    """
    n = len(pairs)
    missed, wrong = np.zeros(len(_LEVELS)), np.zeros(len(_LEVELS))
    for probability, truth in pairs:
        above = _share_above(probability, np.ones_like(truth)), _share_above(probability, truth)
        missed += 1 - above[1] / max(int(truth.sum()), 1)
        wrong += (above[0] - above[1]) / np.maximum(above[0], 1)
    for risk in RISKS:
        outer = np.flatnonzero(missed + 1 <= risk * (n + 1))
        inner = np.flatnonzero(wrong + 1 <= risk * (n + 1))
        if len(outer) and len(inner):
            return Band(label=name, risk=risk, inner=float(_LEVELS[inner[0]]), outer=float(_LEVELS[outer[-1]]))
    return None


def _share_above(probability: NDArray[np.float32], chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How many of the chosen voxels are at or above each level."""
    values = np.sort(probability[chosen])
    return np.asarray(len(values) - np.searchsorted(values, _LEVELS), dtype=np.float64)


def _loss(predicted: Predicted, temperature: float) -> float:
    """Mean negative log-likelihood of the labels."""
    p = predicted.at(temperature)
    background = p[np.concatenate([[True], ~predicted.contoured])].sum(axis=0)
    own = np.take_along_axis(p, predicted.labels.astype(np.intp)[None], axis=0)[0]
    return float(-np.log(np.maximum(np.where(predicted.labels == 0, background, own), 1e-6)).mean())


def calibrate_structures(
    loaded: LoadedCard, data: Path, name: str, *, device: str = "auto", report: Callable[[float, str], None]
) -> tuple[Card, list[str]]:
    """Fit a card's temperature and bands on a data set, and write them into it.

    Cases that the card learned from would make it too sure, and are left out, as are those that can't be read.

    Args:
        loaded: a card that draws.
        data: folder of the data set.
        name: of the data set, in the card.
        device: as for `run_card`.
        report: told the fraction done and the case.

    Returns:
        The card, and what was left out, in sentences.

    Raises:
        MismatchError: no case is left, or the card was changed meanwhile.
    """
    structures = _labels(loaded)
    dataset = open_data(data, structures, loaded.card.inputs)
    known, learned = learned_from(loaded), 0
    predicted = []
    notes = list(dataset.left_out)
    for index, case in enumerate(dataset.names):
        report(index / len(dataset.names), case)
        try:
            read = dataset.read(case)
        except CancelledError:
            raise
        except PlanimeterError as error:
            notes.append(f"Left out, {case}: {error}")
            continue
        if print_of(read) in known:
            learned += 1
        else:
            predicted.append(predict(loaded, read, device))
    if not predicted:
        why = "the card learned from all that can be read." if learned else notes[0]
        raise MismatchError(f"None of the {len(dataset.names)} cases can be calibrated on: {why}")
    if learned or not known:
        notes.append(f"{learned} of {len(dataset.names)} cases were learned from, and left out." if known else UNTOLD)
    calibration = calibration_of(predicted, structures, name)
    uncertainty = loaded.card.uncertainty.model_copy(update={"calibration": calibration})
    return amend_card(loaded, {"uncertainty": uncertainty}), notes
