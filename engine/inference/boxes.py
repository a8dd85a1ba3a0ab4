"""Places in an image that may hold something, as a detector or a finder of candidates gives them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.errors import CardError
from engine.inference.preprocess import Prepared


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes along the axes of a network's grid.

    Args:
        labels: what a box may hold.
        prepared: the image whose grid they lie on.
        low, high: (boxes, 3) [plane, row, column] of the corners in voxels of the grid, network axes; whole numbers are
            voxel centres.
        values: (boxes, labels) how sure, 0 to 1.
    """

    labels: tuple[str, ...]
    prepared: Prepared
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    values: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.low)

    @property
    def centres(self) -> NDArray[np.float64]:
        """(boxes, 3) [plane, row, column] in voxels of the grid."""
        return (self.low + self.high) / 2

    def chosen(self, which: NDArray[np.intp] | NDArray[np.bool_]) -> "Boxes":
        """Some of them, in the order that is given."""
        return replace(self, low=self.low[which], high=self.high[which], values=self.values[which])

    def mask_on(self, image: Prepared, labels: Sequence[str], level: float) -> NDArray[np.bool_]:
        """(planes, rows, columns) within the boxes that reach a level of any of the labels, of all where none is named.

        Raises:
            CardError: the image lies on another grid.
        """
        if not self.prepared.geometry.same_grid(image.geometry):
            raise CardError("The card looks at boxes that were found in another image.")
        columns = [index for index, label in enumerate(self.labels) if not labels or label in labels]
        mask = np.zeros(image.shape, np.bool_)
        sure = self.values[:, columns].max(axis=1, initial=0.0) >= level
        for low, high in zip(self.low[sure], self.high[sure], strict=True):
            first = np.clip(np.ceil(low), 0, None).astype(int)
            last = np.maximum(np.floor(high).astype(int) + 1, 0)
            mask[tuple(slice(a, b) for a, b in zip(first, last, strict=True))] = True
        return mask

    def on_volume(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(boxes, 3) lowest and highest corners as [plane, row, column] of the volume as it was acquired."""
        image = self.prepared
        corners = [_in_image_axes(image, points) for points in (self.low, self.high)]
        placed = [image.volume.geometry.kji_from_lps(image.geometry.lps_from_kji(points)) for points in corners]
        return np.minimum(*placed), np.maximum(*placed)


def _in_image_axes(image: Prepared, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """[plane, row, column] on network axes, as the same on image axes."""
    turned = points.copy()
    for axis in image.axes.reversed_axes:
        turned[:, axis] = image.shape[axis] - 1 - turned[:, axis]
    return turned[:, np.argsort(image.axes.order)]


def apart(centres_mm: NDArray[np.float64], sizes_mm: NDArray[np.float64], most: int) -> list[int]:
    """The indices of the first places of which none lies within half the size of one before it.

    Args:
        centres_mm: (n, 3), the best first.
        sizes_mm: (n,) edges.
        most: how many are kept.
    """
    kept: list[int] = []
    for index in range(len(centres_mm)):
        if kept:
            distances = np.linalg.norm(centres_mm[kept] - centres_mm[index], axis=1)
            if (distances < sizes_mm[kept] / 2).any():
                continue
        kept.append(index)
        if len(kept) == most:
            break
    return kept


def best_first(values: NDArray[np.float32]) -> NDArray[np.intp]:
    """Indices of (n, labels) values by the highest label of each, the surest first; ties in their own order."""
    return np.argsort(-values.max(axis=1), kind="stable")


def empty(labels: Sequence[str], prepared: Prepared) -> Boxes:
    """No boxes."""
    return Boxes(tuple(labels), prepared, np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, len(labels)), np.float32))
