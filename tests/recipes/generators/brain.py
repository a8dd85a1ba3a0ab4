"""A brain on four sequences of MR (t1c, t1, t2, flair) with a glioma of four parts."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.recipes.generators.shapes import ellipsoid, lumpy, shading, textured
from tests.recipes.generators.volumes import write_volumes

SHAPE = (6, 64, 64)
PARTS = ["necrosis", "oedema", "enhancing", "other"]
#: Of t1c, t1, t2 and flair: grey matter, white matter, ventricles, then the parts of the tumour.
_VALUES = np.array(
    [
        [100, 130, 50, 60, 95, 230, 120],
        [100, 130, 50, 65, 90, 95, 75],
        [120, 90, 250, 220, 190, 160, 180],
        [110, 90, 40, 130, 210, 190, 230],
    ],
    np.float32,
)


def glioma(rng: np.random.Generator) -> tuple[list[NDArray[Any]], NDArray[np.uint8]]:
    """Images and labels, 1 to 4 for `PARTS`: a dead core in a bright ring, beside it a part that is not bright, and
    oedema around all of it."""
    head = ellipsoid(SHAPE, (3, 32, 32), (8, 28, 24))
    white = lumpy(rng, ellipsoid(SHAPE, (3, 32, 32), (7, 19, 16)), 3)
    fluid = ellipsoid(SHAPE, (3, 30, 28), (4, 8, 2.5)) | ellipsoid(SHAPE, (3, 30, 36), (4, 8, 2.5))
    middle = np.array([3, rng.uniform(24, 40), rng.choice([rng.uniform(17, 24), rng.uniform(40, 47)])])
    size = rng.uniform(0.9, 1.2)
    oedema = lumpy(rng, ellipsoid(SHAPE, middle, (4, 13 * size, 11 * size)), 2) & head
    ring = lumpy(rng, ellipsoid(SHAPE, middle, (3.5, 7.5 * size, 6.5 * size)), 0.7) & oedema
    core = ellipsoid(SHAPE, middle, (3, 4.2 * size, 3.6 * size)) & ring
    beside = ellipsoid(SHAPE, middle + np.array([0, 8 * size, 0]), (3, 4.5 * size, 5 * size)) & oedema & ~ring
    tissue = np.zeros(SHAPE, np.intp)
    for value, mask in enumerate((head, white & head, fluid & head, core, oedema, ring, beside), start=1):
        if value != 4:
            tissue[mask] = value
    tissue[core] = 4
    labels = np.where(tissue >= 4, tissue - 3, 0).astype(np.uint8)
    images = []
    for values in _VALUES:
        plain = np.concatenate([[0], values])[tissue].astype(np.float32)
        images.append(np.where(head, textured(rng, plain, 6) * shading(rng, SHAPE), 0))
    return images, labels


def gliomas(folder: Path, count: int, seed: int) -> None:
    """Four images a case, labels of `PARTS`."""
    write_volumes(folder, count, seed, glioma, PARTS)
