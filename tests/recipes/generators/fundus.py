"""Photographs of the fundus: a round field with a disc and vessels, and what diseases add to it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tests.recipes.generators.listed import write_listed


def fundus(rng: np.random.Generator, pixels: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(rows, columns, 3) of a healthy eye, and where the field of the camera is."""
    shape = (pixels, pixels + pixels // 3)
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(float)
    middle = (shape[0] / 2, shape[1] / 2)
    field = np.hypot(rows - middle[0], columns - middle[1]) < 0.48 * pixels
    image = np.zeros((*shape, 3))
    image[field] = np.array([190, 95, 45]) + rng.normal(0, 12, 3)
    shade = ndimage.gaussian_filter(rng.standard_normal(shape), pixels / 8)
    image *= (1 + 0.1 * shade / shade.std())[..., None]
    side = rng.choice([-1, 1])
    disc = np.hypot(rows - middle[0], columns - middle[1] - side * 0.28 * pixels) < 0.07 * pixels
    image[disc] = (235, 200, 140)
    for bend in rng.uniform(-0.35, 0.35, 4):
        along = columns - middle[1] - side * 0.28 * pixels
        vessel = np.abs(rows - middle[0] - bend * along - bend * along**2 / pixels) < 0.008 * pixels
        image[vessel & field] *= (0.75, 0.55, 0.6)
    return image, field


def _spots(
    rng: np.random.Generator, image: NDArray[np.float64], where: NDArray[np.bool_], count: int, radius: float
) -> NDArray[np.bool_]:
    seeds = np.zeros(where.shape, np.bool_)
    places = np.argwhere(where)
    seeds[tuple(places[rng.choice(len(places), count, replace=False)].T)] = True
    return np.asarray(ndimage.distance_transform_edt(~seeds) < radius)


def _photographed(rng: np.random.Generator, image: NDArray[np.float64]) -> NDArray[np.uint8]:
    soft = ndimage.gaussian_filter(image, (0.7, 0.7, 0)) + rng.normal(0, 3, image.shape)
    return np.asarray(np.clip(soft, 0, 255).astype(np.uint8))


def diabetic(folder: Path, count: int, seed: int) -> None:
    """Half of the eyes have dark spots all over (referable), half of them bright ones near the middle (oedema)."""

    def patient(rng: np.random.Generator, index: int) -> tuple[dict[str, NDArray[np.uint8]], list[str]]:
        image, field = fundus(rng, 96)
        labels = []
        if index % 2:
            labels.append("referable")
            image[_spots(rng, image, ndimage.binary_erosion(field, iterations=6), 25, 2.2)] = (90, 20, 15)
        if index // 2 % 2:
            labels.append("oedema")
            rows, columns = np.ogrid[0 : field.shape[0], 0 : field.shape[1]]
            middle = np.hypot(rows - field.shape[0] / 2, columns - field.shape[1] / 2) < 14
            image[_spots(rng, image, middle, 8, 2.2)] = (245, 230, 150)
        return {"path": _photographed(rng, image)}, labels

    write_listed(folder, count, seed, patient)


def detached(folder: Path, count: int, seed: int) -> None:
    """In half of the eyes a part of the retina, at the border, is grey and folded."""

    def patient(rng: np.random.Generator, index: int) -> tuple[dict[str, NDArray[np.uint8]], list[str]]:
        image, field = fundus(rng, 96)
        if index % 2 == 0:
            return {"path": _photographed(rng, image)}, []
        angle = rng.uniform(0, 2 * np.pi)
        rows, columns = np.mgrid[0 : field.shape[0], 0 : field.shape[1]].astype(float)
        along = (rows - field.shape[0] / 2) * np.sin(angle) + (columns - field.shape[1] / 2) * np.cos(angle)
        across = (rows - field.shape[0] / 2) * np.cos(angle) - (columns - field.shape[1] / 2) * np.sin(angle)
        lifted = field & (along > rng.uniform(16, 26) + 3 * np.sin(across / 6))
        image[lifted] = np.array([165, 150, 130]) + 20 * np.sin(along / 2.5)[lifted][:, None]
        return {"path": _photographed(rng, image)}, ["detachment"]

    write_listed(folder, count, seed, patient)
