"""Draws the pictures of README.md and docs/tools.md on the built-in study: contoured by a model, reviewed, corrected.

Everything is done through the window, so that the pictures show what the program does now.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pictures_saving import save_small
from pictures_seeing import draw_seeing
from pictures_stage import SIZE as TOOLS_SIZE
from pictures_stage import Stage
from pictures_tools import approval, draw_tools
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from engine.demo import write_demo_series
from viewer.features.application import build_window
from viewer.features.opening import Opener
from viewer.session import View
from viewer.widgets.cards_panel import CardsPanel
from viewer.widgets.certificate_view import CertificateView
from viewer.widgets.export_dialog import ExportDialog
from viewer.widgets.findings_panel import FindingsPanel
from viewer.widgets.review_panel import ReviewPanel

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures"
SIZE = (1360, 850)
CARD = "head-neck-oar"


def main() -> None:
    """Write all pictures into docs/pictures."""
    with tempfile.TemporaryDirectory() as scratch:
        # Nothing of the user's own settings and sessions may show.
        os.environ["PLANIMETER_SETTINGS"] = f"{scratch}/settings.ini"
        os.environ["PLANIMETER_DATA"] = f"{scratch}/data"
        FOLDER.mkdir(parents=True, exist_ok=True)
        draw(Path(scratch))


def draw(scratch: Path) -> None:
    """Go through the job, and save the window on the way."""

    def until(reached: Callable[[], bool], what: str, seconds: float = 600.0) -> None:
        end = time.monotonic() + seconds
        while not reached():
            if time.monotonic() > end:
                sys.exit(f"The picture could not be made: {what} took longer than {seconds:.0f} s.")
            QApplication.processEvents()
            time.sleep(0.01)

    def settle(seconds: float = 0.6) -> None:
        end = time.monotonic() + seconds
        until(lambda: time.monotonic() > end and not window.panes.three_d.scene.busy, "drawing")

    def save(widget: QWidget, name: str) -> None:
        path = FOLDER / name
        save_small(widget, path)
        print(f"docs/pictures/{name}: {path.stat().st_size // 1000} kB", flush=True)

    def show(position_lps: tuple[float, float, float]) -> None:
        window.session.move_cursor(position_lps)
        settle()

    window = build_window()
    window.resize(*SIZE)
    window.show()
    opener, cards, review = window.findChild(Opener), window.findChild(CardsPanel), window.findChild(ReviewPanel)
    findings = window.findChild(FindingsPanel)
    assert opener is not None and cards is not None and review is not None and findings is not None
    until(lambda: cards.list.count() > 0, "looking for models")
    settle()
    save(window, "start.png")
    opener.open_paths([write_demo_series(scratch / "demo")], show=True)
    until(lambda: window.session.volume is not None and cards.list.count() > 0, "opening")
    cards.select(CARD)
    until(cards.run_button.isEnabled, "choosing the model")
    cards.run()
    until(lambda: cards.progress.bar.value() > 400 or not cards.is_running, "the model's start")
    until(lambda: not cards.is_running, "the model")
    structures = window.session.structures
    if structures is None or not structures.rois:
        sys.exit(f"The picture could not be made: {cards.notice.text()}")
    by_name = {roi.name: roi for roi in structures.rois}

    # The window, the crosshair in the left parotid gland, where most structures are in view.
    gland = by_name["Parotid_L"]
    plane = sorted(gland.planes)[len(gland.planes) // 2]
    point = gland.area(plane).representative_point()
    window.messages.dismiss_all()
    window.session.set_active(gland.number)
    x, y, z = structures.geometry.lps_from_plane(plane, [[point.x, point.y]])[0]
    show((x, y, z))
    planes = next(action for _, action in window.listed_actions if action.text() == "Planes in 3D")
    planes.trigger()
    settle()
    save(window, "window.png")

    window.activateWindow()
    until(window.isActiveWindow, "the window's turn")
    draw_seeing(window, save, settle)
    draw_tools(Stage(window, save, settle, until, scratch))
    window.activateWindow()
    until(window.isActiveWindow, "the window's turn")
    window.session.set_active(gland.number)
    show((x, y, z))

    # Correcting: a stroke over one enlarged plane.
    window.panes.toggle_enlarged(View.AXIAL)
    pane = window.panes.planes[View.AXIAL]
    settle()
    window.activateWindow()
    until(window.isActiveWindow, "the window's turn")
    QTest.keyClick(pane, Qt.Key.Key_B)
    _, top, right, bottom = gland.area(plane).bounds
    middle = (top + bottom) / 2
    stroke = [(right - 2, middle - 4), (right + 1, middle - 1), (right + 3, middle + 3)]
    spots = []
    for u, v in stroke:
        px, py = pane.scene.pixel_from_lps(structures.geometry.lps_from_plane(plane, [[u, v]])[0])
        spots.append(QPoint(round(px), round(py)))
    QTest.mousePress(pane, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spots[0])
    for spot in spots[1:]:
        QTest.mouseMove(pane, spot)
        settle(0.1)
    QTest.mouseRelease(pane, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spots[-1])
    QTest.keyClick(pane, Qt.Key.Key_Escape)
    window.panes.toggle_enlarged(View.AXIAL)
    window.panes.fit()

    # The review: some contours have been seen, the next is in view.
    window.panel("Review").raise_()
    for _ in range(8):
        review.seen_and_next()
    settle()
    save(window, "review.png")

    # A finding that was added by hand, by a form, and lies in the gland.
    window.session.set_active(gland.number)
    show((x, y, z))
    window.panel("Findings").raise_()
    findings.begin_new("plain")
    for field, text in (("finding", "Cyst"), ("size", "14")):
        QTest.keyClicks(findings.new.fields.fields[field], text)
    QTest.keyClicks(findings.new.comment, "Smooth outline, no contrast uptake")
    findings.new.add()
    settle()
    save(window, "findings.png")
    window.history.undo()

    # The export with its certificate.
    action = next(action for _, action in window.listed_actions if "Export RTSTRUCT" in action.text())
    action.trigger()
    dialog = window.findChild(ExportDialog)
    assert dialog is not None
    # A short name, since the pictures show it.
    os.chdir(scratch)
    dialog.path.setText("RS_head_neck.dcm")
    settle()
    save(dialog, "export.png")
    dialog.start()
    until(lambda: window.findChild(CertificateView) is not None or dialog.error.isVisible(), "the export")
    certificate = window.findChild(CertificateView)
    if certificate is None:
        sys.exit(f"The picture could not be made: {dialog.error.text()}")
    settle()
    save(certificate, "certificate.png")
    certificate.close()
    # Last: what is signed is not undone.
    window.resize(*TOOLS_SIZE)
    save(approval(Stage(window, save, settle, until, scratch)), "approval.png")
    window.guards.clear()
    window.close()


if __name__ == "__main__":
    main()
