"""A shoulder and a pelvis on MR."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tests.recipes.generators.shapes import ellipsoid, lumpy, shading, textured
from tests.recipes.generators.volumes import write_volumes

Case = tuple[list[NDArray[Any]], NDArray[np.uint8]]
SHAPE = (6, 64, 64)


def _shoulder(rng: np.random.Generator) -> Case:
    """Marrow as bright as fat, in a dark rim of cortex; a vessel of the same brightness has no rim."""
    values = np.full(SHAPE, 90, np.float32)
    head = lumpy(rng, ellipsoid(SHAPE, (3, 30 + rng.uniform(-3, 3), 38 + rng.uniform(-3, 3)), (6, 13, 12)), 0.7)
    blade = ellipsoid(SHAPE, (3, 34 + rng.uniform(-3, 3), 17 + rng.uniform(-2, 2)), (6, rng.uniform(12, 16), 5))
    blade = lumpy(rng, blade, 0.7) & ~head
    fat = ellipsoid(SHAPE, (3, 56, 48), (9, 5, 10)) & ~head
    inner = ellipsoid(SHAPE, (3, 8, 20), (9, 4, 10))
    values[fat | inner] = 200
    labels = np.zeros(SHAPE, np.uint8)
    for value, bone in ((1, head), (2, blade)):
        from_edge = ndimage.distance_transform_edt(np.pad(bone, ((1, 1), (0, 0), (0, 0)), mode="edge"))[1:-1]
        values[bone] = np.where(from_edge <= 1.6, 20, 200)[bone]
        labels[bone] = value
    return [textured(rng, values, 10) * shading(rng, SHAPE)], labels


def shoulders(folder: Path, count: int, seed: int) -> None:
    """Labels Humerus and Scapula."""
    write_volumes(folder, count, seed, _shoulder, ["Humerus", "Scapula"], spacing=(0.6, 0.6, 4))


def _pelvis(rng: np.random.Generator) -> Case:
    """A rectum whose wall is thick on one side, and a bladder and muscles of the tumour's brightness elsewhere."""
    values = np.full(SHAPE, 200, np.float32)
    values[ellipsoid(SHAPE, (3, 14, 32), (9, 9, 12))] = 255
    for column in (8, 56):
        values[ellipsoid(SHAPE, (3, 34, column), (20, 18, 7))] = 120
    centre = np.array([3, 42 + rng.uniform(-3, 3), 32 + rng.uniform(-4, 4)])
    wall, lumen = ellipsoid(SHAPE, centre, (40, 11, 11)), ellipsoid(SHAPE, centre, (40, 7.5, 7.5))
    angle = rng.uniform(0, 2 * np.pi)
    at = centre + np.array([rng.uniform(-1, 1), 8 * np.sin(angle), 8 * np.cos(angle)])
    tumour = lumpy(rng, ellipsoid(SHAPE, at, (2.5, rng.uniform(4.5, 6), rng.uniform(4.5, 6))), 0.7)
    values[wall], values[lumen], values[tumour] = 70, 230, 130
    return [textured(rng, values, 10) * shading(rng, SHAPE)], tumour.astype(np.uint8)


def rectums(folder: Path, count: int, seed: int) -> None:
    """Label GTVp."""
    write_volumes(folder, count, seed, _pelvis, ["GTVp"], spacing=(0.6, 0.6, 4))
