"""Connected pieces and holes of a structure's map."""

from collections.abc import Callable

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from engine.inference.maps import Map
from engine.volume import Geometry

BoolArray = NDArray[np.bool_]


def keep_pieces(given: Map, keep: Callable[[NDArray[np.intp]], BoolArray], *, by_faces: bool = False) -> Map:
    """The map without some of its connected pieces.

    Args:
        given: of a structure.
        keep: of the voxels in each piece, from the largest (at 1; 0 is the background), which pieces stay.
        by_faces: voxels are one piece where they share a face; else an edge or a corner is enough.
    """
    mask = given.mask
    if not mask.any():
        return given
    labels = sitk.RelabelComponent(sitk.ConnectedComponent(sitk.GetImageFromArray(mask.astype(np.uint8)), not by_faces))
    numbers = sitk.GetArrayFromImage(labels)
    stays = np.array(keep(np.bincount(numbers.ravel())))
    stays[0] = False
    kept = stays[numbers]
    if (mask & ~kept).any():
        # The slope around a dropped piece goes with it, unless it belongs to one that stays.
        near_kept = _dilated(kept, 2)
        return _with(given, dropped=_dilated(mask & ~kept, 2) & ~near_kept | (mask & ~kept))
    return given


def with_filled_holes(given: Map, on_planes: bool) -> Map:
    """The map with holes filled: on each plane, or only those closed in all three directions."""
    mask = given.mask
    return _with(given, filled=_filled(mask, on_planes) & ~mask) if mask.any() else given


def kept_inside(given: Map, container: Map) -> Map:
    """The map where another one is drawn."""
    return _with(given, dropped=~_sampled(container, given.geometry))


def _with(given: Map, dropped: NDArray[np.bool_] | None = None, filled: NDArray[np.bool_] | None = None) -> Map:
    probability, lead = given.probability.copy(), given.lead.copy()
    for array in (probability, lead):
        if dropped is not None:
            array[dropped] = 0.0
        if filled is not None:
            array[filled] = 1.0
    return Map(probability, lead, given.geometry, given.level)


def _filled(mask: NDArray[np.bool_], on_planes: bool) -> NDArray[np.bool_]:
    if not on_planes:
        return np.asarray(
            sitk.GetArrayFromImage(sitk.BinaryFillhole(sitk.GetImageFromArray(mask.astype(np.uint8)))) > 0
        )
    return np.stack(
        [
            sitk.GetArrayFromImage(sitk.BinaryFillhole(sitk.GetImageFromArray(plane.astype(np.uint8)))) > 0
            for plane in mask
        ]
    )


def _sampled(container: Map, geometry: Geometry) -> NDArray[np.bool_]:
    """The container's mask on another box of the same grid."""
    start = np.rint(container.geometry.kji_from_lps(geometry.lps_from_kji([[0, 0, 0]]))[0]).astype(int)
    out = np.zeros(geometry.shape, np.bool_)
    first = np.maximum(-start, 0)
    last = np.minimum(np.array(container.geometry.shape) - start, geometry.shape)
    if (last > first).all():
        here = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
        there = tuple(slice(a + s, b + s) for a, b, s in zip(first, last, start, strict=True))
        out[here] = container.mask[there]
    return out


def _dilated(mask: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    return np.asarray(sitk.GetArrayFromImage(sitk.BinaryDilate(image, [steps] * 3, sitk.sitkBox)) > 0)
