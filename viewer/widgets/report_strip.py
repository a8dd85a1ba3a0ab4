"""What stands in files of the findings: signed by whom and when, or changed since; and the ways to a report."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from engine import person_name
from engine.answers import FiledFindings, Finding
from engine.findings.conclusions import contradictions
from engine.structures import StructureSet
from viewer.session import Session
from viewer.widgets.theme import FAINT, GOOD, WARNING


class ReportStrip(QWidget):
    """A line of text and a button for each action."""

    def __init__(self, session: Session, *actions: QAction) -> None:
        super().__init__()
        self._session = session
        self.text = QLabel(self)
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.text, 1)
        for action in actions:
            button = QPushButton(action.iconText(), self)
            button.setToolTip(action.toolTip())
            button.clicked.connect(action.trigger)
            layout.addWidget(button)
        for signal in (session.volume_changed, session.findings_changed, session.findings_filed):
            signal.connect(self._show)
        session.structures_changed.connect(lambda _: self._show())
        self._show()

    def _show(self) -> None:
        document = self._session.document
        findings = document.findings if document is not None else ()
        text, colour = state(findings, self._session.filed_findings, self._session.structures)
        self.setVisible(bool(findings))
        self.text.setText(text)
        self.text.setToolTip("\n".join(each.sentence for each in contradictions(findings)))
        self.text.setStyleSheet(f"color: {colour};")


def state(
    findings: tuple[Finding, ...], filed: FiledFindings, structures: StructureSet | None = None
) -> tuple[str, str]:
    """How findings stand to the report that is filed of them, in words and in a colour."""
    told, colour = _filed(findings, filed, structures)
    if not contradictions(findings):
        return told, colour
    return f"{told}; verdicts contradict each other", WARNING


def _filed(findings: tuple[Finding, ...], filed: FiledFindings, structures: StructureSet | None) -> tuple[str, str]:
    report = filed.report
    changed = filed.why_another(findings, structures)
    if report is None:
        return "Not signed", FAINT
    if report.signature is None:
        return (f"{changed} since the report" if changed else "Reported, not signed"), FAINT
    who, when = person_name.shown(report.signature.name), moment(report.signature.time)
    if changed:
        return f"{changed} since {who} signed at {when}: what is shown is no longer what was signed", WARNING
    return f"Signed by {who}, {report.signature.organisation}, at {when}", GOOD


def moment(time: str) -> str:
    """An ISO time for the eye, to the minute."""
    return time[:16].replace("T", " ")


def is_signed(findings: tuple[Finding, ...], filed: FiledFindings, structures: StructureSet | None = None) -> bool:
    """Whether a person has signed just these findings, of just these contours."""
    signed = filed.report is not None and filed.report.signature is not None
    return signed and not filed.why_another(findings, structures)
