"""Everything with which a person corrects contours, put into the window: tools, panels, undo."""

from viewer.tools.toolbox import Toolbox
from viewer.widgets.main_window import MainWindow
from viewer.widgets.tool_bar import ToolActions


class UndoActions:
    """Undo and redo, named after what they would do."""

    def __init__(self, window: MainWindow) -> None:
        self._history = window.history
        self._undo = window.add_action("Edit", "Undo", window.history.undo, shortcut="Ctrl+Z")
        self._redo = window.add_action("Edit", "Redo", window.history.redo, shortcut="Ctrl+Y")
        window.history.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        for action, text, verb, key in (
            (self._undo, self._history.undo_text, "Undo", "Ctrl+Z"),
            (self._redo, self._history.redo_text, "Redo", "Ctrl+Y"),
        ):
            action.setEnabled(bool(text))
            action.setText(f"{verb} {text}".strip())
            action.setToolTip(f"{verb} {text or 'nothing'} ({key})")


def install(window: MainWindow) -> None:
    """Give the window its tools."""
    toolbox = Toolbox(window.session, window.history)
    window.panes.set_tool_host(toolbox)
    toolbox.said.connect(window.show_message)
    toolbox.preview_changed.connect(window.panes.refresh_preview)
    UndoActions(window)
    ToolActions(window, toolbox)
