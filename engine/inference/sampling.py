"""Parts of a prepared image, brought to a size: what the views of a classifier are made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from engine.errors import CardError
from engine.inference.boxes import Boxes
from engine.inference.places import Places, places_of
from engine.inference.preprocess import Prepared

#: A part of an image, as a network is shown it: (channels, planes, rows, columns).
Shown = torch.Tensor

#: What tells where a view is to look.
Around = Places | Boxes

#: Axis of a prepared image across which the slices of an orientation follow each other.
AXES = {"axial": 0, "coronal": 1, "sagittal": 2}


@dataclass(frozen=True, eq=False)
class Target:
    """One place to look at.

    Args:
        centre: (3,) [plane, row, column] in voxels of the image, network axes.
        extent_mm: the longest of its edges.
    """

    centre: NDArray[np.float64]
    extent_mm: float


def targets_of(image: Prepared, around: Around | None) -> list[Target]:
    """What was found: the middle of all places together, or each box.

    Raises:
        CardError: nothing was, or boxes lie on another grid.
    """
    if around is None:
        raise CardError("The card's crops need an earlier node to be around, and there is none.")
    spacing = np.array(image.spacing)
    if isinstance(around, Boxes):
        if not around.prepared.geometry.same_grid(image.geometry):
            raise CardError("The card looks at boxes that were found in another image.")
        extents = ((around.high - around.low) * spacing).max(axis=1, initial=0.0)
        return [Target(centre, float(mm)) for centre, mm in zip(around.centres, extents, strict=True)]
    voxels = np.argwhere(places_of([around], image, (), 0.5))
    if not len(voxels):
        raise CardError("Nothing was found in this image that could be classified.")
    low, high = voxels.min(axis=0), voxels.max(axis=0)
    return [Target((low + high) / 2, float(((high - low + 1) * spacing).max()))]


def whole_of(image: Prepared) -> torch.Tensor:
    """(channels, planes, rows, columns) of all of an image, as a network sees it."""
    planes, rows, columns = image.shape
    return torch.from_numpy(image.tile((slice(0, planes), slice(0, rows), slice(0, columns))))


def joined(parts: Sequence[Shown], axis: int = 0) -> Shown:
    """Parts behind each other, as further channels or along another axis."""
    return torch.cat(list(parts), dim=axis)


def sized(part: torch.Tensor, pixels: Sequence[int]) -> torch.Tensor:
    """(channels, planes, rows, columns) at another size: averaged down, linear up, axis by axis."""
    for axis, size in enumerate(pixels):
        now = part.shape[1 + axis]
        if now != size:
            wanted = list(part.shape[1:])
            wanted[axis] = size
            mode = "area" if size < now else "trilinear"
            part = functional.interpolate(part[None], wanted, mode=mode)[0]
    return part


def flat(whole: torch.Tensor, axis: str, index: int, pixels: Sequence[int]) -> torch.Tensor:
    """One slice along an axis, as (channels, 1, rows, columns); feet down on coronal and sagittal ones."""
    plane = whole.select(1 + AXES[axis], index)
    if axis != "axial":
        plane = plane.flip(1)
    return sized(plane[:, None], (1, *pixels[1:]))


def cut_around(
    whole: torch.Tensor,
    centre: NDArray[np.float64],
    spacing: Sequence[float],
    edges_mm: Sequence[float],
    pixels: Sequence[int],
) -> torch.Tensor:
    """A box of `edges_mm` around a voxel, at `pixels`, linear; the image's edge goes on outside of it."""
    along = []
    for axis in range(3):
        offset = (torch.arange(pixels[axis], dtype=torch.float32) + 0.5) / pixels[axis] - 0.5
        along.append(float(centre[axis]) + offset * (edges_mm[axis] / spacing[axis]))
    return _at(whole, torch.stack(torch.meshgrid(*along, indexing="ij"), dim=-1))


def plane_through(
    whole: torch.Tensor,
    centre: NDArray[np.float64],
    spacing: Sequence[float],
    ways: tuple[NDArray[np.float64], NDArray[np.float64]],
    *,
    edge_mm: float,
    pixels: Sequence[int],
) -> torch.Tensor:
    """(channels, 1, rows, columns) of a square of `edge_mm` through a voxel, linear; the image's edge goes on.

    Args:
        ways: unit vectors [plane, row, column], in millimetres, along which rows and columns of the square rise.
    """
    steps = [(np.arange(count) + 0.5) / count * edge_mm - edge_mm / 2 for count in pixels]
    mm = steps[0][:, None, None] * ways[0] + steps[1][None, :, None] * ways[1]
    places = np.asarray(centre) + mm / np.asarray(spacing)
    return _at(whole, torch.from_numpy(places.astype(np.float32))[None])


def _at(whole: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """(channels, ...) values at (planes, rows, columns, 3) voxels [plane, row, column], linear."""
    sizes = torch.tensor(whole.shape[1:], dtype=torch.float32)
    grid = places * 2 / (sizes - 1).clamp(min=1) - 1
    return functional.grid_sample(whole[None], grid.flip(-1)[None], padding_mode="border", align_corners=True)[0]
