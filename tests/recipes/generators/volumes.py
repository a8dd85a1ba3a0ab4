"""Data sets of volumes as `planimeter train` reads them: the nnU-Net raw layout."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

#: Of a generator of chance: the images of a case, and its labels (structures numbered from 1).
Patient = Callable[[np.random.Generator], tuple[Sequence[NDArray[Any]], NDArray[np.uint8]]]


def write_volumes(
    folder: Path,
    count: int,
    seed: int,
    patient: Patient,
    structures: Sequence[str],
    *,
    spacing: tuple[float, float, float] = (1.0, 1.0, 3.0),
) -> None:
    """Write `count` patients; `spacing` is (column, row, plane) mm."""
    for sub in ("imagesTr", "labelsTr"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    images: Sequence[NDArray[Any]] = ()
    for index in range(count):
        images, labels = patient(np.random.default_rng([seed, index]))
        for channel, image in enumerate(images):
            _write(image.astype(np.float32), spacing, folder / "imagesTr" / f"p{index:03d}_{channel:04d}.nii.gz")
        _write(labels.astype(np.uint8), spacing, folder / "labelsTr" / f"p{index:03d}.nii.gz")
    described = {
        "channel_names": {str(channel): f"image {channel}" for channel in range(len(images))},
        "labels": {"background": 0} | {name: value for value, name in enumerate(structures, start=1)},
        "numTraining": count,
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(described), encoding="utf-8")


def _write(values: NDArray[Any], spacing: tuple[float, float, float], path: Path) -> None:
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path))
