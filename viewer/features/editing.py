"""Everything with which a person corrects contours, put into the window: tools, panels, operations, undo."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QToolButton

from engine.edits import AnswerChange, Step
from engine.errors import PlanimeterError
from viewer.edits import operating, planes
from viewer.edits.grey import load_image_tools
from viewer.edits.operations.table import OPERATIONS
from viewer.edits.target import RefusedError, existing
from viewer.jobs import run_in_background
from viewer.tools.toolbox import Toolbox
from viewer.widgets.history_panel import HistoryPanel
from viewer.widgets.live import LiveHost
from viewer.widgets.main_window import MainWindow, bring_to_front
from viewer.widgets.message_bar import Offer
from viewer.widgets.operations_panel import OperationsPanel
from viewer.widgets.structures_panel import StructuresPanel
from viewer.widgets.tool_bar import ToolActions


def install(window: MainWindow) -> None:
    """Give the window its tools and panels."""
    Editing(window)


class Editing(QObject):
    """Owns the parts; lives as long as the window, and can be found by `window.findChild(Editing)`."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        session, history = window.session, window.history
        self.toolbox = Toolbox(session, history)
        self.live = LiveHost(self.toolbox, window.panes)
        window.panes.set_tool_host(self.live)
        self.toolbox.said.connect(window.tell_here)
        self.toolbox.changed.connect(self._load_ahead)
        self._loaded = False
        self.toolbox.preview_changed.connect(window.panes.refresh_preview)
        self._undo = window.add_action("Edit", "Undo", self._take_back, shortcut="Ctrl+Z")
        self._redo = window.add_action("Edit", "Redo", history.redo, shortcut="Ctrl+Y")
        self._redo.setShortcuts([QKeySequence("Ctrl+Y"), QKeySequence("Ctrl+Shift+Z")])
        window.menu("Edit").addSeparator()
        self.tools = ToolActions(window, self.toolbox)
        self.structures = StructuresPanel(session, history, window.tell_here)
        self.operations = OperationsPanel(session, history, self.live, window.tell_here)
        self.history = HistoryPanel(window.recording, history)
        self._structures_dock = window.add_panel("Structures", self.structures, "right", "F11")
        self._operations_dock = window.add_panel("Operations", self.operations, "right", "F12")
        history_dock = window.add_panel("History", self.history, "right", "Ctrl+H")
        # Behind another tab a panel counts as visible, and no event tells that it comes or goes.
        self._operations_dock.visibilityChanged.connect(self.operations.turned)
        history_dock.visibilityChanged.connect(self.history.turned)
        for action in (self._undo, self._redo):
            button = QToolButton(self.history)
            button.setDefaultAction(action)
            # The text of the action grows with what it would undo.
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
            button.setArrowType(Qt.ArrowType.LeftArrow if action is self._undo else Qt.ArrowType.RightArrow)
            self.history.add_button(button)
        self._active_only: list[QAction] = []
        self._add_structure_actions()
        self._add_plane_actions()
        history.changed.connect(self._show_undo)
        self.toolbox.drafting_changed.connect(self._show_undo)
        self._told: tuple[Step, str] | None = None
        history.changed.connect(self._withdraw_told)
        history.undone.connect(self._tell_undone)
        session.active_changed.connect(self._show_actions)
        session.volume_changed.connect(self._show_actions)
        session.structures_changed.connect(lambda _: self._show_actions())
        self._show_undo()
        self._show_actions()

    # Actions --------------------------------------------------------------------------------------------------------

    def _add_structure_actions(self) -> None:
        panel, add = self.structures, self._window.add_action
        self._add_action = add(
            "Structures", "Add", self.add, shortcut="Ctrl+N", tip="Add an empty structure and name it"
        )
        panel.add_button(self._add_action)
        for text, slot, key, tip in (
            ("Duplicate", panel.duplicate, "Ctrl+D", "Copy the active structure"),
            ("Delete", panel.delete, "Ctrl+Delete", "Delete the selected structures"),
        ):
            panel.add_button(self._for_active(add("Structures", text, slot, shortcut=key, tip=tip)))
        everything = add(
            "Structures", "Show or hide all", panel.toggle_all_visible, shortcut="Shift+V",
            tip="Show all structures, or hide them when all are shown",
        )  # fmt: skip
        panel.add_button(self._for_active(everything), "Show all")
        panel.end_buttons()
        for text, slot, key, tip in (
            (
                "Find a structure",
                self._in_list(panel.start_search),
                "Ctrl+F",
                "Search the list for a name, a type or a model",
            ),
            ("Rename", self._in_list(panel.rename), "R", "Edit the name; TG-263 names are suggested"),
            ("Colour…", panel.choose_colour, "K", "Choose another colour"),
            ("Show or hide", panel.toggle_visible, "V", "Show or hide the selected structures"),
            (
                "Show only these, or all",
                panel.show_only_selected,
                "Ctrl+Alt+V",
                "Hide all but the selected structures; once more shows all",
            ),
            ("Lock or unlock", panel.toggle_locked, "L", "Protect the selected structures from change"),
            ("Go to centre", panel.go_to_centre, "C", "Move the crosshair into the middle of the active structure"),
            ("Previous structure", lambda: panel.step_active(-1), ",", "Make the structure above active"),
            ("Next structure", lambda: panel.step_active(1), ".", "Make the structure below active"),
        ):
            self._for_active(add("Structures", text, slot, shortcut=key, tip=tip))

    def _add_plane_actions(self) -> None:
        session, history, add = self._window.session, self._window.history, self._window.add_action
        self._window.menu("Structures").addSeparator()
        for text, work, key, tip in (
            ("Delete on this plane", lambda: planes.delete_here(session, history), "Delete",
             "Clear the active structure on the plane of the crosshair"),
            ("Copy from above", lambda: planes.copy_here(session, history, above=True), "Ctrl+Up",
             "Replace this plane by the next drawn plane above"),
            ("Copy from below", lambda: planes.copy_here(session, history, above=False), "Ctrl+Down",
             "Replace this plane by the next drawn plane below"),
            ("Interpolate planes between", self.interpolate, "Ctrl+I",
             "Fill the empty planes between the drawn ones of the active structure"),
        ):  # fmt: skip
            self._for_active(
                add("Structures", text, self._attempting(work), shortcut=key, tip=tip, under="Contour of this plane")
            )
        derive = self._window.menu_under("Structures", "Derive or change")
        for name, operation in OPERATIONS.items():
            action = QAction(f"{operation.title}…", self._window)
            action.setToolTip(operation.tip)
            action.triggered.connect(lambda _=False, name=name: self.show_operation(name))
            derive.addAction(self._for_active(action))

    def add(self) -> None:
        """Add an empty structure and let the user name it."""
        self._in_list(self.structures.add)()

    def rename(self, number: int) -> None:
        """Let the user edit the name of a structure."""
        self._in_list(lambda: self.structures.rename(number))()

    def _in_list(self, work: Callable[[], object]) -> Callable[[], None]:
        def show_and_work() -> None:
            bring_to_front(self._structures_dock)
            work()

        return show_and_work

    def show_operation(self, name: str) -> None:
        """Bring the operations to the front, with this one chosen."""
        bring_to_front(self._operations_dock)
        self.operations.choose(name)

    def interpolate(self) -> None:
        """Fill the gaps between drawn planes of the active structure, on a thread.

        Raises:
            RefusedError: nothing may be changed, or there are no gaps.
        """
        session, history = self._window.session, self._window.history
        roi, structures = existing(session), session.structures
        assert structures is not None, "existing() refuses without a series"
        if not planes.gaps(roi):
            raise RefusedError(f"{roi.name} has no empty planes between drawn ones to fill.")
        operation = OPERATIONS["interpolate"]

        def finished(found: dict) -> None:
            now = session.structures
            if now is None or roi.number not in now or now[roi.number].planes != roi.planes:
                self._window.show_message(f"{roi.name} was changed meanwhile; interpolate again.")
                return
            self._attempting(
                lambda: history.do(operating.result_step(now, now[roi.number], found, operation, "Interpolate"))
            )()

        task = run_in_background(
            lambda progress: operating.compute(structures, roi.number, operation, {}, progress=progress),
            finished=finished,
            failed=self._window.show_message,
            parent=self,
        )
        task.ended.connect(task.deleteLater)

    def _load_ahead(self) -> None:
        """What tools that read the image need is loaded while the mouse is still on its way."""
        tool = self.toolbox.active_tool
        if tool is not None and tool.reads_image and not self._loaded:
            self._loaded = True
            run_in_background(lambda progress: load_image_tools(), finished=lambda _: None, parent=self)

    # Inside ---------------------------------------------------------------------------------------------------------

    def _for_active(self, action: QAction) -> QAction:
        self._active_only.append(action)
        return action

    def _attempting(self, work: Callable[[], object]) -> Callable[[], None]:
        def attempt() -> None:
            try:
                work()
            except PlanimeterError as error:
                self._window.tell_here(str(error))

        return attempt

    def _show_actions(self) -> None:
        session = self._window.session
        self._add_action.setEnabled(session.structures is not None)
        for action in self._active_only:
            action.setEnabled(bool(session.structures is not None and session.structures.rois))

    def _tell_undone(self, step: Step) -> None:
        """Say so where whole structures went or came: a stroke is seen to go, the work of a long run need not be."""
        if any(isinstance(change, AnswerChange) and None in (change.before, change.after) for change in step.changes):
            sentence = f"Undone: {step.text}."
            self._window.tell_here(sentence, offer=Offer("Redo", self._window.history.redo))
            self._told = step, sentence

    def _withdraw_told(self) -> None:
        """An offer to redo stands for as long as redo would do that."""
        if self._told is not None and self._window.history.next_redo is not self._told[0]:
            self._window.messages.withdraw(self._told[1])
            self._told = None

    def _take_back(self) -> None:
        """What is being drawn goes before what is stored: nobody means an earlier stroke by undo in mid-line."""
        if not self.toolbox.take_back():
            self._window.history.undo()

    def _show_undo(self) -> None:
        history = self._window.history
        undo_text = "the last point" if self.toolbox.drafting else history.undo_text
        for action, text, verb, key in (
            (self._undo, undo_text, "Undo", "Ctrl+Z"),
            (self._redo, history.redo_text, "Redo", "Ctrl+Y, Ctrl+Shift+Z"),
        ):
            action.setEnabled(bool(text))
            action.setText(f"{verb} {text}".strip())
            action.setToolTip(f"{verb} {text or 'nothing'} ({key})")
