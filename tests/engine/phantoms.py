"""Images whose truth is known: a patient of simple shapes with a couch, a mask, tubes and padding around."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.volume import Geometry, Volume


@dataclass(frozen=True)
class Scene:
    """A made image and the patient in it.

    Args:
        volume: the image.
        body: (planes, rows, columns), true in the patient, cavities included.
        air: alike, true in the cavities of the patient.
    """

    volume: Volume
    body: NDArray[np.bool_]
    air: NDArray[np.bool_]


def make_scene(  # noqa: PLR0917 - each varies one thing
    spacing: tuple[float, float, float] = (1.0, 1.0, 3.0),
    planes: int = 40,
    couch: str = "none",
    padding: float = -1024.0,
    extras: tuple[str, ...] = (),
    modality: str = "CT",
    noise: float = 15.0,
    field_mm: float = 320.0,
) -> Scene:
    """A trunk with two lungs and a trachea.

    Args:
        spacing: (column, row, plane) mm.
        planes: their number.
        couch: "none", "shell" (two thin sheets with foam between) or "slab" (solid, touching the back).
        padding: value outside the round field of view.
        extras: of "mask" (a thermoplastic sheet around the patient), "tube", "arms", "head rest", "cut" (the patient is
            wider than the field).
        modality: "CT" or "MR".
        noise: standard deviation.
        field_mm: edge of the image.
    """
    rng = np.random.default_rng(0)
    size = round(field_mm / spacing[0])
    rows = round(field_mm / spacing[1])
    y = (np.arange(rows) - (rows - 1) / 2)[None, :, None] * spacing[1] + np.zeros((planes, 1, 1))
    x = (np.arange(size) - (size - 1) / 2)[None, None, :] * spacing[0] + np.zeros((planes, 1, 1))
    width = 190.0 if "cut" in extras else 110.0
    body = (x / width) ** 2 + (y / 75) ** 2 <= 1
    air = (((x - 50) / 30) ** 2 + (y / 45) ** 2 <= 1) | (((x + 50) / 30) ** 2 + (y / 45) ** 2 <= 1)
    air = air | (x**2 + (y + 20) ** 2 <= 8**2)
    tissue = -1000.0 * np.ones(body.shape)
    tissue[body] = 30.0
    tissue[air] = -850.0
    if "arms" in extras:
        arms = (np.abs(x) - 138) ** 2 + (y - 20) ** 2 <= 16**2
        tissue[arms] = 20.0
    if couch == "shell":
        for top in (82.0, 112.0):
            tissue[(y > top) & (y < top + 4) & (np.abs(x) < 150)] = -100.0
        tissue[(y > 86) & (y < 112) & (np.abs(x) < 150)] = -960.0
    if couch == "slab":
        slab = (y > 73) & (y < 103) & (np.abs(x) < 150)
        tissue[slab & ~body] = 20.0
        body = body & ~slab
    if "mask" in extras:
        outer = ((x / (width + 9)) ** 2 + (y / 84) ** 2 <= 1) & ((x / (width + 6)) ** 2 + (y / 81) ** 2 > 1)
        tissue[outer & (tissue < -900)] = -50.0
    if "tube" in extras:
        tube = (x - 60) ** 2 + (y + 85) ** 2
        tissue[(tube <= 5**2) & (tube > 3**2)] = 100.0
    if "head rest" in extras:
        rest = (x**2 + y**2 >= 95**2) & (x**2 + y**2 <= 100**2) & (y > 40)
        tissue[rest & (tissue < -900)] = 60.0
    if modality == "MR":
        image = np.where(tissue > -500, 300 + tissue, np.where(tissue > -900, 15.0, 0.0)) * (1 + 0.002 * x)
        image = np.hypot(image + rng.normal(0, 8, body.shape), rng.normal(0, 8, body.shape))
        return Scene(_volume(image, spacing, "MR", ""), body, air)
    image = tissue + rng.normal(0, noise, body.shape)
    radius = field_mm / 2
    outside = x**2 + y**2 > radius**2
    image[outside] = padding
    return Scene(_volume(np.rint(image), spacing, "CT", "HU"), body & ~outside, air)


def _volume(image: NDArray[np.float64], spacing: tuple[float, float, float], modality: str, units: str) -> Volume:
    geometry = Geometry.regular((-100, -120, 30), np.eye(3), spacing, image.shape)
    return Volume(image.astype(np.int16), geometry, modality, units)
