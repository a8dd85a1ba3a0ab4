"""Which structure lies under the mouse. No Qt."""

import shapely
from shapely import Point

from engine.structures import Roi
from viewer.session import Cut, Session
from viewer.tools.canvas import Place, area_at
from viewer.tools.events import ViewEvent

#: A line is pointed at within so many pixels of the screen.
_REACH_PX = 5.0


def structure_under(session: Session, event: ViewEvent) -> Roi | None:
    """The structure that is meant by a point of a view; None where there is none.

    It is the one whose line is nearest, within a few pixels; else the smallest of those that hold the point. The body
    outline holds nearly every point, so it is meant only where its line is.
    """
    structures = session.structures
    if structures is None:
        return None
    place, point = Place.of(event), Point(event.point_cut)
    if event.cut is Cut.TURNED:
        # Of an oblique view the nearest acquired plane tells.
        place = Place(Cut.PLANE, event.plane)
        point = Point(structures.geometry.plane_from_lps(event.plane, event.point_lps)[0])
    near: list[tuple[float, bool, Roi]] = []
    around: list[tuple[float, Roi]] = []
    for roi in structures.rois:
        if not roi.visible:
            continue
        area = area_at(roi, structures, place)
        if area.is_empty:
            continue
        away = float(shapely.distance(area.boundary, point))
        if away <= _REACH_PX * event.pixel_mm:
            near.append((away, roi.number != session.active, roi))
        elif roi.roi_type != "EXTERNAL" and area.contains(point):
            around.append((area.area, roi))
    if near:
        return min(near, key=lambda held: held[:2])[2]
    return min(around, key=lambda held: held[0])[1] if around else None
