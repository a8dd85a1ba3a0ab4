"""Certificates are read by a person: in words, with the planes of the window, and nothing cut off."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from engine.dicom.rtstruct_write import export_rtstruct
from engine.findings.assessment import Evidence
from engine.findings.forms import find_form
from engine.findings.steps import add_finding
from engine.structures import StructureSet
from tests.viewer.findings_hand import back, dialog_of
from tests.viewer.hand import LEFT, Hand
from tests.viewer.see import CENTRE, ball, phantom
from viewer.features.opening import Opener
from viewer.session import View
from viewer.widgets.certificate_view import CertificateView
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


def test_the_structures_of_a_certificate_and_its_buttons_are_seen_however_much_is_noted(
    qtbot: QtBot, tmp_path: Path
) -> None:
    volume = phantom()
    rois = tuple(ball(volume.geometry, CENTRE, 6.0, number) for number in range(1, 5))
    certificate = export_rtstruct(StructureSet(volume.geometry, rois), volume, tmp_path / "rt.dcm")
    for notes in (3, 200):
        changes = tuple(f"{number} contours of a structure were thinned by at most 0.01 mm." for number in range(notes))
        view = CertificateView(certificate.model_copy(update={"changes": changes}), tmp_path / "rt.dcm")
        qtbot.addWidget(view)
        with qtbot.waitExposed(view):
            view.show()
        qtbot.wait(20)
        rows = [view.table.visualItemRect(view.table.item(row, 0)) for row in range(4)]
        assert all(view.table.viewport().rect().contains(row) for row in rows)
        assert view.height() <= 700 and all(button.isVisible() for button in view.findChildren(QPushButton))
