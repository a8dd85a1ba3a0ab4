"""What is drawn live over the panes: the tool's outline, and what an operation would make of a structure."""

from engine.structures import Roi
from viewer.render.outlines import OutlineCache
from viewer.session import View
from viewer.tools.events import Preview, ViewEvent
from viewer.tools.toolbox import Toolbox
from viewer.widgets.panes import Panes

#: Proposals are white: no structure has that colour by itself.
PROPOSED = (255, 255, 255)


class LiveHost:
    """The toolbox as the panes see it, with a proposal shown beside what the tool draws."""

    def __init__(self, toolbox: Toolbox, panes: Panes) -> None:
        self._toolbox, self._panes = toolbox, panes
        self._proposed: Roi | None = None
        self._caches: dict[View, OutlineCache] = {}
        toolbox.session.cursor_moved.connect(self._scrolled)

    def propose(self, roi: Roi | None) -> None:
        """Show a ROI as it would be, or nothing."""
        if roi is not self._proposed:
            self._proposed = roi
            self._caches.clear()
            self._panes.refresh_preview()

    @property
    def proposed(self) -> Roi | None:
        """What is shown."""
        return self._proposed

    def handle(self, event: ViewEvent) -> bool:
        """The tool's."""
        return self._toolbox.handle(event)

    def preview(self, view: View) -> Preview | None:
        """The tool's, and the proposal."""
        live = self._toolbox.preview(view)
        if self._proposed is None:
            return live
        scene = self._panes.planes[view].scene
        if scene.frame is None:
            return live
        cache = self._caches.get(view)
        if cache is None or cache.frame is not scene.frame:
            cache = self._caches[view] = OutlineCache(scene.frame)
        at = scene.frame.grid_from_lps(self._toolbox.session.cursor_lps)
        lines = cache.lines(self._proposed, scene.frame.cut_index(at, scene.plane), scene.plane)
        polylines = [lines.points[a:b] for a, b in zip(lines.offsets[:-1], lines.offsets[1:], strict=True)]
        return Preview([*polylines, *(live.polylines if live is not None else ())], PROPOSED)

    def cursor_name(self, view: View) -> str:
        """The tool's."""
        return self._toolbox.cursor_name(view)

    def _scrolled(self) -> None:
        if self._proposed is not None:
            self._panes.refresh_preview()
