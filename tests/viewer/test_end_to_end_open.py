"""Studies are opened in the real window, in every way there is, seen, and opened from the command line."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QImage
from PySide6.QtWidgets import QApplication

from tests.viewer.person import LEFT, RIGHT, Person
from viewer.features.opening import Opener
from viewer.session import Window


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


def test_wheel_and_drag_scroll_and_window(person: Person, built_in: Path) -> None:
    person.open(built_in)
    session = person.session
    plane = session.plane
    # Away from the person is towards the head.
    person.wheel(2)
    assert session.plane == plane + 2
    person.wheel(-3)
    assert session.plane == plane - 1
    person.key(Qt.Key.Key_2)
    assert session.window == Window(-600.0, 1500.0)
    # 60 pixels to the right widen by a fifth of a doubling; 10 upwards brighten, by the width of that moment.
    person.drag([QPoint(100, 100), QPoint(130, 100), QPoint(160, 90)], RIGHT)
    assert session.window.width == pytest.approx(1500 * 2**0.2)
    assert session.window.centre == pytest.approx(-600 - 10 * 1500 * 2**0.1 / 400)


# From the command line ------------------------------------------------------------------------------------------------


def test_the_command_opens_a_study_and_saves_its_picture(small: Path, tmp_path: Path) -> None:
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
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stderr) == (0, "")
