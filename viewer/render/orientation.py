"""Anatomical directions: which axis of a grid a view cuts, how the screen shows it, and the letters around it."""

from dataclasses import dataclass
from functools import cached_property
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.volume import Geometry
from viewer.session import Cut, View

#: A letter is left out when its axis contributes less than this (the sine of 10°) to the direction.
LETTER_THRESHOLD = 0.17

_LETTERS = (("L", "R"), ("P", "A"), ("H", "F"))

#: View → (direction that it cuts across, screen right, screen down), LPS: the radiological convention, patient's right
#: on the left of the screen, seen from the feet; sagittal with anterior on the left.
_CONVENTION: dict[View, tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]] = {
    View.AXIAL: ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
    View.SAGITTAL: ((1, 0, 0), (0, 1, 0), (0, 0, -1)),
    View.CORONAL: ((0, 1, 0), (1, 0, 0), (0, 0, -1)),
}


def letters(direction_lps: ArrayLike) -> str:
    """The letters of PS3.3 C.7.6.1.1.1 (L R P A H F) for a (3,) direction in LPS, the strongest first: "L", "LA"."""
    direction = np.asarray(direction_lps, dtype=np.float64)
    direction = direction / np.linalg.norm(direction)
    order = np.argsort(-np.abs(direction), kind="stable")
    return "".join(_LETTERS[i][int(direction[i] < 0)] for i in order if abs(direction[i]) > LETTER_THRESHOLD)


@dataclass(frozen=True, eq=False)
class ViewFrame:
    """How a plane view shows a rectangular grid that lies in `geometry`.

    Points of a grid are `(x, y, z)` mm from its first voxel centre along rising column, row and plane index.

    Args:
        view: the pane.
        geometry: of the displayed grid.
        acquired: geometry of the series itself; the same where that is regular.
        across, right, down: index (0 column, 1 row, 2 plane) of the grid axis that is cut, runs right, runs down.
        right_sign, down_sign: −1 where the screen runs against the rising index.
    """

    view: View
    geometry: Geometry
    acquired: Geometry
    across: int
    right: int
    down: int
    right_sign: int
    down_sign: int

    @property
    def count(self) -> int:
        """Number of planes of the grid to scroll through."""
        return self.geometry.shape[2 - self.across]

    @property
    def cut(self) -> Cut:
        """How this view cuts the series."""
        return (Cut.COLUMN, Cut.ROW, Cut.PLANE)[self.across]

    @property
    def is_oblique(self) -> bool:
        """True when the cut is more than 10° off the anatomical plane that names the view."""
        across = np.abs(self.geometry.directions[:, self.across])
        return bool(across @ np.array(_CONVENTION[self.view][0]) < np.cos(np.radians(10)))

    @property
    def onward(self) -> int:
        """+1 where the next plane to the feet (axial), the patient's left or the back has a higher index, else −1.

        The next frame of a picture is the one that comes after.
        """
        if not self.acquired.in_patient:
            return 1
        axis, sign = {View.AXIAL: (2, -1), View.SAGITTAL: (0, 1), View.CORONAL: (1, 1)}[self.view]
        return sign if self.geometry.directions[axis, self.across] >= 0 else -sign

    def direction_lps(self, screen: str) -> NDArray[np.float64]:
        """(3,) LPS direction of the screen's "right", "left", "down" or "up"."""
        axis, sign = (self.right, self.right_sign) if screen in {"right", "left"} else (self.down, self.down_sign)
        return np.asarray(
            self.geometry.directions[:, axis] * sign * (1 if screen in {"right", "down"} else -1), dtype=np.float64
        )

    @cached_property
    def screen_axes(self) -> NDArray[np.float64]:
        """(3, 3) rows are the grid directions of the screen's right, down, and into the screen."""
        right, down = np.zeros(3), np.zeros(3)
        right[self.right], down[self.down] = self.right_sign, self.down_sign
        return np.stack([right, down, np.cross(right, down)])

    @cached_property
    def spacing(self) -> tuple[float, float, float]:
        """(x, y, z) mm of the grid."""
        return self.geometry.spacing_xyz

    def grid_from_lps(self, point_lps: ArrayLike) -> NDArray[np.float64]:
        """(3,) LPS mm → (3,) grid mm."""
        offset = np.asarray(point_lps, dtype=np.float64) - self.geometry.origins_lps[0]
        return np.asarray(offset @ self.geometry.directions, dtype=np.float64)

    def lps_from_grid(self, point_grid: ArrayLike) -> NDArray[np.float64]:
        """(3,) grid mm → (3,) LPS mm."""
        point = np.asarray(point_grid, dtype=np.float64)
        return np.asarray(self.geometry.origins_lps[0] + self.geometry.directions @ point, dtype=np.float64)

    def screen_from_lps(self, points_lps: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 3) LPS mm → (n, 2) mm right and down on the screen."""
        points = (points_lps - self.geometry.origins_lps[0]) @ self.geometry.directions
        return np.asarray(points[:, [self.right, self.down]] * (self.right_sign, self.down_sign))

    def placed(self, box: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Middle and extent, mm right and down, of a (2, 3) box of grid mm, to the edges of its outermost voxels."""
        axes, signs = [self.right, self.down], (self.right_sign, self.down_sign)
        return (box.sum(axis=0) / 2)[axes] * signs, (box[1] - box[0] + self.spacing)[axes]

    def index_from_lps(self, point_lps: ArrayLike) -> int:
        """Index of the grid's plane across this view that is nearest to a point, within the grid."""
        index = round(float(self.grid_from_lps(point_lps)[self.across]) / self.spacing[self.across])
        return min(max(index, 0), self.count - 1)

    @cached_property
    def shifts(self) -> NDArray[np.float64]:
        """(planes, 2) grid mm `(x, y)` of the first voxel centre of each acquired plane."""
        offsets = self.acquired.origins_lps - self.geometry.origins_lps[0]
        return np.asarray((offsets @ self.geometry.directions)[:, :2], dtype=np.float64)

    def shift(self, plane: int) -> NDArray[np.float64]:
        """(2,) grid mm `(x, y)` of the first voxel centre of acquired plane `plane`."""
        return np.asarray(self.shifts[plane])

    def cut_from_grid(self, point_grid: ArrayLike, plane: int) -> tuple[float, float]:
        """(3,) grid mm → `(horizontal, vertical)` mm of `ViewEvent.point_cut`."""
        point = np.asarray(point_grid, dtype=np.float64)
        if self.across == 2:
            x, y = point[:2] - self.shift(plane)
            return float(x), float(y)
        along = 1 - self.across
        return float(point[along] - self.shift(0)[along]), float(point[2])

    def grid_from_cut(self, points: NDArray[np.float64], plane: int, depth: float) -> NDArray[np.float64]:
        """(n, 2) mm of `ViewEvent.point_cut` → (n, 3) grid mm at `depth` mm along the axis that is cut."""
        out = np.empty((len(points), 3))
        out[:, self.across] = depth
        if self.across == 2:
            out[:, :2] = points + self.shift(plane)
        else:
            along = 1 - self.across
            out[:, along] = points[:, 0] + self.shift(0)[along]
            out[:, 2] = points[:, 1]
        return out

    def cut_index(self, point_grid: ArrayLike, plane: int) -> float:
        """`ViewEvent.index` of a cut through a (3,) grid point."""
        if self.across == 2:
            return float(plane)
        point = np.asarray(point_grid, dtype=np.float64)
        return float((point[self.across] - self.shift(0)[self.across]) / self.spacing[self.across])


