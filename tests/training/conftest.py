"""Small data sets: bright boxes with left and right, some of them lacking one, and pictures of coloured spots."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

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


COLOURS = ("red", "green", "blue")


def draw(path: Path, colour: str, size: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 60, (16, 20, 3))
    half = 5 if size == "large" else 2
    row, column = rng.integers(6, 10), rng.integers(7, 13)
    image[row - half : row + half, column - half : column + half, COLOURS.index(colour)] += 150
    Image.fromarray(image.astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def spots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """72 pictures of 36 patients; one in six does not say how large its spot is."""
    folder = tmp_path_factory.mktemp("spots")
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "patient", "label"])
        for index in range(72):
            colour, size = COLOURS[index % 3], ("large", "small")[index % 2]
            draw(folder / f"{index}.png", colour, size, index)
            writer.writerow([f"{index}.png", f"patient {index // 2}", colour if index % 6 == 5 else f"{colour};{size}"])
    return folder
