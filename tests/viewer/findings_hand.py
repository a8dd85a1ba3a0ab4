"""Findings that nobody has judged, and what a reader does with them in the window."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit

from engine.answers import Box, Result, Score
from engine.edits import AnswerChange, Step
from engine.findings.assessment import Verdict
from engine.structures import Generation, Provenance
from tests.viewer.hand import CTRL, LEFT, SHIFT, Hand
from viewer.features.opening import Opener
from viewer.session import View
from viewer.widgets.findings_panel import FindingsPanel
from viewer.widgets.report_dialog import ReportDialog
from viewer.widgets.report_strip import ReportStrip
from viewer.widgets.report_view import ReportView

MODEL_RUN = Provenance(Generation.AUTOMATIC, algorithm="a-sieve", version="1.0", description="A sieve 1.0")


def result() -> Result:
    """Two scores and two boxes, of which the second lies on planes 30 to 33."""
    return Result(
        (
            Score(1, "a", "Malignant", 0.82, provenance=MODEL_RUN, one_of=("malignant", "benign"), note="Calibrated."),
            Score(2, "b", "Category", 0.4, provenance=MODEL_RUN, form="bi-rads", abstained="unlike the training set."),
            Box(1, "n", "Nodule", (8, 10, 10), (11, 18, 18), 0.9, provenance=MODEL_RUN),
            Box(2, "n", "Nodule", (30, 20, 22), (33, 26, 28), 0.6, provenance=MODEL_RUN),
        )
    )


def panel(hand: Hand) -> FindingsPanel:
    found = hand.window.findChild(FindingsPanel)
    assert found is not None
    return found


def verdicts(hand: Hand) -> list[Verdict]:
    return [finding.assessment.verdict for finding in hand.session.document.findings]


def type_in(field: QLineEdit, text: str) -> None:
    QTest.mouseClick(field, LEFT)
    assert QApplication.focusWidget() is field
    QTest.keyClicks(field, text)


def add_classes(hand: Hand) -> None:
    """Two scores of which just one can hold."""
    both = [
        Score(11, "t", "Tumour", 0.9, provenance=MODEL_RUN, uid="2.25.11", classes=("t",), rivals=("c",)),
        Score(12, "c", "Cyst", 0.8, provenance=MODEL_RUN, uid="2.25.12", classes=("c",), rivals=("t",)),
    ]
    end = len(hand.session.document.scores)
    hand.history.do(Step("Run", "a", tuple(AnswerChange(None, score, end + n) for n, score in enumerate(both))))


def judge_all(hand: Hand) -> None:
    for _ in range(4):
        hand.key(Qt.Key.Key_N)
        # Twice, since of one of them the model gives no opinion.
        hand.key(Qt.Key.Key_A)
        hand.key(Qt.Key.Key_A)


def back(hand: Hand) -> None:
    """Every dialog is gone, and the keys go to the views."""
    for kind in (ReportDialog, ReportView):
        hand.wait_until(lambda kind=kind: hand.window.findChild(kind) is None)
    hand.window.activateWindow()
    assert QTest.qWaitForWindowActive(hand.window, 5000)
    hand.pane(View.AXIAL).setFocus()


def dialog_of(hand: Hand, *, sign: bool) -> ReportDialog:
    back(hand)
    hand.key(Qt.Key.Key_F if sign else Qt.Key.Key_E, CTRL | SHIFT)
    found = hand.window.findChild(ReportDialog)
    assert found is not None
    return found


def export(hand: Hand, path: Path, *, sign: bool = False, kind: str = "report") -> None:
    """Write a report as a person does, and close its certificate."""
    dialog = dialog_of(hand, sign=sign)
    dialog.kind.setCurrentIndex(dialog.kind.findData(kind))
    if sign:
        dialog.name.setText("Doe^Jane")
        dialog.organisation.setText("St Elsewhere")
    dialog.path.setText(str(path))
    QTest.mouseClick(dialog.start_button, LEFT)
    hand.wait_until(lambda: hand.window.findChild(ReportDialog) is None or dialog.error.isVisible(), 60)
    assert hand.window.findChild(ReportDialog) is None, dialog.error.text()
    hand.settle(50)
    view = hand.window.findChild(ReportView)
    if view is not None:
        QTest.keyClick(view, Qt.Key.Key_Escape)
    back(hand)


def strip(hand: Hand) -> str:
    return hand.window.findChild(ReportStrip).text.text()


def open_series(hand: Hand, path: Path) -> None:
    """Open a file in the place of what is open."""
    hand.session.close()
    opener = hand.window.findChild(Opener)
    opener.tree.forget()
    opener.open_paths([path], show=True)
    hand.wait_until(lambda: hand.session.volume is not None and not opener.busy)
