"""Small cohorts: patients with an image, what is told of them, and what became of them."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

Json = dict[str, Any]

AGE: Json = {"key": "age", "label": "Age", "kind": "number", "unit": "years", "low": 18, "high": 110}
SEX: Json = {"key": "sex", "label": "Sex", "kind": "choice", "choices": {"F": "female", "M": "male"}}
STAGE: Json = {
    "key": "stage", "label": "N stage", "kind": "choice", "ordered": True,
    "choices": {"N0": "", "N1": "", "N2": "", "N3": ""},
}  # fmt: skip


def write_ct(
    path: Path, brightness: float, rng: np.random.Generator, shape: tuple[int, int, int] = (4, 16, 16)
) -> None:
    """A CT of soft tissue with a block in the middle that is so many HU brighter."""
    voxels = rng.normal(0, 20, shape)
    middle = tuple(slice(size // 4, size - size // 4) for size in shape)
    voxels[:, :2] = -1000
    voxels[middle] += brightness
    image = sitk.GetImageFromArray(voxels.astype(np.int16))
    image.SetSpacing((6.0, 6.0, 12.0))
    sitk.WriteImage(image, str(path))


def write_cohort(folder: Path, count: int = 48, seed: int = 1) -> Path:
    """Patients who live the shorter the older they are, and the brighter the block in their image."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        age, bright = float(rng.integers(40, 81)), float(rng.normal())
        sex, stage = rng.choice(["F", "M"]), f"N{rng.integers(0, 4)}"
        name = f"p{number:02d}"
        write_ct(folder / f"{name}.nii.gz", 200 + 100 * bright, rng)
        months = 40 * rng.exponential(np.exp(-0.08 * (age - 60) - 1.0 * bright - 0.5 * int(stage[1])))
        last_seen = rng.uniform(6, 90)
        rows.append({
            "patient": name, "path": f"{name}.nii.gz", "age": age, "sex": sex, "stage": stage,
            "label": "bright" if bright > 0 else "dark",
            "time_months": round(max(min(months, last_seen), 0.1), 2), "event": int(months <= last_seen),
            "split": "test" if number % 3 == 0 else "train",
        })  # fmt: skip
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder
