"""Anatomical directions: which axis of a grid a view cuts, how the screen shows it, and the letters around it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import permutations, product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.volume import Geometry
from viewer.session import Cut, Session, View

PLANE_VIEWS = (View.AXIAL, View.SAGITTAL, View.CORONAL)

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

    A view that is turned has a grid of its own, which covers the image and is turned with it.

    Args:
        view: the pane.
        geometry: of the displayed grid.
        acquired: geometry of the series itself; the same where that is regular.
        across, right, down: index (0 column, 1 row, 2 plane) of the grid axis that is cut, runs right, runs down.
        right_sign, down_sign: −1 where the screen runs against the rising index.
        unturned: how the view shows the grid of the image itself; None where this is it.
    """

    view: View
    geometry: Geometry
    acquired: Geometry
    across: int
    right: int
    down: int
    right_sign: int
    down_sign: int
    unturned: "ViewFrame | None" = None

    @property
    def count(self) -> int:
        """Number of planes of the grid to scroll through."""
        return self.geometry.shape[2 - self.across]

    @property
    def cut(self) -> Cut:
        """How this view cuts the series."""
        return Cut.TURNED if self.unturned is not None else (Cut.COLUMN, Cut.ROW, Cut.PLANE)[self.across]

    @property
    def is_oblique(self) -> bool:
        """True when the cut is more than 10° off the anatomical plane that names the view."""
        across = np.abs(self.geometry.directions[:, self.across])
        return bool(across @ np.array(_CONVENTION[self.view][0]) < np.cos(np.radians(10)))

    @property
    def degrees(self) -> float:
        """Between the cut and that of the view as it lies by itself."""
        own = (self.unturned or self).geometry.directions[:, self.across]
        return float(np.degrees(np.arccos(np.clip(own @ self.geometry.directions[:, self.across], -1, 1))))

    @property
    def onward(self) -> int:
        """+1 where the next plane to the feet (axial), the patient's left or the back has a higher index, else −1.

        The next frame of a picture is the one that comes after.
        """
        if not self.acquired.in_patient:
            return 1
        axis, sign = {View.AXIAL: (2, -1), View.SAGITTAL: (0, 1), View.CORONAL: (1, 1)}[self.view]
        # A view that is turned goes on as it went before.
        return sign if (self.unturned or self).geometry.directions[axis, self.across] >= 0 else -sign

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

    @property
    def into(self) -> float:
        """Sign of the way into the screen along the axis that is cut."""
        return float(self.screen_axes[2][self.across])

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

    def box_of(self, box: NDArray[np.float64]) -> NDArray[np.float64]:
        """A (2, 3) box in grid mm of the image → the one around it in those of this grid."""
        if self.unturned is None:
            return box
        corners = np.array([self.unturned.lps_from_grid(corner) for corner in product(*box.T)])
        places = (corners - self.geometry.origins_lps[0]) @ self.geometry.directions
        return np.stack([places.min(axis=0), places.max(axis=0)])

    def reach(self, point_grid: NDArray[np.float64]) -> tuple[int, int]:
        """First and last plane of the grid that the line across the view through a (3,) point meets in the image."""
        if self.unturned is None:
            return 0, self.count - 1
        step = self.spacing[self.across]
        ahead = self.geometry.directions[:, self.across]
        start, stop = self._in_image(self.lps_from_grid(point_grid), ahead)
        at = float(point_grid[self.across])
        first, last = int(np.ceil((at + start) / step - 1e-6)), int(np.floor((at + stop) / step + 1e-6))
        shown = round(at / step)
        return (first, last) if first <= last else (shown, shown)

    def within(self, from_lps: ArrayLike, to_lps: ArrayLike) -> NDArray[np.float64]:
        """The (3,) LPS point nearest to `to_lps`, on the way from a point in the image, that is still in it."""
        start, goal = np.asarray(from_lps, dtype=np.float64), np.asarray(to_lps, dtype=np.float64)
        if self.unturned is None:
            return goal
        return start + min(self._in_image(start, goal - start)[1], 1.0) * (goal - start)

    def _in_image(self, point_lps: NDArray[np.float64], way_lps: NDArray[np.float64]) -> tuple[float, float]:
        """Between which multiples of a way from a point of the image one is in it; the point itself always counts."""
        image = (self.unturned or self).geometry
        at, way = (point_lps - image.origins_lps[0]) @ image.directions, way_lps @ image.directions
        last = (np.array(image.shape[::-1]) - 1) * image.spacing_xyz
        moving = np.abs(way) > 1e-9
        if not moving.any():
            return 0.0, 0.0
        ends = np.sort(np.stack([-at[moving], (last - at)[moving]]) / way[moving], axis=0)
        return min(float(ends[0].max()), 0.0), max(float(ends[1].min()), 0.0)

    def index_from_lps(self, point_lps: ArrayLike) -> int:
        """Index of the grid's plane across this view that is nearest to a point, within the grid."""
        index = round(float(self.grid_from_lps(point_lps)[self.across]) / self.spacing[self.across])
        return min(max(index, 0), self.count - 1)

    @property
    def along(self) -> list[int]:
        """The two grid axes of the cut, rising."""
        return [axis for axis in range(3) if axis != self.across]

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
        if self.unturned is not None:
            first, second = self.along
            return float(point[first]), float(point[second])
        if self.across == 2:
            x, y = point[:2] - self.shift(plane)
            return float(x), float(y)
        along = 1 - self.across
        return float(point[along] - self.shift(0)[along]), float(point[2])

    def grid_from_cut(self, points: NDArray[np.float64], plane: int, depth: float) -> NDArray[np.float64]:
        """(n, 2) mm of `ViewEvent.point_cut` → (n, 3) grid mm at `depth` mm along the axis that is cut."""
        out = np.empty((len(points), 3))
        out[:, self.across] = depth
        if self.unturned is not None:
            out[:, self.along] = points
        elif self.across == 2:
            out[:, :2] = points + self.shift(plane)
        else:
            along = 1 - self.across
            out[:, along] = points[:, 0] + self.shift(0)[along]
            out[:, 2] = points[:, 1]
        return out

    def cut_index(self, point_grid: ArrayLike, plane: int) -> float:
        """`ViewEvent.index` of a cut through a (3,) grid point."""
        point = np.asarray(point_grid, dtype=np.float64)
        if self.unturned is not None:
            return float(point[self.across] / self.spacing[self.across])
        if self.across == 2:
            return float(plane)
        return float((point[self.across] - self.shift(0)[self.across]) / self.spacing[self.across])


