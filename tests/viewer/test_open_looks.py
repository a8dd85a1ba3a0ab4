"""How a series looks when it opens: its window by the part of the body, and how much of a plane is shown."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QRect
from PySide6.QtWidgets import QApplication

from engine.opening import open_volume
from engine.structures import Roi, StructureSet
from engine.volume import Geometry, SeriesInfo, Volume
from tests.viewer.hand import Hand
from viewer.looks import default_window
from viewer.session import Session, View
from viewer.tools.table import TOOLS
from viewer.widgets.histogram import HistogramPanel
from viewer.widgets.main_window import MainWindow
from viewer.widgets.structures_model import Column

BRAIN, HEAD_AND_NECK, MEDIASTINUM, SOFT = (40.0, 80.0), (60.0, 350.0), (50.0, 350.0), (40.0, 400.0)
SPACING = (2.0, 2.0, 4.0)


def ct(paint, planes: int = 36, turn: NDArray[np.float64] | None = None, part: str = "") -> Volume:
    """A CT of 128 × 128 pixels of 2 mm; `paint(plane, x, y)` gives HU where x and y are mm from the middle."""
    y, x = np.meshgrid(*[(np.arange(128) - 63.5) * 2.0] * 2, indexing="ij")
    voxels = np.stack([np.broadcast_to(paint(k, x, y), x.shape) for k in range(planes)]).astype(np.int16)
    geometry = Geometry.regular((0, 0, 0), np.eye(3) if turn is None else turn, SPACING, voxels.shape)
    info = SeriesInfo(series_uid="1.2", modality="CT", attributes={"BodyPartExamined": part} if part else {})
    return Volume(voxels, geometry, "CT", "HU", info)


def head(k: int, x, y):
    """Scalp, skull, brain."""
    away = np.hypot(x / 75, y / 92)
    return np.select([away < 0.88, away < 0.96, away < 1.04], [35, 900, 0], -1000)


def neck(k: int, x, y):
    """Muscle around a vertebra with its canal, and an airway."""
    away, spine = np.hypot(x / 60, y / 65), np.hypot(x, y - 25)
    return np.select([spine < 8, spine < 20, np.hypot(x, y + 30) < 9, away < 1], [30, 500, -1000, 50], -1000)


def chest(k: int, x, y):
    """Ribs that leave gaps in every plane around lungs and a heart."""
    away, angle = np.hypot(x / 115, y / 100), np.arctan2(y, x)
    ribs = (np.abs(away - 0.85) < 0.05) & (np.sin(9 * angle + k / 2) > 0)
    return np.select([ribs, np.hypot(x - 20, y) < 45, away < 0.8, away < 1], [700, 50, -800, 20], -1000)


@pytest.mark.parametrize("part", ["", "PARTIALBODY"])
def test_a_ct_of_a_head_that_does_not_say_so_opens_with_the_brain_window(part: str) -> None:
    window = default_window(ct(head, part=part))
    assert (window.centre, window.width) == BRAIN


@pytest.mark.parametrize(
    "volume",
    [
        ct(neck),
        ct(chest),
        # A skull at the end of what may be the whole body.
        ct(lambda k, x, y: head(k, x, y) if k >= 110 else chest(k, x, y), planes=150),
        # One that is open, as a pelvis is.
        ct(lambda k, x, y: np.where((np.abs(x) < 12) & (head(k, x, y) == 900), 40, head(k, x, y))),
        ct(head, part="CHEST"),
        # Planes along the head: nothing is told from those.
        ct(head, turn=np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])),
    ],
    ids=["neck", "chest", "head to thigh", "open ring", "says chest", "sagittal"],
)
def test_any_other_ct_keeps_its_window(volume: Volume) -> None:
    window = default_window(volume)
    assert (window.centre, window.width) == (MEDIASTINUM if volume.info.attributes else SOFT)


@pytest.mark.parametrize(
    ("skull", "part", "window"),
    [
        (head, "", HEAD_AND_NECK),
        # As large voxels show it: dim, with a gap of one pixel.
        (lambda k, x, y: np.where(x == 1.0, 40, np.minimum(head(k, x, y), 200)), "", HEAD_AND_NECK),
        (head, "CHEST", MEDIASTINUM),
    ],
    ids=["sharp", "blurred", "says chest"],
)
def test_a_ct_of_head_and_neck_that_does_not_say_so_opens_with_its_window(
    skull, part: str, window: tuple[float, float]
) -> None:
    volume = ct(lambda k, x, y: skull(k, x, y) if k >= 60 else chest(k, x, y), planes=100, part=part)
    found = default_window(volume)
    assert (found.centre, found.width) == window


def test_a_scanner_s_head_is_seen_and_planning_cts_are_told_from_it(shared_data: Path) -> None:
    volume = open_volume(shared_data / "dicom" / "ge_tilted_gantry_ct")
    untold = replace(volume, info=replace(volume.info, attributes={}))
    assert default_window(untold).width == 80
    paths = sorted((shared_data / "openkbp" / "train" / "imagesTr").glob("*.nii.gz"))[:4]
    assert [default_window(open_volume(path)).width for path in paths].count(350) >= 2
    thigh = open_volume(shared_data / "dicom" / "sts_petct_mr" / "STS_001" / "CT" / "image")
    for volume in thigh, replace(thigh, info=replace(thigh.info, attributes={})):
        window = default_window(volume)
        assert (window.centre, window.width) == SOFT


def shoulders_and_neck(k: int, x, y):
    return np.where(np.hypot(x / (120 if k < 12 else 38), y / 38) < 1, 40, -1000)


def test_a_view_opens_on_the_body_near_its_cut_and_fit_shows_all_of_it(seeing: MainWindow) -> None:
    seeing.session.open(ct(shoulders_and_neck, planes=60))
    scene = seeing.panes.planes[View.AXIAL].scene
    at_first = scene.mm_per_pixel
    scene.fit()
    # 240 mm of shoulders against 76 mm of neck, each with a margin: never more than twice as large.
    assert at_first == pytest.approx(scene.mm_per_pixel / 2)
    coronal = seeing.panes.planes[View.CORONAL].scene
    assert coronal.framing[0] == pytest.approx(1.0)


def test_names_of_tg_263_are_whole_in_a_window_of_1280_pixels(window: Hand) -> None:
    """TG-263 allows 16 letters."""
    window.window.resize(1280, 800)
    QApplication.processEvents()
    panel = window.editing.structures
    view = panel.view
    volume = ct(neck)
    for kind in ("ORGAN", "EXTERNAL"):
        window.open(volume, StructureSet(volume.geometry, (Roi(1, "Musc_Constrict_S", roi_type=kind),)))
        room = view.columnWidth(Column.NAME) - 16 - 12
        wide = view.fontMetrics().horizontalAdvance
        assert room > wide("Musc_Constrict_S"), kind
        assert room > wide("OpticNrv_PRV03_R"), kind


def test_the_rows_of_the_window_panel_stay_together_in_a_high_panel() -> None:
    session = Session()
    panel = HistogramPanel(session)
    assert panel.width_box.text() == "400", "no decimals before anything is open"
    session.open(ct(neck))
    panel.resize(250, 600)
    panel.show()
    QApplication.processEvents()
    rows = [panel.plot, panel.centre, panel.presets]
    gaps = [below.geometry().top() - above.geometry().bottom() for above, below in pairwise(rows)]
    assert max(gaps) < 20
    assert panel.plot.height() == panel.plot.maximumHeight()
    panel.close()


def test_taking_up_a_tool_moves_no_view_and_hides_none_of_its_settings_in_a_window_of_1280_pixels(window: Hand) -> None:
    window.window.resize(1280, 800)
    window.open(ct(neck))
    window.settle(50)
    pane = window.pane(View.AXIAL)
    place = QRect(pane.mapTo(window.window, QPoint()), pane.size())
    tools = window.editing.tools
    for name in TOOLS:
        window.editing.toolbox.choose(name)
        window.settle()
        assert QRect(pane.mapTo(window.window, QPoint()), pane.size()) == place, name
        shown = [tools.target, *tools.settings.fields.values(), *([tools.size] if TOOLS[name].has_disc else [])]
        assert all(field.visibleRegion().boundingRect() == field.rect() for field in shown), name
        assert all(button.visibleRegion().boundingRect() == button.rect() for button in tools.buttons.values())


def test_only_a_run_that_is_under_way_can_be_cancelled(window: Hand) -> None:
    menu = window.window.menu("Engine")
    cancel = next(action for action in menu.actions() if "Cancel" in action.text())
    window.session.close()
    assert not cancel.isEnabled()
    window.open(ct(neck))
    assert not cancel.isEnabled()
