"""An abdomen with a liver and a tumour in it, on one sequence of MR or in several phases."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.recipes.generators.shapes import ellipsoid, lumpy, shading, textured
from tests.recipes.generators.volumes import write_volumes

SHAPE = (8, 64, 64)


def liver(
    rng: np.random.Generator, phases: Sequence[tuple[float, float, float]]
) -> tuple[list[NDArray[Any]], NDArray[np.uint8]]:
    """Images, one a phase (values of body, liver and tumour), and labels: 1 for the tumour.

    A vessel as bright as the tumour lies outside of the liver, so that brightness alone tells nobody where it is.
    """
    body = ellipsoid(SHAPE, (4, 32, 32), (40, 26, 30))
    organ = lumpy(rng, ellipsoid(SHAPE, (4, 30, 22), (5, rng.uniform(13, 17), rng.uniform(12, 16))))
    centre = (rng.uniform(2.5, 5.5), rng.uniform(24, 36), rng.uniform(16, 28))
    tumour = lumpy(rng, ellipsoid(SHAPE, centre, (2.5, rng.uniform(4, 7), rng.uniform(4, 7))), 0.7) & organ
    vessel = ellipsoid(SHAPE, (4, rng.uniform(34, 40), rng.uniform(46, 52)), (40, 5, 5))
    images = []
    for tissue, parenchyma, lesion in phases:
        values = np.zeros(SHAPE, np.float32)
        values[body], values[organ] = tissue, parenchyma
        values[tumour | vessel] = lesion
        images.append(textured(rng, values, 12) * shading(rng, SHAPE) * rng.uniform(0.8, 1.2))
    return images, tumour.astype(np.uint8)


def mr_tumours(folder: Path, count: int, seed: int) -> None:
    """One sequence, label GTV."""
    write_volumes(folder, count, seed, lambda rng: liver(rng, [(120, 180, 280)]), ["GTV"])
