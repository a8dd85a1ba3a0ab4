"""Lungs on CT: nodules of six types, and three patterns of fibrosis."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tests.recipes.generators.listed import write_listed
from tests.recipes.generators.shapes import ellipsoid, lumpy, textured

TYPES = ("solid", "calcified", "part_solid", "non_solid", "perifissural", "spiculated")
PATTERNS = ("uip", "possible", "inconsistent")


def nodules(folder: Path, count: int, seed: int) -> None:
    """A cube of lung with one nodule in its middle, and its outline."""
    shape = (32, 32, 32)

    def patient(rng: np.random.Generator, index: int) -> tuple[dict[str, NDArray[Any]], list[str]]:
        kind = TYPES[index % len(TYPES)]
        centre, radius = rng.uniform(14, 17, 3), rng.uniform(4, 5.5)
        ball = lumpy(rng, ellipsoid(shape, centre, (radius,) * 3), 0.5)
        values = np.full(shape, -850.0, np.float32)
        values[:, :3] = 40  # the wall of the chest
        if kind == "perifissural":
            ball &= ellipsoid(shape, centre, (radius, radius / 2.5, radius))
            values[:, int(centre[1])] = -300
        values[ball] = {"calcified": 500, "non_solid": -600, "part_solid": -600}.get(kind, 40)
        if kind == "part_solid":
            values[ellipsoid(shape, centre, (radius / 2,) * 3)] = 40
        if kind == "spiculated":
            away = np.stack(np.indices(shape), axis=-1) - centre
            far = np.linalg.norm(away, axis=-1)
            for way in rng.standard_normal((14, 3)):
                along = away @ (way / np.linalg.norm(way))
                values[(along > 0) & (far**2 - along**2 < 0.8) & (far < 2 * radius)] = 40
        return {"path": textured(rng, values, 25).astype(np.int16), "outline": ball.astype(np.int16)}, [kind]

    write_listed(folder, count, seed, patient)


def fibrosis(folder: Path, count: int, seed: int) -> None:
    """Holes of honeycomb at the border below, lines at the border, or ground glass everywhere."""
    shape = (24, 64, 64)

    def patient(rng: np.random.Generator, index: int) -> tuple[dict[str, NDArray[Any]], list[str]]:
        kind = PATTERNS[index % len(PATTERNS)]
        values = np.full(shape, -1000.0, np.float32)
        values[ellipsoid(shape, (12, 32, 32), (60, 22, 30))] = 40
        lungs = ellipsoid(shape, (12, 32, 18), (40, 15, 10)) | ellipsoid(shape, (12, 32, 46), (40, 15, 10))
        values[lungs] = -850
        border = lungs & ~np.stack([ndimage.binary_erosion(plane, iterations=4) for plane in lungs])
        grain = ndimage.gaussian_filter(rng.standard_normal(shape), (0, 1, 1))
        if kind == "uip":
            border[16:] = False
            values[border] = np.where(grain > 0, -950, 0)[border]
        elif kind == "possible":
            values[border & (np.indices(shape)[2] % 4 == 0)] = -200
        else:
            glass = ndimage.gaussian_filter(rng.standard_normal(shape), (1, 5, 5))
            values[lungs & (glass > 0)] = -550
        return {"path": textured(rng, values, 25, 0.4).astype(np.int16)}, [kind]

    write_listed(folder, count, seed, patient, (5.0, 5.0, 10.0))
