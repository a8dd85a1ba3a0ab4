"""An imported model orders its review: folds, mirrored copies and probabilities tell where it is likely to be wrong."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr
from torch import nn

from engine.answers import Result, RunOptions
from engine.cards.registry import LoadedCard, load_card
from engine.contouring.fill import fill
from engine.importing.source import Wish
from engine.importing.worker import converted
from engine.inference import ready
from engine.inference.maps import voted
from engine.inference.run import run_card
from engine.progress import silent
from engine.volume import Geometry, Volume
from tests.importing.checkpoints import write_checkpoint
from tests.importing.nnunet_models import KINDS, Model

MODEL = Model(patch=(16, 32, 32), spacing=(2.0, 2.0, 2.0), labels={"background": 0, "liver": 1}, mirrors=(1, 2),
              folds=("0", "1"))  # fmt: skip


def image_of(seed: int) -> tuple[Volume, NDArray[np.bool_]]:
    """Organs in noise whose contrast falls along the planes, so that the later ones are harder to draw."""
    rng = np.random.default_rng(seed)
    shape = (24, 40, 40)
    truth = gaussian_filter(rng.normal(0, 1, shape), 5.0) > 0
    contrast = np.linspace(100, 4, shape[0])[:, None, None]
    values = 40 + np.where(truth, contrast, -contrast) + rng.normal(0, 80, shape)
    return Volume(values.astype(np.int16), Geometry.regular((0, 0, 0), np.eye(3), (2, 2, 2), shape), "CT", "HU"), truth


class Blur(nn.Module):
    """A network that needs no teaching: the likelier the organ, the brighter it is around. It looks a little aside, as
    mirrored copies then do to the other side; each fold looks further than the one before.
    """

    def __init__(self, fold: int) -> None:
        super().__init__()
        self.edge = 3 + 2 * fold

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        mean = nn.functional.avg_pool3d(image, self.edge, 1, self.edge // 2, count_include_pad=False)
        organ = 3 * mean.roll(1, -1)
        return torch.cat([torch.zeros_like(organ), organ], 1)


def imported(model: Model, place: Path) -> LoadedCard:
    for fold in model.folds:
        write_checkpoint(model, place, fold, seed=int(fold))
    (place / "card").mkdir()
    converted(place / model.name, place / "card", Wish(), silent)
    return load_card(place / "card")


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadedCard]:
    """A card of two folds of such networks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ready, "load_networks", lambda folder, arguments, weights: [
            Blur(fold).eval() for fold in range(len(weights))])  # fmt: skip
        yield imported(MODEL, tmp_path_factory.mktemp("taught"))


def run(loaded: LoadedCard, volume: Volume, *, exact: bool = False, flips: bool | None = None) -> Result:
    options = RunOptions(override=True, precision="float32", flips=flips, chosen={"exact": exact})
    return run_card(loaded, {loaded.card.inputs[0].role: volume}, device="cpu", options=options)


def without(loaded: LoadedCard, **changes: object) -> LoadedCard:
    """The card with one fold, or with another uncertainty."""
    card = loaded.card
    if "folds" in changes:
        node = card.graph[-1]
        card = card.model_copy(update={"graph": (node.model_copy(update={"weights": node.weights[:1]}),)})
    if "method" in changes:
        card = card.model_copy(update={"uncertainty": card.uncertainty.model_copy(update={"method": "none"})})
    return replace(loaded, parsed=card)


def mask_of(result: Result, volume: Volume) -> NDArray[np.bool_]:
    return fill({k: plane.area for k, plane in result.rois[0].planes.items()}, volume.geometry)


@pytest.mark.parametrize("kind", ["residual encoder", "2D, two folds", "regions, two channels"])
def test_doubt_lies_on_the_planes_of_the_image_however_the_network_takes_them(kind: str, tmp_path: Path) -> None:
    mirrors = KINDS[kind].mirrors
    model = replace(KINDS[kind], mirrors=mirrors[:1] if mirrors else None)  # the fewest copies that can disagree
    loaded = imported(model, tmp_path)
    rng = np.random.default_rng(0)
    values = gaussian_filter(rng.normal(0, 1, (10, 36, 36)), 1.5) * 900
    volume = Volume(
        values.astype(np.int16), Geometry.regular((0, 0, 0), np.eye(3), (2, 2, 3), values.shape), "CT", "HU"
    )
    inputs = {image.role: volume for image in loaded.card.inputs}
    edits = []
    for exact in (False, True):
        options = RunOptions(override=True, precision="float32", chosen={"exact": exact})
        result = run_card(loaded, inputs, device="cpu", options=options)
        edits.append(np.array([[roi.expected_edit.get(k, 0.0) for k in range(10)] for roi in result.rois]))
    assert (edits[1].sum(axis=1) > 0).all()
    # Traced on the network's grid or set on the image's voxels, the same doubt is told of each plane.
    np.testing.assert_allclose(edits[1], edits[0], rtol=0.15, atol=0.05 * edits[0].max())


WAYS: dict[str, Callable[[LoadedCard, Volume], Result]] = {
    "folds and mirrors": run,
    "exact": lambda loaded, volume: run(loaded, volume, exact=True),
    "one fold without mirrors": lambda loaded, volume: run(without(loaded, folds=1), volume, flips=False),
    "one fold, exact": lambda loaded, volume: run(without(loaded, folds=1), volume, exact=True, flips=False),
}


@pytest.mark.parametrize("way", WAYS)
def test_planes_with_real_errors_come_first(way: str, taught: LoadedCard) -> None:
    volume, truth = image_of(1)
    result = WAYS[way](taught, volume)
    wrong = (mask_of(result, volume) ^ truth).sum(axis=(1, 2)) * 4.0
    (roi,) = result.rois
    expected = np.array([roi.expected_edit.get(k, 0.0) for k in range(len(wrong))])
    assert 0.02 < wrong.sum() / (truth.size * 4) < 0.35, "it errs, and it draws"
    assert spearmanr(expected, wrong).statistic > 0.7


def test_disagreement_makes_doubt_and_moves_no_line(taught: LoadedCard) -> None:
    volume, _ = image_of(2)
    with_doubt, silent_one = run(taught, volume, exact=True), run(without(taught, method="none"), volume, exact=True)
    assert not silent_one.rois[0].expected_edit
    assert (mask_of(with_doubt, volume) == mask_of(silent_one, volume)).all()
    smooth, alone = run(taught, volume), run(without(taught, method="none"), volume)
    for plane, contours in smooth.rois[0].planes.items():
        assert contours.area.equals(alone.rois[0].planes[plane].area)
    together = sum(with_doubt.rois[0].expected_edit.values())
    single = sum(smooth.rois[0].expected_edit.values())
    assert together > 0 and single > 0
    assert abs(together - single) < 0.1 * together


def test_doubt_is_shared_among_the_other_labels_as_before() -> None:
    probabilities = np.array([[0.6], [0.3], [0.1]], np.float32)
    doubt = np.array([[0.5]], np.float32)
    np.testing.assert_allclose(voted(probabilities, doubt, True), [[0.5], [0.375], [0.125]], atol=1e-6)
    apart = voted(np.array([[0.9], [0.2]], np.float32), np.array([[0.3], [0.4]], np.float32), False)
    np.testing.assert_allclose(apart, [[0.7], [0.4]], atol=1e-6)
