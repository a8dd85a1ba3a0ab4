"""Honest probabilities: a temperature and the levels of inner and outer contours, fitted on validation cases.

`python -m engine.training.calibrate CARD --data DIR` writes them into the card.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from monai.inferers.utils import sliding_window_inference
from numpy.typing import NDArray

from engine.cards.registry import LoadedCard, find_card
from engine.cards.schema import Band, Calibration, Card
from engine.inference.segment import load_networks
from engine.training.dataset import Case, open_data
from engine.training.loop import windowed
from engine.training.publish import segmenter_of, write_card
from engine.training.recipe import Recipe
from engine.training.run import recipe_of

#: Expected share of a structure that the outer contour may miss, and of the inner contour that may be wrong.
RISK = 0.1
_TEMPERATURES = np.geomspace(0.5, 3.0, 25)
_LEVELS = np.linspace(0.005, 0.995, 199)
#: Voxels further than this from any probability or label are certain, and would only dilute the fit.
_LEAST = 1e-4


@dataclass(frozen=True, eq=False)
class Predicted:
    """Logits of one case and of its mirror image, (classes, voxels) float32, where anything is in doubt."""

    logits: torch.Tensor
    mirrored: torch.Tensor
    labels: torch.Tensor
    contoured: NDArray[np.bool_]

    def probabilities(self, temperature: float) -> torch.Tensor:
        """(classes, voxels) at a temperature, averaged over the image and its mirror as the program does."""
        return (torch.softmax(self.logits / temperature, 0) + torch.softmax(self.mirrored / temperature, 0)) / 2


def calibrated(loaded: LoadedCard, cases: Sequence[Case], dataset: str) -> Card:
    """The card with temperature and bands fitted on `cases`.

    The temperature is that of the least negative log-likelihood, structures that were not contoured counted as
    background. The levels of the bands control the risk of each structure over new cases (Angelopoulos et al.,
    "Conformal risk control", ICLR 2024): with n cases, n/(n+1) of the mean loss plus 1/(n+1) is at most `RISK`.
    """
    recipe = recipe_of(loaded.card)
    predicted = [predict(loaded, recipe, case) for case in cases]
    losses = [float(np.mean([_loss(one, t) for one in predicted])) for t in _TEMPERATURES]
    temperature = round(float(_TEMPERATURES[int(np.argmin(losses))]), 3)
    probabilities = [one.probabilities(temperature) for one in predicted]
    bands = []
    for index, name in enumerate(recipe.structures):
        pairs = [
            (p[index + 1].numpy(), (one.labels == index + 1).numpy())
            for p, one in zip(probabilities, predicted, strict=True)
            if one.contoured[index]
        ]
        band = band_of(name, pairs)
        if band is not None:
            bands.append(band)
    calibration = Calibration(temperature=temperature, bands=tuple(bands), dataset=dataset, n=len(cases))
    uncertainty = loaded.card.uncertainty.model_copy(update={"calibration": calibration})
    return loaded.card.model_copy(update={"uncertainty": uncertainty})


def predict(loaded: LoadedCard, recipe: Recipe, case: Case) -> Predicted:
    """What the card's network says about a case on its own grid, and about its mirror image."""
    network = load_networks(loaded, segmenter_of(loaded.card))[0]
    network = network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    image = windowed(torch.from_numpy(case.image).float(), recipe.windows)[None]
    found = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        for flip in (False, True):
            logits = sliding_window_inference(
                image.flip(-1) if flip else image, recipe.patch, 1, network, 0.5, "gaussian", padding_mode="constant",
                cval=-1,
            )  # fmt: skip
            assert isinstance(logits, torch.Tensor)
            logits = logits[0].float()
            found.append(logits.flip(-1)[torch.from_numpy(recipe.mirror)] if flip else logits)
    labels = torch.from_numpy(case.labels)
    doubtful = (torch.softmax(found[0], 0)[0] < 1 - _LEAST) | (labels > 0)
    return Predicted(found[0][:, doubtful], found[1][:, doubtful], labels[doubtful], case.contoured)


def band_of(name: str, pairs: Sequence[tuple[NDArray[np.float32], NDArray[np.bool_]]]) -> Band | None:
    """The levels of a structure's inner and outer contours; None where too few cases have it for the risk.

    Args:
        name: of the structure.
        pairs: (probability, truth) of the voxels of each case that has it contoured.
    """
    n = len(pairs)
    allowed = (RISK - 1 / (n + 1)) * (n + 1) / n if n else -1.0
    if allowed <= 0:
        return None
    missed, wrong = np.zeros(len(_LEVELS)), np.zeros(len(_LEVELS))
    for probability, truth in pairs:
        above = _share_above(probability, np.ones_like(truth)), _share_above(probability, truth)
        missed += 1 - above[1] / max(int(truth.sum()), 1)
        wrong += (above[0] - above[1]) / np.maximum(above[0], 1)
    outer = np.flatnonzero(missed / n <= allowed)
    inner = np.flatnonzero(wrong / n <= allowed)
    if not len(outer) or not len(inner):
        return None
    return Band(label=name, risk=RISK, inner=float(_LEVELS[inner[0]]), outer=float(_LEVELS[outer[-1]]))


def _share_above(probability: NDArray[np.float32], chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How many of the chosen voxels are at or above each level."""
    values = np.sort(probability[chosen])
    return np.asarray(len(values) - np.searchsorted(values, _LEVELS), dtype=np.float64)


def _loss(predicted: Predicted, temperature: float) -> float:
    """Mean negative log-likelihood of the labels."""
    p = predicted.probabilities(temperature)
    opened = torch.from_numpy(np.concatenate([[True], ~predicted.contoured]))
    background = p[opened].sum(0)
    own = torch.gather(p, 0, predicted.labels.long()[None])[0]
    return float(-torch.log(torch.where(predicted.labels == 0, background, own).clamp(min=1e-6)).mean())


@click.command()
@click.argument("card")
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True, help="nnU-Net raw data set.")
@click.option("--name", default="validation", show_default=True, help="How the card names the data set.")
def main(card: str, data: Path, name: str) -> None:
    """Fit CARD's temperature and bands on a data set, and write them into it."""
    loaded = find_card(card)
    dataset = open_data(data, recipe_of(loaded.card).structures)
    written = calibrated(loaded, [dataset.read(case).cropped() for case in dataset.names], name)
    write_card(written, loaded.folder)
    assert written.uncertainty.calibration is not None
    click.echo(written.uncertainty.calibration.model_dump_json(indent=2))


if __name__ == "__main__":
    main()
