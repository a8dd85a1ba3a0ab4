"""Which part of a plane a view shows: the size of the view, what lies in its middle, and the magnification. No Qt.

Places are (right, down) mm on the screen; pixels are device pixels from the top left.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

_MINIMUM_ZOOM, _MAXIMUM_ZOOM = 0.2, 60.0
#: What is opened is shown no larger than this at first, and as large as all of it where the gain would be small.
_LARGEST_AT_FIRST, _LEAST_GAIN = 2.0, 1.2
#: What is revealed shall lie within this share of the view around its middle.
_REVEALED_SHARE = 0.9
#: What shall fill a view takes this share of it.
_FILLED_SHARE = 0.7


class Framing:
    """Changed by the scene that draws the view."""

    def __init__(self) -> None:
        self.size = (1, 1)
        self.centre: NDArray[np.float64] = np.zeros(2)
        self._zoom = 1.0
        self._middle: NDArray[np.float64] = np.zeros(2)
        self._extent: NDArray[np.float64] = np.ones(2)

    def take(self, middle: ArrayLike, extent: ArrayLike) -> None:
        """Fit what lies around `middle` with this width and height, mm."""
        self._middle = np.asarray(middle, dtype=np.float64)
        self._extent = np.asarray(extent, dtype=np.float64)
        self.fit()

    def begin(self, middle: ArrayLike, extent: ArrayLike) -> None:
        """Show at first a part of what `take` was given, where that is much smaller."""
        whole, part = float((self._extent / self.size).max()), float((np.asarray(extent) / self.size).max())
        larger = min(whole / part, _LARGEST_AT_FIRST)
        if larger >= _LEAST_GAIN:
            self._zoom, self.centre = larger, np.asarray(middle, dtype=np.float64)

    def fit(self) -> None:
        """Show all of it."""
        self._zoom, self.centre = 1.0, self._middle

    def move(self, by: ArrayLike, middle: ArrayLike, extent: ArrayLike) -> None:
        """Everything lies (2,) mm elsewhere, and `fit` is to show something else; on the screen nothing moves."""
        before = self.mm_per_pixel
        self.centre = self.centre + np.asarray(by, dtype=np.float64)
        self._middle, self._extent = np.asarray(middle, dtype=np.float64), np.asarray(extent, dtype=np.float64)
        self._zoom *= self.mm_per_pixel / before

    @property
    def mm_per_pixel(self) -> float:
        """Size of a device pixel, mm."""
        return float((self._extent / self.size).max()) / self._zoom

    @property
    def state(self) -> tuple[float, float, float]:
        """Magnification over what `fit` shows, and what lies in the middle."""
        right, down = self.centre.tolist()
        return self._zoom, right, down

    def set_state(self, zoom: float, right: float, down: float) -> None:
        """As `state` had it."""
        self._zoom = min(max(zoom, _MINIMUM_ZOOM), _MAXIMUM_ZOOM)
        self.centre = np.array([right, down], dtype=np.float64)

    def zoom(self, factor: float, at_pixel: tuple[float, float] | None = None) -> None:
        """Magnify, keeping what is under a pixel in its place."""
        before = self.place(at_pixel) if at_pixel is not None else self.centre
        self._zoom = min(max(self._zoom * factor, _MINIMUM_ZOOM), _MAXIMUM_ZOOM)
        after = self.place(at_pixel) if at_pixel is not None else self.centre
        self.centre = self.centre + before - after

    def pan(self, dx: float, dy: float) -> None:
        """Move the image by pixels."""
        self.centre = self.centre - np.array([dx, dy]) * self.mm_per_pixel

    def reveal(self, places: NDArray[np.float64]) -> bool:
        """Bring (n, 2) places into view, centred where they aren't in it yet; whether anything moved."""
        low, high = places.min(axis=0), places.max(axis=0)
        reach = np.array(self.size) / 2 * self.mm_per_pixel * _REVEALED_SHARE
        if (low >= self.centre - reach).all() and (high <= self.centre + reach).all():
            return False
        self._zoom = max(self._zoom / max(1.0, float(((high - low) / 2 / reach).max())), _MINIMUM_ZOOM)
        self.centre = (low + high) / 2
        return True

    def fill(self, places: NDArray[np.float64]) -> None:
        """Let (n, 2) places take most of the view, in its middle."""
        low, high = places.min(axis=0), places.max(axis=0)
        needed = max(float(((high - low) / self.size).max()) / _FILLED_SHARE, 1e-6)
        self._zoom = min(max(self._zoom * self.mm_per_pixel / needed, _MINIMUM_ZOOM), _MAXIMUM_ZOOM)
        self.centre = (low + high) / 2

    @property
    def corners(self) -> NDArray[np.float64]:
        """(2, 2) places of the upper left and the lower right corner of the view."""
        return np.stack([self.place((0, 0)), self.place(self.size)])

    def place(self, pixel: tuple[float, float]) -> NDArray[np.float64]:
        """What lies under a pixel."""
        return np.asarray(self.centre + (np.array(pixel) - np.array(self.size) / 2) * self.mm_per_pixel)

    def pixel(self, place: NDArray[np.float64]) -> tuple[float, float]:
        """Where a place is in the view."""
        x, y = (place - self.centre) / self.mm_per_pixel + np.array(self.size) / 2
        return float(x), float(y)
