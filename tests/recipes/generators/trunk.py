"""Trunks on CT: a chest with a breast or a heart, and the organs around a liver."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.recipes.generators.shapes import Mask, ellipsoid, lumpy, textured
from tests.recipes.generators.volumes import write_volumes

Case = tuple[list[NDArray[Any]], NDArray[np.uint8]]
ORGANS = ["Heart", "Liver", "Kidney_L", "Kidney_R", "Stomach"]
SHAPE = (6, 64, 64)


def _chest(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[NDArray[np.float32], Mask]:
    """Values in HU of a chest with lungs, spine and sternum, and the body's mask; columns rise to the left."""
    middle = shape[0] / 2
    body = ellipsoid(shape, (middle, 38, 32), (200, 20, rng.uniform(25, 28)))
    values = np.full(shape, -1000, np.float32)
    values[body] = 40
    for column in (20, 44):
        lung = lumpy(rng, ellipsoid(shape, (middle, 38, column), (100, 13, 9)))
        values[lung & body] = -850
    values[ellipsoid(shape, (middle, 53, 32), (100, 4, 4))] = 350
    values[ellipsoid(shape, (middle, 20, 32), (100, 1.6, 4))] = 250
    return values, body


def _breast(rng: np.random.Generator) -> Case:
    values, body = _chest(rng, SHAPE)
    labels = np.zeros(SHAPE, np.uint8)
    for column, is_left in ((18, False), (46, True)):
        size = rng.uniform(8, 11)
        mound = ellipsoid(SHAPE, (3, 21, column), (rng.uniform(4, 7), size, size)) & ~body
        gland = lumpy(rng, ellipsoid(SHAPE, (3, 19, column), (4, size - 3, size - 3)), 1) & mound
        values[mound], values[gland] = -100, 20
        if is_left:
            # What is drawn stays away from the skin.
            labels[ellipsoid(SHAPE, (3, 21, column), (5, size - 2, size - 2)) & ~body] = 1
    return [textured(rng, values, 15)], labels


def breasts(folder: Path, count: int, seed: int) -> None:
    """Both breasts, of which the left one's CTV is drawn: label CTV_Breast_L."""
    write_volumes(folder, count, seed, _breast, ["CTV_Breast_L"], spacing=(1.2, 1.2, 5))


def _heart(rng: np.random.Generator) -> Case:
    shape = (16, 64, 64)
    values, _ = _chest(rng, shape)
    centre = (8 + rng.uniform(-1, 1), 33 + rng.uniform(-2, 2), 36 + rng.uniform(-2, 2))
    radii = (rng.uniform(5, 6.5), rng.uniform(9, 11), rng.uniform(10, 13))
    heart = lumpy(rng, ellipsoid(shape, centre, radii), 1)
    values[heart] = 230
    # A liver below, not as bright, against which it is not to run out.
    values[ellipsoid(shape, (0, 36, 22), (3, 14, 14))] = 110
    return [textured(rng, values, 20)], heart.astype(np.uint8)


def hearts(folder: Path, count: int, seed: int) -> None:
    """A heart bright with contrast medium between lungs, spine and sternum: label Heart."""
    write_volumes(folder, count, seed, _heart, ["Heart"], spacing=(3, 3, 4))


def _abdomen(rng: np.random.Generator) -> Case:
    body = ellipsoid(SHAPE, (3, 32, 32), (200, 23, 29))
    values = np.where(body, 20, -1000).astype(np.float32)
    labels = np.zeros(SHAPE, np.uint8)

    def near(*centre: float) -> list[float]:
        return [c + rng.uniform(-1.5, 1.5) for c in centre]

    parts = [
        (2, 95, lumpy(rng, ellipsoid(SHAPE, near(3, 29, 19), (9, 13, 12)))),
        (5, 10, lumpy(rng, ellipsoid(SHAPE, near(3, 25, 43), (9, 8, 8)))),
        (1, 150, ellipsoid(SHAPE, near(6, 20, 36), (3, 7, 8))),
        (3, 170, ellipsoid(SHAPE, near(1, 44, 46), (4, 5, 4))),
        (4, 170, ellipsoid(SHAPE, near(1, 44, 18), (4, 5, 4))),
        (0, 300, ellipsoid(SHAPE, (3, 48, 32), (100, 4, 4))),
    ]
    for value, hu, mask in parts:
        values[mask & body], labels[mask & body] = hu, value
    return [textured(rng, values, 15)], labels


def abdomens(folder: Path, count: int, seed: int) -> None:
    """Labels of `ORGANS`; kidneys are told apart by their side alone."""
    write_volumes(folder, count, seed, _abdomen, ORGANS, spacing=(1.4, 1.4, 5))
