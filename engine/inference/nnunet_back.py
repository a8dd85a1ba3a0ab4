"""Logits from a network's grid back to the voxels of the image, plane by plane, as nnU-Net v2 sets them.

Never more than the planes between which one plane of the image lies is held, whatever the number of classes.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from engine.contouring.trace import trace_mask_volume
from engine.inference.likeliest import likeliest
from engine.inference.nnunet_crop import part_of
from engine.inference.nnunet_grid import Grid, back_from, spacing_of
from engine.inference.nnunet_tidy import tidied
from engine.inference.outlines import Outlines
from engine.inference.plane_doubt import PlaneDoubt
from engine.inference.spline import coarse_axis, line_between
from engine.operations.nnunet import Params
from engine.operations.tidy import Tidy
from engine.progress import Progress, part
from engine.resample import onto_regular_grid
from engine.volume import Geometry, Volume

#: Of so few classes all are computed.
_FEW = 8
#: Samples of the network's grid along an axis of a part of a plane.
_AT_ONCE = 12
#: More than what half precision rounds off, of a value.
_ROUNDED = 2.0**-9


class Voxels:
    """The labels of the image's voxels, from logits that come in order of their planes.

    Logits are rounded to half precision where nnU-Net rounds them, so that what is a tie there is one here.

    Args:
        params: of the node.
        grid: of the network.
        doubt: what is counted meanwhile of each plane; None where no doubt is told.
    """

    def __init__(self, params: Params, grid: Grid, doubt: PlaneDoubt | None = None) -> None:
        self._params, self._grid, self.doubt = params, grid, doubt
        kind = np.uint8 if max((len(params.labels), *params.paints)) < 255 else np.uint16
        self.labels: NDArray[np.uint8 | np.uint16] = np.zeros(grid.whole, kind)
        coarse = coarse_axis(params.logits, spacing_of(params, grid.spacing_mm), grid.spacing_mm)
        self._lines = []
        for axis, (count, wanted) in enumerate(zip(grid.shape, grid.cut, strict=True)):
            order = params.logits.order_across if axis == coarse else params.logits.order
            lower, upper, share = line_between(count, wanted, order, axis == coarse)
            self._lines.append((torch.from_numpy(lower), torch.from_numpy(upper), torch.from_numpy(share).float()))
        self._parts = [_parts_of(lower, upper) for lower, upper, _ in self._lines[1:]]
        self._held: dict[int, torch.Tensor] = {}
        self._next = 0

    def add(self, plane: int, logits: torch.Tensor) -> None:
        """Take in the next plane.

        Args:
            plane: of the network's grid.
            logits: (channels, rows, columns), half precision.
        """
        self._held[plane] = logits
        lower, upper, share = self._lines[0]
        while self._next < len(lower) and int(upper[self._next]) <= plane:
            k = self._next
            first, second, more = int(lower[k]), int(upper[k]), float(share[k])
            between = self._held[first].float()
            if second != first and more:
                between = between * (1 - more) + self._held[second].float() * more
            self._set(k, between)
            self._next += 1
        needed = int(lower[self._next]) if self._next < len(lower) else plane + 1
        self._held = {index: held for index, held in self._held.items() if index >= needed}

    def outlines(self, image: Volume, progress: Progress, note: Callable[[str], None]) -> Outlines:
        """Lines around the voxels of each label, on the planes of the image: filled, they give the voxels back.

        Args:
            image: as it was acquired.
            progress: reports and may stop.
            note: told what a person is to know of what was changed.
        """
        found = {}
        labels = np.ascontiguousarray(self._grid.axes.to_image(self.labels))
        renamed = False
        if self._params.tidy != Tidy():
            labels, renamed = tidied(self._params, labels, self._grid.volume.geometry, note)
        source = onto_regular_grid(image)
        looked_at = self._grid.looked_at
        if self._params.first_mm is not None:
            onto = source.geometry if looked_at is None else part_of(source.geometry, looked_at)
            labels = labels[np.ix_(*back_from(self._grid.volume.geometry, onto))]
        if looked_at is not None:
            whole = np.zeros(source.geometry.shape, labels.dtype)
            whole[looked_at] = labels
            labels = whole
        labels = onto_planes(labels, source.geometry, image.geometry)
        boxes = ndimage.find_objects(labels)
        for index, label in enumerate(self._params.labels):
            if self._params.only and label not in self._params.only:
                continue
            covered = self._params.covers[index] if self._params.covers else (index + 1,)
            box = _around([boxes[value - 1] for value in covered if 0 < value <= len(boxes)])
            inside = labels[box]
            mask = inside == covered[0] if len(covered) == 1 else np.isin(inside, covered)
            count = len(self._params.labels)
            found[label] = trace_mask_volume(
                mask, image.geometry, part(progress, index / count, (index + 1) / count),
                (box[0].start, box[1].start, box[2].start),
            )  # fmt: skip
        # The doubt was counted by the network's own names.
        edits = self.doubt.edits(image.geometry, found) if self.doubt is not None and not renamed else {}
        return Outlines(image.geometry, found, edits)

    def _set(self, k: int, logits: torch.Tensor) -> None:
        box = self._grid.box
        place = (box[0].start + k, box[1], box[2])
        if self._params.activation == "softmax":
            self.labels[place] = self._likeliest(logits)
            return
        there = torch.sigmoid(self._between(logits)).numpy() > 0.5
        for region, value in zip(there, self._params.paints, strict=True):
            self.labels[place][region] = value

    def _likeliest(self, logits: torch.Tensor) -> NDArray[np.int16]:
        """(rows, columns) of the box: the first of the channels that are highest there.

        What lies between samples is no higher than the highest of them, so in a part of the plane a channel whose
        highest sample is below the lowest of another need not be computed. Of many classes that leaves a few.
        """
        size = (len(self._lines[1][0]), len(self._lines[2][0]))
        if logits.shape[0] <= _FEW or logits.shape[1:] == size:
            return np.asarray(likeliest(self._between(logits)).numpy())
        won = np.empty(size, np.int16)
        for rows, above in self._parts[0]:
            for columns, left in self._parts[1]:
                samples = logits[:, above, left].flatten(1)
                highest, lowest = samples.amax(dim=1), samples.amin(dim=1).max()
                reaches = highest + highest.abs() * _ROUNDED >= lowest - lowest.abs() * _ROUNDED
                kept = torch.nonzero(reaches)[:, 0]
                if len(kept) == 1:
                    won[rows, columns] = int(kept[0])
                    continue
                between = self._between(logits[:, above, left][kept], (rows, columns), (above.start, left.start))
                won[rows, columns] = kept[likeliest(between).long()].numpy()
        return won

    def _between(
        self,
        logits: torch.Tensor,
        part_of: tuple[slice, slice] = (slice(None), slice(None)),
        corner: tuple[int, int] = (0, 0),
    ) -> torch.Tensor:
        """(channels, rows, columns) of a part of the box, rounded to half precision.

        Args:
            logits: samples that it lies between.
            part_of: the box.
            corner: first of these samples.
        """
        for axis in (1, 2):
            lower, upper, share = (values[part_of[axis - 1]] for values in self._lines[axis])
            first = corner[axis - 1]
            if self._grid.shape[axis] == self._grid.cut[axis]:
                # The samples are the voxels; beside the part there may be one more.
                start = part_of[axis - 1].start or 0
                logits = logits.narrow(axis, start - first, len(lower))
                continue
            weight = share[:, None] if axis == 1 else share
            logits = torch.lerp(
                logits.index_select(axis, lower - first), logits.index_select(axis, upper - first), weight
            )
        return logits.half().float()


def _parts_of(lower: torch.Tensor, upper: torch.Tensor) -> list[tuple[slice, slice]]:
    """Along an axis: samples of the image, and those of the network's grid between which they lie, some at a time."""
    edges = torch.arange(0, int(upper.max()) + _AT_ONCE, _AT_ONCE)
    first = torch.searchsorted(lower, edges).tolist()
    return [
        (slice(start, stop), slice(int(lower[start]), int(upper[stop - 1]) + 1))
        for start, stop in zip(first, [*first[1:], len(lower)], strict=True)
        if stop > start
    ]


def _around(boxes: Sequence[Sequence[slice] | None]) -> tuple[slice, slice, slice]:
    """The box around boxes; of nothing, where there are none."""
    there = [box for box in boxes if box is not None]
    if not there:
        return slice(0, 0), slice(0, 0), slice(0, 0)
    low = [min(box[axis].start for box in there) for axis in range(3)]
    high = [max(box[axis].stop for box in there) for axis in range(3)]
    return slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])


def onto_planes(
    labels: NDArray[np.uint8 | np.uint16], here: Geometry, there: Geometry
) -> NDArray[np.uint8 | np.uint16]:
    """Labels of a regular grid on an image's planes: the nearest, where those are uneven or tilted."""
    if here.same_grid(there):
        return labels
    out = np.zeros(there.shape, labels.dtype)
    for k in range(there.shape[0]):
        corner = here.kji_from_lps(there.lps_from_kji([[k, 0, 0]]))[0]
        plane = int(np.clip(round(corner[0]), 0, here.shape[0] - 1))
        row, column = round(corner[1]), round(corner[2])
        part_of = labels[plane, row : row + there.shape[1], column : column + there.shape[2]]
        out[k, : part_of.shape[0], : part_of.shape[1]] = part_of
    return out
