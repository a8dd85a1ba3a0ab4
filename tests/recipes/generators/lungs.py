"""Pieces of lung with arteries, veins and bronchi, and chests with nodules, some with a prior CT."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.recipes.generators.shapes import ellipsoid, lumpy, textured
from tests.recipes.generators.volumes import write_volumes

_PIECE, _CHEST = (24, 48, 48), (20, 48, 64)


def vessels(rng: np.random.Generator) -> tuple[list[NDArray[Any]], NDArray[np.uint8]]:
    """A piece of lung whose arteries (1) each run beside a bronchus, and whose veins (2) run alone."""
    z, y, x = np.ogrid[tuple(slice(0, size) for size in _PIECE)]
    values = np.full(_PIECE, -850, np.float32)
    labels = np.zeros(_PIECE, np.uint8)
    places = rng.permutation([(row, column) for row in (8, 24, 40) for column in (8, 24, 40)])
    for number, (row, column) in enumerate(places[:7]):
        sway, turn = rng.uniform(1, 3), rng.uniform(0, 2 * np.pi)
        row_at = row + rng.uniform(-2, 2) + sway * np.sin(z / 6 + turn)
        column_at = column + rng.uniform(-2, 2) + sway * np.cos(z / 7 + turn)
        tube = (y - row_at) ** 2 + (x - column_at) ** 2 <= rng.uniform(1.8, 2.4) ** 2
        if number % 2 == 0:
            away = rng.uniform(-0.5, 0.5)
            beside = (y - row_at - 5 * np.sin(away)) ** 2 + (x - column_at - 5 * np.cos(away)) ** 2
            values[(beside <= 3.2**2) & ~tube] = -300
            values[(beside <= 2.2**2) & ~tube] = -1000
        values[tube] = 40
        labels[tube] = 1 + number % 2
    return [textured(rng, values, 25)], labels


def lung_vessels(folder: Path, count: int, seed: int) -> None:
    """CT, labels A_Pulmonary and V_Pulmonary."""
    write_volumes(folder, count, seed, vessels, ["A_Pulmonary", "V_Pulmonary"], spacing=(0.8, 0.8, 0.8))


def chest(rng: np.random.Generator) -> NDArray[np.float32]:
    """HU of a chest with vessels in its lungs, without noise."""
    values = np.full(_CHEST, -1000, np.float32)
    values[ellipsoid(_CHEST, (10, 24, 32), (60, 22, 30))] = 40
    lungs = np.zeros(_CHEST, np.bool_)
    for column in (18, 46):
        lungs |= lumpy(rng, ellipsoid(_CHEST, (10, 24, column), (14, 18, 12)))
    values[lungs] = -850
    z, y, x = np.ogrid[tuple(slice(0, size) for size in _CHEST)]
    for _ in range(6):
        row, column = rng.uniform(12, 36), rng.choice([18, 46]) + rng.uniform(-7, 7)
        slope, lean = rng.uniform(-0.5, 0.5, 2)
        tube = (y - row - slope * z) ** 2 + (x - column - lean * z) ** 2 <= 1.2**2
        values[tube & lungs] = 20
    return values


def _place(rng: np.random.Generator) -> tuple[float, float, float]:
    """Somewhere within a lung of `chest`."""
    return rng.uniform(5, 15), rng.uniform(15, 33), rng.choice([18, 46]) + rng.uniform(-6, 6)


def screened(folder: Path, count: int, seed: int) -> None:
    """CT and a prior CT, label Nodule for the largest; cancer where it has grown, none where it was as large before.

    The new CT by itself tells nothing of it.
    """
    order = iter(range(count))

    def patient(rng: np.random.Generator) -> tuple[list[NDArray[Any]], NDArray[np.uint8]]:
        grown = next(order) % 2 == 0
        values = chest(rng)
        for _ in range(3):
            values[ellipsoid(_CHEST, _place(rng), (rng.uniform(1.3, 1.7),) * 3)] = 40
        before, place, radius = values.copy(), _place(rng), rng.uniform(3.2, 4.5)
        nodule = ellipsoid(_CHEST, place, (radius,) * 3)
        values[nodule] = 40
        before[ellipsoid(_CHEST, place, (rng.uniform(1.0, 2.0) if grown else radius,) * 3)] = 40
        return [textured(rng, values, 20), textured(rng, before, 20)], nodule.astype(np.uint8)

    write_volumes(folder, count, seed, patient, ["Nodule"], spacing=(3.0, 3.0, 3.0))
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "prior", "patient", "label"])
        for index in range(count):
            files = [f"imagesTr/p{index:03d}_{channel:04d}.nii.gz" for channel in (0, 1)]
            writer.writerow([*files, f"p{index:03d}", "none" if index % 2 else "cancer"])


def nodules(folder: Path, count: int, seed: int) -> None:
    """CT, label Nodule: three nodules each, and vessels beside them."""

    def patient(rng: np.random.Generator) -> tuple[list[NDArray[Any]], NDArray[np.uint8]]:
        values, labels = chest(rng), np.zeros(_CHEST, np.uint8)
        for radius in [float(rng.uniform(1.8, 3.5)) for _ in range(3)]:
            labels[ellipsoid(_CHEST, _place(rng), (radius,) * 3)] = 1
        values[labels > 0] = 40
        return [textured(rng, values, 20)], labels

    write_volumes(folder, count, seed, patient, ["Nodule"], spacing=(2.0, 2.0, 2.0))
