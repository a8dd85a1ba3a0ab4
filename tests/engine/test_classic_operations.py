"""Frangi's filter, pieces as boxes, and the cut between two labels."""

from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import SimpleITK as sitk

from engine.inference.graph_cut import least_cut
from engine.inference.maps import Maps
from engine.inference.preprocess import prepare
from engine.inference.vesselness import vesselness
from engine.operations import components, graph_cut
from engine.operations import vesselness as vessels
from engine.volume import Geometry, Volume

CONTEXT: Any = SimpleNamespace(progress=lambda fraction, stage: None)


def image(voxels: Any, spacing: tuple[float, float, float] = (1, 1, 1)) -> Volume:
    shape = voxels.shape
    return Volume(voxels.astype(np.int16), Geometry.regular((0, 0, 0), np.eye(3), spacing, shape), "CT", "HU")


def tubes() -> Any:
    """A tube along the rows, a ball and a plate, all of 200 on 0."""
    voxels = np.zeros((30, 40, 40), np.float32)
    z, y, x = np.ogrid[:30, :40, :40]
    voxels[((z - 8) ** 2 + (x - 8) ** 2 <= 5) & (y >= 0)] = 200
    voxels[(z - 20) ** 2 + (y - 20) ** 2 + (x - 10) ** 2 <= 7] = 200
    voxels[:, :, 30:32] = 200
    return voxels


def test_a_tube_is_told_from_a_ball_and_a_plate() -> None:
    found = vesselness(tubes(), np.full(3, 1.5), 50.0)
    assert found[8, 20, 8] > 0.7
    assert found[20, 20, 10] < 0.3 and found[15, 20, 30:32].max() < 0.1
    assert vesselness(-tubes(), np.full(3, 1.5), 50.0)[8, 20, 8] == 0
    assert vesselness(-tubes(), np.full(3, 1.5), 50.0, bright=False)[8, 20, 8] > 0.7


def test_it_is_the_filter_that_itk_has() -> None:
    rng = np.random.default_rng(0)
    values = tubes() + rng.normal(0, 10, (30, 40, 40)).astype(np.float32)
    sigma = 1.5
    # ITK takes the Hessian of a smoothed image by differences, and not in units of the scale.
    smooth = sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(values), sigma)
    peer = sitk.GetArrayFromImage(
        sitk.ObjectnessMeasure(smooth, alpha=0.5, beta=0.5, gamma=50 / sigma**2, scaleObjectnessMeasure=False,
                               objectDimension=1, brightObject=True)
    )  # fmt: skip
    own = vesselness(values, np.full(3, sigma), 50.0)
    inside = (slice(4, -4),) * 3
    assert np.corrcoef(own[inside].ravel(), peer[inside].ravel())[0, 1] > 0.98


def test_slabs_join_without_a_seam_and_uneven_spacing_is_minded() -> None:
    voxels = np.zeros((60, 24, 24))
    z, y, x = np.ogrid[:60, :24, :24]
    voxels[((x - 12) ** 2 + (y - 12) ** 2 <= 5) & (z >= 0)] = 200
    prepared = prepare(image(voxels, (1, 1, 2)), ())
    params = vessels.Params(label="Vessel", sigmas_mm=(1.0, 1.5), contrast=50)
    dense = vessels.run(params, [prepared], CONTEXT).dense(["Vessel"])[0]
    middle = dense[:, 12, 12].astype(np.float32)
    assert middle.min() > 0.6 and np.ptp(middle) < 1e-3


def test_pieces_become_boxes_the_surest_first() -> None:
    chances = np.zeros((1, 6, 20, 20), np.float32)
    chances[0, 1:3, 2:5, 2:4] = 0.6
    chances[0, 4, 10:13, 10:13] = 0.9
    chances[0, 0, 18, 18] = 1.0
    maps = Maps.from_dense(("spot",), prepare(image(np.zeros((6, 20, 20))), ()), chances)
    boxes = components.run(components.Params(label="Spot", least_mm3=2), [maps], CONTEXT)
    assert boxes.low.tolist() == [[3.5, 9.5, 9.5], [0.5, 1.5, 1.5]]
    assert boxes.high.tolist() == [[4.5, 12.5, 12.5], [2.5, 4.5, 3.5]]
    assert np.allclose(boxes.values[:, 0], [0.9, 0.6], atol=1e-3) and boxes.labels == ("Spot",)


def test_the_cut_is_the_labelling_of_least_energy_of_all() -> None:
    rng = np.random.default_rng(4)
    for smoothness in (0.0, 0.4, 1.5):
        first = rng.uniform(0.05, 0.95, (2, 2, 3)).astype(np.float32)
        where = rng.random(first.shape) > 0.15
        own = least_cut(first, 1 - first, where, smoothness)
        energies = {}
        for labels in product([False, True], repeat=int(where.sum())):
            made = np.zeros(where.shape, np.bool_)
            made[where] = labels
            energies[labels] = energy(made, first, where, smoothness)
        assert energy(own, first, where, smoothness) <= min(energies.values()) + 0.02
        assert not own[~where].any()


def energy(made: Any, first: Any, where: Any, smoothness: float) -> float:
    total = -float(np.where(made, np.log(first), np.log(1 - first))[where].sum())
    for axis in range(3):
        low, high = np.moveaxis(made, axis, 0)[:-1], np.moveaxis(made, axis, 0)[1:]
        pairs = np.moveaxis(where, axis, 0)[:-1] & np.moveaxis(where, axis, 0)[1:]
        total += smoothness * float((low != high)[pairs].sum())
    return total


def test_a_lone_doubt_is_outvoted_by_its_neighbours() -> None:
    chances = np.zeros((2, 3, 5, 9), np.float32)
    chances[0, :, :, :5], chances[1, :, :, :5] = 0.8, 0.1
    chances[0, :, :, 5:8], chances[1, :, :, 5:8] = 0.1, 0.8
    chances[:, 1, 2, 2] = (0.3, 0.6)
    maps = Maps.from_dense(("artery", "vein"), prepare(image(np.zeros((3, 5, 9))), ()), chances, exclusive=True)
    cut = graph_cut.run(graph_cut.Params(labels=("artery", "vein"), smoothness=0.5), [maps], CONTEXT)
    artery, vein = cut.dense(["artery", "vein"])
    assert artery[1, 2, 2] > 0.8 and vein[1, 2, 2] == 0
    assert (vein[:, :, 5:8] > 0.8).all() and not artery[:, :, 5:].any() and not cut.dense(["vein"])[..., 8].any()
