"""Lymph nodes around a rectum on T2 and DWI."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.recipes.generators.shapes import ellipsoid, lumpy, shading, textured
from tests.recipes.generators.volumes import write_volumes

SHAPE = (8, 64, 64)


def _mesorectum(rng: np.random.Generator) -> tuple[list[NDArray[Any]], NDArray[np.uint8]]:
    """Nodes are grey on T2 and bright on DWI; vessels are as grey on T2 alone, the rectum bright on DWI alone."""
    t2, dwi = np.full(SHAPE, 200, np.float32), np.full(SHAPE, 60, np.float32)
    rectum = ellipsoid(SHAPE, (4, 34, 32), (40, 9, 9))
    t2[rectum], dwi[rectum] = 60, 140
    nodes = np.zeros(SHAPE, np.bool_)
    start = rng.uniform(0, 2 * np.pi)
    for index in range(4):
        angle = start + index * np.pi / 2 + rng.uniform(-0.3, 0.3)
        at = np.array([rng.uniform(2.5, 5.5), 34 + 19 * np.sin(angle), 32 + 19 * np.cos(angle)])
        size = rng.uniform(3.5, 5)
        if index % 2:
            t2[ellipsoid(SHAPE, at, (40, size, size))] = 110
        else:
            nodes |= lumpy(rng, ellipsoid(SHAPE, at, (2, size, size)), 0.4)
    t2[nodes], dwi[nodes] = 110, 220
    return [textured(rng, t2, 10) * shading(rng, SHAPE), textured(rng, dwi, 10)], nodes.astype(np.uint8)


def mesorectums(folder: Path, count: int, seed: int) -> None:
    """T2 and DWI, label LN_Pelvics."""
    write_volumes(folder, count, seed, _mesorectum, ["LN_Pelvics"], spacing=(1, 1, 4))
