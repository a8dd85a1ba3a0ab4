"""Where a stroke lies, what is drawn there, and how a shape becomes one undoable step. No Qt."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon
from shapely.geometry.base import BaseGeometry

from engine.contouring import brush
from engine.contouring.section import Axis, paint_section, section
from engine.edits import Step
from engine.structures import Roi, StructureSet
from viewer.edits.target import editable, existing, fresh_roi
from viewer.history import History, add, redraw
from viewer.session import Cut, Session
from viewer.tools.events import ViewEvent


@dataclass(frozen=True)
class Place:
    """A cut of the series.

    Args:
        cut: which kind.
        index: the acquired plane for `Cut.PLANE`; else the row or column index on plane 0, fractions allowed.
    """

    cut: Cut
    index: float

    @classmethod
    def of(cls, event: ViewEvent) -> "Place":
        """Where an event was."""
        return cls(event.cut, event.plane if event.cut is Cut.PLANE else event.index)

    @property
    def axis(self) -> Axis:
        """Which way a cut across the planes runs."""
        return "row" if self.cut is Cut.ROW else "column"

    @property
    def text(self) -> str:
        """For the history, counted from 1: "plane 12"."""
        return f"{self.cut.value} {round(self.index) + 1}"


def area_at(roi: Roi | None, structures: StructureSet, place: Place) -> MultiPolygon:
    """The area of `roi` on a cut, mm of `ViewEvent.point_cut`; empty for no ROI."""
    if roi is None:
        return MultiPolygon()
    if place.cut is Cut.PLANE:
        return roi.area(int(place.index))
    areas = {plane: contours.area for plane, contours in roi.planes.items()}
    return section(areas, structures.geometry, place.axis, place.index)


def combine(area: MultiPolygon, shape: BaseGeometry, adding: bool) -> MultiPolygon:
    """`area` with `shape` added or taken away; `area` itself when that changes nothing.

    Parts that `shape` does not reach keep every coordinate.
    """
    parts = shapely.get_parts(area)
    shapely.prepare(shape)
    near = shapely.intersects(parts, shape)
    if adding and shapely.covers(parts[near], shape).any():
        return area
    touched = MultiPolygon(list(parts[near]))
    if not adding and touched.is_empty:
        return area
    changed = brush.add(touched, shape) if adding else brush.subtract(touched, shape)
    if not adding and changed.area == touched.area:
        return area
    return MultiPolygon([*parts[~near], *changed.geoms])


def outlines(geometry: BaseGeometry) -> list[NDArray[np.float64]]:
    """Every ring of polygons, closed, as (n, 2) arrays."""
    return [shapely.get_coordinates(ring) for ring in shapely.get_rings(shapely.get_parts(geometry))]


def draw(
    session: Session, history: History, place: Place, shape: BaseGeometry, adding: bool, *, text: str, tool: str
) -> bool:
    """Add `shape` (mm of the cut) to the active ROI or take it away, as one step; False when that changes nothing.

    Without an active ROI a new one is made and becomes active.

    Raises:
        RefusedError: as `editable`; or there is no ROI to take away from.
    """
    structures, roi, target = _target(session, adding)
    if place.cut is Cut.PLANE:
        plane = int(place.index)
        changed = {plane: combine(target.area(plane), shape, adding)}
    else:
        areas = {plane: contours.area for plane, contours in target.planes.items()}
        changed = paint_section(areas, structures.geometry, place.axis, place.index, shape, adding)
    return _store(session, history, roi, target, changed, f"{text} on {place.text} of {target.name}", tool)


def draw_planes(
    session: Session, history: History, shapes: Mapping[int, BaseGeometry], adding: bool, *, text: str, tool: str
) -> bool:
    """Add a shape on each of several planes (`(u, v)` mm) to the active ROI or take it away, as one step; as `draw`."""
    _, roi, target = _target(session, adding)
    changed = {plane: combine(target.area(plane), shape, adding) for plane, shape in shapes.items()}
    return _store(session, history, roi, target, changed, f"{text} on {planes_text(shapes)} of {target.name}", tool)


def planes_text(planes: Iterable[int]) -> str:
    """For the history, counted from 1: "plane 12" or "planes 12 to 15"."""
    first, last = min(planes) + 1, max(planes) + 1
    return f"plane {first}" if first == last else f"planes {first} to {last}"


def _target(session: Session, adding: bool) -> tuple[StructureSet, Roi | None, Roi]:
    """What is open, the active ROI, and the one to draw into: a new one where none is active."""
    structures = session.structures
    roi = editable(session) if adding else existing(session)
    assert structures is not None, "editable() refuses without a series"
    return structures, roi, roi if roi is not None else fresh_roi(structures)


def _store(  # noqa: PLR0917
    session: Session, history: History, roi: Roi | None, target: Roi, changed: dict[int, MultiPolygon], text: str,
    tool: str,
) -> bool:  # fmt: skip
    step: Step | None
    if roi is None:
        drawn = target.with_areas(changed)
        structures = session.structures
        assert structures is not None, "a target is found on an open series"
        step = None if drawn.is_empty else add(structures, (drawn,), text=text, tool=tool)
    else:
        step = redraw(roi, changed, text=text, tool=tool)
    if step is None:
        return False
    history.do(step)
    session.set_active(target.number)
    return True
