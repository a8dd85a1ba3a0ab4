"""Logits go back to the image's voxels as they would by computing every class everywhere."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional

from engine.inference.nnunet_back import Voxels
from engine.operations.nnunet import Resampling

CLASSES, SAMPLES = 40, (5, 21, 26)


def logits(margin: float) -> torch.Tensor:
    """Half precision; areas of a class each, by `margin` above the others on the whole."""
    torch.manual_seed(0)
    coarse = torch.randn(1, CLASSES, 2, 5, 6)
    areas = functional.interpolate(coarse, SAMPLES, mode="trilinear")[0]
    winners = functional.one_hot(areas.argmax(0), CLASSES).permute(3, 0, 1, 2)
    return (areas + margin * winners + 0.1 * torch.randn(areas.shape)).half()


@pytest.mark.parametrize("image", [(13, 47, 61), (13, 21, 61), (13, 47, 26)])
@pytest.mark.parametrize("margin", [0.0, 8.0])
def test_of_many_classes_the_voxels_are_those_of_all_computed_everywhere(
    margin: float, image: tuple[int, int, int]
) -> None:
    given = logits(margin)
    params = SimpleNamespace(
        labels=("",) * (CLASSES - 1), paints=(), activation="softmax", logits=Resampling(order=1, order_across=0),
        dimensions=3, spacing_mm=(3.0, 3.0, 3.0),
    )  # fmt: skip
    grid = SimpleNamespace(
        shape=SAMPLES, cut=image, whole=image, box=tuple(slice(0, count) for count in image), spacing_mm=(1.0,) * 3,
        axes=SimpleNamespace(order=(0, 1, 2)),
    )  # fmt: skip
    voxels = Voxels(params, grid)  # type: ignore[arg-type]
    for plane in range(SAMPLES[0]):
        voxels.add(plane, given[:, plane])

    everywhere = functional.interpolate(given.float()[None], image, mode="trilinear")[0].half().float()
    best = everywhere.argmax(0).numpy()
    first, second = everywhere.topk(2, dim=0).values
    # Sums in another order may round a tie to either side.
    clear = (first - second > 0.01).numpy()
    assert clear.mean() > 0.95
    assert np.array_equal(voxels.labels[clear], best[clear])
    assert len(np.unique(best)) > 15
