"""A small data set of bright boxes: quick to learn, with left and right, and with structures that some cases lack."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

STRUCTURES = ["Box_R", "Box_L"]


def write_case(folder: Path, name: str, seed: int, contoured: list[str]) -> None:
    rng = np.random.default_rng(seed)
    image = np.full((24, 24, 32), -1024, np.int16)
    image[:, 2:22, 2:30] = rng.integers(-20, 20, (24, 20, 28))
    labels = np.zeros(image.shape, np.uint8)
    row, plane = rng.integers(6, 12), rng.integers(4, 12)
    for value, first in ((1, 5), (2, 20)):
        box = (slice(plane, plane + 8), slice(row, row + 7), slice(first, first + 6))
        image[box] += 150
        if STRUCTURES[value - 1] in contoured:
            labels[box] = value
    for array, path in ((image, f"imagesTr/{name}_0000.nii.gz"), (labels, f"labelsTr/{name}.nii.gz")):
        stored = sitk.GetImageFromArray(array)
        stored.SetSpacing((4.0, 4.0, 3.0))
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        sitk.WriteImage(stored, str(folder / path))


@pytest.fixture(scope="session")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set in the nnU-Net raw layout with three cases; the second has no left box contoured."""
    folder = tmp_path_factory.mktemp("boxes")
    contoured = {"a": STRUCTURES, "b": ["Box_R"], "c": STRUCTURES}
    for seed, (name, drawn) in enumerate(contoured.items()):
        write_case(folder, name, seed, drawn)
    description = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, "Box_R": 1, "Box_L": 2},
        "numTraining": 3,
        "file_ending": ".nii.gz",
        "contoured": contoured,
    }
    (folder / "dataset.json").write_text(json.dumps(description), encoding="utf-8")
    return folder
