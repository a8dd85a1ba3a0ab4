"""What every test of the window needs: a screen, and folders of its own for what the program keeps."""

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.structures import StructureSet
from engine.volume import Volume
from tests.viewer.hand import PAROTID_L, Hand, open_kbp, own_data
from tests.viewer.person import Person, coarse_study
from tests.viewer.told import Told
from viewer.features import opening, viewing
from viewer.features.application import build_window, create_application
from viewer.features.opening import Opener
from viewer.jobs import EngineJobs
from viewer.widgets.main_window import MainWindow


@pytest.fixture(scope="session", autouse=True)
def screen() -> None:
    """Skips where Qt would abort for want of a screen; `make test` brings a virtual one."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        pytest.skip("needs a screen; run it with: xvfb-run -a pytest")


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Journals, settings and demo studies of a test go to its own folder, never to the user's."""
    for name in ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("PLANIMETER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("PLANIMETER_SETTINGS", str(tmp_path / "settings.ini"))


@pytest.fixture(scope="session", autouse=True)
def application(screen: None) -> QApplication:
    """The application as the program makes it, before pytest-qt would make a plain one."""
    return create_application()


@pytest.fixture(autouse=True)
def no_vtk_errors() -> Iterator[None]:
    """A test fails when VTK complained, which nobody would see."""
    from vtkmodules.vtkCommonCore import vtkOutputWindow, vtkStringOutputWindow

    window = vtkStringOutputWindow()
    before = vtkOutputWindow.GetInstance()
    vtkOutputWindow.SetInstance(window)
    yield
    vtkOutputWindow.SetInstance(before)
    assert window.GetOutput() == ""


@pytest.fixture(scope="module")
def desk(application: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MainWindow]:
    """A window on screen that opens and shows studies, without the panels for editing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLANIMETER_SETTINGS", str(tmp_path_factory.mktemp("desk") / "settings.ini"))
        window = MainWindow()
        opening.install(window)
        viewing.install(window)
        window.resize(1200, 900)
        window.show()
        assert QTest.qWaitForWindowExposed(window, 5000)
        yield window
        window.close()
        window.deleteLater()
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("planimeter surface")] == []


@pytest.fixture
def seeing(desk: MainWindow) -> MainWindow:
    """The window of the module as after a start: nothing open, nothing said."""
    desk.session.close()
    desk.history.begin()
    for kept in desk.recording.kept:
        desk.recording.forget(kept.session_id)
    desk.session.set_interpolate(True)
    desk.messages.dismiss_all()
    desk.panes.set_crosshair(True)
    # Keys reach the active window alone; a test before may have shown another.
    desk.activateWindow()
    assert QTest.qWaitForWindowActive(desk, 5000)
    if desk.panes.enlarged is not None:
        desk.panes.toggle_enlarged(desk.panes.enlarged)
    QApplication.processEvents()
    return desk


@pytest.fixture
def person(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
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


@pytest.fixture(scope="session")
def built_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A coarse copy of the built-in study, so that the whole job is tried without any other data."""
    return coarse_study(tmp_path_factory.mktemp("built in") / "ct")


@pytest.fixture
def ct(shared_data: Path) -> Path:
    """A scanner's CT: head rest and background air, tilted gantry, uneven gaps."""
    return shared_data / "dicom" / "ge_tilted_gantry_ct"


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory, application: QApplication) -> Iterator[Hand]:
    """A whole window, worked by a hand, for the tests of one file."""
    with own_data(tmp_path_factory.mktemp("data")):
        hand = Hand()
        yield hand
        hand.close()


@pytest.fixture(scope="module")
def study(shared_data: Path) -> tuple[Volume, StructureSet]:
    """A head-and-neck CT with its organs."""
    return open_kbp(shared_data)


@pytest.fixture
def hand(window: Hand, study: tuple[Volume, StructureSet]) -> Hand:
    """A study with structures, on the middle plane of the left parotid gland, which is active."""
    window.open(*study)
    window.session.set_active(PAROTID_L)
    roi = window.session.active_roi
    assert roi is not None
    planes = list(roi.planes)
    window.go_to(planes[len(planes) // 2])
    return window


@pytest.fixture
def bare(window: Hand, study: tuple[Volume, StructureSet]) -> Hand:
    """The series without structures."""
    window.open(study[0])
    return window


@pytest.fixture
def opener(seeing: MainWindow) -> Opener:
    found = seeing.findChild(Opener)
    found.tree.forget()
    return found


@pytest.fixture
def told(opener: Opener) -> Told:
    return Told(opener)


@pytest.fixture
def listing(window: Hand, study: tuple[Volume, StructureSet]) -> Hand:
    """The study open, its list of structures in front, and the left parotid gland active."""
    window.open(*study)
    window.window.panel("Structures").show()
    window.window.panel("Structures").raise_()
    window.session.set_active(PAROTID_L)
    window.settle()
    return window
