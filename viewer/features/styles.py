"""Lines, fill and opacity of structures: set in a small window, kept with the session and, for all, with the user."""

import json
from collections.abc import Sequence

from PySide6.QtCore import QObject, QPoint

from engine.structures import Roi
from viewer.appearance import Style
from viewer.features.editing import Editing
from viewer.widgets.main_window import MainWindow
from viewer.widgets.settings import settings
from viewer.widgets.style_popup import StylePopup

#: In the user's settings: the style of all structures.
_KEY = "structures/style"


def install(window: MainWindow) -> None:
    """Add the entry to the Structures menu."""
    editing = window.findChild(Editing)
    assert isinstance(editing, Editing), "every window has its tools"
    Styles(window, editing)


class Styles(QObject):
    """Opens the window for the styles. A child of the main window."""

    def __init__(self, window: MainWindow, editing: Editing) -> None:
        super().__init__(window)
        self._session, self._panel = window.session, editing.structures
        self._tell = window.show_message
        self._numbers: tuple[int, ...] = ()
        self._before: dict[int, Roi] = {}
        #: id of a structure that was deleted → it (so that the id stays its own), its style and its group.
        self._gone: dict[int, tuple[Roi, Style | None, str]] = {}
        self.popup = StylePopup(window)
        self.popup.changed.connect(self._set_own)
        self.popup.for_all.connect(self._set_for_all)
        self.popup.as_others.connect(self._as_others)
        window.add_action(
            "Structures", "Lines, fill and opacity…", self.ask, shortcut="Shift+K", for_series=True,
            tip="How the selected structures are drawn, and all others",
        )  # fmt: skip
        self._session.appearance.set_usual(_stored())
        # What a session kept of them is put back after this.
        self._session.volume_changed.connect(self._begin)
        self._session.structures_changed.connect(lambda _: self._forget())

    def ask(self, numbers: Sequence[int] = ()) -> None:
        """Let the user set the style of structures, by default of those that are selected."""
        structures = self._session.structures
        wanted = set(numbers) or set(self._panel.selected)
        rois = [roi for roi in structures.rois if roi.number in wanted] if structures is not None else []
        if not rois:
            self._tell("Choose a structure first.")
            return
        self._numbers = tuple(roi.number for roi in rois)
        appearance, view = self._session.appearance, self._panel.view
        title = rois[0].name if len(rois) == 1 else f"{len(rois)} structures"
        own = any(number in appearance.own for number in self._numbers)
        corner = view.viewport().mapToGlobal(QPoint(-8, 0))
        self.popup.open_for(title, appearance.of(self._numbers[0]), own=own, at=corner)

    # Inside ---------------------------------------------------------------------------------------------------------

    def _forget(self) -> None:
        """Keep nothing for a number that may be given again, but all for a structure that undo brings back."""
        structures, appearance = self._session.structures, self._session.appearance
        now = {roi.number: roi for roi in (structures.rois if structures is not None else ())}
        for number, roi in self._before.items():
            if number not in now:
                self._gone[id(roi)] = (roi, appearance.own.get(number), appearance.groups.get(number, ""))
        appearance.keep(now)
        # What undo and redo bring back is the same object, whatever had its number in between.
        came = [number for number in now if number not in self._before]
        back = {number: self._gone.pop(id(now[number])) for number in came if id(now[number]) in self._gone}
        appearance.set_own({number: style for number, (_, style, _) in back.items()})
        appearance.set_groups({number: group for number, (*_, group) in back.items()})
        self._before = now

    def _begin(self) -> None:
        structures = self._session.structures
        self._session.appearance.keep(())
        self._gone.clear()
        self._before = {roi.number: roi for roi in (structures.rois if structures is not None else ())}

    def _set_own(self, style: Style) -> None:
        self._session.appearance.set_own(dict.fromkeys(self._numbers, style))

    def _as_others(self) -> None:
        appearance = self._session.appearance
        appearance.set_own(dict.fromkeys(self._numbers))
        self.popup.show_style(appearance.usual, own=False)

    def _set_for_all(self, style: Style) -> None:
        appearance = self._session.appearance
        appearance.set_own(dict.fromkeys(appearance.own))
        appearance.set_usual(style)
        settings().setValue(_KEY, json.dumps(style.stored()))
        self.popup.show_style(style, own=False)


def _stored() -> Style:
    """The style that the user set for all structures; the usual one where what is stored is no style."""
    try:
        style = Style.read(json.loads(str(settings().value(_KEY, "null"))))
    except ValueError:
        style = None
    return style if style is not None else Style()
