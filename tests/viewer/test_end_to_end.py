"""The whole job in the real window, by mouse and keys, on real studies: open, see, contour, correct, export, reopen."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from engine.structures import Generation, StructureSet
from viewer.features.opening import Opener
from viewer.jobs import EngineJobs
from viewer.session import View
from viewer.widgets.cards_panel import CardsPanel
from viewer.widgets.certificate_view import CertificateView
from viewer.widgets.export_dialog import ExportDialog
from viewer.widgets.main_window import MainWindow

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton


class Person:
    """Does in the window what a person would do."""

    def __init__(self, qtbot: QtBot, window: MainWindow) -> None:
        self.qtbot, self.window, self.session = qtbot, window, window.session
        self.axial = window.panes.planes[View.AXIAL]

    def key(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        # Where there is no window manager nobody gives the focus back when a dialog closes.
        self.window.activateWindow()
        self.until(self.window.isActiveWindow)
        QTest.keyClick(self.axial, key, modifier)

    def ctrl(self, key: Qt.Key) -> None:
        self.key(key, Qt.KeyboardModifier.ControlModifier)

    def open(self, *paths: Path) -> None:
        opener = self.window.findChild(Opener)
        assert opener is not None
        with self.qtbot.waitSignal(opener.opened, timeout=30_000):
            opener.open_paths(list(paths), show=True)

    def at(self, u: float, v: float, plane: int | None = None) -> QPoint:
        """Where (u, v) mm of an acquired plane is on the axial pane."""
        volume = self.session.volume
        assert volume is not None
        point = volume.geometry.lps_from_plane(self.session.plane if plane is None else plane, [[u, v]])[0]
        x, y = self.axial.scene.pixel_from_lps(point)
        return QPoint(round(x), round(y))

    def go_to(self, plane: int) -> None:
        geometry = self.session.volume.geometry  # type: ignore[union-attr]
        middle = (geometry.shape[1] // 2, geometry.shape[2] // 2)
        self.session.move_cursor(geometry.lps_from_kji([[plane, *middle]])[0])
        assert self.session.plane == plane

    def drag(self, points: list[QPoint], button: Qt.MouseButton = LEFT) -> None:
        QTest.mousePress(self.axial, button, Qt.KeyboardModifier.NoModifier, points[0])
        for point in points[1:]:
            QTest.mouseMove(self.axial, point)
            QApplication.processEvents()
        QTest.mouseRelease(self.axial, button, Qt.KeyboardModifier.NoModifier, points[-1])

    def wheel(self, notches: int) -> None:
        middle = QPointF(self.axial.width() / 2, self.axial.height() / 2)
        event = QWheelEvent(
            middle,
            self.axial.mapToGlobal(middle),
            QPoint(0, 0),
            QPoint(0, 120 * notches),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(self.axial, event)

    def run(self, card: str) -> CardsPanel:
        panel = self.window.findChild(CardsPanel)
        assert panel is not None
        self.until(lambda: panel.list.count() > 0)
        panel.select(card)
        assert panel.selected is not None
        assert panel.selected.id == card
        self.until(panel.run_button.isEnabled)
        self.ctrl(Qt.Key.Key_R)
        assert panel.is_running
        return panel

    def until(self, reached: Callable[[], bool], seconds: float = 20) -> None:
        self.qtbot.waitUntil(reached, timeout=round(seconds * 1000))

    @property
    def structures(self) -> StructureSet:
        assert self.session.structures is not None
        return self.session.structures

    @property
    def names(self) -> list[str]:
        return [roi.name for roi in self.structures.rois]


@pytest.fixture
def person(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    from viewer.features.application import build_window

    # Only tests that run a model pay for the engine's process.
    monkeypatch.setattr(EngineJobs, "start_ahead", lambda self: None)
    window = build_window()
    with qtbot.waitExposed(window):
        window.show()
    window.activateWindow()
    person = Person(qtbot, window)
    yield person
    window.guards.clear()
    window.close()
    window.deleteLater()


@pytest.fixture
def ct(shared_data: Path) -> Path:
    """A scanner's CT: head rest and background air, tilted gantry, uneven gaps."""
    return shared_data / "dicom" / "ge_tilted_gantry_ct"


# Open -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(shared_data: Path) -> Path:
    return shared_data / "dicom" / "sts_petct_mr" / "STS_002" / "CT" / "image"


def _folder(small: Path, tmp_path: Path) -> Path:
    return small


def _file(small: Path, tmp_path: Path) -> Path:
    return sorted(small.iterdir())[7]


def _dicomdir(small: Path, tmp_path: Path) -> Path:
    from pydicom.fileset import FileSet

    files = FileSet()
    for path in small.iterdir():
        files.add(path)
    files.write(tmp_path / "media")
    return tmp_path / "media" / "DICOMDIR"


