"""The label that says which structure a stroke draws into."""

from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from viewer.edits.target import fresh_roi
from viewer.tools.toolbox import Toolbox
from viewer.widgets.icons import icon
from viewer.widgets.name_label import NameLabel
from viewer.widgets.structures_model import swatch

#: A name that has room: as long as TG-263 lets names be. Average letters are narrower than those of most names.
_WIDEST = "Glnd_Submand_LMN"


class TargetLabel(QWidget):
    """Colour and name of the active structure, or of the one that the next stroke begins."""

    def __init__(self, toolbox: Toolbox) -> None:
        super().__init__()
        self._session, self._said = toolbox.session, ""
        self._swatch, self._name, self._sign = QLabel(self), NameLabel(self), QLabel(self)
        self._name.setFixedWidth(self.fontMetrics().horizontalAdvance(_WIDEST))
        for small in (self._swatch, self._sign):
            small.setFixedWidth(16)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(6, 0, 4, 0)
        layout.setSpacing(4)
        layout.addWidget(self._swatch)
        layout.addWidget(self._name)
        layout.addWidget(self._sign)
        self._session.active_changed.connect(self._show)
        self._session.volume_changed.connect(self._show)
        self._session.structures_changed.connect(lambda _: self._show())
        self._show()

    @property
    def text(self) -> str:
        """What it says, its sign in words."""
        return self._said

    def _show(self) -> None:
        structures, roi = self._session.structures, self._session.active_roi
        self.setEnabled(structures is not None)
        if structures is None:
            self._swatch.clear()
            self._sign.clear()
            self._said = ""
            self._name.setText("")
            self.setToolTip("")
            return
        begins = roi is None
        roi = roi if roi is not None else fresh_roi(structures)
        state = "locked" if roi.locked else "hidden" if not roi.visible else ""
        name = f"new: {roi.name}" if begins else roi.name
        self._said = f"{name} ({state})" if state and not begins else name
        self._swatch.setPixmap(swatch(roi.colour).pixmap(12, 12))
        self._name.setText(name)
        # A word would take the room from the name.
        self._sign.setPixmap(icon(state).pixmap(14, 14) if state and not begins else QPixmap())
        tip = f"The next stroke begins a new structure, {roi.name}" if begins else f"Strokes draw into {self._said}"
        self.setToolTip(f"{tip}; choose another in the list, or with comma and full stop")
