"""How a cell in the list of structures is drawn and edited: a name, a type, and what is a sign alone."""

from collections.abc import Callable

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QCompleter,
    QLineEdit,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from engine.errors import PlanimeterError
from engine.tg263 import standard_names
from viewer.edits.structures import LONGEST_NAME, ROI_TYPES
from viewer.widgets.choice_box import ChoiceBox
from viewer.widgets.long_names import LongNames, shortened
from viewer.widgets.structures_model import MARK_ROLE

Index = QModelIndex | QPersistentModelIndex

_ENDS = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab)


class SignDelegate(QStyledItemDelegate):
    """Shows a sign in the middle of the cell in place of words and box; a click anywhere in it changes what it says."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:  # noqa: N802
        """The sign alone."""
        super().initStyleOption(option, index)
        features = QStyleOptionViewItem.ViewItemFeature
        option.features &= ~(features.HasCheckIndicator | features.HasDisplay)
        option.text = ""
        option.decorationAlignment = Qt.AlignmentFlag.AlignCenter
        option.decorationPosition = QStyleOptionViewItem.Position.Top

    def editorEvent(  # noqa: N802
        self, event: QEvent, model: QAbstractItemModel, option: QStyleOptionViewItem, index: Index
    ) -> bool:
        """A click of the left button, or Space, turns it over."""
        if not model.flags(index) & Qt.ItemFlag.ItemIsUserCheckable:
            return False
        kind = event.type()
        clicked = (
            isinstance(event, QMouseEvent)
            and kind == QEvent.Type.MouseButtonRelease
            and event.button() == Qt.MouseButton.LeftButton
            and option.rect.contains(event.position().toPoint())
        )
        pressed = isinstance(event, QKeyEvent) and kind == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Space
        if not (clicked or pressed):
            # A second click that follows quickly is a click like any other.
            return kind == QEvent.Type.MouseButtonDblClick
        on = Qt.CheckState(index.data(Qt.ItemDataRole.CheckStateRole)) is Qt.CheckState.Checked
        return model.setData(
            index, Qt.CheckState.Unchecked if on else Qt.CheckState.Checked, Qt.ItemDataRole.CheckStateRole
        )


class NameCompleter(QCompleter):
    """Suggests names of TG-263 by any part of them; Return takes what is written where no suggestion is chosen."""

    #: The name is as it is wanted.
    taken = Signal()

    def __init__(self, editor: QLineEdit) -> None:
        try:
            names = list(standard_names())
        except PlanimeterError:
            names = []
        super().__init__(names, editor)
        self.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.setFilterMode(Qt.MatchFlag.MatchContains)
        # Where Qt itself would repeat the press that closes the list, it would come twice.
        if (popup := self.popup()) is not None:
            popup.setAttribute(Qt.WidgetAttribute.WA_NoMouseReplay)
        # Later, because the field learns of the choice by the same signal.
        self.activated.connect(self.taken, Qt.ConnectionType.QueuedConnection)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Without this, Return would close the suggestions alone, and the field would go on taking keys."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() in _ENDS:
            popup = self.popup()
            if watched is popup and not popup.currentIndex().isValid():
                popup.hide()
                self.taken.emit()
                return True
        if isinstance(event, QMouseEvent) and event.type() == QEvent.Type.MouseButtonPress:
            popup = self.popup()
            if watched is popup and not popup.rect().contains(event.position().toPoint()):
                popup.hide()
                _press_below(event)
                return True
        return super().eventFilter(watched, event)


def _press_below(event: QMouseEvent) -> None:
    """Give a press that closed a list to what lies under the mouse, which takes the keys as with any press.

    It goes through the window, so that the rest of the drag belongs to the same widget.
    """
    place = event.globalPosition()
    widget = QApplication.widgetAt(place.toPoint())
    handle = widget.window().windowHandle() if widget is not None else None
    if handle is not None:
        here = handle.mapFromGlobal(place)
        buttons, keys = event.buttons(), event.modifiers()
        press = QMouseEvent(event.type(), here, here, place, event.button(), buttons, keys)
        QApplication.postEvent(handle, press)


class NameDelegate(LongNames):
    """Edits a name, suggesting those of TG-263; what speaks against a structure is a mark before it without room."""

    def shorter(self, index: Index, fits: Callable[[str], bool]) -> str:
        """The name alone, behind the mark where there is one."""
        mark = index.data(MARK_ROLE)
        if not mark:
            return super().shorter(index, fits)
        name = str(index.data(Qt.ItemDataRole.EditRole))
        return f"{mark} {shortened(name, self._others(), lambda text: fits(f'{mark} {text}'))}"

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:  # noqa: N802
        """A line with a completer."""
        editor = QLineEdit(parent)
        editor.setMaxLength(LONGEST_NAME)
        completer = NameCompleter(editor)
        completer.taken.connect(lambda: self._take(editor))
        editor.setCompleter(completer)
        return editor

    def _take(self, editor: QWidget) -> None:
        self.commitData.emit(editor)
        self.closeEditor.emit(editor)


class TypeDelegate(QStyledItemDelegate):
    """Chooses an interpreted type."""

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:  # noqa: N802
        """A list of DICOM's terms; choosing one is enough."""
        editor = ChoiceBox(parent)
        editor.addItems(list(ROI_TYPES))
        editor.activated.connect(lambda _: self._take(editor))
        return editor

    def _take(self, editor: QWidget) -> None:
        self.commitData.emit(editor)
        self.closeEditor.emit(editor)

    def setEditorData(self, editor: QWidget, index: Index) -> None:  # noqa: N802
        """Start from the type it has; one that is no defined term is kept as a choice."""
        assert isinstance(editor, QComboBox)
        now = str(index.data(Qt.ItemDataRole.EditRole))
        if editor.findText(now) < 0:
            editor.addItem(now)
        editor.setCurrentText(now)

    def setModelData(self, editor: QWidget, model: object, index: Index) -> None:  # noqa: N802
        """Take the choice."""
        assert isinstance(editor, QComboBox) and isinstance(model, QSortFilterProxyModel)
        model.setData(index, editor.currentText())
