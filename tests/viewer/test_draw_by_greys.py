"""Brushes that look at the image: what they paint, in which image, and that nothing else changes."""

import numpy as np
import pytest
import shapely
from PySide6.QtCore import Qt
from shapely import MultiPolygon, Point

from engine.answers import Result
from engine.structures import Generation, PlaneContours, Provenance, Roi, StructureSet
from engine.transform import Transform
from engine.volume import Geometry, SeriesInfo, Volume
from tests.viewer.hand import CTRL, SHIFT, Hand, area, has_colour
from viewer.history import adopt
from viewer.layers import Layer, Window
from viewer.session import View
from viewer.widgets.name_label import NameLabel

AXIAL, SAGITTAL = View.AXIAL, View.SAGITTAL
DISC = Point(30, 30).buffer(10, quad_segs=32)


def series(modality: str = "CT", bright: int = 300, units: str = "HU") -> Volume:
    """A bright cylinder of 10 mm radius about (30, 30) mm on planes 3 mm apart, in noise of some units."""
    geometry = Geometry.regular(np.zeros(3), np.eye(3), (1.0, 1.0, 3.0), (12, 64, 64))
    rows, columns = np.mgrid[:64, :64]
    # The edge is as soft as a voxel is wide, so that half of the brightness lies on the circle.
    inside = np.clip(10.5 - np.hypot(rows - 30, columns - 30), 0, 1)
    voxels = np.random.default_rng(3).normal(0, bright / 50, (12, 64, 64)) + bright * inside
    info = SeriesInfo(series_uid=f"1.{bright}", frame_of_reference_uid="1.2", modality=modality)
    return Volume(voxels.astype(np.int16), geometry, modality, units, info)


@pytest.fixture
def hand(window: Hand) -> Hand:
    window.open(series())
    window.session.set_window(Window(150, 500))
    window.go_to(5)
    window.editing.toolbox.set_radius(8.0)
    return window


def nearly(drawn: MultiPolygon, wanted: shapely.Geometry, mm2: float) -> bool:
    return drawn.symmetric_difference(wanted).area < mm2


def test_the_threshold_brush_paints_only_what_lies_in_the_range(hand: Hand) -> None:
    hand.key(Qt.Key.Key_T)
    fields = hand.editing.tools.settings.fields
    assert fields["low"].suffix() == " HU", "the range is in the unit of the image"
    fields["low"].setValue(150)
    hand.drag(AXIAL, hand.on_plane([(40, 30), (36, 36), (30, 40)]))
    swept = shapely.LineString([(40, 30), (36, 36), (30, 40)]).buffer(8)
    assert nearly(area(hand), swept & DISC, 6.0)
    assert hand.history.undo_text == "Threshold brush on plane 6 of ROI 1"
    hand.key(Qt.Key.Key_Z, CTRL)
    assert hand.session.structures.rois == ()


def test_what_the_threshold_brush_would_paint_is_shown_before_the_click(hand: Hand) -> None:
    hand.pane(AXIAL).scene.set_crosshair(False)
    hand.key(Qt.Key.Key_T)
    hand.move(AXIAL, hand.on_plane([(38, 30)])[0])
    edge = hand.pixel(AXIAL, hand.on_plane([(40.0, 30)])[0])
    assert has_colour(hand.picture(AXIAL), edge, (255, 255, 255))
    assert hand.session.structures.rois == ()


def test_on_a_cut_across_the_planes_it_paints_whole_voxels_of_the_range(hand: Hand) -> None:
    hand.session.move_cursor(hand.on_plane([(30, 30)])[0])
    hand.key(Qt.Key.Key_T)
    hand.editing.tools.settings.fields["low"].setValue(150)
    hand.drag(SAGITTAL, [(30, 36, 15), (30, 38, 15)])
    drawn = hand.session.active_roi
    assert sorted(drawn.planes) == [3, 4, 5, 6, 7], "the planes within 8 mm of 15 mm"
    left, top, right, bottom = area(hand).bounds
    assert (left, right) == (29.5, 30.5) and bottom == pytest.approx(40.5), "as far as the bright voxels go"
    assert top == pytest.approx(28.0, abs=0.1)


def test_the_smart_brush_keeps_to_what_is_as_grey_as_under_its_middle(hand: Hand) -> None:
    hand.key(Qt.Key.Key_S)
    hand.click(AXIAL, hand.on_plane([(35, 30)])[0])
    assert nearly(area(hand), Point(35, 30).buffer(8) & DISC, 12.0)
    hand.click(AXIAL, hand.on_plane([(44, 30)])[0])
    outside = (Point(44, 30).buffer(8) - DISC) | (Point(35, 30).buffer(8) & DISC)
    assert nearly(area(hand), outside, 30.0), "begun outside it paints the outside"


