"""A trunk on CT and PET: hot nodes, and a hot heart and bladder that CT tells from them."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.recipes.generators.shapes import ellipsoid, lumpy, textured
from tests.recipes.generators.volumes import write_volumes

SHAPE = (24, 48, 48)


def lymphoma(rng: np.random.Generator) -> tuple[list[NDArray[Any]], NDArray[np.uint8]]:
    """CT in HU and PET in SUV; label 1 for nodes, hot and as dense as muscle. What is hot and fluid is none."""
    body = ellipsoid(SHAPE, (12, 24, 24), (200, 19, 22))
    hu, suv = np.where(body, -90, -1000).astype(np.float32), np.where(body, 0.6, 0).astype(np.float32)
    labels = np.zeros(SHAPE, np.uint8)
    for _ in range(4):
        centre = (rng.uniform(4, 20), rng.uniform(14, 34), rng.uniform(10, 38))
        spot = lumpy(rng, ellipsoid(SHAPE, centre, rng.uniform(2.5, 4.5, 3)), 0.4)
        kind = rng.choice(["node", "fluid", "cold"])
        hu[spot], suv[spot] = (5 if kind == "fluid" else 60), (1 if kind == "cold" else rng.uniform(5, 9))
        labels[spot] = kind == "node"
    node = lumpy(rng, ellipsoid(SHAPE, (rng.uniform(6, 18), 24, rng.uniform(14, 34)), rng.uniform(3, 4.5, 3)), 0.4)
    hu[node], suv[node], labels[node] = 60, rng.uniform(5, 9), 1
    return [textured(rng, hu, 12, 0.4), textured(rng, suv, 0.2, 1.2).clip(0)], labels


def lymphomas(folder: Path, count: int, seed: int) -> None:
    """CT and PET on one grid, label GTVn."""
    write_volumes(folder, count, seed, lymphoma, ["GTVn"], spacing=(2, 2, 3))
