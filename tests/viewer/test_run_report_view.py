"""The certificate of a report is read by a person: in words, with the planes of the window, and nothing cut off."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engine.findings.assessment import Evidence
from engine.findings.forms import find_form
from engine.findings.steps import add_finding
from tests.viewer.findings_hand import back, dialog_of
from tests.viewer.hand import LEFT, Hand
from viewer.features.opening import Opener
from viewer.session import View
from viewer.widgets.report_view import COLUMNS, ReportView

NAME = "Lymph node behind the jugular vein, level II"


def test_a_certificate_tells_what_the_window_tells_and_cuts_no_word(
    window: Hand, built_in: Path, tmp_path: Path
) -> None:
    window.window.findChild(Opener).open_paths([built_in], show=True)
    window.wait_until(lambda: window.session.volume is not None)
    window.pane(View.AXIAL).setFocus()
    document = window.session.document
    box = Evidence(low_kji=(7.6, 10.0, 12.0), high_kji=(10.2, 16.0, 18.0))
    comment = "Round, without a fatty hilum; compare with the examination of last year"
    window.history.do(
        add_finding(
            document,
            find_form("plain"),
            {"finding": NAME, "size": 12.5},
            evidence=box,
            comment=comment,
            reader="Doe^Jane",
        )
    )
    dialog = dialog_of(window, sign=False)
    dialog.path.setText(str(tmp_path / "r.dcm"))
    QTest.mouseClick(dialog.start_button, LEFT)
    window.wait_until(lambda: window.window.findChild(ReportView) is not None, 60)
    view = window.window.findChild(ReportView)
    window.settle(50)
    texts = dict(zip(COLUMNS, (view.table.item(0, column).text() for column in range(len(COLUMNS))), strict=True))
    assert texts["Reader"] == f"{NAME}, 12.5 mm" and texts["Where"] == "planes 9–11"
    for column, text in enumerate(texts.values()):
        cell = view.table.visualItemRect(view.table.item(0, column))
        flags = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft
        needed = view.table.fontMetrics().boundingRect(cell, flags, text)
        assert needed.width() <= cell.width() and needed.height() <= cell.height(), text
    QTest.keyClick(view, Qt.Key.Key_Escape)
    back(window)
