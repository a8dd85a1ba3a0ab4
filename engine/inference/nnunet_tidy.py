"""Voxels that a network of nnU-Net set, tidied as TotalSegmentator tidies them, so that the same ones are left."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from engine.contouring.fill import fill
from engine.inference.maps import Map, Maps
from engine.inference.outlines import Outlines
from engine.inference.pieces import keep_pieces
from engine.inference.preprocess import AxisOrder
from engine.operations.nnunet import Params
from engine.resample import steps_of
from engine.volume import Geometry

Voxels = NDArray[np.uint8 | np.uint16]
#: A smaller piece is no body in a row.
_LEAST_BODY_MM3 = 100.0


def tidied(params: Params, labels: Voxels, geometry: Geometry, note: Callable[[str], None]) -> tuple[Voxels, bool]:
    """The voxels after the rules of the node, and whether labels were named anew.

    Args:
        params: of the node.
        labels: (planes, rows, columns), image axes; 0 is nothing, then the labels in order.
        geometry: of those.
        note: told what a person is to know of it.
    """
    tidy = params.tidy
    # Turned towards right, front and head, [x, y, z], since the order in which pieces are met decides between equals.
    axes = AxisOrder.towards(geometry, "RAS")
    turned = np.ascontiguousarray(axes.to_network(labels).transpose())
    steps = params.first_mm or tuple(float(steps_of(geometry)[axis]) for axis in axes.order[::-1])
    volume = float(np.prod(np.array(steps, np.float32)))
    for value, label in enumerate(params.labels, start=1):
        if label in tidy.largest:
            _keep(turned, value, lambda sizes: np.arange(len(sizes)) == 1 + sizes[1:].argmax())
        if label in tidy.least_mm3:
            least = tidy.least_mm3[label] / volume
            _keep(turned, value, lambda sizes, least=least: sizes > least)  # type: ignore[misc]
    renamed = tidy.in_turn and touches(turned)
    if renamed:
        turned = in_turn(turned, len(params.labels), _LEAST_BODY_MM3 / volume, note)
    if tidy.grown_mm:
        turned = grown(turned, steps, tidy.grown_mm)
    return np.ascontiguousarray(axes.to_image(np.ascontiguousarray(turned.transpose()))), renamed


def tidied_maps(params: Params, maps: Maps) -> Maps:
    """Probabilities of which the same pieces are left."""
    for label in params.tidy.largest:
        maps.change(
            label, 0.5, lambda given: keep_pieces(given, lambda sizes: np.arange(len(sizes)) <= 1, by_faces=True)
        )
    for label, least_mm3 in params.tidy.least_mm3.items():
        maps.change(label, 0.5, lambda given, least=least_mm3: _of_size(given, least))  # type: ignore[misc]
    return maps


def grown_into(outlines: Outlines, inside: NDArray[np.bool_], by_mm: float) -> Outlines:
    """Outlines of labels that have grown into what has none, and are cut to a mask of the image's voxels."""
    labels: Voxels = np.zeros(outlines.geometry.shape, np.uint16)
    for value, planes in enumerate(outlines.areas.values(), start=1):
        labels[fill(planes, outlines.geometry)] = value
    if by_mm:
        turned = np.ascontiguousarray(labels.transpose())
        labels = grown(turned, outlines.geometry.spacing_xyz, by_mm).transpose()
    masks = {label: (labels == value) & inside for value, label in enumerate(outlines.areas, start=1)}
    return Outlines.of_masks(outlines.geometry, masks, outlines.expected_edit)


def _largest(given: Map) -> Map:
    return keep_pieces(given, lambda sizes: np.arange(len(sizes)) <= 1, by_faces=True)


def _of_size(given: Map, least_mm3: float) -> Map:
    least = least_mm3 / float(np.prod(given.geometry.spacing_xyz))
    return keep_pieces(given, lambda sizes: sizes > least, by_faces=True)


def _keep(labels: Voxels, value: int, keep: Callable[[NDArray[np.intp]], NDArray[np.bool_]]) -> None:
    """Drop pieces of one label; `keep` says of the voxels in each piece (0 is the rest) which stay."""
    own = labels == value
    numbers, count = ndimage.label(own)
    if count:
        labels[own & ~keep(np.bincount(numbers.ravel()))[numbers]] = 0


def touches(labels: Voxels) -> bool:
    """Whether voxels of two labels share a face."""
    for axis in range(labels.ndim):
        moved = np.moveaxis(labels, axis, 0)
        if ((moved[1:] > 0) & (moved[:-1] > 0) & (moved[1:] != moved[:-1])).any():
            return True
    return False


def in_turn(labels: Voxels, last: int, least: float, note: Callable[[str], None]) -> Voxels:
    """Bodies in a row, each piece of all labels one, named anew; see `Tidy.in_turn`.

    Args:
        labels: [x, y, z], rising towards the head; 1 is the topmost body.
        last: the lowest body.
        least: voxels of a piece that counts.
        note: told of it.
    """
    numbers, _ = ndimage.label(labels > 0)
    sizes = np.bincount(numbers.ravel())
    bodies = np.flatnonzero(sizes >= least)
    bodies = bodies[bodies != 0]
    there = np.unique(labels[np.isin(numbers, bodies)])
    out = np.zeros_like(labels)
    if not len(bodies):
        note("Bodies that touched each other were all too small to count, so none is drawn.")
        return out
    heights = np.array([centre[2] for centre in ndimage.center_of_mass(numbers > 0, numbers, bodies)])
    downwards = last not in there and 1 in there
    if downwards:
        order, names = np.argsort(-heights, kind="stable"), range(1, last + 1)
    else:
        order, names = np.argsort(heights, kind="stable"), range(int(there.max()), 0, -1)
    for body, name in zip(bodies[order], names, strict=False):
        out[numbers == body] = name
    end, way = ("topmost", "downwards") if downwards else ("lowest", "upwards")
    left = len(bodies) - len(names)
    rest = f"; {left} more than there are names for were left out" if left > 0 else ""
    note(
        f"Bodies that must not touch did, so all were named anew from the {end} one {way}, as TotalSegmentator does"
        f"{rest}: check their names."
    )
    return out


def grown(labels: Voxels, steps: Sequence[float], by_mm: float) -> Voxels:
    """Each label in turn, grown by a ball into what has no label; `steps` are mm along the axes."""
    radii = [by_mm / float(step) for step in steps]
    away = [np.arange(-radius, radius + 1) / radius for radius in radii]
    ball = (away[0] ** 2)[:, None, None] + (away[1] ** 2)[:, None] + away[2] ** 2 <= 1
    rims = [int(np.ceil(radius)) for radius in radii]
    out = labels.copy()
    for value, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        wider = tuple(
            slice(max(side.start - rim, 0), min(side.stop + rim, size))
            for side, rim, size in zip(box, rims, labels.shape, strict=True)
        )
        reached = ndimage.binary_dilation(labels[wider] == value, structure=ball)
        part = out[wider]
        part[(part == 0) & reached] = value
    return out
