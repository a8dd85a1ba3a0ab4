"""Pieces: delete or keep the piece of a structure under the mouse, on the plane or in space. No Qt."""

from typing import ClassVar

import shapely
from shapely import MultiPolygon

from engine.contouring.islands import components
from engine.structures import Roi
from viewer.edits.parameters import Parameter, choice
from viewer.edits.planes import areas_of
from viewer.edits.target import existing
from viewer.history import redraw
from viewer.session import Cut, View
from viewer.tools.events import Button, EventKind, Modifier, Preview, ViewEvent
from viewer.tools.registry import PlainTool, Workbench

ON_PLANE, IN_SPACE = 0.0, 1.0


class Pieces(PlainTool):
    """A click deletes the piece under the mouse; with Ctrl it keeps that one alone."""

    name: ClassVar[str] = "pieces"
    title: ClassVar[str] = "Pieces"
    shortcut: ClassVar[str] = "Shift+D"
    tip: ClassVar[str] = "Click a piece of the active structure to delete it; Ctrl+click keeps that one alone"
    group: ClassVar[str] = "Pieces"

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._lit: tuple[Roi, int, int] | None = None
        self._proposed: Roi | None = None

    def parameters(self, unit: str) -> tuple[Parameter, ...]:
        """How far a piece goes."""
        return (choice("extent", "Piece", "on the plane", "in space"),)

    def handle(self, event: ViewEvent) -> bool:
        """A click deletes or keeps."""
        if event.kind is EventKind.LEAVE:
            self._lit = self._proposed = None
            return False
        if event.kind is EventKind.MOVE:
            self._light(event)
            return False
        if event.kind not in (EventKind.PRESS, EventKind.DOUBLE) or event.button is not Button.LEFT:
            return False
        roi = existing(self._bench.session)
        hit = self._under(roi, event)
        if hit is None:
            self._bench.say(f"There is no piece of {roi.name} here.")
            return True
        keep = Modifier.CONTROL in event.modifiers
        piece = self._piece(roi, *hit)
        if keep:
            planes = list(roi.planes) if self._in_space else [hit[0]]
            wanted = {plane: _chosen(roi.area(plane), piece.get(plane, []), True) for plane in planes}
        else:
            wanted = {plane: _chosen(roi.area(plane), members, False) for plane, members in piece.items()}
        verb = "Keep one piece" if keep else "Delete a piece"
        where = "" if self._in_space else f" on plane {hit[0] + 1}"
        step = redraw(roi, wanted, text=f"{verb}{where} of {roi.name}", tool=self.name)
        self._lit = self._proposed = None
        if step is not None:
            self._bench.history.do(step)
        return True

    def preview(self, view: View) -> Preview | None:
        """Nothing but the proposal."""
        return None

    def proposal(self) -> Roi | None:
        """The piece under the mouse."""
        return self._proposed

    def cancel(self) -> bool:
        """There is nothing to drop."""
        self._lit = self._proposed = None
        return False

    @property
    def _in_space(self) -> bool:
        return self._bench.values(self)["extent"] == IN_SPACE

    def _light(self, event: ViewEvent) -> None:
        roi = self._bench.session.active_roi
        hit = self._under(roi, event) if roi is not None and roi.visible else None
        if roi is None or hit is None:
            self._lit = self._proposed = None
        elif self._lit is None or self._lit[0] is not roi or self._lit[1:] != hit:
            self._lit = (roi, *hit)
            planes = {
                plane: _chosen(roi.area(plane), members, True) for plane, members in self._piece(roi, *hit).items()
            }
            self._proposed = Roi(roi.number, roi.name, roi.colour).with_areas(planes)

    def _under(self, roi: Roi, event: ViewEvent) -> tuple[int, int] | None:
        """The plane and the index of the polygon under the mouse."""
        structures = self._bench.session.structures
        if structures is None:
            return None
        point = event.point_cut
        if event.cut is not Cut.PLANE:
            u, v = structures.geometry.plane_from_lps(event.plane, event.point_lps)[0].tolist()
            point = (u, v)
        held = [n for n, part in enumerate(roi.area(event.plane).geoms) if shapely.contains_xy(part, *point)]
        return (event.plane, held[0]) if held else None

    def _piece(self, roi: Roi, plane: int, index: int) -> dict[int, list[int]]:
        """Plane → indices of the polygons that belong to it."""
        structures = self._bench.session.structures
        if not self._in_space or structures is None:
            return {plane: [index]}
        pieces = components(areas_of(roi), structures.geometry)
        return next((piece for piece in pieces if index in piece.get(plane, ())), {plane: [index]})


def _chosen(area: MultiPolygon, members: list[int], keep: bool) -> MultiPolygon:
    """The polygons of an area that are among `members`, or those that are not."""
    return MultiPolygon([part for n, part in enumerate(area.geoms) if (n in members) is keep])
