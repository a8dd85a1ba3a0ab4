"""What is seen while nothing is open: the latest sessions and places, and the ways to open a study."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from viewer.widgets.theme import ACCENT, BACKGROUND, BORDER, FAINT, RAISED, TEXT

#: Its width, and the room above it, where an earlier session is offered, px.
_WIDTH, _ABOVE = 560, 80


@dataclass(frozen=True)
class Row:
    """A thing to go on with.

    Args:
        title, detail: two lines.
        tip: what a click does.
        choose: opens it.
        discard: gives it up, after a question; None where there is nothing to give up.
    """

    title: str
    detail: str
    tip: str
    choose: Callable[[], None]
    discard: Callable[[], None] | None = None


class StartScreen(QScrollArea):
    """Covers a widget; whoever makes it shows and hides it.

    Args:
        over: what it covers.
        ways: actions that open something.
    """

    def __init__(self, over: QWidget, ways: Sequence[QAction]) -> None:
        super().__init__(over)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setStyleSheet(f"StartScreen, #page {{ background: {BACKGROUND}; border: none; }}")
        page = QWidget()
        page.setObjectName("page")
        column = QWidget()
        column.setMaximumWidth(_WIDTH)
        self._column = QVBoxLayout(column)
        self._column.setSpacing(6)
        title = QLabel("Planimeter")
        title.setStyleSheet(f"font-size: 22pt; color: {TEXT};")
        hint = QLabel("Drop a folder or files here, or open them.")
        hint.setStyleSheet(f"color: {FAINT};")
        self._column.addWidget(title)
        self._column.addWidget(hint)
        buttons = QGridLayout()
        for place, action in enumerate(ways):
            button = QPushButton(action.text().replace("&", ""))
            button.setToolTip(action.toolTip())
            button.clicked.connect(action.trigger)
            buttons.addWidget(button, place // 2, place % 2)
        self._column.addLayout(buttons)
        self._lists = QVBoxLayout()
        self._lists.setSpacing(4)
        # Not asked of the layout: PySide keeps each item that it was asked for, under an address that is used again.
        self._listed: list[QWidget] = []
        self._column.addLayout(self._lists)
        self._column.addStretch(1)
        sides = QHBoxLayout(page)
        sides.setContentsMargins(24, _ABOVE, 24, 24)
        sides.addStretch(1)
        sides.addWidget(column, 100)
        sides.addStretch(1)
        self.setWidget(page)
        self._over = over
        over.installEventFilter(self)
        self.setGeometry(over.rect())

    def show_lists(self, lists: Sequence[tuple[str, Sequence[Row]]]) -> None:
        """Show (heading, rows) one under the other; what is empty is left out."""
        for widget in self._listed:
            self._lists.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        self._listed.clear()
        for heading, rows in lists:
            if rows:
                label = QLabel(heading)
                label.setStyleSheet(f"color: {FAINT}; margin-top: 14px;")
                self._list(label)
            for row in rows:
                self._list(_RowWidget(row))

    def _list(self, widget: QWidget) -> None:
        self._listed.append(widget)
        self._lists.addWidget(widget)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Stay as large as what it covers."""
        if event.type() == QEvent.Type.Resize:
            self.setGeometry(self._over.rect())
        return super().eventFilter(watched, event)


class _RowWidget(QWidget):
    def __init__(self, row: Row) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setStyleSheet(
            f"_RowWidget {{ background: {RAISED}; border: 1px solid {BORDER}; border-radius: 4px; }}"
            f"_RowWidget:hover {{ border-color: {ACCENT}; }}"
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 6, 0)
        # A push button takes Return and the focus; what it says may be cut, so its tip says all of it.
        self.button = QPushButton()
        self.button.setStyleSheet("QPushButton { background: transparent; border: none; text-align: left; }")
        self.button.setAccessibleName(row.title)
        self.button.setToolTip(f"{row.title}\n{row.detail}\n{row.tip}")
        lines = QVBoxLayout(self.button)
        lines.setContentsMargins(10, 6, 6, 6)
        lines.setSpacing(1)
        for text, colour in ((row.title, TEXT), (row.detail, FAINT)):
            label = QLabel(text)
            # A name or path from a file must not be read as markup.
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            label.setStyleSheet(f"color: {colour};")
            label.setMinimumWidth(1)
            lines.addWidget(label)
        self.button.setMinimumHeight(lines.sizeHint().height())
        self.button.clicked.connect(row.choose)
        layout.addWidget(self.button, 1)
        if row.discard is not None:
            away = QToolButton()
            away.setText("Discard…")
            away.setToolTip("Give this session up, after a question")
            away.clicked.connect(row.discard)
            layout.addWidget(away)
