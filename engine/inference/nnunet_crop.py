"""The part of an image around what another network found, cut out as TotalSegmentator cuts it."""

from dataclasses import replace

import numpy as np

from engine.contouring.fill import fill
from engine.inference.maps import Maps
from engine.inference.outlines import Outlines
from engine.inference.preprocess import Box, prepare
from engine.operations.nnunet import Params
from engine.resample import onto_regular_grid, steps_of
from engine.volume import Geometry, Volume


def box_around(params: Params, image: Volume, found: Outlines) -> Box | None:
    """The box around the labels that `params` names, with its margin in whole voxels; None where there are none.

    Args:
        params: of the node that looks there.
        image: as it was acquired; the box is of its regular grid, (planes, rows, columns).
        found: on the planes of that image.
    """
    inside = np.zeros(image.geometry.shape, np.bool_)
    for label in params.around:
        inside |= fill(found.areas.get(label, {}), image.geometry)
    if not inside.any():
        return None
    geometry = onto_regular_grid(image).geometry
    used = [np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    kji = np.array([[float(places[0]) for places in used], [float(places[-1]) for places in used]])
    if not geometry.same_grid(image.geometry):
        kji = geometry.kji_from_lps(image.geometry.lps_from_kji(kji))
    low, high = np.rint(kji.min(axis=0)).astype(int), np.rint(kji.max(axis=0)).astype(int) + 1
    box = []
    for axis, step in enumerate(steps_of(geometry)):
        # Spacings are of 32 bits there, and what is left of a voxel counts for nothing.
        margin = int(params.margin_mm / float(np.float32(step)))
        start, stop = max(int(low[axis]) - margin, 0), min(int(high[axis]) + margin, geometry.shape[axis])
        box.append(slice(start, stop))
    return box[0], box[1], box[2]


def cut_out(volume: Volume, box: Box) -> Volume:
    """The part of a regular volume in a box, its values in whole numbers."""
    voxels = np.ascontiguousarray(volume.voxels[box])
    if np.issubdtype(voxels.dtype, np.floating):
        voxels = np.trunc(voxels).astype(np.int32)
    return replace(volume, voxels=voxels, geometry=part_of(volume.geometry, box), instances=())


def part_of(geometry: Geometry, box: Box) -> Geometry:
    """A regular grid in a box of it."""
    corner = geometry.lps_from_kji([[part.start for part in box]])[0]
    shape = tuple(part.stop - part.start for part in box)
    return Geometry.regular(corner, geometry.directions, steps_of(geometry)[::-1], (shape[0], shape[1], shape[2]))


def nothing_on(params: Params, image: Volume) -> Outlines | Maps:
    """What a network finds that has nothing to look at."""
    labels = params.only or params.labels
    if params.gives_voxels:
        return Outlines(image.geometry, {label: {} for label in labels})
    return Maps(labels, prepare(image, ()), params.activation == "softmax")
