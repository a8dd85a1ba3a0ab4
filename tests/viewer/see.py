"""What the tests of seeing share: phantoms, and where a colour is seen."""

from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from shapely import MultiPolygon, Point

from engine.structures import PlaneContours, Roi, StructureSet
from engine.volume import Geometry, SeriesInfo, Volume

CENTRE = np.array([12.0, -30.0, 55.0])

#: The 24 right-handed ways to lay array axes along the patient's axes.
TURNS = [
    axes
    for order in permutations(range(3))
    for signs in np.ndindex(2, 2, 2)
    if np.linalg.det(axes := np.eye(3)[:, list(order)] * (1 - 2 * np.array(signs))) > 0
]


def phantom(directions: ArrayLike | None = None, size: int = 40, spacing: float = 2.0, modality: str = "CT") -> Volume:
    """A cube of soft tissue about `CENTRE`, in air, with a bright block towards the patient's left, back and head."""
    axes = np.eye(3) if directions is None else np.asarray(directions, dtype=np.float64)
    half = (size - 1) / 2 * spacing
    origin = CENTRE - axes @ np.full(3, half)
    geometry = Geometry.regular(origin, axes, (spacing,) * 3, (size,) * 3)
    index = np.indices((size,) * 3).reshape(3, -1).T
    offset = geometry.lps_from_kji(index) - CENTRE
    values = np.full(len(index), -1000, dtype=np.int16)
    values[(np.abs(offset) < 0.8 * half).all(axis=1)] = 0
    values[((offset > 0.3 * half) & (offset < 0.6 * half)).all(axis=1)] = 1000
    units = "HU" if modality == "CT" else ""
    info = SeriesInfo(series_uid="1.2", frame_of_reference_uid="1.3", modality=modality, patient_name="Doe^Jane")
    return Volume(values.reshape((size,) * 3), geometry, modality, units, info)


def ball(geometry: Geometry, centre_lps: ArrayLike, radius: float, number: int = 1, colour=(0, 255, 0)) -> Roi:
    """A structure that is a ball, drawn on the acquired planes."""
    centre = np.asarray(centre_lps, dtype=np.float64)
    planes = {}
    for k in range(geometry.shape[0]):
        away = float((centre - geometry.origins_lps[k]) @ geometry.normal)
        if abs(away) < radius:
            u, v = geometry.plane_from_lps(k, centre)[0]
            disc = Point(u, v).buffer(np.sqrt(radius**2 - away**2), quad_segs=32)
            planes[k] = PlaneContours(MultiPolygon([disc]))
    return Roi(number, f"Ball {number}", colour=colour, planes=planes)


def structures(geometry: Geometry, *rois: Roi) -> StructureSet:
    return StructureSet(geometry, rois)


def near(image: NDArray[np.uint8], colour: tuple[int, int, int], tolerance: int = 40) -> NDArray[np.int64]:
    """(n, 2) x, y of the pixels that have about this colour."""
    rows, columns = np.nonzero((np.abs(image.astype(int) - colour) <= tolerance).all(axis=2))
    return np.stack([columns, rows], axis=1)
