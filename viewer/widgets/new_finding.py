"""A finding that a person adds by hand: by which form, what, where, and a comment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from engine.answers import ReportedFinding, key_of
from engine.edits import AnswerChange
from engine.errors import PlanimeterError
from engine.findings.assessment import WHOLE_IMAGE, Evidence
from engine.findings.steps import add_finding
from viewer.findings import around_cursor, size_unit
from viewer.history import History
from viewer.session import Session
from viewer.widgets.choice_box import ChoiceBox
from viewer.widgets.finding_detail import scrolled
from viewer.widgets.form_fields import FormFields
from viewer.widgets.settings import reader_name
from viewer.widgets.theme import ERROR, FAINT

if TYPE_CHECKING:
    from engine.findings.forms import Form

_CROSSHAIR, _PLANE, _STRUCTURE, _WHOLE = "crosshair", "plane", "structure", "whole"
#: Side of the box around the crosshair where no size is said, mm.
_USUAL_MM = 10.0


class NewFinding(QWidget):
    """Filled in while the images stay usable; nothing is added before the button says so."""

    #: It was added, or given up.
    ended = Signal()

    def __init__(self, session: Session, history: History) -> None:
        super().__init__()
        self._session, self._history = session, history
        #: Asked before a finding is added.
        self.may_change: Callable[[], bool] = lambda: True
        self.title = QLabel(self)
        self.title.setStyleSheet("font-weight: 600;")
        self.note = QLabel(self)
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.note.setStyleSheet(f"color: {FAINT};")
        self.fields = FormFields(self)
        self.where = ChoiceBox(self)
        self.where.setToolTip("Where it is: the crosshair and the plane are those in view when it is added")
        self.where.setSizeAdjustPolicy(ChoiceBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.where.setMinimumContentsLength(8)
        self.comment = QLineEdit(self)
        self.comment.setMaxLength(1000)
        self.comment.setAccessibleName("Comment")
        self.comment.setToolTip("What you want to say of it, in your words")
        self.problem = QLabel(self)
        self.problem.setWordWrap(True)
        self.problem.setTextFormat(Qt.TextFormat.PlainText)
        self.problem.setStyleSheet(f"color: {ERROR};")
        self.add_button = QPushButton("Add to the report", self)
        self.add_button.setToolTip("Add this finding (Return)")
        cancel = QPushButton("Cancel", self)
        cancel.setToolTip("Add nothing")
        self.add_button.clicked.connect(self.add)
        cancel.clicked.connect(self.ended)
        self.fields.entered.connect(self.add)
        self.comment.returnPressed.connect(self.add)
        buttons = QHBoxLayout()
        buttons.addWidget(self.add_button, 1)
        buttons.addWidget(cancel)
        form = QFormLayout()
        form.setVerticalSpacing(4)
        form.addRow(self.fields)
        form.addRow("Where", self.where)
        form.addRow("Comment", self.comment)
        content = QWidget(self)
        layout = QVBoxLayout(content)
        layout.setContentsMargins(2, 4, 2, 2)
        layout.setSpacing(4)
        layout.addWidget(self.title)
        layout.addLayout(form)
        layout.addWidget(self.problem)
        layout.addWidget(self.note)
        layout.addStretch(1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(4)
        whole.addWidget(scrolled(content), 1)
        whole.addLayout(buttons)

    def begin(self, form: Form) -> None:
        """An empty form, ready for the keys."""
        self.title.setText(f"New: {form.title}")
        self.note.setText(form.note)
        self.note.setVisible(bool(form.note))
        self.fields.show_form(form, size_unit=size_unit(self._session))
        self.comment.clear()
        self.problem.hide()
        self.where.clear()
        self.where.addItem("Around the crosshair", _CROSSHAIR)
        self.where.addItem("The plane in view", _PLANE)
        roi = self._session.active_roi
        if roi is not None:
            self.where.addItem(f"Structure {roi.name}", _STRUCTURE)
        self.where.addItem("The whole image", _WHOLE)
        self.show()
        self.fields.first.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def add(self) -> None:
        """Add it as one step, and look at it; what the form does not take is told."""
        document, form = self._session.document, self.fields.form
        if document is None or form is None:
            return
        values = self.fields.values
        try:
            step = add_finding(
                document, form, values, evidence=self._evidence(), comment=self.comment.text(), reader=reader_name(),
                size_unit=size_unit(self._session),
            )  # fmt: skip
        except PlanimeterError as error:
            self.problem.setText(str(error))
            self.problem.show()
            return
        (change,) = step.changes
        assert isinstance(change, AnswerChange) and isinstance(change.after, ReportedFinding)
        if not self.may_change():
            return
        self._history.do(step)
        self.ended.emit()
        self._session.set_active_finding(key_of(change.after))

    def _evidence(self) -> Evidence:
        chosen, roi = self.where.currentData(), self._session.active_roi
        if chosen == _STRUCTURE and roi is not None:
            return Evidence(roi_number=roi.number, roi_uid=roi.uid)
        if chosen == _WHOLE:
            return WHOLE_IMAGE
        if chosen == _PLANE:
            return Evidence(plane=self._session.plane)
        form = self.fields.form
        sizes = [field.key for field in form.fields if field.kind == "size"] if form is not None else []
        said = [value for key, value in self.fields.values.items() if key in sizes and isinstance(value, float)]
        return around_cursor(self._session, max(said, default=0.0) or _USUAL_MM)