def view_frame(view: View, geometry: Geometry, acquired: Geometry) -> ViewFrame:
    """The frame of a plane view on a grid: each view cuts the grid axis that is nearest to its anatomical axis.

    The three views together use the three axes once each, so a series that was acquired sagittally shows its own
    planes in the sagittal view.
    """
    directions = geometry.directions
    views = (View.AXIAL, View.SAGITTAL, View.CORONAL)
    wanted = np.array([_CONVENTION[v][0] for v in views], dtype=np.float64)
    # |cosine| between the axis that each view wants to cut and each axis of the grid.
    likeness = np.abs(wanted @ directions)
    best = max(permutations(range(3)), key=lambda order: sum(likeness[v, axis] for v, axis in enumerate(order)))
    across = best[views.index(view)]
    _, right_wanted, down_wanted = (np.array(vector, dtype=np.float64) for vector in _CONVENTION[view])
    first, second = (axis for axis in range(3) if axis != across)

    def fit(right: int, down: int) -> float:
        return float(abs(right_wanted @ directions[:, right]) + abs(down_wanted @ directions[:, down]))

    right, down = (first, second) if fit(first, second) >= fit(second, first) else (second, first)
    right_sign = 1 if right_wanted @ directions[:, right] >= 0 else -1
    down_sign = 1 if down_wanted @ directions[:, down] >= 0 else -1
    return ViewFrame(view, geometry, acquired, across, right, down, right_sign, down_sign)