def _converted(suffix: str) -> Callable[[Path, Path], Path]:
    def convert(small: Path, tmp_path: Path) -> Path:
        sitk.WriteImage(_by_itk(small), str(tmp_path / f"image{suffix}"))
        return tmp_path / f"image{suffix}"

    return convert


def _by_itk(folder: Path) -> sitk.Image:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


@pytest.mark.parametrize(
    "way",
    [_folder, _file, _dicomdir, *(_converted(suffix) for suffix in (".nii.gz", ".nrrd", ".mha"))],
    ids=["folder", "file", "DICOMDIR", "NIfTI", "NRRD", "MHA"],
)
def test_each_way_of_opening_shows_what_itk_reads(
    person: Person, small: Path, tmp_path: Path, way: Callable[[Path, Path], Path]
) -> None:
    person.open(way(small, tmp_path))
    volume = person.session.volume
    assert volume is not None
    image = _by_itk(small)
    theirs = sitk.GetArrayFromImage(image)
    assert volume.voxels.shape == theirs.shape
    for k, j, i in ((0, 0, 0), (20, 70, 80), (47, 142, 160)):
        index = volume.geometry.kji_from_lps([image.TransformIndexToPhysicalPoint((i, j, k))])[0]
        ours = tuple(np.rint(index).astype(int))
        np.testing.assert_allclose(index, ours, atol=0.01)
        assert volume.voxels[ours] == theirs[k, j, i]


