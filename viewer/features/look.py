"""How a series is looked at comes back with its session: layers, zoom, oblique planes, enlarged view, disc, styles."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject, QTimer

from viewer.appearance import Style
from viewer.features.editing import Editing
from viewer.features.laying_back import LayingBack
from viewer.recording import Kept
from viewer.render.colour_maps import NAMES
from viewer.reopening import numbers
from viewer.session import View
from viewer.tools.toolbox import Toolbox
from viewer.turning import from_json
from viewer.widgets.main_window import MainWindow
from viewer.widgets.panes import PLANE_VIEWS

#: How often the look of the open series is kept while it changes, ms.
_INTERVAL_MS = 1500


def install(window: MainWindow) -> None:
    """Watch the window."""
    editing = window.findChild(Editing)
    assert isinstance(editing, Editing), "every window has its tools"
    Look(window, editing.toolbox)


class Look(QObject):
    """Keeps how the window is set with the session, and sets it so again."""

    def __init__(self, window: MainWindow, toolbox: Toolbox) -> None:
        super().__init__(window)
        self._window, self._toolbox = window, toolbox
        self._layers = LayingBack(window)
        self._kept: Mapping[str, Any] = {}
        window.recording.look = self.now
        window.recording.put_back.connect(self._set)
        timer = QTimer(self, interval=_INTERVAL_MS)
        timer.timeout.connect(self._keep)
        timer.start()

    def now(self) -> Mapping[str, Any]:
        """As the journal's neighbour keeps it."""
        panes = self._window.panes
        framing = {view.value: pane.scene.framing for view, pane in panes.planes.items()}
        enlarged = panes.enlarged.value if panes.enlarged is not None else ""
        # JSON has no numbers for keys.
        appearance = self._window.session.appearance
        listed = {
            "styles": {str(number): style.stored() for number, style in appearance.own.items()},
            "groups": {str(number): name for number, name in appearance.groups.items()},
        }
        turned = self._window.session.turned
        listed["turned"] = turned.as_json() if turned is not None else {}
        base = self._window.session.base
        listed |= {"colours": base.colour_map if base is not None else "", "layers": self._layers.now()}
        return {"framing": framing, "enlarged": enlarged, "disc_mm": self._toolbox.radius_mm, **listed}

    def _keep(self) -> None:
        session = self._window.session
        if session.volume is None:
            return
        now = {**self.now(), "cursor": session.cursor_lps.tolist(), "active": session.active, "window": session.window}
        if now != self._kept:
            self._kept = now
            self._window.recording.keep_look()

    def _set(self, kept: Kept) -> None:
        """What another version kept otherwise is passed over."""
        panes = self._window.panes
        framing, disc, enlarged = (kept.look.get(key) for key in ("framing", "disc_mm", "enlarged"))
        self._window.session.turn(from_json(kept.look.get("turned"), PLANE_VIEWS))
        for view, pane in panes.planes.items():
            place = numbers(framing.get(view.value), 3) if isinstance(framing, Mapping) else None
            if place is not None:
                pane.scene.set_framing(place)
        now = panes.enlarged.value if panes.enlarged is not None else ""
        if enlarged in ("", *View) and enlarged != now:
            panes.toggle_enlarged(View(enlarged or now))
        appearance = self._window.session.appearance
        appearance.set_own({number: Style.read(style) for number, style in _numbered(kept, "styles").items()})
        appearance.set_groups({number: str(name) for number, name in _numbered(kept, "groups").items()})
        if isinstance(disc, int | float):
            self._toolbox.set_radius(disc)
        base, colours = self._window.session.base, kept.look.get("colours")
        if base is not None and colours in NAMES:
            self._window.session.change_layer(0, replace(base, colour_map=str(colours)))
        self._layers.put_back(kept.look.get("layers"))


def _numbered(kept: Kept, key: str) -> dict[int, Any]:
    """What was kept of structures, by ROI number."""
    held = kept.look.get(key)
    return (
        {int(number): value for number, value in held.items() if number.isdecimal()} if isinstance(held, dict) else {}
    )
