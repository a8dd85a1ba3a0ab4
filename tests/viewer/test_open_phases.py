"""A series of several volumes is one in the tree and on the slider; structures stay while another is seen."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engine.contouring.trace import trace_mask_volume
from engine.stored.catalogue import Series
from engine.structures import PlaneContours, Roi
from tests.synthetic import make_geometry, write_series
from tests.viewer.hand import wait_until
from viewer import history
from viewer.features.opening import Opener
from viewer.features.phases import Phases, install
from viewer.widgets.main_window import MainWindow

SHAPE = (5, 20, 24)
UID = "1.2.826.0.1.3680043.8.498.11"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A 4D CT of four phases, of which the last lacks a plane."""
    folder = tmp_path_factory.mktemp("phases")
    for phase in range(4):

        def edit(dataset, k, phase=phase):
            dataset.ImageComments = f"Phase {25 * phase}%"
            dataset.SOPInstanceUID = f"{UID}.{phase + 1}.{k}"

        files = write_series(
            folder, np.full(SHAPE, 10 * phase, np.int16), make_geometry(SHAPE),
            names=[f"{phase}_{k}" for k in range(SHAPE[0])], edit=edit, SeriesInstanceUID=UID,
        )  # fmt: skip
        if phase == 3:
            files[2].unlink()
    return folder


@pytest.fixture
def phases(seeing: MainWindow, study: Path) -> Phases:
    if seeing.findChild(Phases) is None:
        install(seeing)
    opener = seeing.findChild(Opener)
    opener.tree.forget()
    opener.open_paths([study], show=True)
    wait_until(lambda: not opener.busy and seeing.session.volume is not None)
    found = seeing.findChild(Phases)
    wait_until(found.bar.isVisible)
    return found


def choose(phases: Phases, steps: int) -> None:
    """Step along the slider with the keyboard, and wait for what it rests on."""
    phases.bar.slider.setFocus()
    key = Qt.Key.Key_Right if steps > 0 else Qt.Key.Key_Left
    for _ in range(abs(steps)):
        QTest.keyClick(phases.bar.slider, key)
    QTest.qWait(250)
    wait_until(lambda: not phases.busy)
    QTest.qWait(50)


def seen_value(window: MainWindow) -> float:
    """The value that the uppermost layer has."""
    return float(window.session.layers[-1].volume.voxels.max())


def test_the_tree_shows_the_volumes_of_one_series_under_one_row(phases: Phases, seeing: MainWindow) -> None:
    tree = seeing.findChild(Opener).tree
    images: list[Series] = [series for series in tree.series if series.is_image]
    rows = [tree.item_of(series.uid) for series in images]
    parents = {id(row.parent()) for row in rows}
    assert len(images) == 4 and len(parents) == 1
    assert "4 volumes by phase" in rows[0].parent().text(0)


def test_the_slider_shows_each_phase_and_keeps_the_structures(phases: Phases, seeing: MainWindow) -> None:
    session = seeing.session
    mask = np.zeros(SHAPE, bool)
    mask[2, 5:12, 5:12] = True
    planes = {k: PlaneContours(area) for k, area in trace_mask_volume(mask, session.volume.geometry).items()}
    roi = Roi(1, "GTV", colour=(255, 0, 0), planes=planes)
    seeing.history.do(history.join(session.structures, (roi,), text="Add"))
    drawn = session.structures
    values = [seen_value(seeing)]
    for _ in range(2):
        choose(phases, 1)
        values.append(seen_value(seeing))
    assert values == [0, 10, 20]
    assert session.structures is drawn
    assert float(session.volume.voxels.max()) == 0, "structures stay on the volume that they were drawn on"
    assert "of 0%" in phases.bar.told.text()
    choose(phases, -2)
    assert len(session.layers) == 1 and not phases.bar.told.isVisible()


def test_the_grey_window_is_that_of_the_open_volume(phases: Phases, seeing: MainWindow) -> None:
    session = seeing.session
    choose(phases, 1)
    assert session.layers[1].window == session.base.window
    wide = type(session.base.window).between(-300, 900)
    session.set_window(wide)
    assert session.layers[1].window == wide


def test_another_phase_can_be_worked_on(phases: Phases, seeing: MainWindow) -> None:
    choose(phases, 2)
    phases.bar.open_button.click()
    wait_until(lambda: float(seeing.session.volume.voxels.max()) == 20)
    QTest.qWait(50)
    assert len(seeing.session.layers) == 1
    assert phases.bar.slider.value() == 2 and not phases.bar.told.isVisible()


def test_what_is_left_out_is_told_in_the_window(phases: Phases, seeing: MainWindow) -> None:
    assert any("told apart by phase" in note for note in seeing.session.volume.notes)
    told = [left.kind for left in seeing.session.volume.left_out]
    assert told == ["phases"]


def test_the_volumes_of_a_nifti_file_are_on_the_slider(seeing: MainWindow, tmp_path: Path) -> None:
    values = np.full((*SHAPE[::-1], 3), -1000, np.int16)
    for number in range(3):
        values[5:9, 5:9, 2, number] = 100 + number
    nibabel.save(nibabel.Nifti1Image(values, np.diag([-1, -1, 2, 1])), tmp_path / "four.nii.gz")
    if seeing.findChild(Phases) is None:
        install(seeing)
    opener, phases = seeing.findChild(Opener), seeing.findChild(Phases)
    opener.tree.forget()
    opener.open_paths([tmp_path / "four.nii.gz"], show=True)
    # The values of such a file tell that it is a CT, which its header does not.
    wait_until(lambda: not opener.busy and seeing.session.volume is not None and phases.bar.isVisible())
    assert seeing.session.volume.modality == "CT" and seen_value(seeing) == 100
    assert phases.bar.axis.text() == "Number" and phases.bar.slider.maximum() == 2
    choose(phases, 2)
    assert seen_value(seeing) == 102 and len(seeing.session.layers) == 2
    choose(phases, -2)
    assert len(seeing.session.layers) == 1 and seen_value(seeing) == 100