def test_a_folder_dropped_onto_the_window_opens(person: Person, small: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(small))])
    where, none = QPointF(400, 400), Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(where.toPoint(), Qt.DropAction.CopyAction, data, LEFT, none)
    QApplication.sendEvent(person.window, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(person.window, QDropEvent(where, Qt.DropAction.CopyAction, data, LEFT, none))
    person.until(lambda: person.session.volume is not None)
    assert person.session.volume.geometry.shape == (48, 143, 161)  # type: ignore[union-attr]


def test_what_cannot_be_opened_is_said_and_what_is_open_stays(person: Person, small: Path, tmp_path: Path) -> None:
    person.open(small)
    volume = person.session.volume
    (tmp_path / "letter.dcm").write_text("Dear colleague")
    opener = person.window.findChild(Opener)
    assert opener is not None
    opener.open_paths([tmp_path / "letter.dcm"], show=True)
    person.until(lambda: bool(person.window.messages.sentences) and not opener.busy)
    assert person.session.volume is volume
    assert any("letter.dcm" in sentence for sentence in person.window.messages.sentences)


# See ------------------------------------------------------------------------------------------------------------------


def test_wheel_and_drag_scroll_and_window(person: Person, ct: Path) -> None:
    person.open(ct)
    session = person.session
    before = session.cursor_lps.copy()
    person.wheel(2)
    there = session.cursor_lps.copy()
    assert not np.allclose(there, before)
    person.wheel(-2)
    np.testing.assert_allclose(session.cursor_lps, before, atol=1e-6)
    window = session.window
    person.drag([QPoint(100, 100), QPoint(130, 100), QPoint(160, 90)], RIGHT)
    assert session.window != window
    person.key(Qt.Key.Key_2)
    assert session.window != window


# Correct, export, reopen ----------------------------------------------------------------------------------------------


def draw_by_hand(person: Person) -> None:
    """A structure on planes 8 and 12, by brush, in the middle of the head, and on those between."""
    person.ctrl(Qt.Key.Key_N)
    assert len(person.structures.rois) == 1
    person.key(Qt.Key.Key_Escape)
    person.key(Qt.Key.Key_B)
    for plane, width in ((8, 20), (12, 30)):
        person.go_to(plane)
        person.drag([person.at(x, 125) for x in range(125 - width, 126 + width, 5)])
    person.ctrl(Qt.Key.Key_I)
    person.until(lambda: len(person.structures.rois[0].planes) == 5)


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
    picture = person.axial.grabFramebuffer()
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
    person.ctrl(Qt.Key.Key_E)
    dialog = person.window.findChild(ExportDialog)
    assert dialog is not None
    dialog.path.setText(str(file))
    with qtbot.waitSignal(dialog.exported, timeout=30_000):
        QTest.keyClick(dialog, Qt.Key.Key_Return)
    view = person.window.findChild(CertificateView)
    assert view is not None
    assert view.certificate.ok
    view.close()
    drawn = person.structures
    person.session.close()
    opener = person.window.findChild(Opener)
    assert opener is not None
    with qtbot.waitSignal(opener.opened, timeout=30_000):
        opener.open_paths([ct], file, show=True)
    again = person.structures
    assert [roi.name for roi in again.rois] == [roi.name for roi in drawn.rois]
    for plane in pushed.planes:
        difference = again.rois[0].area(plane).symmetric_difference(pushed.area(plane)).area
        assert difference < 0.01 * pushed.area(plane).area
    assert again.rois[0].provenance.generation is Generation.MANUAL


def test_the_mouse_of_the_screen_draws(qtbot: QtBot, person: Person, ct: Path) -> None:
    """Through the X server, as from a person's hand."""
    if shutil.which("xdotool") is None:
        pytest.skip("needs xdotool")
    person.open(ct)
    person.ctrl(Qt.Key.Key_N)
    person.key(Qt.Key.Key_Escape)
    person.key(Qt.Key.Key_B)
    person.go_to(10)
    places = [person.axial.mapToGlobal(person.at(u, 125)) for u in (110, 120, 130, 140)]
    moves = [word for place in places[1:] for word in ("mousemove", str(place.x()), str(place.y()), "sleep", "0.05")]
    start = ["mousemove", str(places[0].x()), str(places[0].y()), "sleep", "0.1", "mousedown", "1", "sleep", "0.05"]
    hand = subprocess.Popen(["xdotool", *start, *moves, "mouseup", "1"])
    person.until(lambda: hand.poll() is not None and 10 in person.structures.rois[0].planes)
    assert person.structures.rois[0].area(10).area == pytest.approx(30 * 10 + np.pi * 25, rel=0.08)


# The engine -----------------------------------------------------------------------------------------------------------


def test_the_body_outline_leaves_the_head_rest_out_and_export_says_who_drew_it(
    qtbot: QtBot, person: Person, ct: Path, tmp_path: Path
) -> None:
    from pydicom import dcmread

    person.open(ct)
    panel = person.run("external")
    person.until(lambda: not panel.is_running, 120)
    assert person.names == ["External"], panel.notice.text()
    roi = person.structures.rois[0]
    volume = person.session.volume
    assert volume is not None
    assert len(roi.planes) == volume.geometry.shape[0]
    # What is dense and left out is the head rest: a few per cent of it all, and none of the soft tissue.
    dense = volume.voxels > -300
    outside = dense & ~filled(person, roi.number)
    assert 0.01 < outside.sum() / dense.sum() < 0.05
    soft = (volume.voxels > 20) & (volume.voxels < 60)
    assert (soft & outside).sum() < 0.01 * soft.sum()
    width = max(roi.area(plane).bounds[2] - roi.area(plane).bounds[0] for plane in roi.planes)
    assert 120 < width < 200
    person.ctrl(Qt.Key.Key_E)
    dialog = person.window.findChild(ExportDialog)
    assert dialog is not None
    dialog.path.setText(str(tmp_path / "rt.dcm"))
    with qtbot.waitSignal(dialog.exported, timeout=60_000):
        dialog.export()
    data = dcmread(tmp_path / "rt.dcm")
    assert data.StructureSetROISequence[0].ROIGenerationAlgorithm == "AUTOMATIC"
    certificate = person.window.findChild(CertificateView)
    assert certificate is not None
    QTest.keyClick(certificate, Qt.Key.Key_Escape)
    person.ctrl(Qt.Key.Key_Z)
    assert person.names == []


def test_a_killed_engine_is_a_message_and_the_next_run_works(person: Person, ct: Path) -> None:
    person.open(ct)
    panel = person.run("external")
    client = panel.jobs.client
    person.until(lambda: client.wait_ready(0) and client.process_id is not None, 120)
    os.kill(client.process_id, signal.SIGKILL)  # type: ignore[arg-type]
    person.until(lambda: not panel.is_running)
    assert "SIGKILL" in panel.notice.text()
    assert panel.notice.text() in person.window.messages.sentences
    assert person.names == []
    panel = person.run("external")
    person.until(lambda: not panel.is_running, 120)
    assert person.names == ["External"], panel.notice.text()


def test_a_model_with_other_weights_than_its_card_names_is_refused(person: Person, ct: Path) -> None:
    from engine.cards.registry import SHIPPED, user_models

    folder = user_models() / "tampered"
    shutil.copytree(SHIPPED / "head-neck-oar", folder)
    text = (folder / "card.json").read_text().replace('"id": "head-neck-oar"', '"id": "tampered"')
    (folder / "card.json").write_text(text)
    weights = next(folder.glob("*.safetensors"))
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    person.open(ct)
    panel = person.window.findChild(CardsPanel)
    assert panel is not None
    next(a for _, a in person.window.listed_actions if "Look for models" in a.text()).trigger()

    def chosen() -> bool:
        panel.select("tampered")
        return panel.selected is not None and panel.selected.id == "tampered"

    person.until(chosen)
    if panel.override.isVisible():
        panel.override.click()
    panel.run()
    assert panel.is_running
    person.until(lambda: not panel.is_running, 180)
    assert "SHA-256" in panel.notice.text()
    assert person.names == []


def demo_study(tmp_path: Path) -> Path:
    from engine.demo import write_demo_series

    return write_demo_series(tmp_path / "demo")


def memory_of(pid: int) -> int:
    """Resident bytes of a process; 0 when it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
def test_a_run_on_the_built_in_study_can_be_stopped_and_run_again(person: Person, tmp_path: Path) -> None:
    person.open(demo_study(tmp_path))
    panel = person.run("head-neck-oar")
    client = panel.jobs.client
    person.until(lambda: panel.bar.value() > 180, 400)
    pid = client.process_id
    assert pid is not None
    before = panel.bar.value()
    person.ctrl(Qt.Key.Key_K)
    person.until(lambda: not panel.is_running)
    assert panel.bar.value() - before < 200, "it went on instead of stopping"
    assert person.names == []
    assert "stopped" in panel.notice.text()
    person.until(lambda: memory_of(pid) < 1_000_000_000)

    panel = person.run("head-neck-oar")
    person.until(lambda: not panel.is_running, 400)
    expected = {"Brainstem", "SpinalCord", "Parotid_R", "Parotid_L", "Esophagus", "Larynx", "Bone_Mandible"}
    assert set(person.names) == expected, panel.notice.text()
    atlas = atlas_labels()
    for roi in person.structures.rois:
        assert roi.provenance.weights_sha256
        assert roi.expected_edit
        assert overlap(person, roi.number, atlas[roi.name]) > 0.5, roi.name
    person.ctrl(Qt.Key.Key_Z)
    assert person.names == []


def atlas_labels() -> dict[str, np.ndarray]:
    """Name → mask on the built-in study's grid, from the probabilities of the averaged atlas: no network took part."""
    import json

    from engine.cards.registry import SHIPPED

    folder = SHIPPED / "head-neck-atlas"
    card = json.loads((folder / "card.json").read_text())
    labels = next(node["params"]["labels"] for node in card["graph"] if node["params"].get("op") == "atlas")
    image = sitk.ReadImage(str(folder / "probabilities.nii.gz"))
    demo = sitk.ReadImage(str(SHIPPED.parent / "demo" / "average.nii.gz"))
    masks = {}
    for index, label in enumerate(labels):
        one = sitk.VectorIndexSelectionCast(image, index, sitk.sitkFloat32)
        on_grid = sitk.Resample(one, demo, sitk.Transform(), sitk.sitkLinear, 0.0)
        array = sitk.GetArrayFromImage(on_grid)
        masks[label] = array > 0.5 * array.max()
    return masks


def filled(person: Person, number: int) -> np.ndarray:
    """The structure as a mask on the grid of the series."""
    from engine.contouring.fill import fill

    roi = person.structures[number]
    return fill({plane: roi.area(plane) for plane in roi.planes}, person.structures.geometry)


def overlap(person: Person, number: int, mask: np.ndarray) -> float:
    """Dice of a structure with a mask on the same grid."""
    mine = filled(person, number)
    return float(2 * (mine & mask).sum() / (mine.sum() + mask.sum()))


# From the command line ------------------------------------------------------------------------------------------------


def test_the_command_opens_a_study_and_saves_its_picture(small: Path, tmp_path: Path) -> None:
    from PySide6.QtGui import QImage

    rtstruct = small.parent / "mask" / "RS.dcm"
    command = [sys.executable, "-m", "viewer", "open", str(small), "--rtstruct", str(rtstruct)]
    done = subprocess.run(
        [*command, "--screenshot", str(tmp_path / "a.png")], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    image = QImage(str(tmp_path / "a.png"))
    assert image.width() > 800
    shades = {image.pixel(x, y) for x in range(0, image.width(), 5) for y in range(0, image.height(), 5)}
    assert len(shades) > 50


def test_the_command_says_in_one_line_what_cannot_be_opened(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "viewer", "open", str(tmp_path / "nowhere")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "nowhere" in done.stderr


def test_ctrl_c_in_the_terminal_closes_the_window() -> None:
    code = """
import os, signal, threading, time
from viewer.open_command import show

def press():
    while signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        time.sleep(0.1)
    time.sleep(1)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=press).start()
show(None)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_closing_asks_before_unexported_work_goes(person: Person, ct: Path) -> None:
    from PySide6.QtCore import QTimer

    person.open(ct)
    draw_by_hand(person)
    asked: list[str] = []

    def stay() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        asked.append(box.text())
        QTest.keyClick(box, Qt.Key.Key_Escape)

    QTimer.singleShot(100, stay)
    person.window.close()
    assert asked
    assert person.window.isVisible()
