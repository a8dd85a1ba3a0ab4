"""The areas of structures on the cut of one view, filled. No Qt."""

from collections.abc import Mapping, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon
from shapely.geometry.base import BaseGeometry
from vtkmodules.vtkCommonDataModel import vtkPolyData
from vtkmodules.vtkRenderingCore import vtkRenderer

from engine.contouring.section import Axis, section
from engine.structures import PlaneContours, Roi
from viewer.render.image_data import set_triangles
from viewer.render.lines import line_actor
from viewer.render.orientation import ViewFrame
from viewer.render.outlines import OutlineCache, Outlines
from viewer.session import Cut

Triangles = NDArray[np.float64]

_NONE: Triangles = np.empty((0, 3, 2))
#: Filled areas that are kept.
_MOST = 2000


class StructureFills:
    """Fills the areas that it is given, in the opacity of each."""

    def __init__(self, renderer: vtkRenderer) -> None:
        self._data: vtkPolyData
        self._data, actor = line_actor(1.0, coloured=True)
        renderer.AddActor(actor)
        self._held: dict[tuple[int, float], tuple[object, Triangles]] = {}
        self._frame: ViewFrame | None = None

    def show(self, frame: ViewFrame | None) -> None:
        """Draw on the cuts of this frame from now on; None where nothing is shown."""
        self._frame = frame
        self._held.clear()
        self.clear()

    def clear(self) -> None:
        """Draw nothing."""
        if self._data.GetNumberOfCells():
            self._data.Initialize()

    def draw(
        self, rois: Sequence[tuple[Roi, float]], outlines: OutlineCache, index: float, plane: int, depth: float
    ) -> None:
        """Fill ROIs, each in its opacity, on acquired `plane` or on the cut at `index`, at grid mm `depth`.

        `outlines` are those of the same view.
        """
        frame = self._frame
        if frame is None or not rois:
            self.clear()
            return
        if frame.cut is Cut.TURNED:
            parts = _inside(outlines.outlines([roi for roi, _ in rois], index, plane), len(rois))
        else:
            parts = [self._triangles(frame, roi, index, plane) for roi, _ in rois]
        points = np.concatenate(parts).reshape(-1, 2)
        if not len(points):
            self.clear()
            return
        colours = np.array([(*roi.colour, round(255 * opacity)) for roi, opacity in rois], dtype=np.uint8)
        owners = np.repeat(np.arange(len(rois)), [len(part) for part in parts])
        set_triangles(self._data, frame.grid_from_cut(points, plane, depth), colours[owners])

    def draw_area(
        self, colour: tuple[int, int, int], opacity: float, area: BaseGeometry, plane: int, depth: float
    ) -> None:
        """Fill one area, mm of the cut, that changes too often to be kept; as `draw`."""
        corners = triangles(area)
        if self._frame is None or not len(corners):
            self.clear()
            return
        colours = np.tile(np.array([*colour, round(255 * opacity)], dtype=np.uint8), (len(corners), 1))
        set_triangles(self._data, self._frame.grid_from_cut(corners.reshape(-1, 2), plane, depth), colours)

    def _triangles(self, frame: ViewFrame, roi: Roi, index: float, plane: int) -> Triangles:
        on_plane = frame.cut is Cut.PLANE
        key: tuple[int, float] = (roi.number, plane if on_plane else index)
        source: PlaneContours | Mapping[int, PlaneContours] | None = roi.planes.get(plane) if on_plane else roi.planes
        held = self._held.get(key)
        if held is None or held[0] is not source:
            if len(self._held) >= _MOST:
                self._held.clear()
            area = roi.area(plane) if on_plane else _cut(frame, roi, index)
            held = self._held[key] = (source, triangles(area))
        return held[1]


def triangles(area: BaseGeometry) -> Triangles:
    """(n, 3, 2) triangles that fill an area and leave out its holes: the constrained Delaunay triangulation of GEOS."""
    if area.is_empty:
        return _NONE
    parts = shapely.get_parts(shapely.constrained_delaunay_triangles(area))
    corners: Triangles = shapely.get_coordinates(parts).reshape(-1, 4, 2)[:, :3]
    return corners


def _inside(outlines: Outlines, count: int) -> list[Triangles]:
    """Of each of so many structures, what its outlines enclose by even-odd."""
    lines, owners = outlines.lines, outlines.owners
    rings = shapely.linestrings(lines.points, indices=np.repeat(np.arange(lines.count), np.diff(lines.offsets)))
    areas = [shapely.build_area(shapely.multilinestrings(rings[owners == owner])) for owner in range(count)]
    return [triangles(area) for area in areas]


def _cut(frame: ViewFrame, roi: Roi, index: float) -> MultiPolygon:
    axis: Axis = "row" if frame.cut is Cut.ROW else "column"
    areas = {plane: contours.area for plane, contours in roi.planes.items()}
    return section(areas, frame.acquired, axis, index)
