"""Imported MONAI bundles order their review, drawn smoothly or exactly."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr
from torch import nn

from engine.answers import Result, RunOptions
from engine.cards.registry import LoadedCard, load_card
from engine.contouring.fill import fill
from engine.importing.source import Wish
from engine.importing.worker import converted
from engine.inference import ready
from engine.inference.run import run_card
from engine.progress import silent
from engine.volume import Geometry, Volume
from tests.importing.bundles import ARGMAX, FROM_HALF, ORIENT, SIGMOID, SMALL_UNET, SOFTMAX, Bundle, invert, spacing
from tests.importing.bundles import windows as windows_of

WINDOWS = windows_of(24, 24, 24)
SLICES = {"_target_": "SliceInferer", "roi_size": [24, 24], "spatial_dim": 2, "overlap": 0.3}
KINDS = {
    "probabilities back": Bundle(before=[ORIENT, spacing(2.5, 2.5, 2.5)], inferer=WINDOWS),
    "labels back": Bundle(before=[{**ORIENT, "axcodes": "LAI"}, spacing(2.5, 2.5, 1.5)],
                          after=[SOFTMAX, ARGMAX, invert(True)], inferer=WINDOWS),
    "regions, as stored": Bundle(before=[], after=[SIGMOID, invert(False), FROM_HALF], inferer=WINDOWS),
    "slices across rows": Bundle(before=[ORIENT], network={**SMALL_UNET, "spatial_dims": 2},
                                 inferer={**SLICES, "spatial_dim": 1}),
}  # fmt: skip


class Blur(nn.Module):
    """A network that needs no teaching: the brighter it is around, the likelier the organ."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        pool = nn.functional.avg_pool3d if image.ndim == 5 else nn.functional.avg_pool2d
        organ = pool(image / 60, 3, 1, 1, count_include_pad=False)
        return torch.cat([torch.zeros_like(organ), organ, torch.full_like(organ, -9)], 1)


def image_of(seed: int) -> tuple[Volume, np.ndarray]:
    """An organ in noise whose contrast falls along the planes, so that the later ones are harder to draw."""
    rng = np.random.default_rng(seed)
    shape = (20, 36, 36)
    truth = gaussian_filter(rng.normal(0, 1, shape), 5.0) > 0
    contrast = np.linspace(100, 4, shape[0])[:, None, None]
    values = np.where(truth, contrast, -contrast) + rng.normal(0, 90, shape)
    return Volume(values.astype(np.int16), Geometry.regular((0, 0, 0), np.eye(3), (2, 2, 2), shape), "CT", "HU"), truth


def run(loaded: LoadedCard, volume: Volume, exact: bool) -> Result:
    options = RunOptions(override=True, precision="float32", chosen={"exact": exact})
    return run_card(loaded, {loaded.card.inputs[0].role: volume}, device="cpu", options=options)


def imported(source: Path, target: Path) -> LoadedCard:
    target.mkdir()
    converted(source, target, Wish(), silent)
    return load_card(target)


@pytest.mark.parametrize("kind", KINDS)
def test_planes_with_real_errors_come_first(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = imported(KINDS[kind].write(tmp_path / "bundle"), tmp_path / "card")
    monkeypatch.setattr(ready, "load_networks", lambda *_: [Blur()])
    volume, truth = image_of(1)
    told = []
    for exact in (False, True):
        # Regions have no background: the organ is the second of their channels.
        roi = run(loaded, volume, exact).rois[1 if "regions" in kind else 0]
        drawn = fill({k: plane.area for k, plane in roi.planes.items()}, volume.geometry)
        wrong = (drawn ^ truth).sum(axis=(1, 2)) * 4.0
        told.append(np.array([roi.expected_edit.get(k, 0.0) for k in range(len(wrong))]))
        assert 0.02 < (drawn ^ truth).mean() < 0.4, "it errs, and it draws"
        assert spearmanr(told[-1], wrong).statistic > 0.7, exact
    # Traced on the network's grid or set on the image's voxels, the same doubt is told of each plane.
    np.testing.assert_allclose(told[1], told[0], rtol=0.1, atol=0.02 * told[0].max())
