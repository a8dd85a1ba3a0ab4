"""What is drawn live over the panes: the tool's outline, what it or an operation would make of a structure, and what
would fill the planes between drawn ones.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.structures import Roi
from viewer.render.dashes import dashed
from viewer.render.outlines import Lines, OutlineCache
from viewer.session import Cut, View
from viewer.tools.events import Preview, ViewEvent
from viewer.tools.toolbox import Toolbox
from viewer.widgets.panes import Panes
from viewer.widgets.plane_pane import PlanePane

#: Proposals are white: no structure has that colour by itself.
PROPOSED = (255, 255, 255)


class LiveHost:
    """The toolbox as the panes see it, with proposals shown beside what the tool draws."""

    def __init__(self, toolbox: Toolbox, panes: Panes) -> None:
        self._toolbox, self._panes = toolbox, panes
        self._proposed: Roi | None = None
        self._between: Roi | None = None
        self._caches: dict[tuple[View, str], tuple[Roi, OutlineCache]] = {}
        toolbox.session.cursor_moved.connect(self._scrolled)

    def propose(self, roi: Roi | None) -> None:
        """Show a ROI as it would be, or nothing."""
        if roi is not self._proposed:
            self._proposed = roi
            self._panes.refresh_preview()

    def show_between(self, roi: Roi | None) -> None:
        """Show dashed what would fill the planes between drawn ones, or nothing."""
        if roi is not self._between:
            self._between = roi
            self._panes.refresh_preview()

    @property
    def proposed(self) -> Roi | None:
        """What is shown."""
        return self._proposed

    @property
    def between(self) -> Roi | None:
        """What is shown dashed."""
        return self._between

    def handle(self, event: ViewEvent) -> bool:
        """The tool's."""
        before = self._toolbox.proposal()
        taken = self._toolbox.handle(event)
        if self._toolbox.proposal() is not before:
            # The other views show it too.
            self._panes.refresh_preview()
        return taken

    def wants_key(self, key: str) -> bool:
        """The tool's."""
        return self._toolbox.wants_key(key)

    def preview(self, view: View, at: tuple[Cut, float] | None = None) -> Preview | None:
        """The tool's, unless it lies on another cut, and the proposals."""
        live = self._toolbox.preview(view)
        if live is not None and live.at is not None and at is not None and live.at != at:
            live = None
        lines: list[NDArray[np.float64]] = list(live.polylines) if live is not None else []
        colour = live.colour if live is not None else PROPOSED
        pane = self._panes.planes[view]
        if self._between is not None:
            lines += self._dashes(pane, self._between)
            colour = live.colour if live is not None else self._between.colour
        for name, roi in (("tool", self._toolbox.proposal()), ("operation", self._proposed)):
            if roi is not None:
                drawn = self._lines(pane, name, roi)
                lines += [drawn.points[a:b] for a, b in zip(drawn.offsets[:-1], drawn.offsets[1:], strict=True)]
                colour = PROPOSED
        if not lines:
            return live
        if live is None:
            return Preview(lines, colour)
        return replace(live, polylines=lines, colour=colour)

    def cursor_name(self, view: View) -> str:
        """The tool's."""
        return self._toolbox.cursor_name(view)

    def _lines(self, pane: PlanePane, name: str, roi: Roi) -> Lines:
        scene = pane.scene
        if scene.frame is None:
            return Lines(np.empty((0, 2)), np.zeros(1, dtype=np.int64))
        held = self._caches.get((pane.view, name))
        if held is None or held[0] is not roi or held[1].frame is not scene.frame:
            held = self._caches[pane.view, name] = (roi, OutlineCache(scene.frame))
        at = scene.frame.grid_from_lps(self._toolbox.session.cursor_lps)
        return held[1].lines(roi, scene.frame.cut_index(at, scene.plane), scene.plane)

    def _dashes(self, pane: PlanePane, roi: Roi) -> list[NDArray[np.float64]]:
        drawn = self._lines(pane, "between", roi)
        if not drawn.count:
            return []
        line = np.repeat(np.arange(drawn.count), np.diff(drawn.offsets))
        edge = np.flatnonzero(line[1:] == line[:-1])
        flat = np.pad(drawn.points, ((0, 0), (0, 1)))
        pieces = np.stack([flat[edge], flat[edge + 1]], axis=1)
        pixel = pane.scene.mm_per_pixel * pane.devicePixelRatioF()
        # On a cut across the planes every edge is a line of its own; dashes run on over all of them.
        runs = line[edge] if pane.scene.frame is not None and pane.scene.frame.cut is Cut.PLANE else edge * 0
        return list(dashed(pieces, runs, 2, pixel)[:, :, :2])

    def _scrolled(self) -> None:
        proposals = self._proposed, self._between, self._toolbox.proposal()
        if self._toolbox.drafting or any(proposal is not None for proposal in proposals):
            self._panes.refresh_preview()
