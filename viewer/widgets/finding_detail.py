"""What there is to know of one finding, and where a reader says what he thinks of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QApplication,
    QFormLayout,
    QFrame,
    QGridLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from engine.answers import Finding, FindingKey, ReportedFinding, Score, key_of
from engine.edits import Step
from engine.errors import PlanimeterError
from engine.findings.assessment import Stated, Verdict
from engine.findings.conclusions import contradictions, would_say
from engine.findings.steps import assess, below_threshold, check_values, comment_on, delete_finding, reject_below
from engine.findings.words import is_judged, judgement, model_told, statement, yes_or_no
from engine.later import later
from viewer.findings import evidence_text, size_unit
from viewer.history import History
from viewer.session import Session
from viewer.widgets.form_fields import FormFields, number_or_text
from viewer.widgets.main_window import with_shortcut
from viewer.widgets.settings import reader_name
from viewer.widgets.theme import ERROR, FAINT, WARNING
from viewer.widgets.typing import takes_text

if TYPE_CHECKING:
    from engine.findings import forms
else:
    forms = later("engine.findings.forms")

#: Verb → (button, key, what it does).
KEYS = {
    "accept": ("Accept", "A", "The model is right, and so do you say: below its threshold that it is not so"),
    "change": ("Change", "Shift+A", "Say another value than the model; both are kept"),
    "reject": ("Reject", "X", "The model is wrong, and you say the opposite; the finding stays in the report"),
    "evidence": ("Show where", "J", "Bring into view what it was computed from"),
}


class FindingDetail(QWidget):
    """The active finding of the session.

    `left` is emitted when what was typed is done with, so that letters are keys again.

    Args:
        session, history: of the window.
        tell: called with a sentence when something is refused.
        show_where: brings into view what the finding was computed from.
    """

    left = Signal()

    def __init__(
        self, session: Session, history: History, tell: Callable[[str], None], show_where: Callable[[], None]
    ) -> None:
        super().__init__()
        self._session, self._history, self._tell = session, history, tell
        #: Asked before anything that is said changes.
        self.may_change: Callable[[], bool] = lambda: True
        #: What was asked about: to accept a finding of which the model gives no opinion, or to reject what it denies.
        self._asked: tuple[Finding, Verdict] | None = None
        self._key: FindingKey | None = None
        self._shown: Finding | None = None
        # The question takes the focus, which ends the comment, which would ask again.
        self._asking = False
        self.said = self._label(f"color: {FAINT};")
        self.warning = self._label(f"color: {WARNING};")
        self.against = self._label(f"color: {WARNING};")
        self.told = self._label("")
        self.where = QPushButton(self)
        self.where.setFlat(True)
        self.where.setStyleSheet("text-align: left; padding: 2px 4px;")
        self.where.setToolTip(with_shortcut(KEYS["evidence"][2], KEYS["evidence"][1]))
        self.where.clicked.connect(show_where)
        self.fields = FormFields(self)
        self.value = QLineEdit(self)
        self.value.setPlaceholderText("yes, no, a number or a word")
        self.value.setAccessibleName("Your value")
        self.value.setToolTip(
            "What you say instead; Return keeps it beside the model's value. Yes and no are counted as that; a "
            "number is told as you wrote it, and not held against the model's threshold"
        )
        self.comment = QLineEdit(self)
        self.comment.setAccessibleName("Comment")
        self.comment.setMaxLength(1000)
        self.comment.setToolTip("Kept with the finding once you press Return or go on; it judges nothing by itself")
        self.problem = self._label(f"color: {ERROR};")
        self.problem.hide()
        self.fields.entered.connect(self.change)
        self.value.returnPressed.connect(self.change)
        self.comment.editingFinished.connect(self.keep_comment)
        self.comment.returnPressed.connect(self.left)
        self._lay_out()
        # Before what is open is remembered as it was left.
        session.leaving.connect(self.keep_comment, priority=1)
        session.volume_changed.connect(self._show)
        session.findings_changed.connect(self._show)
        session.active_finding_changed.connect(self._chosen)
        self._show()

    def _label(self, style: str) -> QLabel:
        label = QLabel(self)
        label.setWordWrap(True)
        # What a card or a report calls things must not be read as markup.
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setStyleSheet(style)
        return label

    def _lay_out(self) -> None:
        self.accept_button = self._button("accept", self.accept)
        self.change_button = self._button("change", self.change)
        self.reject_button = self._button("reject", self.reject)
        buttons = QGridLayout()
        buttons.setSpacing(4)
        for column, button in enumerate((self.accept_button, self.change_button, self.reject_button)):
            buttons.addWidget(button, 0, column)
        form = QFormLayout()
        form.setVerticalSpacing(4)
        form.addRow(self.fields)
        form.addRow("Your value", self.value)
        form.addRow("Comment", self.comment)
        self._form = form
        content = QWidget(self)
        layout = QVBoxLayout(content)
        layout.setContentsMargins(2, 4, 2, 2)
        layout.setSpacing(3)
        for label in (self.against, self.warning, self.told):
            layout.addWidget(label)
        layout.addWidget(self.where)
        self._evidence = QVBoxLayout()
        layout.addLayout(self._evidence)
        layout.addLayout(form)
        layout.addWidget(self.problem)
        layout.addWidget(self.said)
        layout.addStretch(1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(4)
        self._area = scrolled(content)
        whole.addWidget(self._area, 1)
        whole.addLayout(buttons)

    def add_evidence(self, widget: QWidget) -> None:
        """Put something beneath the words that say what the finding was computed from."""
        self._evidence.addWidget(widget)

    def bring_into_view(self, widget: QWidget) -> None:
        """Scroll to a part of it, where that is out of sight."""
        self._area.ensureWidgetVisible(widget, 0, 4)

    def _button(self, verb: str, slot: Callable[[], None]) -> QPushButton:
        text, key, tip = KEYS[verb]
        button = QPushButton(text, self)
        button.setToolTip(with_shortcut(tip, key))
        button.clicked.connect(slot)
        return button

    def setVisible(self, visible: bool) -> None:  # noqa: N802
        """Nothing has the focus once this is hidden: else the next field of the window takes what is typed as keys."""
        focus = QApplication.focusWidget()
        if not visible and focus is not None and self.isAncestorOf(focus):
            focus.clearFocus()
        super().setVisible(visible)

    # What is shown --------------------------------------------------------------------------------------------------

    def _chosen(self) -> None:
        self.keep_comment()
        self._show()

    def _show(self) -> None:
        finding = self._session.active_finding
        if finding is None:
            # First, since a field that is hidden tells that it was left.
            self._key = self._shown = None
            self.hide()
            return
        self.show()
        self._show_against(finding)
        anew = key_of(finding) != self._key
        if not anew and finding == self._shown:
            return
        before = self._shown
        if anew:
            self._asked = None
        self._key, self._shown = key_of(finding), finding
        said = finding.assessment
        self.said.setText(f"{statement(finding)} {judgement(said)}.")
        self.said.setVisible(is_judged(finding))
        abstained = finding.abstained if isinstance(finding, Score) else ""
        self.warning.setText(f"The model gives no opinion: {abstained}")
        self.warning.setVisible(bool(abstained))
        for verb, button, verdict in (
            ("accept", self.accept_button, Verdict.ACCEPTED), ("reject", self.reject_button, Verdict.REJECTED),
        ):  # fmt: skip
            says = yes_or_no(would_say(finding, verdict))
            button.setText(f"{KEYS[verb][0]}: {says}" if says else KEYS[verb][0])
        told = model_told(finding)[1 if abstained else 0 :]
        self.told.setText(" ".join(told))
        self.told.setVisible(bool(told))
        verb = "Seen on" if isinstance(finding, ReportedFinding) else "Computed from"
        self.where.setText(f"{verb} {evidence_text(self._session, finding)}")
        form = forms.find_form(finding.form) if finding.form else None
        self.fields.setVisible(form is not None)
        self._form.setRowVisible(self.value, form is None and not isinstance(finding, ReportedFinding))
        if anew or before is None or before.assessment != said:
            # Only now: what is being filled in stays where something else of the finding changes.
            self.fields.show_form(form, form.values(said.stated) if form else {}, size_unit(self._session))
            self.value.setText(
                "" if said.value is None else f"{said.value:g}" if _is_number(said.value) else str(said.value)
            )
            self.comment.setText(said.comment)
            self.problem.hide()
        by_hand = isinstance(finding, ReportedFinding)
        self.accept_button.setVisible(not by_hand)
        self.change_button.setVisible(form is not None or not by_hand)
        if by_hand and form is not None:
            self.reject_button.setText("Remove")

    def _show_against(self, finding: Finding) -> None:
        """What contradicts the finding, which another one may bring about."""
        findings = self._session.document.findings if self._session.document is not None else ()
        told = [each.sentence for each in contradictions(findings) if finding in each.findings]
        self.against.setText(" ".join(told))
        self.against.setVisible(bool(told))

    # What the buttons and keys do -----------------------------------------------------------------------------------

    def accept(self) -> None:
        """Take the model's value as one's own; where the model gives no opinion, only when asked once more."""
        finding = self._session.active_finding
        if finding is None or isinstance(finding, ReportedFinding):
            return
        if isinstance(finding, Score) and finding.abstained and self._ask(finding, Verdict.ACCEPTED):
            self._refuse("The model gives no opinion here. Accept once more to take its value all the same.")
            return
        self._judge(finding, Verdict.ACCEPTED)

    def _ask(self, finding: Finding, verdict: Verdict) -> bool:
        """Whether a verdict is to be asked about, which it was not yet."""
        before, self._asked = self._asked, (finding, verdict)
        return before != self._asked

    def change(self) -> None:
        """Say what is filled in, in place of the model's value; where nothing is yet, let it be filled in."""
        finding = self._session.active_finding
        if finding is None:
            return
        form = forms.find_form(finding.form) if finding.form else None
        filled = self.fields.values if form is not None else self.value.text().strip()
        if not filled:
            self._fill_in(self.fields if form is not None else self.value)
            return
        if form is None:
            self._judge(finding, Verdict.CHANGED, value=number_or_text(self.value.text().strip()))
            return
        try:
            check_values(form, self.fields.values)
        except PlanimeterError as error:
            self._refuse(str(error))
            self._fill_in(self.fields)
            return
        stated = form.stated(self.fields.values, size_unit(self._session))
        verdict = Verdict.ADDED if isinstance(finding, ReportedFinding) else Verdict.CHANGED
        self._judge(finding, verdict, stated=stated)

    def reject(self) -> None:
        """Say that the model is wrong, of a low probability only when asked; one's own finding is taken out again."""
        finding = self._session.active_finding
        document = self._session.document
        if finding is None or document is None:
            return
        if isinstance(finding, ReportedFinding) and finding.form:
            self._do(lambda: delete_finding(document, finding))
            return
        if would_say(finding, Verdict.REJECTED) and self._ask(finding, Verdict.REJECTED):
            # Who rejects a finding that the model does not see may mean that it is not there, which is to accept.
            self._refuse(
                f"The model itself does not say '{finding.name}': to say no as well, accept. Reject once more to say "
                "that it is so all the same."
            )
            return
        self._judge(finding, Verdict.REJECTED)

    def reject_below(self) -> None:
        """Reject the boxes that the model itself does not count and nobody has judged; all of them are one step."""
        document = self._session.document
        boxes = below_threshold(document) if document is not None else []
        if document is None or not boxes:
            self._tell("No box that nobody has judged is below its model's threshold.")
            return
        self._do(lambda: reject_below(document, reader_name()))
        if self._session.document is not document:
            self._tell(f"{len(boxes)} boxes below the model's threshold were rejected; undo takes it back.")

    def reopen(self) -> None:
        """Judge it anew: nobody has said anything of it, but for the comment."""
        finding = self._session.active_finding
        if finding is not None and not isinstance(finding, ReportedFinding):
            self._judge(finding, Verdict.UNSEEN)

    def keep_comment(self) -> None:
        """Keep the comment as it stands, where it is another one."""
        document = self._session.document
        shown, text = self._shown, self.comment.text().strip()
        if document is None or shown is None or text == shown.assessment.comment:
            return
        finding = next((each for each in document.findings if key_of(each) == key_of(shown)), None)
        if finding is not None:
            self._do(lambda: comment_on(document, finding, text))

    def _fill_in(self, where: FormFields | QLineEdit) -> None:
        field = where.first if isinstance(where, FormFields) else where
        field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._area.ensureWidgetVisible(field)

    def _judge(
        self, finding: Finding, verdict: Verdict, value: float | str | None = None, stated: tuple[Stated, ...] = ()
    ) -> None:
        document = self._session.document
        assert document is not None, "a finding belongs to an open series"
        said = {"comment": self.comment.text(), "reader": reader_name()}
        self._do(lambda: assess(document, finding, verdict, value=value, stated=stated, **said))
        if takes_text(QApplication.focusWidget()) and self.problem.isHidden():
            self.left.emit()

    def _do(self, make: Callable[[], Step]) -> None:
        try:
            step = make()
        except PlanimeterError as error:
            self._refuse(str(error))
            return
        self.problem.hide()
        if not self._asking:
            self._asking = True
            if self.may_change():
                self._history.do(step)
            else:
                self._take_back()
            self._asking = False

    def _take_back(self) -> None:
        """Show what is said, in place of what was typed."""
        self._shown = None
        self._show()

    def _refuse(self, sentence: str) -> None:
        self.problem.setText(sentence)
        self.problem.show()


def scrolled(content: QWidget) -> QScrollArea:
    """What may be higher than its place, with a bar at its side where it is."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(content)
    return area


def _is_number(value: float | str) -> bool:
    return isinstance(value, int | float)
