"""Structures of one series on another of the same frame of reference: seen, listed, never changed there."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from engine.structures import RawContour, Roi
from engine.volume import Volume
from tests.viewer.hand import Hand, pixels
from tests.viewer.see import CENTRE, TURNS, ball, near, phantom, structures
from viewer import history
from viewer.companions import Companion
from viewer.features.editing import Editing
from viewer.session import View
from viewer.turning import turned_by
from viewer.widgets.companions_list import CompanionsList
from viewer.widgets.main_window import MainWindow

RADIUS = 20.0
OFF = np.array([4.0, -6.0, 8.0])


def series(volume: Volume, uid: str, modality: str, **changes: str) -> Volume:
    info = replace(volume.info, series_uid=uid, modality=modality, description=f"Scan {uid}", **changes)
    return replace(volume, info=info, modality=modality)


def ct_with_ball(window: MainWindow) -> Volume:
    ct = series(phantom(), "2.1", "CT")
    window.session.open(ct, structures(ct.geometry, ball(ct.geometry, CENTRE + OFF, RADIUS)))
    return ct


@pytest.fixture
def whole(window: Hand) -> MainWindow:
    """The whole window, nothing open and nothing remembered."""
    window.session.close()
    for kept in window.window.recording.kept:
        window.window.recording.forget(kept.session_id)
    return window.window


def companions_list(window: MainWindow) -> CompanionsList:
    found = window.findChild(CompanionsList)
    assert found is not None
    return found


def test_a_structure_is_seen_where_it_lies_on_a_series_of_another_grid(seeing: MainWindow) -> None:
    ct_with_ball(seeing)
    # Other voxels, other axes: its planes are the CT's columns.
    mr = series(phantom(TURNS[7], size=31, spacing=2.7), "2.2", "MR")
    seeing.session.open(mr)
    seeing.session.move_cursor(CENTRE + OFF)
    assert seeing.session.structures.rois == ()
    for view in (View.AXIAL, View.SAGITTAL, View.CORONAL):
        pane = seeing.panes.planes[view]
        pane.scene.set_crosshair(False)
        seen = near(pixels(pane), (0, 255, 0), 60)
        middle = np.array(pane.scene.pixel_from_lps(CENTRE + OFF))
        away = np.linalg.norm(seen + 0.5 - middle, axis=1) * pane.scene.mm_per_pixel
        assert len(seen) > 40
        # The plane that is shown may lie 1.35 mm from the centre, and lines are a pixel wide; between the planes of
        # the CT straight lines stand for the ball, and beyond its last plane half a slab.
        inner = np.sqrt(RADIUS**2 - 1.35**2) - 0.3 - pane.scene.mm_per_pixel
        assert np.percentile(away, 5) > inner - 1.0
        assert away.max() < RADIUS + 1.0 + pane.scene.mm_per_pixel


@pytest.mark.parametrize("turned", [False, True])
def test_points_and_open_contours_are_seen_on_the_other_series_too(seeing: MainWindow, turned: bool) -> None:
    ct = series(phantom(), "2.1", "CT")
    point, start, stop = (
        CENTRE + OFF,
        CENTRE + OFF + np.array([-20.0, 5.0, 0.0]),
        CENTRE + OFF + np.array([20.0, 5.0, 0.0]),
    )
    texts = ["\\".join(f"{value:.4f}" for value in np.ravel(points)) for points in (point, (start, stop))]
    raw = (RawContour(texts[0], "POINT"), RawContour(texts[1], "OPEN_PLANAR"))
    there = replace(structures(ct.geometry), rois=(Roi(3, "Marker", colour=(255, 0, 255), loose=raw),))
    # Other voxels and other axes; turned, its sagittal and coronal views are oblique.
    mr = series(phantom(TURNS[7], size=31, spacing=2.7), "2.2", "MR")
    seeing.session.open(mr)
    seeing.session.set_companions((Companion(ct.info, there),))
    seeing.session.move_cursor(point)
    views = [View.AXIAL, View.SAGITTAL, View.CORONAL]
    if turned:
        seeing.session.turn(turned_by(None, views, np.array([0.0, 0.6, 0.8]), 0.4, point))
    for view in views:
        pane = seeing.panes.planes[view]
        pane.scene.set_crosshair(False)
        seen = near(pixels(pane), (255, 0, 255), 60)
        middle = np.array(pane.scene.pixel_from_lps(point))
        cross = seen[np.linalg.norm(seen + 0.5 - middle, axis=1) < 9]
        assert len(cross) >= 12 and np.abs(cross.mean(axis=0) + 0.5 - middle).max() < 2.0
    if not turned:
        axial = seeing.panes.planes[View.AXIAL]
        ends = sorted(axial.scene.pixel_from_lps(end)[0] for end in (start, stop))
        along = near(pixels(axial), (255, 0, 255), 60)[:, 0]
        assert along.min() == pytest.approx(ends[0], abs=2.0) and along.max() == pytest.approx(ends[1], abs=8.0)
    seeing.session.move_cursor(point + np.array([0.0, 0.0, 12.0]))
    assert not len(near(pixels(seeing.panes.planes[View.AXIAL]), (255, 0, 255), 60)) or turned
    seeing.session.set_companions(())


def test_it_is_listed_as_of_its_series_and_can_be_hidden_there_alone(whole: MainWindow) -> None:
    ct = ct_with_ball(whole)
    pet = series(phantom(size=20, spacing=4.0, modality="PT"), "2.3", "PT")
    listed = companions_list(whole)
    assert not listed.isVisibleTo(whole)
    whole.session.open(pet)
    QApplication.processEvents()
    heading = listed.topLevelItem(0)
    assert heading.text(0) == "of CT Scan 2.1"
    assert listed.isVisibleTo(whole) and heading.child(0).text(0) == "Ball 1"
    whole.session.move_cursor(CENTRE + OFF)
    pane = whole.panes.planes[View.AXIAL]
    assert len(near(pixels(pane), (0, 255, 0), 60))
    rect = listed.visualItemRect(heading.child(0))
    box = rect.topLeft()
    box.setX(rect.left() + 8)
    box.setY(rect.center().y())
    QTest.mouseClick(listed.viewport(), Qt.MouseButton.LeftButton, pos=box)
    assert heading.child(0).checkState(0) == Qt.CheckState.Unchecked
    assert not len(near(pixels(pane), (0, 255, 0), 60))
    whole.session.open(ct)
    assert not listed.isVisibleTo(whole)


def test_what_was_changed_on_its_own_series_is_what_the_other_shows(whole: MainWindow) -> None:
    ct = ct_with_ball(whole)
    pet = series(phantom(size=20, spacing=4.0, modality="PT"), "2.3", "PT")
    session = whole.session
    session.open(pet)
    back = whole.recording.kept_of(ct)
    assert back is not None
    whole.recording.open(ct, ct, back)
    assert session.companions == ()
    smaller = ball(ct.geometry, CENTRE + OFF, 9.0)
    areas = {plane: smaller.area(plane) for plane in session.structures[1].planes}
    step = history.redraw(session.structures[1], areas, text="Shrink", tool="test")
    assert step is not None
    whole.history.do(step)
    changed = session.structures[1]
    session.open(pet)
    assert session.companions[0].structures[1] is changed
    editing = whole.findChild(Editing)
    assert editing is not None and editing.structures.model.rois == ()


def test_another_frame_of_reference_or_patient_shows_none(seeing: MainWindow) -> None:
    ct_with_ball(seeing)
    grid = phantom(size=20, spacing=4.0)
    seeing.session.open(series(grid, "2.4", "PT", frame_of_reference_uid="9.9"))
    assert seeing.session.companions == ()
    seeing.session.open(series(grid, "2.5", "PT", patient_id="another"))
    assert seeing.session.companions == ()
    seeing.session.open(series(grid, "2.6", "PT", frame_of_reference_uid=""))
    assert seeing.session.companions == ()
    seeing.session.open(series(grid, "2.7", "PT"))
    assert [companion.info.series_uid for companion in seeing.session.companions] == ["2.1"]
