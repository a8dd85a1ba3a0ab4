"""Pieces: delete or keep the piece of a structure under the mouse, on the plane or in space. No Qt."""

from typing import ClassVar

from engine.structures import Roi
from viewer.edits.parameters import Parameter, choice
from viewer.edits.pieces import Piece, piece_alone, piece_of, piece_step, polygon_at
from viewer.edits.target import existing
from viewer.session import View
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
        step = piece_step(roi, self._piece(roi, *hit), keep=Modifier.CONTROL in event.modifiers, tool=self.name)
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
            self._proposed = Roi(roi.number, roi.name, roi.colour).with_areas(piece_alone(roi, self._piece(roi, *hit)))

    def _under(self, roi: Roi, event: ViewEvent) -> tuple[int, int] | None:
        """The plane and the index of the polygon under the mouse."""
        structures = self._bench.session.structures
        if structures is None:
            return None
        polygon = polygon_at(structures, roi, event.plane, event.point_lps)
        return (event.plane, polygon) if polygon is not None else None

    def _piece(self, roi: Roi, plane: int, polygon: int) -> Piece:
        structures = self._bench.session.structures
        assert structures is not None, "a piece lies under the mouse only on an open series"
        return piece_of(structures, roi, plane, polygon, in_space=self._in_space)
