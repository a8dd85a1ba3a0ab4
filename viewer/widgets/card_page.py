"""The page on which a model card tells what it is, and scrolls where there is no room for all of it."""

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QLabel,
    QPushButton,
    QScrollArea,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

#: So much of the text is always seen: the first of it, beside the button that opens all of it.
_LINES = 2
#: The window in which all of it is read, pixels.
_WHOLE = (620, 560)


class CardPage(QScrollArea):
    """What came of the last run, and rich text that can be selected, in a frame that scrolls downwards alone.

    Where it has to be scrolled, a button in its corner opens all of it in a window.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        page = QWidget(self)
        #: Above the text: it takes no room from the list of structures, whatever its length.
        self.notice = QLabel(page, wordWrap=True)
        self.notice.hide()
        self.text = QLabel(page, wordWrap=True, textFormat=Qt.TextFormat.RichText)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 6, 0)
        layout.addWidget(self.notice)
        layout.addWidget(self.text, 1)
        self.setWidget(page)
        self.setWidgetResizable(True)
        self.setMinimumHeight(_LINES * (self.fontMetrics().lineSpacing() + 4))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.whole_button = QPushButton("Read all…", self)
        self.whole_button.setStyleSheet("padding: 1px 8px;")
        self.whole_button.setToolTip("Read the whole page in a window of its own")
        self.whole_button.clicked.connect(self.show_whole)
        self.whole_button.hide()
        self.verticalScrollBar().rangeChanged.connect(self._place_button)

    def tell(self, sentence: str) -> None:
        """Show what came of a run; "" takes it away."""
        self.notice.setText(sentence)
        self.notice.setVisible(bool(sentence))
        self.verticalScrollBar().setValue(0)

    def show_whole(self) -> QDialog:
        """Open all of the page in a window."""
        dialog = QDialog(self.window())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle("About the model")
        text = QTextBrowser(dialog)
        text.setHtml(self.text.text())
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, dialog)
        buttons.rejected.connect(dialog.reject)
        layout = QVBoxLayout(dialog)
        layout.addWidget(text)
        layout.addWidget(buttons)
        dialog.resize(*_WHOLE)
        dialog.open()
        return dialog

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802, D102
        super().resizeEvent(event)
        self._place_button()

    def _place_button(self) -> None:
        """In the lower corner, over the end of the last line, where the text goes on below."""
        self.whole_button.setVisible(self.verticalScrollBar().maximum() > 0)
        place = QRect(QPoint(), self.whole_button.sizeHint())
        place.moveBottomRight(self.viewport().geometry().bottomRight())
        self.whole_button.setGeometry(place)
        self.whole_button.raise_()