def test_the_smart_brush_erases_with_control(hand: Hand) -> None:
    geometry = hand.session.volume.geometry
    whole = MultiPolygon([Point(30, 30).buffer(25)])
    hand.open(hand.session.volume, StructureSet(geometry, (Roi(1, "A", planes={5: PlaneContours(whole)}),)))
    hand.session.set_window(Window(150, 500))
    hand.go_to(5)
    hand.editing.toolbox.set_radius(12.0)
    hand.key(Qt.Key.Key_S)
    # Half of the brightness, where the edge is: 30 % of a window of 500.
    hand.editing.tools.settings.fields["tolerance"].setValue(30)
    hand.press(AXIAL, hand.on_plane([(30, 30)])[0], CTRL)
    hand.release(AXIAL, hand.on_plane([(30, 30)])[0], CTRL)
    assert nearly(area(hand), whole - DISC, 8.0)


def test_the_ball_paints_a_ball_and_leaves_other_planes_alone(hand: Hand) -> None:
    hand.key(Qt.Key.Key_B, SHIFT)
    hand.click(AXIAL, hand.on_plane([(30, 30)])[0])
    roi = hand.session.active_roi
    assert sorted(roi.planes) == [3, 4, 5, 6, 7]
    for plane, contours in roi.planes.items():
        radius = np.sqrt(64 - (3 * (plane - 5)) ** 2)
        assert contours.area.area == pytest.approx(np.pi * radius**2, rel=0.01)
    assert hand.history.undo_text == "3D brush on planes 4 to 8 of ROI 1"
    hand.go_to(1)
    hand.click(AXIAL, hand.on_plane([(30, 30)])[0])
    now = hand.session.active_roi
    assert all(now.planes[plane] is roi.planes[plane] for plane in (5, 6, 7)), "out of reach: the same objects"


def test_the_ball_on_a_cut_sweeps_in_space(hand: Hand) -> None:
    hand.session.move_cursor(hand.on_plane([(30, 30)])[0])
    hand.key(Qt.Key.Key_B, SHIFT)
    hand.drag(SAGITTAL, [(30, 30, 12), (30, 30, 21)])
    roi = hand.session.active_roi
    assert sorted(roi.planes) == [2, 3, 4, 5, 6, 7, 8, 9]
    for plane in (4, 5, 6, 7):
        assert roi.area(plane).area == pytest.approx(np.pi * 64, rel=0.02)


def test_the_range_is_that_of_the_image_that_is_chosen(hand: Hand) -> None:
    """With an image laid over, its values count, in its unit; the base's when the user says so."""
    over = series("PT", 40, "SUVbw")
    hand.session.add_layer(Layer(over, over, Window(5, 10), transform=Transform.identity()))
    hand.key(Qt.Key.Key_T)
    settings = hand.editing.tools.settings
    assert settings.image.currentText() == "PT" and settings.fields["low"].suffix() == " SUV"
    settings.fields["low"].setValue(20)
    hand.click(AXIAL, hand.on_plane([(38, 30)])[0])
    assert nearly(area(hand), Point(38, 30).buffer(8) & DISC, 12.0)
    settings.image.setCurrentIndex(0)
    settings.image.activated.emit(0)
    assert hand.editing.tools.settings.fields["low"].suffix() == " HU"


def test_the_bar_says_which_structure_the_next_stroke_draws_into(hand: Hand) -> None:
    target = hand.editing.tools.target
    assert target.text == "new: ROI 1"
    hand.key(Qt.Key.Key_B)
    hand.click(AXIAL, hand.on_plane([(30, 30)])[0])
    assert target.text == "ROI 1"
    hand.key(Qt.Key.Key_L)
    assert target.text == "ROI 1 (locked)"
    assert target.findChild(NameLabel).text() == "ROI 1", "a sign says it, and leaves the room to the name"


def test_a_stroke_that_begins_a_structure_says_so_and_what_a_model_drew_is_active(hand: Hand) -> None:
    hand.key(Qt.Key.Key_B)
    hand.click(AXIAL, hand.on_plane([(30, 30)])[0])
    assert "new structure, ROI 1" in hand.window.messages.sentences[-1]
    hand.open(hand.session.volume)
    model = Provenance(Generation.AUTOMATIC, algorithm="a-model")
    drawn = Roi(1, "Liver", planes={5: PlaneContours(MultiPolygon([DISC]))}, provenance=model)
    step = adopt(hand.session.document, Result((drawn,)), replaced={}, text="A model", tool="a-model")
    hand.history.do(step)
    assert hand.session.active_roi.name == "Liver"
    hand.key(Qt.Key.Key_B)
    hand.click(AXIAL, hand.on_plane([(44, 30)])[0])
    assert [roi.name for roi in hand.session.structures.rois] == ["Liver"]
