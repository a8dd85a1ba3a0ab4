"""Outlines of structures as polylines for a cut of the series, kept until an edit touches them. No VTK."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon

from engine.contouring.across import EdgeCutter, is_level
from engine.contouring.section import Edges, edges_of, plane_heights, section_lines
from engine.contouring.stack import offsets
from engine.structures import PlaneContours, Roi, StructureSet
from engine.volume import FloatArray
from viewer.render.orientation import ViewFrame
from viewer.session import Cut

Planes = Mapping[int, PlaneContours]

#: Structures whose edges lie in one piece. Which of them are drawn together changes with the active one and what is
#: hidden, and then only the pieces of those are put together anew.
_A_BUNDLE = 8
#: Ways in which those of one piece were drawn together that are kept: all, all but the active one, that one.
_MOST_WAYS = 3


@dataclass(frozen=True, eq=False)
class Lines:
    """Polylines: `points` (n, 2) mm of the cut, line i being `points[offsets[i] : offsets[i + 1]]`."""

    points: FloatArray
    offsets: NDArray[np.int64]

    @property
    def count(self) -> int:
        """Number of polylines."""
        return len(self.offsets) - 1


NO_LINES = Lines(np.empty((0, 2)), np.zeros(1, dtype=np.int64))


def ring_lines(area: MultiPolygon) -> Lines:
    """The closed rings of an area, holes included, in its own frame."""
    polygons = shapely.get_parts(area)
    rings = shapely.get_rings(polygons)
    if not len(rings):
        return NO_LINES
    counts = shapely.get_num_coordinates(rings)
    return Lines(shapely.get_coordinates(rings), np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


@dataclass(frozen=True, eq=False)
class Outlines:
    """Polylines of several structures: line i belongs to structure `owners[i]` of those that were asked for."""

    lines: Lines
    owners: NDArray[np.int64]


@dataclass(eq=False)
class OutlineCache:
    """Outlines of all structures in one view."""

    frame: ViewFrame
    #: Numbers of structures, of one piece or, for oblique cuts, of all → their contours and edges.
    _edges: dict[tuple[int, ...], tuple[list[Planes], Edges]] = field(default_factory=dict)
    _plane_edges: dict[tuple[int, int], tuple[PlaneContours, FloatArray]] = field(default_factory=dict)
    _rings: dict[tuple[int, int], tuple[PlaneContours, Lines]] = field(default_factory=dict)
    _cutters: dict[tuple[int, ...], EdgeCutter] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._heights = plane_heights(self.frame.acquired)
        self._shifts = offsets(self.frame.acquired)

    def forget(self, structures: StructureSet) -> None:
        """Drop what belongs to structures that are gone."""
        known = {roi.number for roi in structures.rois}
        self._edges = {key: held for key, held in self._edges.items() if known.issuperset(key)}
        self._cutters = {key: held for key, held in self._cutters.items() if known.issuperset(key)}
        self._rings = {key: held for key, held in self._rings.items() if key[0] in known}
        self._plane_edges = {key: held for key, held in self._plane_edges.items() if key[0] in known}

    def outlines(self, rois: Sequence[Roi], index: float, plane: int) -> Outlines:
        """Outlines of `rois`, mm of `ViewEvent.point_cut`: on acquired `plane`, or on the cut at `index`."""
        if self.frame.cut is Cut.PLANE:
            drawn = [self._on_plane(roi, plane) for roi in rois]
            starts = np.cumsum([0, *(len(lines.points) for lines in drawn)])
            offsets = [lines.offsets[:-1] + start for lines, start in zip(drawn, starts, strict=False)]
            points = np.concatenate([np.empty((0, 2)), *(lines.points for lines in drawn)])
            owners = np.repeat(np.arange(len(rois)), [lines.count for lines in drawn])
            return Outlines(Lines(points, np.concatenate([*offsets, starts[-1:]])), owners)
        if self.frame.unturned is not None:
            return self._oblique(rois, index, plane)
        along = 0 if self.frame.cut is Cut.ROW else 1
        at = index * self.frame.acquired.spacing_uv[1 - along]
        pieces: dict[int, list[int]] = {}
        for place, roi in enumerate(rois):
            pieces.setdefault(roi.number // _A_BUNDLE, []).append(place)
        parts, placed = [np.empty((0, 2, 2))], [np.empty(0, dtype=np.int64)]
        for places in pieces.values():
            ends, owner = section_lines(self._all_edges([rois[place] for place in places]), at, along, self._heights)
            parts.append(ends)
            placed.append(np.array(places)[owner])
        points = np.concatenate(parts).reshape(-1, 2)
        return Outlines(Lines(points, np.arange(0, len(points) + 1, 2)), np.concatenate(placed))

    def _oblique(self, rois: Sequence[Roi], index: float, plane: int) -> Outlines:
        frame = self.frame
        normal = frame.geometry.directions[:, frame.across]
        if is_level(frame.acquired, normal):
            # The acquired planes themselves, turned within.
            own = [self._on_plane(roi, plane) for roi in rois]
            drawn = [frame.acquired.lps_from_plane(plane, lines.points) for lines in own]
            points_lps = np.concatenate([np.empty((0, 3)), *drawn])
            counts = [count for lines in own for count in np.diff(lines.offsets)]
            offsets = np.cumsum([0, *counts]).astype(np.int64)
            owners = np.repeat(np.arange(len(rois)), [lines.count for lines in own])
        else:
            edges, key = self._all_edges(rois), tuple(roi.number for roi in rois)
            cutter = self._cutters.get(key)
            if cutter is None or cutter.edges is not edges:
                cutter = self._cutters[key] = EdgeCutter(edges, frame.acquired)
            at = np.zeros(3)
            at[frame.across] = index * frame.spacing[frame.across]
            cut = cutter.cut(frame.lps_from_grid(at), normal)
            points_lps, offsets, owners = cut.points_lps, cut.offsets, cut.owners
        points = (points_lps - frame.geometry.origins_lps[0]) @ frame.geometry.directions
        return Outlines(Lines(points[:, frame.along], offsets), owners)

    def lines(self, roi: Roi, index: float, plane: int) -> Lines:
        """The outlines of one structure."""
        return self.outlines([roi], index, plane).lines

    def _on_plane(self, roi: Roi, plane: int) -> Lines:
        contours = roi.planes.get(plane)
        if contours is None:
            return NO_LINES
        held = self._rings.get((roi.number, plane))
        if held is None or held[0] is not contours:
            held = (contours, ring_lines(contours.area))
            self._rings[roi.number, plane] = held
        return held[1]

    def _all_edges(self, rois: Sequence[Roi]) -> Edges:
        key = tuple(roi.number for roi in rois)
        held = self._edges.get(key)
        if held is None or any(old is not roi.planes for old, roi in zip(held[0], rois, strict=True)):
            held = ([roi.planes for roi in rois], self._gather(rois))
        # Those that were drawn last stand last.
        self._edges.pop(key, None)
        self._edges[key] = held
        alike = [other for other in self._edges if _piece(other) == _piece(key)]
        for other in alike[:-_MOST_WAYS]:
            self._edges.pop(other)
            self._cutters.pop(other, None)
        return held[1]

    def _gather(self, rois: Sequence[Roi]) -> Edges:
        parts: list[FloatArray] = []
        planes: list[int] = []
        owners: list[int] = []
        self._hold_edges(rois)
        for owner, roi in enumerate(rois):
            for plane in roi.planes:
                parts.append(self._plane_edges[roi.number, plane][1])
                planes.append(plane)
                owners.append(owner)
        counts = [len(part) for part in parts]
        return Edges(
            # Each column in one piece: a cut looks at two of them.
            np.asfortranarray(np.concatenate([np.empty((0, 4)), *parts])),
            np.repeat(np.array(planes, dtype=np.int64), counts),
            np.repeat(np.array(owners, dtype=np.int64), counts),
        )

    def _hold_edges(self, rois: Sequence[Roi]) -> None:
        """Keep the edges of every plane; those that are new or were drawn anew are found at once."""
        new: list[tuple[int, int, PlaneContours]] = []
        for roi in rois:
            for plane, contours in roi.planes.items():
                held = self._plane_edges.get((roi.number, plane))
                if held is None or held[0] is not contours:
                    new.append((roi.number, plane, contours))
        ends = edges_of([contours.area for _, _, contours in new])
        for (number, plane, contours), own in zip(new, ends, strict=True):
            # All planes share the frame of plane 0, so that one cut is one line through all of them.
            self._plane_edges[number, plane] = (contours, own + np.tile(self._shifts[plane], 2))


def _piece(numbers: tuple[int, ...]) -> tuple[int, int]:
    """Of which piece structures are: the first and last that their numbers belong to."""
    pieces = [number // _A_BUNDLE for number in numbers]
    return min(pieces, default=-1), max(pieces, default=-1)
