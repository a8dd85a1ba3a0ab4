"""Large pictures: of their pixels VTK is given those on the screen, as finely as they are shown. No Qt.

Each picture is halved again and again, so that whatever the zoom there is a version whose pixels are about those of the
screen. What VTK holds is bounded by the size of the screen, whatever the size of the picture.
"""

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from vtkmodules.vtkCommonDataModel import vtkImageData

from engine.volume import Volume
from viewer.render.image_data import grid_of

#: Pixels of a picture that VTK is given whole.
WHOLE = 1 << 22
#: Pixels along the longer side of the coarsest version.
_COARSEST = 1024
#: What is cut out reaches over the screen by this share of it on every side, so that not every move needs another cut.
_BEYOND = 0.25
#: Rows that are halved at once: what is added up on the way must not take as much memory as the picture.
_ROWS = 512

_halved: WeakKeyDictionary[Volume, tuple[int, list[NDArray[Any]]]] = WeakKeyDictionary()


def is_large(display: Volume) -> bool:
    """Whether a picture is drawn in parts."""
    _, rows, columns = display.geometry.shape
    return not display.geometry.in_patient and rows * columns > WHOLE


def versions(display: Volume, plane: int) -> list[NDArray[Any]]:
    """A plane of a picture, and that halved again and again: (rows, columns) or (rows, columns, 3) of its own type.

    Those of one plane are kept, for all views.
    """
    kept = _halved.get(display)
    if kept is None or kept[0] != plane:
        every = [display.voxels[plane]]
        while max(every[-1].shape[:2]) > _COARSEST:
            every.append(halved(every[-1]))
        kept = _halved[display] = plane, every
    return kept[1]


def make_ready(display: Volume) -> None:
    """Halve the plane of a large picture that is shown first, which takes seconds; for a thread to do."""
    if is_large(display):
        versions(display, (display.geometry.shape[0] - 1) // 2)


def halved(picture: NDArray[Any]) -> NDArray[Any]:
    """Half as many rows and columns, rounded up, each pixel the mean of those that it stands for."""
    rows, columns = picture.shape[:2]
    out = np.empty((-(-rows // 2), -(-columns // 2), *picture.shape[2:]), picture.dtype)
    # What sums of four need: whole numbers of 32 bits hold four of any type of pixels that has fewer.
    whole = np.issubdtype(picture.dtype, np.integer)
    for start in range(0, rows, _ROWS):
        part: NDArray[Any] = picture[start : start + _ROWS].astype(np.int32 if whole else np.float64)
        padding = [(0, part.shape[0] % 2), (0, columns % 2), *[(0, 0)] * (part.ndim - 2)]
        part = np.pad(part, padding, mode="edge")
        pairs: NDArray[Any] = part[::2] + part[1::2]
        fours: NDArray[Any] = pairs[:, ::2] + pairs[:, 1::2]
        out[start // 2 : start // 2 + len(fours)] = (fours + 2) >> 2 if whole else fours / 4
    return out


class Detail:
    """What one view is given of a picture."""

    def __init__(self, display: Volume) -> None:
        self._display = display
        self._plane, self._level = -1, -1
        self._box: NDArray[np.int64] = np.zeros((2, 2), np.int64)
        self._image: vtkImageData | None = None

    def image(self, plane: int, box: NDArray[np.float64], mm_per_pixel: float) -> vtkImageData:
        """The part of a plane that is on the screen, in the mm of the grid; the same object while it serves.

        Args:
            plane: index.
            box: (2, 2) first and last (x, y) mm that are on the screen.
            mm_per_pixel: of the screen.
        """
        every = versions(self._display, plane)
        spacing = np.array(self._display.geometry.spacing_uv)
        finer = mm_per_pixel / float(spacing.max())
        level = int(np.clip(np.floor(np.log2(max(finer, 1e-9)) + 0.5), 0, len(every) - 1))
        picture, step = every[level], 1 << level
        size = np.array(picture.shape[1::-1])
        # The first pixel of a coarser version lies between those that it stands for.
        first = (step - 1) / 2 * spacing
        wanted = np.array([np.floor((box[0] - first) / (spacing * step)), np.ceil((box[1] - first) / (spacing * step))])
        wanted = np.clip(wanted, 0, size - 1).astype(np.int64)
        serves = (self._plane, self._level) == (plane, level) and (self._box[0] <= wanted[0]).all()
        if self._image is not None and serves and (self._box[1] >= wanted[1]).all():
            return self._image
        beyond = np.ceil((wanted[1] - wanted[0] + 1) * _BEYOND).astype(np.int64)
        low, high = np.clip([wanted[0] - beyond, wanted[1] + beyond], 0, size - 1)
        part = picture[None, low[1] : high[1] + 1, low[0] : high[0] + 1]
        origin = first + low * spacing * step
        u, v = (spacing * step).tolist()
        x, y = origin.tolist()
        z = self._display.geometry.mean_spacing
        self._image = grid_of(part, (u, v, z), (x, y, plane * z))
        self._plane, self._level, self._box = plane, level, np.array([low, high])
        return self._image
