"""The whole job in the real window, by mouse and keys: open, contour, correct, export, reopen."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from engine.structures import Generation
from tests.viewer.hand import when_asked
from tests.viewer.person import Person, draw_by_hand


def test_the_whole_job_on_the_built_in_study(person: Person, built_in: Path, tmp_path: Path) -> None:
    person.open(built_in)
    volume = person.session.volume
    assert volume is not None and volume.geometry.shape == (80, 59, 109) and volume.units == "HU"

    # A shipped model draws the body: what is denser than air, with the air inside of it.
    panel = person.run("external")
    person.until(lambda: not panel.is_running, 120)
    assert person.names == ["External"], panel.notice.text()
    drawn = person.structures.rois[0]
    assert drawn.provenance.generation is Generation.AUTOMATIC and len(drawn.planes) == 80
    mine, dense = person.filled(drawn.number), volume.voxels > -300
    assert (mine & dense).sum() > 0.99 * dense.sum()
    solid = [sitk.GetArrayFromImage(sitk.BinaryFillhole(sitk.GetImageFromArray(k))) for k in dense.astype(np.uint8)]
    assert (mine & (np.stack(solid) > 0)).sum() > 0.97 * mine.sum()

    # A stroke along its left side is added there and nowhere else, as one step by a person.
    person.go_to(40)
    right = drawn.area(40).bounds[2]
    middle = (drawn.area(40).bounds[1] + drawn.area(40).bounds[3]) / 2
    person.key(Qt.Key.Key_Period)  # the next structure of the list, which is the only one, becomes active
    assert person.session.active == drawn.number
    person.key(Qt.Key.Key_B)
    person.drag([person.at(right, v) for v in np.arange(middle - 20, middle + 21, 5)])
    edited = person.structures.rois[0]
    reach = 5.0  # the brush's radius, mm
    assert edited.area(40).bounds[2] == pytest.approx(right + reach, abs=1.0)
    assert edited.area(40).covers(drawn.area(40).buffer(-0.01))
    assert [k for k in edited.planes if edited.planes[k] is not drawn.planes[k]] == [40]
    assert edited.provenance.generation is Generation.SEMIAUTOMATIC
    person.ctrl(Qt.Key.Key_Z)
    assert person.structures.rois[0].planes[40] is drawn.planes[40]
    person.ctrl(Qt.Key.Key_Y)
    assert person.structures.rois[0].planes[40] is edited.planes[40]

    # The file is certified, and says the same to the reader.
    certificate = person.export(tmp_path / "rt.dcm")
    assert certificate.certificate.ok
    (entry,) = certificate.certificate.structures
    assert entry.largest_distance_mm < 0.01
    certificate.close()
    person.session.close()
    person.open(built_in, structures=tmp_path / "rt.dcm")
    (again,) = person.structures.rois
    assert (again.name, again.provenance.generation) == ("External", Generation.SEMIAUTOMATIC)
    assert sorted(again.planes) == sorted(edited.planes)
    for plane in edited.planes:
        # Coordinates are written to a hundredth of a millimetre at least.
        assert again.area(plane).hausdorff_distance(edited.area(plane)) < 0.02


def test_the_job_by_hand(qtbot: QtBot, person: Person, ct: Path, tmp_path: Path) -> None:
    person.open(ct)
    draw_by_hand(person)
    roi = person.structures.rois[0]
    assert sorted(roi.planes) == [8, 9, 10, 11, 12]
    areas = {plane: roi.area(plane).area for plane in roi.planes}
    # A stroke of a disc of 5 mm radius along 40 and 60 mm.
    assert areas[8] == pytest.approx(40 * 10 + np.pi * 25, rel=0.05)
    assert areas[12] == pytest.approx(60 * 10 + np.pi * 25, rel=0.05)
    assert areas[8] < areas[10] < areas[12]

    # The colour lies where the line is.
    person.go_to(12)
    person.key(Qt.Key.Key_H)
    qtbot.wait(200)
    picture = person.axial.draw()
    left, _, right, _ = roi.area(12).bounds
    for u in (left, right):
        spot = person.at(u, 125)
        near = [QColor(picture.pixel(spot.x() + dx, spot.y())) for dx in range(-3, 4)]
        assert min(sum(abs(a - b) for a, b in zip(c.getRgb()[:3], roi.colour, strict=True)) for c in near) < 90

    # Push the right end outwards; nothing else changes.
    person.key(Qt.Key.Key_U)
    person.drag([person.at(u, 125) for u in (148, 152, 156, 160)])
    pushed = person.structures.rois[0]
    assert pushed.area(12).bounds[2] > right + 2
    assert pushed.planes[8] is roi.planes[8]
    person.ctrl(Qt.Key.Key_Z)
    assert person.structures.rois[0].area(12).equals(roi.area(12))
    person.ctrl(Qt.Key.Key_Y)
    assert person.structures.rois[0].area(12).equals(pushed.area(12))

    # Export by the keyboard, then look at the file in another window's eyes.
    file = tmp_path / "rt.dcm"
    view = person.export(file)
    assert view.certificate.ok
    view.close()
    drawn = person.structures
    person.session.close()
    person.open(ct, structures=file)
    again = person.structures
    assert [roi.name for roi in again.rois] == [roi.name for roi in drawn.rois]
    for plane in pushed.planes:
        difference = again.rois[0].area(plane).symmetric_difference(pushed.area(plane)).area
        assert difference < 0.01 * pushed.area(plane).area
    assert again.rois[0].provenance.generation is Generation.MANUAL


def test_the_mouse_of_the_screen_draws(person: Person, built_in: Path) -> None:
    """Through the X server, as from a person's hand."""
    if shutil.which("xdotool") is None:
        pytest.skip("needs xdotool")
    person.open(built_in)
    person.ctrl(Qt.Key.Key_N)
    person.key(Qt.Key.Key_Escape)
    person.key(Qt.Key.Key_B)
    person.go_to(10)
    places = [person.axial.mapToGlobal(person.at(u, 125)) for u in (130, 140, 150, 160)]
    moves = [word for place in places[1:] for word in ("mousemove", str(place.x()), str(place.y()), "sleep", "0.05")]
    start = ["mousemove", str(places[0].x()), str(places[0].y()), "sleep", "0.1", "mousedown", "1", "sleep", "0.05"]
    hand = subprocess.Popen(["xdotool", *start, *moves, "mouseup", "1"])
    person.until(lambda: hand.poll() is not None and 10 in person.structures.rois[0].planes)
    assert person.structures.rois[0].area(10).area == pytest.approx(30 * 10 + np.pi * 25, rel=0.08)


def test_closing_asks_before_unexported_work_goes(person: Person, built_in: Path) -> None:
    person.open(built_in)
    draw_by_hand(person)
    asked: list[str] = []

    def stay(box: QMessageBox) -> None:
        asked.append(box.text())
        QTest.keyClick(box, Qt.Key.Key_Escape)

    when_asked(QMessageBox, stay)
    person.window.close()
    assert asked
    assert person.window.isVisible()