def view_frame(view: View, geometry: Geometry, acquired: Geometry) -> ViewFrame:
    """The frame of a plane view on a grid: each view cuts the grid axis that is nearest to its anatomical axis.

    The three views together use the three axes once each, so a series that was acquired sagittally shows its own
    planes in the sagittal view.
    """
    directions = geometry.directions
    wanted = np.array([_CONVENTION[v][0] for v in PLANE_VIEWS], dtype=np.float64)
    # |cosine| between the axis that each view wants to cut and each axis of the grid.
    likeness = np.abs(wanted @ directions)
    best = max(permutations(range(3)), key=lambda order: sum(likeness[v, axis] for v, axis in enumerate(order)))
    across = best[PLANE_VIEWS.index(view)]
    _, right_wanted, down_wanted = (np.array(vector, dtype=np.float64) for vector in _CONVENTION[view])
    first, second = (axis for axis in range(3) if axis != across)

    def fit(right: int, down: int) -> float:
        return float(abs(right_wanted @ directions[:, right]) + abs(down_wanted @ directions[:, down]))

    right, down = (first, second) if fit(first, second) >= fit(second, first) else (second, first)
    right_sign = 1 if right_wanted @ directions[:, right] >= 0 else -1
    down_sign = 1 if down_wanted @ directions[:, down] >= 0 else -1
    return ViewFrame(view, geometry, acquired, across, right, down, right_sign, down_sign)


def turned_frame(frame: ViewFrame, rotation: ArrayLike, about_lps: ArrayLike) -> ViewFrame:
    """A view turned by a (3, 3) rotation, LPS; one of its planes goes through a (3,) LPS point, mm.

    Along each axis of its grid the voxels lie as far apart as those of the image do in that direction.
    """
    image = frame.geometry
    axes = np.asarray(rotation) @ image.directions
    spacing = 1 / np.linalg.norm((image.directions.T @ axes) / np.array(image.spacing_xyz)[:, None], axis=0)
    last = np.array(image.shape[::-1]) - 1
    corners = np.array(list(product(*((0, end) for end in last)))) * image.spacing_xyz
    about = np.asarray(about_lps, dtype=np.float64)
    places = (image.origins_lps[0] + corners @ image.directions.T - about) @ axes / spacing
    first, final = places.min(axis=0), places.max(axis=0)
    # All of the image along the cut; but no plane of the view lies wholly outside it.
    inner = np.arange(3) == frame.across
    low = np.where(inner, np.ceil(first - 1e-6), np.floor(first + 1e-6))
    high = np.where(inner, np.floor(final + 1e-6), np.ceil(final - 1e-6))
    columns, rows, planes = (high - low + 1).astype(int).tolist()
    geometry = Geometry.regular(about + axes @ (low * spacing), axes, spacing, (planes, rows, columns))
    return replace(frame, geometry=geometry, unturned=frame)


def frames_of(session: Session, views: Sequence[View] = PLANE_VIEWS) -> dict[View, ViewFrame]:
    """How plane views show what is open, turned as the session says; empty where nothing is open."""
    display, volume, turned = session.display, session.volume, session.turned
    if display is None or volume is None:
        return {}
    frames = {view: view_frame(view, display.geometry, volume.geometry) for view in views}
    if turned is None:
        return frames
    return {
        view: turned_frame(frame, turned.rotations[view], turned.about_lps) if view in turned.rotations else frame
        for view, frame in frames.items()
    }
