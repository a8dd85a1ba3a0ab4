"""The shortcuts page, made from the actions that there are."""

from html import escape

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QDialog, QTextBrowser, QVBoxLayout, QWidget

from viewer.widgets.theme import ACCENT, FAINT

#: What the mouse and the unlisted keys do in a pane; the panes themselves define it.
PANE_CONTROLS: tuple[tuple[str, str], ...] = (
    ("Wheel, arrow keys", "Scroll through the planes"),
    ("Page Up, Page Down, Shift+wheel", "Scroll by ten planes"),
    ("Home, End", "First and last plane"),
    ("Left drag", "Move the crosshair, where no tool is active; View → Mouse gives the buttons other work"),
    ("Middle drag", "Move the image"),
    ("Right drag", "Change the window: sideways its width, up and down its centre"),
    ("Ctrl+wheel, + and −", "Zoom"),
    ("0", "Fit the plane into the view"),
    ("Double click", "Enlarge a view, or show all four again"),
    ("Shift+wheel, or the wheel while drawing", "Size of the disc of brush, eraser and push"),
    ("Ctrl while drawing", "Take away instead of adding; with the eraser, add"),
    ("Return, double click; Backspace", "Close the polygon; take its last corner back"),
    ("3D: left, middle, right drag, wheel", "Turn, move, zoom"),
)


def shortcut_rows(actions: tuple[tuple[str, QAction], ...]) -> dict[str, list[tuple[str, str]]]:
    """Group → (keys, what they do) of the actions that have a shortcut, in the order in which they were added."""
    rows: dict[str, list[tuple[str, str]]] = {}
    for group, action in actions:
        keys = ", ".join(
            sequence.toString(QKeySequence.SequenceFormat.NativeText) for sequence in action.shortcuts() if sequence
        )
        if keys:
            rows.setdefault(group, []).append((keys, action.text().replace("&", "").rstrip("…")))
    return rows


class ShortcutsPage(QDialog):
    """A quiet page of all keys. It does not block the window."""

    def __init__(self, actions: tuple[tuple[str, QAction], ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Shortcuts – Planimeter")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(720, min(760, self.screen().availableGeometry().height() - 60))
        self.page = QTextBrowser()
        self.page.setHtml(_html({"In the views": list(PANE_CONTROLS), **shortcut_rows(actions)}))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.page)


def _html(groups: dict[str, list[tuple[str, str]]]) -> str:
    out = []
    for group, rows in groups.items():
        out.append(f'<h3 style="color:{ACCENT}">{escape(group)}</h3><table cellpadding="3" width="100%">')
        out += [
            f'<tr><td width="42%"><b>{escape(keys)}</b></td><td style="color:{FAINT}">{escape(what)}</td></tr>'
            for keys, what in rows
        ]
        out.append("</table>")
    return "".join(out)
