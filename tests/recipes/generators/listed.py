"""Data sets of labelled images as `planimeter train` reads them: `labels.csv` beside pictures and volumes."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from PIL import Image

#: Of a generator of chance and the number of the patient: images by column of the table, and what holds.
Patient = Callable[[np.random.Generator, int], tuple[Mapping[str, NDArray[Any]], Sequence[str]]]


def write_listed(
    folder: Path, count: int, seed: int, patient: Patient, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> None:
    """Write `count` patients; uint8 images are pictures, others volumes of `spacing` (column, row, plane) mm."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, columns = [], list[str]()
    for index in range(count):
        images, labels = patient(np.random.default_rng([seed, index]), index)
        columns = list(images)
        names = [_write(folder, f"p{index:03d}-{column}", image, spacing) for column, image in images.items()]
        rows.append([*names, f"patient {index}", ";".join(labels)])
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[*columns, "patient", "label"], *rows])


def _write(folder: Path, name: str, image: NDArray[Any], spacing: tuple[float, float, float]) -> str:
    if image.dtype == np.uint8:
        Image.fromarray(image).save(folder / f"{name}.png")
        return f"{name}.png"
    volume = sitk.GetImageFromArray(image)
    volume.SetSpacing(spacing)
    sitk.WriteImage(volume, str(folder / f"{name}.nii.gz"))
    return f"{name}.nii.gz"
