"""The page on which a model card tells what it is, and scrolls where there is no room for all of it."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

#: So much of the text is always seen.
_LINES = 3


class CardPage(QScrollArea):
    """What came of the last run, and rich text that can be selected, in a frame that scrolls downwards alone."""

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
        self.setMinimumHeight(_LINES * self.fontMetrics().lineSpacing())
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def tell(self, sentence: str) -> None:
        """Show what came of a run; "" takes it away."""
        self.notice.setText(sentence)
        self.notice.setVisible(bool(sentence))
        self.verticalScrollBar().setValue(0)
