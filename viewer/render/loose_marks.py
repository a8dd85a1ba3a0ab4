"""Points, open contours and contours off the planes as marks on a cut: crosses and dashes, the same size at any zoom.

A point is a cross on the cut within half a voxel of it; any other contour is dashed where it lies within that, and an
oblique cross shows where it passes through the cut. No VTK.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.loose import LooseContour, LooseKind, loose_contours, slab_edges
from engine.structures import RawContour, Roi, StructureSet
from engine.volume import FloatArray
from viewer.render.dashes import dashed, lengths
from viewer.render.orientation import ViewFrame
from viewer.session import Cut

#: Screen pixels from the middle of a cross to its ends, for points and for where a line passes.
POINT_ARM_PX, PASSING_ARM_PX = 7.0, 4.0


@dataclass(frozen=True, eq=False)
class Marks:
    """Straight lines: (n, 2, 3) grid mm, line i belonging to structure `owners[i]` of those that were asked for."""

    ends: FloatArray
    owners: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Held:
    """The loose contours of one structure in grid mm.

    `points` (p, 3) with the plane of each, −1 beyond the image; `edges` (m, 2, 3) with the contour of each, and for
    each contour the first and last plane that it is on, and whether it is wholly on one.
    """

    points: FloatArray
    point_planes: NDArray[np.int64]
    edges: FloatArray
    contours: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]


@dataclass(eq=False)
class LooseMarks:
    """The marks of one view, computed from coordinates that are kept until a structure changes."""

    frame: ViewFrame
    _held: dict[int, tuple[tuple[RawContour, ...], _Held]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        acquired = self.frame.acquired
        # Along the normal from the first plane.
        self._slabs = slab_edges(acquired) - acquired.positions[0]
        self._levels = acquired.positions - acquired.positions[0]

    def forget(self, structures: StructureSet) -> None:
        """Drop what belongs to structures that are gone."""
        known = {roi.number for roi in structures.rois}
        self._held = {number: held for number, held in self._held.items() if number in known}

    def marks(self, rois: Sequence[Roi], index: int, plane: int, pixel_mm: float) -> Marks:
        """The marks of `rois` on the grid's plane `index` of this view, or on acquired `plane` where it cuts those.

        Args:
            rois: to draw.
            index, plane: where the view is.
            pixel_mm: of a screen pixel.
        """
        drawn: list[FloatArray] = [np.empty((0, 2, 3))]
        owners: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
        for owner, roi in enumerate(rois):
            if roi.loose:
                ends = self._marks_of(self._placed(roi), index, plane, pixel_mm)
                drawn.append(ends)
                owners.append(np.full(len(ends), owner))
        return Marks(np.concatenate(drawn), np.concatenate(owners))

    def _placed(self, roi: Roi) -> _Held:
        held = self._held.get(roi.number)
        if held is None or held[0] is not roi.loose:
            held = (roi.loose, self._place(loose_contours(roi.loose, self.frame.acquired)))
            self._held[roi.number] = held
        return held[1]

    def _place(self, contours: Sequence[LooseContour]) -> _Held:
        lone = [contour for contour in contours if contour.kind is LooseKind.POINT]
        lines = [contour for contour in contours if contour.kind is not LooseKind.POINT]
        points_lps = np.concatenate([np.empty((0, 3)), *(contour.points_lps for contour in lone)])
        points = self._grid(points_lps)
        height = points_lps @ self.frame.acquired.normal - self.frame.acquired.positions[0]
        nearest = np.abs(height[:, None] - self._levels).argmin(axis=1)
        within = (height >= self._slabs[0] - 1e-6) & (height <= self._slabs[-1] + 1e-6)
        edges = [np.empty((0, 2, 3))]
        for contour in lines:
            corners = self._grid(contour.points_lps)
            if contour.kind is LooseKind.CLOSED:
                corners = np.concatenate([corners, corners[:1]])
            edges.append(np.stack([corners[:-1], corners[1:]], axis=1))
        return _Held(
            points,
            np.where(within, nearest, -1),
            np.concatenate(edges),
            np.repeat(np.arange(len(lines)), [len(part) for part in edges[1:]]),
            np.array([contour.planes[0] if contour.planes else -1 for contour in lines], dtype=np.int64),
            np.array([contour.planes[-1] if contour.planes else -2 for contour in lines], dtype=np.int64),
        )

    def _grid(self, points_lps: FloatArray) -> FloatArray:
        return np.asarray((points_lps - self.frame.geometry.origins_lps[0]) @ self.frame.geometry.directions)

    def _marks_of(self, held: _Held, index: int, plane: int, pixel_mm: float) -> FloatArray:
        frame = self.frame
        across = frame.across
        if frame.cut is Cut.PLANE:
            on = held.point_planes == plane
            reached = (held.first <= plane) & (plane <= held.last)
            whole = reached & (held.first == held.last)
            from_grid = frame.acquired.positions[0] - frame.geometry.positions[0]
            low, level, high = (
                held + from_grid for held in (self._slabs[plane], self._levels[plane], self._slabs[plane + 1])
            )
        else:
            level = index * frame.spacing[across]
            low, high = level - frame.spacing[across] / 2, level + frame.spacing[across] / 2
            on = (held.points[:, across] >= low) & (held.points[:, across] < high)
            # Beyond the first and last plane nothing is shown, in any view.
            reached = held.first >= 0
            on &= held.point_planes >= 0
            whole = np.zeros(len(reached), dtype=bool)
        near = np.flatnonzero(reached[held.contours])
        edges, contours = held.edges[near], held.contours[near]
        full = whole[contours]
        pieces, kept = _within(edges, across, np.where(full, -np.inf, low), np.where(full, np.inf, high))
        passing, through = _passing(edges, across, level)
        passing, through = passing[~full[through]], through[~full[through]]
        quiet = ~np.isin(contours[kept], contours[through])
        lone = _too_short_to_see(pieces[quiet], contours[kept][quiet], across, pixel_mm)
        right, down, _ = frame.screen_axes
        arm = POINT_ARM_PX * pixel_mm
        slant = PASSING_ARM_PX * pixel_mm
        return np.concatenate(
            [
                _crosses(held.points[on], right * arm, down * arm),
                _crosses(np.concatenate([passing, lone]), (right + down) * slant, (right - down) * slant),
                dashed(pieces, contours[kept], across, pixel_mm),
            ]
        )


def _within(edges: FloatArray, across: int, low: FloatArray, high: FloatArray) -> tuple[FloatArray, NDArray[np.int64]]:
    """The parts of (n, 2, 3) edges between two levels of a coordinate, and the index of the edge of each."""
    start, stop = edges[:, 0, across], edges[:, 1, across]
    rise = stop - start
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (low - start) / rise, (high - start) / rise
    level = rise == 0
    inside = (start >= low) & (start < high)
    enter = np.where(level, np.where(inside, 0.0, 1.0), np.clip(np.minimum(first, second), 0, 1))
    leave = np.where(level, np.where(inside, 1.0, 0.0), np.clip(np.maximum(first, second), 0, 1))
    kept = np.flatnonzero(leave > enter)
    origin, step = edges[kept, 0], edges[kept, 1] - edges[kept, 0]
    return np.stack([origin + enter[kept, None] * step, origin + leave[kept, None] * step], axis=1), kept


def _passing(edges: FloatArray, across: int, level: float) -> tuple[FloatArray, NDArray[np.int64]]:
    """(n, 3) where edges pass through a level of a coordinate, and the index of the edge of each."""
    start, stop = edges[:, 0, across], edges[:, 1, across]
    through = np.flatnonzero((start > level) != (stop > level))
    origin, step = edges[through, 0], edges[through, 1] - edges[through, 0]
    return origin + ((level - start[through]) / step[:, across])[:, None] * step, through


def _too_short_to_see(pieces: FloatArray, contours: NDArray[np.int64], across: int, pixel_mm: float) -> FloatArray:
    """(n, 3) the first middle of each contour that comes near the cut but would be drawn smaller than a cross."""
    names, first, members = np.unique(contours, return_index=True, return_inverse=True)
    drawn = np.bincount(members, weights=lengths(pieces, across), minlength=len(names))
    return np.asarray(pieces[first[drawn < 2 * PASSING_ARM_PX * pixel_mm]].mean(axis=1))


def _crosses(centres: FloatArray, one_arm: FloatArray, other_arm: FloatArray) -> FloatArray:
    """(2n, 2, 3) two lines through each of (n, 3) centres."""
    arms = np.stack([np.stack([-one_arm, one_arm]), np.stack([-other_arm, other_arm])])
    return np.asarray((centres[:, None, None] + arms).reshape(-1, 2, 3))
