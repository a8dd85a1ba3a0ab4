"""Left ventricles on CT angiography, some with a part of the wall that blood does not reach."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.recipes.generators.shapes import ellipsoid, lumpy, textured
from tests.recipes.generators.volumes import write_volumes

SHAPE = (8, 48, 48)


def ventricle(rng: np.random.Generator, *, ill: bool) -> tuple[list[NDArray[Any]], NDArray[np.uint8]]:
    """CT in HU, and labels: 1 for the wall, which is darker in one place where it is ill."""
    centre = (4.0, rng.uniform(21, 27), rng.uniform(21, 27))
    outer = lumpy(rng, ellipsoid(SHAPE, centre, (12, rng.uniform(14, 17), rng.uniform(14, 17))), 0.8)
    pool = ellipsoid(SHAPE, centre, (11, rng.uniform(7, 9), rng.uniform(7, 9)))
    wall = outer & ~pool
    values = np.full(SHAPE, -1000, np.float32)
    values[ellipsoid(SHAPE, (4, 24, 24), (100, 24, 24))] = -80
    values[outer], values[pool] = rng.uniform(95, 125), rng.uniform(320, 380)
    if ill:
        angle = rng.uniform(0, 2 * np.pi)
        place = (centre[0] + rng.uniform(-2, 2), centre[1] + 11.5 * np.sin(angle), centre[2] + 11.5 * np.cos(angle))
        values[wall & ellipsoid(SHAPE, place, (4, 5, 5))] -= 70
    return [textured(rng, values, 18)], wall.astype(np.uint8)


def ventricles(folder: Path, count: int, seed: int) -> None:
    """Label Heart_LV_Myocardium, and `labels.csv` with stenosis for every second patient, and none."""
    order = iter(range(count))
    wall = "Heart_LV_Myocardium"
    write_volumes(folder, count, seed, lambda rng: ventricle(rng, ill=next(order) % 2 == 0), [wall])
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "patient", "label"])
        for index in range(count):
            label = "none" if index % 2 else "stenosis"
            writer.writerow([f"imagesTr/p{index:03d}_0000.nii.gz", f"patient {index}", label])
