"""An abdomen with a liver and a tumour in it, on one sequence of MR or in several phases."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.recipes.generators.shapes import ellipsoid, lumpy, shading, textured
from tests.recipes.generators.volumes import write_volumes

SHAPE = (8, 64, 64)
#: Values of body, liver and lesion, phase by phase.
Phases = Sequence[tuple[float, float, float]]


def liver(
    rng: np.random.Generator, phases: Sequence[tuple[float, float, float]], *, ct: bool = False
) -> tuple[list[NDArray[Any]], NDArray[np.uint8]]:
    """Images, one a phase (values of body, liver and tumour; of CT in HU), and labels: 1 for the tumour.

    A vessel as bright as the tumour lies outside of the liver, so that brightness alone tells nobody where it is.
    """
    body = ellipsoid(SHAPE, (4, 32, 32), (40, 26, 30))
    organ = lumpy(rng, ellipsoid(SHAPE, (4, 30, 22), (5, rng.uniform(13, 17), rng.uniform(12, 16))))
    centre = (rng.uniform(2.5, 5.5), rng.uniform(24, 36), rng.uniform(16, 28))
    tumour = lumpy(rng, ellipsoid(SHAPE, centre, (2.5, rng.uniform(4, 7), rng.uniform(4, 7))), 0.7) & organ
    vessel = ellipsoid(SHAPE, (4, rng.uniform(34, 40), rng.uniform(46, 52)), (40, 5, 5))
    images = []
    for tissue, parenchyma, lesion in phases:
        values = np.full(SHAPE, -1000 if ct else 0, np.float32)
        values[body], values[organ] = tissue, parenchyma
        values[tumour | vessel] = lesion
        image = textured(rng, values, 12)
        images.append(image if ct else image * shading(rng, SHAPE) * rng.uniform(0.8, 1.2))
    return images, tumour.astype(np.uint8)


def mr_tumours(folder: Path, count: int, seed: int) -> None:
    """One sequence, label GTV."""
    write_volumes(folder, count, seed, lambda rng: liver(rng, [(120, 180, 280)]), ["GTV"])


def _kinds(
    folder: Path,
    count: int,
    seed: int,
    *,
    kinds: dict[str, Phases],
    columns: Sequence[str],
    name: str,
    ct: bool = False,
) -> None:
    """Lesions of several kinds, which phases tell apart, with their outlines and `labels.csv`."""
    chosen = [list(kinds)[index % len(kinds)] for index in range(count)]
    order = iter(chosen)
    write_volumes(folder, count, seed, lambda rng: liver(rng, kinds[next(order)], ct=ct), [name])
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, "patient", "label"])
        for index, kind in enumerate(chosen):
            files = [f"imagesTr/p{index:03d}_{channel:04d}.nii.gz" for channel in range(len(columns))]
            writer.writerow([*files, f"patient {index}", kind])


def mr_kinds(folder: Path, count: int, seed: int) -> None:
    """Three phases of MR; six kinds of lesions are brighter or darker than the liver in other phases."""
    bright, dark = 290.0, 60.0
    patterns = {
        "cyst": (dark, dark, dark), "haemangioma": (bright, bright, bright), "fnh": (bright, 180.0, dark),
        "hcc": (bright, dark, dark), "icc": (dark, dark, bright), "metastasis": (dark, bright, dark),
    }  # fmt: skip
    kinds = {name: [(120, 180, value) for value in pattern] for name, pattern in patterns.items()}
    _kinds(folder, count, seed, kinds=kinds, columns=("path", "portal", "delayed"), name="lesion")


def ct_kinds(folder: Path, count: int, seed: int) -> None:
    """Three phases of CT in HU; five kinds of masses."""
    patterns = {
        "A": (20.0, 150.0, 0.0), "B": (-10.0, 0.0, 0.0), "C": (120.0, 130.0, 130.0), "D": (20.0, 160.0, 180.0),
        "E": (-80.0, -80.0, -80.0),
    }  # fmt: skip
    kinds = {name: [(40, 70, value) for value in pattern] for name, pattern in patterns.items()}
    _kinds(folder, count, seed, kinds=kinds, columns=("path", "arterial", "delayed"), name="mass", ct=True)
