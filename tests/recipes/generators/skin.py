"""Photographs of skin with one lesion, whose colour, size and border tell what it is."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tests.recipes.generators.listed import write_listed

TWELVE = (
    "melanoma", "basal_cell_carcinoma", "squamous_cell_carcinoma", "intraepithelial_carcinoma", "actinic_keratosis",
    "seborrhoeic_keratosis", "melanocytic_naevus", "lentigo", "pyogenic_granuloma", "haemangioma", "dermatofibroma",
    "wart",
)  # fmt: skip
SEVEN = ("nv", "mel", "bkl", "bcc", "akiec", "vasc", "df")
_COLOURS = ((70, 45, 40), (150, 40, 45), (150, 110, 80), (225, 205, 190))


def lesion(rng: np.random.Generator, number: int) -> NDArray[np.uint8]:
    """(64, 64, 3): the colour is that of `number` modulo 4, the border that of what is left."""
    shape = (64, 64)
    image = np.full((*shape, 3), (205.0, 165, 140)) + rng.normal(0, 8, 3)
    rows, columns = np.mgrid[0:64, 0:64].astype(float)
    row, column = rng.uniform(27, 37, 2)
    angle = np.arctan2(rows - row, columns - column)
    radius = rng.uniform(15, 19) * (1 + (0.0, 0.35, 0.1)[number // 4] * np.sin((1, 4, 11)[number // 4] * angle))
    inside = np.hypot(rows - row, columns - column) < radius
    if number // 4 == 2:
        inside &= np.hypot(rows - row, columns - column) > 7
    image[inside] = np.array(_COLOURS[number % 4]) + rng.normal(0, 8, 3)
    soft = ndimage.gaussian_filter(image, (1, 1, 0)) + rng.normal(0, 6, image.shape)
    return np.asarray(np.clip(soft, 0, 255).astype(np.uint8))


def _write(folder: Path, count: int, seed: int, names: Sequence[str]) -> None:
    def patient(rng: np.random.Generator, index: int) -> tuple[dict[str, NDArray[np.uint8]], list[str]]:
        number = index % len(names)
        return {"path": lesion(rng, number)}, [names[number]]

    write_listed(folder, count, seed, patient)


def twelve(folder: Path, count: int, seed: int) -> None:
    """Four colours by three borders."""
    _write(folder, count, seed, TWELVE)


def seven(folder: Path, count: int, seed: int) -> None:
    """Four colours with a smooth border, three with a lobed one."""
    _write(folder, count, seed, SEVEN)
