"""Points, open contours and contours off the planes are seen in every view, and the list counts them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import Qt

from engine.dicom.rtstruct_read import read_rtstruct
from engine.structures import RawContour, Roi
from engine.volume import Volume
from tests.rtstruct.study import Contour, make_study, write_rtstruct
from tests.synthetic import make_geometry
from tests.viewer.hand import Hand, own_data, pixels
from tests.viewer.see import CENTRE, ball, near, phantom, structures
from viewer.edits.structures import delete_all, set_colour, set_visible
from viewer.render.loose_marks import POINT_ARM_PX, LooseMarks
from viewer.render.orientation import view_frame
from viewer.session import View
from viewer.widgets.main_window import MainWindow
from viewer.widgets.plane_pane import PlanePane
from viewer.widgets.structures_model import Column

PLANES = (View.AXIAL, View.SAGITTAL, View.CORONAL)
COLOUR = (255, 0, 255)


def beside(*mm: float) -> NDArray[np.float64]:
    """LPS of a place so many mm from the middle of the phantom, whose voxels are centred at odd ones."""
    return CENTRE + np.array(mm)


def raw(points_lps: ArrayLike, kind: str) -> RawContour:
    return RawContour("\\".join(f"{value:.4f}" for value in np.asarray(points_lps, dtype=float).ravel()), kind)


def loose(*contours: RawContour, number: int = 1) -> Roi:
    return Roi(number, "Marker", COLOUR, loose=contours)


def square(centre: ArrayLike, half: float = 12.0) -> NDArray[np.float64]:
    corners = np.array([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)], dtype=float)
    return np.asarray(centre) + half * corners


def coloured(pane: PlanePane) -> NDArray[np.int64]:
    return near(pixels(pane), COLOUR, 60)


def quiet(window: MainWindow) -> None:
    for pane in window.panes.planes.values():
        pane.scene.set_crosshair(False)


def test_a_point_is_a_cross_at_its_place_in_all_three_views_and_nowhere_else(seeing: MainWindow) -> None:
    volume = phantom()
    point = beside(5.0, -3.0, 7.0)  # in the middle of a voxel
    seeing.session.open(volume, structures(volume.geometry, loose(raw(point, "POINT"))))
    quiet(seeing)
    seeing.session.move_cursor(point)
    for view in PLANES:
        pane = seeing.panes.planes[view]
        drawn = coloured(pane)
        assert drawn.mean(axis=0) == pytest.approx(pane.scene.pixel_from_lps(point), abs=1.0)
        reach = np.ptp(drawn, axis=0) / 2 / pane.devicePixelRatioF()
        assert reach == pytest.approx([POINT_ARM_PX] * 2, abs=1.0)  # it is as large however far the view is zoomed
        pane.scene.zoom(4.0, pane.scene.pixel_from_lps(point))
        assert np.ptp(coloured(pane), axis=0) / 2 / pane.devicePixelRatioF() == pytest.approx(reach, abs=1.0)
        pane.scene.fit()
    # The next voxel in every direction has none: a point is shown within half a voxel.
    seeing.session.move_cursor(point + 2.0)
    assert [len(coloured(seeing.panes.planes[view])) for view in PLANES] == [0, 0, 0]


def test_a_contour_between_the_planes_is_dashed_on_the_nearest_alone(seeing: MainWindow) -> None:
    volume = phantom()  # planes 2 mm apart
    corners = square(beside(0.0, 0.0, 7.7))  # a plane is at 7
    seeing.session.open(volume, structures(volume.geometry, loose(raw(corners, "CLOSED_PLANAR"))))
    quiet(seeing)
    pane = seeing.panes.planes[View.AXIAL]
    seen = {}
    for height in (5.0, 7.0, 9.0):
        seeing.session.move_cursor(beside(0.0, 0.0, height))
        seen[height] = coloured(pane)
    assert not len(seen[5.0]) and not len(seen[9.0])
    drawn = seen[7.0]
    first, last = (np.array(pane.scene.pixel_from_lps(corners[i])) for i in (0, 2))
    assert drawn.min(axis=0) == pytest.approx(np.minimum(first, last), abs=1.5)
    assert drawn.max(axis=0) == pytest.approx(np.maximum(first, last), abs=1.5)
    # Dashes: of the upper side some is drawn and some is not.
    side = np.zeros(round(abs(first - last)[0]), dtype=bool)
    top = drawn[np.abs(drawn[:, 1] - drawn[:, 1].min()) <= 1, 0] - drawn[:, 0].min()
    side[top[top < len(side)]] = True
    assert 0.4 < side.mean() < 0.9 and np.count_nonzero(np.diff(side.astype(int)) == -1) >= 4


def test_an_open_contour_stays_open_and_shows_where_it_passes_through_the_other_views(seeing: MainWindow) -> None:
    volume = phantom()
    corners = square(beside(1.0, 1.0, 1.0))
    seeing.session.open(volume, structures(volume.geometry, loose(raw(corners, "OPEN_PLANAR"))))
    quiet(seeing)
    seeing.session.move_cursor(beside(1.0, 1.0, 1.0))
    axial = seeing.panes.planes[View.AXIAL]
    missing = np.array(axial.scene.pixel_from_lps((corners[0] + corners[3]) / 2))
    drawn = coloured(axial)
    assert np.abs(drawn - missing).max(axis=1).min() > 10
    coronal = seeing.panes.planes[View.CORONAL]
    # It runs through the coronal cut on one side alone, the one that isn't missing.
    through = coronal.scene.pixel_from_lps(beside(13.0, 1.0, 1.0))
    assert coloured(coronal).mean(axis=0) == pytest.approx(through, abs=1.0)
    assert np.ptp(coloured(coronal), axis=0).max() <= 12


def test_a_needle_through_the_planes_is_seen_on_each(seeing: MainWindow) -> None:
    volume = phantom()
    ends = CENTRE + np.array([[3.0, 1.0, -20.0], [3.0, 1.0, 20.0]])
    seeing.session.open(volume, structures(volume.geometry, loose(raw(ends, "OPEN_NONPLANAR"))))
    quiet(seeing)
    axial = seeing.panes.planes[View.AXIAL]
    for height, seen in ((-25.0, False), (-19.0, True), (5.0, True), (19.0, True), (23.0, False)):
        seeing.session.move_cursor(beside(3.0, 1.0, height))
        assert bool(len(coloured(axial))) is seen, height
    # Along the sagittal cut it lies in, it is a dashed line from end to end.
    sagittal = seeing.panes.planes[View.SAGITTAL]
    length = abs(np.subtract(*(sagittal.scene.pixel_from_lps(end)[1] for end in ends)))
    assert np.ptp(coloured(sagittal)[:, 1]) == pytest.approx(length, abs=8)


def test_marks_follow_colour_visibility_and_removal(seeing: MainWindow) -> None:
    volume = phantom()
    point = beside(5.0, -3.0, 7.0)
    marker = loose(raw(point, "POINT"), number=2)
    seeing.session.open(volume, structures(volume.geometry, ball(volume.geometry, CENTRE, 6.0), marker))
    quiet(seeing)
    seeing.session.move_cursor(point)
    axial = seeing.panes.planes[View.AXIAL]
    assert len(coloured(axial))
    set_visible(seeing.session, seeing.history, [2], False)
    assert not len(coloured(axial))
    seeing.history.undo()
    assert len(coloured(axial))
    set_colour(seeing.session, seeing.history, 2, (0, 255, 255))
    assert not len(coloured(axial)) and len(near(pixels(axial), (0, 255, 255), 60))
    delete_all(seeing.session, seeing.history, [2])
    assert not len(near(pixels(axial), (0, 255, 255), 60))


@pytest.mark.parametrize("offsets", [(0.0, 0.0, 0.0), (0.0, 1.1, 0.4)], ids=["regular", "tilted"])
def test_marks_lie_where_the_file_says_on_tilted_planes_too(offsets: Sequence[float]) -> None:
    geometry = make_geometry((9, 60, 70), (1.0, 1.2, 3.0), offsets=np.outer(np.arange(9), offsets))
    points = geometry.lps_from_plane(4, [(20.0, 30.0), (24.0, 36.0)])
    roi = loose(raw(points[0], "POINT"), raw(points, "OPEN_PLANAR"))
    frame = view_frame(View.AXIAL, geometry, geometry)
    drawn = LooseMarks(frame).marks([roi], 4, 4, 0.01).ends
    expected = np.array([frame.grid_from_lps(point) for point in points])
    # The four ends of the cross are even about the point; the dashes begin there and run to the other.
    assert drawn[:2].reshape(-1, 3).mean(axis=0) == pytest.approx(expected[0])
    dashes = drawn[2:].reshape(-1, 3)
    assert dashes[0] == pytest.approx(expected[0])
    assert dashes[-1] == pytest.approx(expected[1], abs=0.05)


@pytest.fixture
def hand(tmp_path: Path, qapp: object) -> Iterator[Hand]:
    with own_data(tmp_path / "own"):
        hand = Hand()
        yield hand
        hand.close()


def test_a_file_with_points_alone_is_listed_and_shown(hand: Hand, tmp_path: Path) -> None:
    volume: Volume = make_study(tmp_path / "ct")
    contours = [
        Contour(2, [(15.0, 20.0)], "POINT"),
        Contour(3, [(5.0, 5.0)], "POINT"),
        Contour(4, off_mm=1.0),
    ]
    hand.open(volume, read_rtstruct(write_rtstruct(tmp_path / "rs.dcm", volume, {"Seeds": contours}), volume))
    panel = hand.editing.structures
    texts = [panel.model.index(0, column).data() for column in (Column.NAME, Column.VOLUME, Column.LOOSE)]
    assert texts == ["Seeds", "–", "3"]
    assert not panel.view.isColumnHidden(Column.LOOSE)
    tip = panel.model.index(0, Column.LOOSE).data(Qt.ItemDataRole.ToolTipRole)
    assert tip == "2 points, 1 off-plane contour"
    # A double-click goes to one of them, and it is seen there.
    panel.go_to_centre(1)
    place = volume.geometry.kji_from_lps([hand.session.cursor_lps])[0]
    shown = hand.pane(View.AXIAL)
    shown.scene.set_crosshair(False)
    assert round(place[0]) in (2, 3, 4) and len(near(pixels(shown), (255, 0, 1), 60))
    hand.open(volume)
    assert panel.view.isColumnHidden(Column.LOOSE)
