"""Brains on PET, nodes of the neck on CT, and spectra of the mouth."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tests.recipes.generators.listed import write_listed
from tests.recipes.generators.shapes import ellipsoid, lumpy, textured

BANDS = 40


def brains(folder: Path, count: int, seed: int) -> None:
    """FDG-PET whose uptake at the back of the cortex is low in Alzheimer's disease, on one side in impairment."""
    shape = (32, 40, 32)

    def patient(rng: np.random.Generator, index: int) -> tuple[dict[str, NDArray[Any]], list[str]]:
        kind = ("AD", "MCI", "other")[index % 3]
        brain = ellipsoid(shape, (16, 20, 16), (14, 17, 13))
        cortex = brain & ~ellipsoid(shape, (16, 20, 16), (11, 14, 10))
        values = np.zeros(shape, np.float32)
        values[brain], values[cortex] = 5.0, 8.0
        planes, rows, columns = np.indices(shape)
        back = cortex & (rows > 22) & (planes > 12)
        if kind != "other":
            values[back if kind == "AD" else back & (columns < 16)] = 5.0
        image = textured(rng, values, 0.6, 1.0) * rng.uniform(0.8, 1.2)
        return {"path": np.clip(image, 0, None).astype(np.float32)}, [kind]

    write_listed(folder, count, seed, patient, (4.0, 4.0, 4.0))


def nodes(folder: Path, count: int, seed: int) -> None:
    """Crops of CT around a lymph node: oval and even, or round with a dark middle and bright spots."""
    shape = (6, 48, 48)

    def patient(rng: np.random.Generator, index: int) -> tuple[dict[str, NDArray[Any]], list[str]]:
        spread = index % 2 == 1
        values = np.full(shape, -40.0, np.float32)
        radius = rng.uniform(9, 14)
        node = lumpy(rng, ellipsoid(shape, (2.5, 24, 24), (5, radius, radius if spread else radius / 2)), 0.7)
        values[node] = 90
        if spread:
            values[ellipsoid(shape, (2.5, 24, 24), (3, radius / 2, radius / 2))] = 20
            values[(rng.random(shape) < 0.01) & node] = 300
        image = textured(rng, values, 15)
        return {"path": image.astype(np.int16)}, ["metastasis" if spread else "benign"]

    write_listed(folder, count, seed, patient, (0.6, 0.6, 1.5))


def cubes(folder: Path, count: int, seed: int) -> None:
    """Cubes of 40 bands: two absorptions of which one lies elsewhere in malignant tissue, at any brightness."""
    shape = (64, 64)

    def patient(rng: np.random.Generator, index: int) -> tuple[dict[str, NDArray[Any]], list[str]]:
        malignant = index % 2 == 1
        bands = np.arange(BANDS, dtype=np.float64)
        dips = (12.0, 31.0 if malignant else 26.0)
        spectrum = 2600 - sum(900 * np.exp(-(((bands - dip) / 3) ** 2) / 2) for dip in dips)
        shade = ndimage.gaussian_filter(rng.standard_normal(shape), 8)
        light = rng.uniform(0.7, 1.2) * (1 + 0.15 * shade / shade.std())
        cube = spectrum[:, None, None] * light + rng.normal(0, 120, (BANDS, *shape))
        label = "malignant" if malignant else "benign"
        return {"path": np.clip(cube, 0, 4095).astype(np.int16)}, [label]

    write_listed(folder, count, seed, patient)
