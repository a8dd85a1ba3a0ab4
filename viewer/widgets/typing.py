"""Where a person is typing: nothing but a click, a key or the field itself ends that."""

from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QLineEdit, QPlainTextEdit, QTextEdit, QWidget


def takes_text(widget: QWidget | None) -> bool:
    """Whether what is typed into a widget becomes text in it."""
    if isinstance(widget, QComboBox):
        return widget.isEditable()
    if isinstance(widget, QLineEdit | QAbstractSpinBox | QTextEdit | QPlainTextEdit):
        return widget.isEnabled() and not widget.isReadOnly()
    return False


def is_typing() -> bool:
    """Whether a text field has the keys; also while a list of suggestions is open over it."""
    return takes_text(QApplication.focusWidget())
