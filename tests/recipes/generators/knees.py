"""Knees on three series of MR, in which an injury shows on a slice or two."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.recipes.generators.listed import write_listed
from tests.recipes.generators.shapes import ellipsoid, textured

SHAPE = (8, 48, 48)
SERIES = {"path": "sagittal", "coronal": "coronal", "axial": "axial"}


def knees(folder: Path, count: int, seed: int) -> None:
    """Healthy, abnormal (fluid on all series), with a torn cruciate ligament (sagittal), or meniscus (coronal)."""

    def patient(rng: np.random.Generator, index: int) -> tuple[dict[str, NDArray[Any]], list[str]]:
        labels = [[], ["abnormal"], ["abnormal", "acl"], ["abnormal", "meniscus"]][index % 4]
        images = {column: _series(rng, series, labels) for column, series in SERIES.items()}
        return images, labels

    write_listed(folder, count, seed, patient, (3.0, 3.0, 5.0))


def _series(rng: np.random.Generator, series: str, labels: list[str]) -> NDArray[np.int16]:
    values = np.zeros(SHAPE, np.float32)
    values[ellipsoid(SHAPE, (4, 24, 24), (30, 22, 20))] = 120
    for row in (10, 38):
        values[ellipsoid(SHAPE, (4, row, 24), (30, 9, 14))] = 200
    planes, rows, columns = np.indices(SHAPE)
    shown = np.abs(planes - rng.integers(2, 6)) < 1
    if "abnormal" in labels:
        values[ellipsoid(SHAPE, (rng.uniform(2, 6), rng.uniform(16, 32), rng.choice([8, 40])), (1.5, 5, 3))] = 330
    if "acl" in labels and series == "sagittal":
        values[shown & (np.abs(rows - columns) < 2) & (np.abs(rows - 24) < 9)] = 330
    if "meniscus" in labels and series == "coronal":
        values[shown & (np.abs(rows - 24) < 2) & (np.abs(columns - 24) < 12)] = 330
    return (textured(rng, values, 12) * rng.uniform(0.8, 1.2)).astype(np.int16)
