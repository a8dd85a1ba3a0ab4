"""The main window: panes in the middle, panels at the sides, and the places where features plug in.

A feature is a module with `install(window: MainWindow) -> None`, listed in `viewer.features.application.FEATURES`. It
uses `window.session`, `window.history` and `window.recording` (the journal), and adds what it needs:

- `add_panel(title, widget, side, shortcut)` for a dock panel,
- `add_action(menu, text, slot, shortcut=..., tip=...)` for a menu item with its key; every action that is added so
  appears on the shortcuts page by itself,
- `menu(name)` and `tool_bar(name)` where an action is not enough,
- `panes.set_tool_host(host)` for what takes mouse and keys in the panes,
- `show_message(sentence, level, offer)` to tell the user something,
- `guards` for questions before what is open is given up; who opens another series asks `may_leave()` first,
- `closing_guards` for questions before the window closes alone,
- `closing` (a psygnal signal) to stop threads and processes before the window goes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from psygnal import Signal
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QDockWidget, QMainWindow, QMenu, QTabBar, QToolBar, QVBoxLayout, QWidget

from engine import person_name
from viewer.history import History
from viewer.recording import Recording
from viewer.session import Session
from viewer.widgets.message_bar import Level, MessageBar, Offer
from viewer.widgets.panes import Panes
from viewer.widgets.settings import settings
from viewer.widgets.status_line import Banner, StatusLine

MENUS = ("File", "Edit", "View", "Structures", "Measure", "Findings", "Engine", "Help")

#: Of the places of the panels; what was stored for another is not put back.
_LAYOUT_VERSION = 2

_AREAS = {
    "left": Qt.DockWidgetArea.LeftDockWidgetArea,
    "right": Qt.DockWidgetArea.RightDockWidgetArea,
    "bottom": Qt.DockWidgetArea.BottomDockWidgetArea,
}


#: The width of a window in which panels are as wide as they were asked to be, and how much wider they become at most.
_USUAL_WIDTH = 1440
_WIDEST_SHARE = 1.6


class MainWindow(QMainWindow):
    """One window on one session."""

    #: Emitted once, before the window closes: stop threads and processes.
    closing = Signal()
    #: Emitted with paths that were dropped onto the window.
    dropped = Signal(list)

    def __init__(self, session: Session | None = None, history: History | None = None) -> None:
        super().__init__()
        self.session = session if session is not None else Session()
        self.history = history if history is not None else History(self.session)
        self.recording = Recording(self.session, self.history)
        self.setWindowTitle("Planimeter")
        self.setAcceptDrops(True)
        self.resize(1440, 900)
        self.setDockOptions(QMainWindow.DockOption.AllowTabbedDocks | QMainWindow.DockOption.AllowNestedDocks)
        #: Asked in turn before what is open is given up for another series or with the window; False keeps it open.
        self.guards: list[Callable[[], bool]] = []
        #: Asked in turn before the window closes; False keeps it open.
        self.closing_guards: list[Callable[[], bool]] = []
        #: Asked in turn about paths that were dropped, before they count as images; True takes them.
        self.drop_takers: list[Callable[[list[str]], bool]] = []
        self._closed = False
        self._told_of_series: list[str] = []
        self._menus = {name: self.menuBar().addMenu(f"&{name}") for name in MENUS}
        for menu in self._menus.values():
            menu.setToolTipsVisible(True)
        self._menus_under: dict[tuple[str, str], QMenu] = {}
        self._bars: dict[str, QToolBar] = {}
        self._docks: dict[str, QDockWidget] = {}
        #: The width of a side's panels as `arrange` asked for it, and the one that they were given last.
        self._asked: dict[QDockWidget, int] = {}
        self._given: dict[QDockWidget, int] = {}
        self._actions: list[tuple[str, QAction]] = []
        self._for_series: list[QAction] = []

        self.banner = Banner(self.session)
        self.panes = Panes(self.session)
        self.messages = MessageBar(over=self.panes)
        self.status_line = StatusLine(self.session)
        self.statusBar().addPermanentWidget(self.status_line)
        self.statusBar().setSizeGripEnabled(False)
        self.panes.hovered.connect(self.status_line.hover)
        middle = QWidget()
        layout = QVBoxLayout(middle)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.banner)
        layout.addWidget(self.panes, 1)
        self.setCentralWidget(middle)
        self.session.volume_changed.connect(self._on_volume)
        self.history.record_failed.connect(self._on_record_failed)
        self.recording.failed.connect(self._on_record_failed)

    # Where features plug in -----------------------------------------------------------------------------------------

    def menu(self, name: str) -> QMenu:
        """The menu of this name, made now where it is new."""
        if name not in self._menus:
            self._menus[name] = self.menuBar().addMenu(f"&{name}")
            self._menus[name].setToolTipsVisible(True)
        return self._menus[name]

    def menu_under(self, menu: str, title: str) -> QMenu:
        """The menu of this title in a menu, made now where it is new."""
        if (menu, title) not in self._menus_under:
            under = self._menus_under[menu, title] = self.menu(menu).addMenu(title)
            under.setToolTipsVisible(True)
        return self._menus_under[menu, title]

    def tool_bar(self, name: str) -> QToolBar:
        """The tool bar of this name, made now where it is new."""
        if name not in self._bars:
            bar = QToolBar(name, self)
            bar.setObjectName(f"toolbar {name}")
            bar.setMovable(False)
            bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            self.addToolBar(bar)
            self._bars[name] = bar
        return self._bars[name]

    def add_action(
        self,
        menu: str,
        text: str,
        slot: Callable[[], object],
        *,
        shortcut: str = "",
        tip: str = "",
        checkable: bool = False,
        for_series: bool = False,
        under: str = "",
    ) -> QAction:
        """A menu item; its tooltip ends with its shortcut, and the shortcuts page lists it.

        A checkable action calls `slot` when it is toggled; ask the returned action for its state. One `for_series` can
        be chosen only while a series is open. `under` is the title of a menu in that menu, made now where it is new.
        """
        action = QAction(text, self)
        action.setCheckable(checkable)
        if shortcut:
            action.setShortcut(QKeySequence(shortcut))
        action.setToolTip(with_shortcut(tip or text.replace("&", "").rstrip("…"), shortcut))
        action.setStatusTip("")
        if for_series:
            self._for_series.append(action)
            action.setEnabled(self.session.volume is not None)
        (action.toggled if checkable else action.triggered).connect(lambda *_: slot())
        (self.menu_under(menu, under) if under else self.menu(menu)).addAction(action)
        self.list_action(menu, action)
        return action

    def list_action(self, group: str, action: QAction) -> None:
        """Show an action that was made elsewhere on the shortcuts page; its shortcut works in the whole window."""
        self._actions.append((group, action))
        self.addAction(action)

    @property
    def listed_actions(self) -> tuple[tuple[str, QAction], ...]:
        """(group, action) of everything that was added, for the shortcuts page."""
        return tuple(self._actions)

    def add_panel(
        self,
        title: str,
        widget: QWidget,
        side: Literal["left", "right", "bottom"] = "right",
        shortcut: str = "",
    ) -> QDockWidget:
        """A dock panel with an entry in the View menu: it brings the panel to the front, and hides it from there."""
        dock = QDockWidget(title, self)
        dock.setObjectName(f"panel {title}")
        dock.setWidget(widget)
        dock.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetClosable | QDockWidget.DockWidgetFeature.DockWidgetMovable
        )
        self.addDockWidget(_AREAS[side], dock)
        # Qt's own action would hide a panel that is open behind another tab, which nobody sees.
        action = QAction(title, self, checkable=True)
        if shortcut:
            action.setShortcut(QKeySequence(shortcut))
        action.setToolTip(with_shortcut(f"Show the panel {title}, or hide it where it is in front", shortcut))
        action.triggered.connect(lambda wanted: bring_to_front(dock) if wanted else dock.hide())
        dock.visibilityChanged.connect(action.setChecked)
        self.menu("View").addAction(action)
        self.list_action("View", action)
        self._docks[title] = dock
        return dock

    def panel(self, title: str) -> QDockWidget:
        """The dock panel of this title. Raises KeyError where there is none."""
        return self._docks[title]

    def arrange(self, columns: Mapping[str, Sequence[Sequence[str]]], widths: Mapping[str, int]) -> None:
        """Lay the panels out as on a first start.

        Args:
            columns: side → groups from top to bottom, each the titles of panels that share a place as tabs. Panels that
                are not there are left out; those that are not named stay where they were added.
            widths: side → pixels.
        """
        for side, groups in columns.items():
            present = [[self._docks[title] for title in group if title in self._docks] for group in groups]
            present = [docks for docks in present if docks]
            for dock in (dock for docks in present for dock in docks):
                self.removeDockWidget(dock)
            for docks in present:
                self.addDockWidget(_AREAS[side], docks[0], Qt.Orientation.Vertical)
            # Only now: beside a dock that has tabs already, Qt makes another tab instead of another group.
            for docks in present:
                for dock in docks[1:]:
                    self.tabifyDockWidget(docks[0], dock)
            for dock in (dock for docks in present for dock in docks):
                dock.show()
            firsts = [docks[0] for docks in present]
            for dock in firsts:
                dock.raise_()
            if firsts:
                self.resizeDocks(firsts, [widths[side]] * len(firsts), Qt.Orientation.Horizontal)
                self._asked[firsts[0]] = self._given[firsts[0]] = widths[side]
                self.resizeDocks(firsts, [3, *[2] * (len(firsts) - 1)], Qt.Orientation.Vertical)

    def heights_of_panels(self) -> Callable[[], None]:
        """What gives the panels again the heights that they have now, as far as there is room."""
        # One behind a tab counts as visible too, with a height of long ago.
        shown = [dock for dock in self._docks.values() if not dock.visibleRegion().isEmpty()]
        heights = [dock.height() for dock in shown]

        def give_back() -> None:
            for widget in [widget for dock in shown for widget in (dock.widget(), dock)]:
                # What was hidden in a panel a moment ago still counts until then.
                if (layout := widget.layout()) is not None:
                    layout.activate()
            self.resizeDocks(shown, heights, Qt.Orientation.Vertical)

        return give_back

    def _widen(self) -> None:
        """Let the panels have their part of a wide window, unless a person gave them another width."""
        share = min(max(self.width() / _USUAL_WIDTH, 1.0), _WIDEST_SHARE)
        for dock, asked in self._asked.items():
            wanted = round(asked * share)
            if wanted != self._given[dock] and abs(dock.width() - self._given[dock]) <= 2:
                self.resizeDocks([dock], [wanted], Qt.Orientation.Horizontal)
                self._given[dock] = wanted

    def show_message(self, sentence: str, level: Level = "info", offer: Offer | None = None) -> None:
        """Tell the user something, over the edge of the panes; an error stays until it is dismissed."""
        self.messages.show_message(sentence, level, offer)

    def may_leave(self) -> bool:
        """Whether what is open may be given up: asks about work that would be lost from view."""
        return all(guard() for guard in self.guards)

    # Events ---------------------------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Put windows and panels where they were left last time."""
        stored = settings()
        geometry, state = stored.value("window/geometry"), stored.value("window/state")
        if geometry is not None:
            self.restoreGeometry(geometry)
        if state is not None:
            self._asked.clear()
            self.restoreState(state, _LAYOUT_VERSION)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Share the new width between views and panels, once Qt has laid them out."""
        super().resizeEvent(event)
        QTimer.singleShot(0, self, self._widen)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Hide tab bars that Qt forgets when docks are rearranged before the first show."""
        super().showEvent(event)
        groups = {
            frozenset([dock.windowTitle(), *(other.windowTitle() for other in self.tabifiedDockWidgets(dock))])
            for dock in self._docks.values()
        }
        current: dict[frozenset[str], QTabBar] = {}
        for bar in self.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly):
            titles = frozenset(bar.tabText(index) for index in range(bar.count()))
            if titles in current:
                current[titles].hide()
            if titles in groups:
                current[titles] = bar
            else:
                bar.hide()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Ask about unexported work, remember the layout, stop what runs, free what VTK holds."""
        if not self._closed:
            if not self.may_leave() or not all(guard() for guard in self.closing_guards):
                event.ignore()
                return
            self._closed = True
            stored = settings()
            stored.setValue("window/geometry", self.saveGeometry())
            stored.setValue("window/state", self.saveState(_LAYOUT_VERSION))
            self.closing.emit()
            self.recording.end()
            self.panes.release()
        super().closeEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Files and folders are welcome."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Hand the dropped files and folders on."""
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            if not any(take(paths) for take in self.drop_takers):
                self.dropped.emit(paths)

    def tell_of_series(self, notes: Iterable[str]) -> None:
        """Warn of the open series or its structures; the sentences go when another opens, of which they say nothing."""
        for note in notes:
            self.tell_here(note, "warning")

    def tell_here(self, sentence: str, level: Level = "info", offer: Offer | None = None) -> None:
        """Tell something of the open series, such as what to undo; it goes when another opens."""
        self._told_of_series.append(sentence)
        self.show_message(sentence, level, offer)

    def _on_volume(self) -> None:
        volume = self.session.volume
        for action in self._for_series:
            action.setEnabled(volume is not None)
        name = person_name.shown(volume.info.patient_name) if volume is not None else ""
        self.setWindowTitle(f"{name} – Planimeter" if name else "Planimeter")
        for note in self._told_of_series:
            self.messages.withdraw(note)
        self._told_of_series.clear()
        if volume is not None and self.session.display is not None:
            self.tell_of_series(self.session.display.notes)

    def _on_record_failed(self, sentence: str) -> None:
        self.show_message(f"This edit is not in the journal on disk: {sentence}", "error")


def bring_to_front(dock: QDockWidget) -> None:
    """Show a panel, before the others of its place."""
    dock.show()
    dock.raise_()


def with_shortcut(tip: str, shortcut: str) -> str:
    """A tooltip that ends with its shortcut in brackets."""
    if not shortcut:
        return tip
    return f"{tip} ({QKeySequence(shortcut).toString(QKeySequence.SequenceFormat.NativeText)})"
