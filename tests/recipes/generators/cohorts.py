"""Patients whose time to an event depends on what their images show and on what a table tells of them."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from tests.recipes.generators.shapes import ellipsoid, lumpy, textured

#: Of a generator of chance and how bad it is (normally distributed): role → voxels, and what is told of the patient.
Patient = Callable[[np.random.Generator, float], tuple[Mapping[str, NDArray[Any]], dict[str, Any]]]


def write_patients(
    folder: Path,
    count: int,
    seed: int,
    patient: Patient,
    labels: Sequence[str],
    *,
    months: float = 40.0,
    spacing: tuple[float, float, float] = (3.0, 3.0, 6.0),
) -> None:
    """Write `labels.csv` and images: the worse the image and the higher "hazard" of what is told, the sooner the event.

    Args:
        patient: makes one; its told "hazard" is the log of the further hazard, and stays out of the table.
        labels: of a bad image, and of another.
        months: that half of those wait whose hazard is nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        bad = float(rng.normal())
        images, told = patient(rng, bad)
        waited = months / np.log(2) * rng.exponential(np.exp(-1.2 * bad - told.pop("hazard")))
        seen = rng.uniform(12, 120)
        paths = {}
        for role, voxels in images.items():
            paths[role] = f"p{index:03d}-{role}.nii.gz"
            image = sitk.GetImageFromArray(voxels)
            image.SetSpacing(spacing)
            sitk.WriteImage(image, str(folder / paths[role]))
        rows.append({
            "path": next(iter(paths.values())), "patient": f"p{index:03d}", "label": labels[int(bad <= 0)],
            **dict(list(paths.items())[1:]), **told, "time_months": round(max(min(waited, seen), 0.1), 2),
            "event": int(waited <= seen),
        })  # fmt: skip
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def chest(rng: np.random.Generator, bad: float) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """A chest whose lungs have the more holes of emphysema the worse it is."""
    shape = (16, 48, 64)
    values = np.full(shape, -1000, np.float32)
    values[ellipsoid(shape, (8, 24, 32), (40, 22, 30))] = 40
    for column in (19, 45):
        lung = lumpy(rng, ellipsoid(shape, (8, 24, column), (10, 17, 11)))
        values[lung] = -820
        holes = rng.random(shape) < 0.10 / (1 + np.exp(-1.5 * bad))
        values[lung & holes] = -990
    age = int(rng.integers(45, 85))
    told = {"age": age, "sex": str(rng.choice(["F", "M"])), "pack_years": int(rng.integers(0, 80))}
    return {"ct": textured(rng, values, 15, 0.4).astype(np.int16)}, told | {"hazard": 0.05 * (age - 65)}


def head_and_neck(rng: np.random.Generator, bad: float) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """A head on PET and CT: the worse, the larger the tumour and the more it takes up."""
    shape = (16, 48, 48)
    body = ellipsoid(shape, (8, 24, 24), (40, 21, 18))
    ct, pet = np.full(shape, -1000, np.float32), np.zeros(shape, np.float32)
    ct[body], pet[body] = 40, 1.0
    size = 3.5 + 1.2 * np.tanh(bad)
    tumour = lumpy(rng, ellipsoid(shape, (8, 22, 24 + rng.uniform(-4, 4)), (size, size * 1.4, size * 1.4)), 0.6)
    ct[tumour], pet[tumour] = 70, 7 + 3 * np.tanh(bad)
    brain = ellipsoid(shape, (15, 24, 24), (3, 14, 12))
    pet[brain] = 6
    stage, age = int(rng.integers(0, 4)), int(rng.integers(25, 75))
    told = {"age": age, "ebv_dna": round(float(rng.lognormal(6, 1.5)), 1), "n_stage": f"N{stage}"}
    images = {"pet": textured(rng, pet, 0.3, 0.8), "ct": textured(rng, ct, 15).astype(np.int16)}
    return images, told | {"hazard": 0.5 * (stage - 1.5)}


def chests(folder: Path, count: int, seed: int) -> None:
    """CT, with labels COPD and none, age, sex and pack years."""
    write_patients(folder, count, seed, chest, ["COPD", "none"])


def nasopharynges(folder: Path, count: int, seed: int) -> None:
    """PET with CT, with labels relapse and free, age, EBV DNA and N stage."""
    write_patients(folder, count, seed, head_and_neck, ["relapse", "free"])
