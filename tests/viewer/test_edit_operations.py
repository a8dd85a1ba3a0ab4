"""The panel of operations: what is previewed, what it becomes, and where."""

from dataclasses import replace

import numpy as np
import pytest
import shapely
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from shapely import Point

from engine.contouring.fill import fill
from engine.errors import CancelledError
from engine.structures import Generation, Provenance, Roi, StructureSet
from engine.unseen import unseen_planes
from engine.volume import Volume
from tests.viewer.hand import CTRL, Hand, has_colour
from viewer.edits.operations.form import Work
from viewer.edits.operations.table import OPERATIONS
from viewer.edits.points import place
from viewer.history import add
from viewer.layers import Layer, Window
from viewer.session import View
from viewer.widgets.other_choice import OtherChoice

BRAINSTEM, CORD, PAROTID_R, PAROTID_L, LARYNX = 1, 2, 3, 4, 6


@pytest.fixture
def hand(listing: Hand) -> Hand:
    return listing


def previewed(hand: Hand, name: str) -> None:
    hand.editing.show_operation(name)
    hand.wait_until(lambda: hand.editing.live.proposed is not None)


def test_a_margin_is_previewed_in_white_and_applied_as_one_step(hand: Hand) -> None:
    roi = hand.session.active_roi
    geometry = hand.session.volume.geometry
    hand.go_to(list(roi.planes)[len(roi.planes) // 2])
    panel = hand.editing.operations
    hand.editing.show_operation("margin")
    panel.as_new.setChecked(False)
    panel.numbers.links["margin"].setChecked(False)
    for side in ("anterior", "posterior", "superior", "inferior"):
        panel.set_value(side, 0.0)
    panel.set_value("left", 12.0)
    panel.set_value("right", 0.0)
    hand.wait_until(lambda: hand.editing.live.proposed is not None)
    assert hand.session.active_roi is roi, "a preview changes nothing"
    grown = hand.editing.live.proposed
    plane = hand.session.plane
    left = max(shapely.get_coordinates(grown.area(plane)), key=lambda point: point[0])
    assert left[0] - roi.area(plane).bounds[2] == pytest.approx(12.0, abs=0.2), "left is left"
    assert has_colour(hand.picture(View.AXIAL), hand.pixel(View.AXIAL, hand.on_plane([left])[0]), (255, 255, 255))
    assert "→" in panel.outcome.text()
    QTest.mouseClick(panel.apply_button, Qt.MouseButton.LeftButton)
    hand.settle()
    assert hand.history.undo_text == "Margin, L12 R0 A0 P0 S0 I0 mm: Parotid_L"
    assert hand.session.active_roi.volume_cm3(geometry) > roi.volume_cm3(geometry)
    assert hand.editing.live.proposed is None
    hand.key(Qt.Key.Key_Z, CTRL)
    assert hand.session.active_roi.planes == roi.planes


def test_a_margin_becomes_a_structure_of_its_own_with_linked_sides_a_name_and_the_type(hand: Hand) -> None:
    panel = hand.editing.operations
    before = hand.session.structures
    source = hand.session.active_roi
    hand.editing.show_operation("margin")
    panel.numbers.links["margin"].setChecked(True)
    panel.as_new.setChecked(True)
    field = panel.numbers.fields["margin"]["left"]
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "7")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert set(panel.values.values()) == {7.0}
    assert panel.new_name.isVisible() and panel.new_name.text() == "Parotid_L+7mm"
    assert hand.editing.structures.view.isVisible(), "what a margin is made of stays in sight"
    assert not hand.editing.structures.view.visibleRegion().isEmpty()
    panel.new_name.setFocus()
    panel.new_name.selectAll()
    QTest.keyClicks(panel.new_name, "PRV_Parotid_L")
    panel.apply()
    hand.wait_until(lambda: hand.history.undo_text != "")
    made = hand.session.structures.rois[-1]
    assert (made.name, made.roi_type) == ("PRV_Parotid_L", "ORGAN") and source.roi_type == "ORGAN"
    assert hand.session.structures.rois[:-1] == before.rois
    assert made.volume_cm3(before.geometry) > source.volume_cm3(before.geometry)
    assert panel.new_name.text() == "Parotid_L+7mm", "the next result gets a name of its own"


def test_behind_another_tab_the_panel_previews_nothing_and_computes_nothing(hand: Hand) -> None:
    panel, window = hand.editing.operations, hand.window
    previewed(hand, "margin")
    assert hand.editing.live.proposed is not None
    window.panel("Review").raise_()
    hand.settle()
    assert panel.isVisible() and hand.editing.live.proposed is None, "visible, as Qt has it"
    hand.session.set_active(hand.session.structures.rois[0].number)
    panel.want()
    hand.settle()
    assert not panel._pause.isActive() and not panel.cancel_button.isEnabled()
    assert hand.editing.live.proposed is None
    hand.editing.show_operation("margin")
    hand.wait_until(lambda: hand.editing.live.proposed is not None)


def test_a_name_that_is_taken_is_refused_before_anything_is_made(hand: Hand) -> None:
    panel = hand.editing.operations
    previewed(hand, "margin")
    panel.as_new.setChecked(True)
    panel.new_name.selectAll()
    panel.new_name.setFocus()
    QTest.keyClicks(panel.new_name, "Parotid_R")
    panel.apply()
    hand.settle()
    assert hand.history.undo_text == "" and "already a structure Parotid_R" in hand.window.messages.sentences[-1]


def test_unlinked_sides_are_set_each_by_itself(hand: Hand) -> None:
    panel = hand.editing.operations
    hand.editing.show_operation("margin")
    link = panel.numbers.links["margin"]
    link.setChecked(True)
    panel.set_value("left", 4.0)
    QTest.mouseClick(link, Qt.MouseButton.LeftButton)
    panel.set_value("superior", 9.0)
    assert panel.values == {
        **dict.fromkeys(("left", "right", "anterior", "posterior", "inferior"), 4.0),
        "superior": 9.0,
    }
    assert panel.new_name.text() == "Parotid_L+margin"
    QTest.mouseClick(link, Qt.MouseButton.LeftButton)
    assert set(panel.values.values()) == {4.0}


def test_a_preview_comes_into_view_once_and_then_lets_the_user_look_elsewhere(hand: Hand) -> None:
    geometry = hand.session.volume.geometry
    drawn = set(hand.session.active_roi.planes)
    hand.go_to(0)
    scene = hand.pane(View.AXIAL).scene
    scene.zoom(8.0, (0, 0))
    assert hand.session.plane not in drawn
    previewed(hand, "margin")
    plane = hand.session.plane
    area = hand.editing.live.proposed.area(plane)
    assert not area.is_empty
    u0, v0, u1, v1 = area.bounds
    pane = hand.pane(View.AXIAL)
    for corner in geometry.lps_from_plane(plane, [(u0, v0), (u1, v1)]):
        assert pane.rect().contains(hand.pixel(View.AXIAL, corner))
    hand.go_to(0)
    first = hand.editing.live.proposed
    hand.editing.operations.set_value("left", 6.5)
    hand.wait_until(lambda: hand.editing.live.proposed not in (None, first))
    assert hand.session.plane == 0


def test_a_result_can_become_a_new_structure(hand: Hand) -> None:
    before = hand.session.structures
    panel = hand.editing.operations
    hand.editing.show_operation("union")
    panel.other.setCurrentIndex(panel.other.findData(PAROTID_R))
    panel.apply()
    hand.wait_until(lambda: hand.history.undo_text != "")
    made = hand.session.structures.rois[-1]
    assert made.name == "Parotid_L union" and hand.session.structures.rois[:-1] == before.rois
    assert made.provenance.generation is Generation.SEMIAUTOMATIC and made.provenance.algorithm == "a-model"
    geometry = before.geometry
    both = sum(before[number].volume_cm3(geometry) for number in (PAROTID_L, PAROTID_R))
    assert made.volume_cm3(geometry) == pytest.approx(both, rel=1e-6)


def test_what_is_made_of_a_persons_lines_is_a_persons_and_of_a_models_a_models_to_be_seen(hand: Hand) -> None:
    own = replace(hand.session.structures[LARYNX], number=90, name="Own", provenance=Provenance())
    hand.history.do(add(hand.session.structures, (own,), text="Own", tool="test"))

    def margin_of(number: int) -> Roi:
        hand.session.set_active(number)
        hand.editing.show_operation("margin")
        hand.editing.operations.as_new.setChecked(True)
        count = len(hand.session.structures.rois)
        hand.editing.operations.apply()
        hand.wait_until(lambda: len(hand.session.structures.rois) > count)
        return hand.session.structures.rois[-1]

    by_hand = margin_of(90)
    assert by_hand.provenance.generation is Generation.MANUAL and "Own" in by_hand.provenance.description
    assert unseen_planes(by_hand) == ()
    by_model = margin_of(LARYNX)
    assert by_model.provenance.generation is Generation.SEMIAUTOMATIC and by_model.provenance.algorithm == "a-model"
    assert unseen_planes(by_model) == tuple(by_model.planes)


def test_every_operation_runs_from_the_panel(hand: Hand) -> None:
    panel = hand.editing.operations
    hand.session.set_active(LARYNX)
    panel.other.setCurrentIndex(panel.other.findData(BRAINSTEM))
    for name, operation in OPERATIONS.items():
        hand.editing.show_operation(name)
        hand.wait_until(lambda: panel._result is not None or "Choose" in panel.outcome.text())
        assert operation.tip not in panel.outcome.text()
        fields, link = panel.numbers.fields[name].values(), panel.numbers.links.get(name)
        # Sides that are the same share a row.
        assert sum(field.isVisible() for field in fields) == (
            1 if link is not None and link.isChecked() else len(fields)
        )
        hidden = [field for other, fields in panel.numbers.fields.items() if other != name for field in fields.values()]
        assert not any(field.isVisible() for field in hidden)


def test_a_long_operation_stops_when_asked(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses
    import time

    stages: list[float] = []

    def endless(work: Work) -> dict:
        try:
            while True:
                work.progress(0.5, "Working")
                time.sleep(0.005)
        except CancelledError:
            stages.append(time.monotonic())
            raise

    monkeypatch.setitem(OPERATIONS, "smooth", dataclasses.replace(OPERATIONS["smooth"], compute=endless))
    panel = hand.editing.operations
    hand.editing.show_operation("smooth")
    panel.apply()
    hand.wait_until(lambda: panel.bar.value() == 500)
    assert panel.cancel_button.isEnabled()
    asked = time.monotonic()
    QTest.mouseClick(panel.cancel_button, Qt.MouseButton.LeftButton)
    hand.wait_until(lambda: bool(stages) and not panel.cancel_button.isEnabled())
    assert stages[0] - asked < 2.0
    assert hand.history.undo_text == ""


def test_an_operation_on_a_locked_structure_is_refused_but_may_make_a_new_one(hand: Hand) -> None:
    hand.key(Qt.Key.Key_L)
    panel = hand.editing.operations
    previewed(hand, "smooth")
    panel.apply()
    assert "is locked" in hand.window.messages.sentences[-1]
    panel.as_new.setChecked(True)
    panel.apply()
    hand.wait_until(lambda: hand.history.undo_text.startswith("Smooth"))
    panel.as_new.setChecked(False)
    assert hand.session.structures.rois[-1].name == "Parotid_L smooth"


def test_an_edit_during_a_preview_makes_it_anew(hand: Hand) -> None:
    previewed(hand, "margin")
    first = hand.editing.live.proposed
    hand.key(Qt.Key.Key_B)
    hand.drag(View.AXIAL, hand.on_plane([(100, 100), (150, 100)]))
    hand.wait_until(lambda: hand.editing.live.proposed not in (None, first))
    assert hand.editing.live.proposed.area(hand.session.plane).covers(Point(125, 100))


def result_of(hand: Hand, name: str, other: int | None = None, **values: float) -> Roi:
    panel = hand.editing.operations
    hand.editing.show_operation(name)
    if other is not None:
        panel.other.setCurrentIndex(panel.other.findData(other))
    for key, value in values.items():
        panel.set_value(key, value)
    before = len(hand.session.structures.rois)
    panel.apply()
    hand.wait_until(lambda: len(hand.session.structures.rois) > before)
    return hand.session.structures.rois[-1]


def test_points_are_no_second_structure_and_an_empty_one_is_not_chosen_at_first(
    window: Hand, study: tuple[Volume, StructureSet]
) -> None:
    volume, structures = study
    empty = Roi(50, "GTVp", (255, 0, 0))
    window.open(volume, StructureSet(structures.geometry, (empty, *structures.rois)))
    step, point = place(window.session.structures, window.session.cursor_lps, "MARKER")
    window.history.do(step)
    window.session.set_active(PAROTID_L)
    choice = OtherChoice(window.window)
    choice.fill(window.session.structures.rois, window.session.active_roi, optional=False)
    assert choice.findData(point) == -1 and choice.findData(50) == 0, "what is empty may be drawn yet"
    assert choice.currentData() == BRAINSTEM
    choice.deleteLater()


def test_a_margin_may_be_kept_inside_another_structure_or_out_of_it(hand: Hand) -> None:
    roi, other = hand.session.active_roi, hand.session.structures[PAROTID_R]
    plane = list(roi.planes)[len(roi.planes) // 2]
    hand.editing.operations.numbers.links["margin within"].setChecked(True)
    inside = result_of(hand, "margin within", PAROTID_R, left=20.0)
    assert all(inside.area(k).difference(other.area(k)).difference(roi.area(k)).area < 1e-3 for k in inside.planes)
    out = result_of(hand, "margin apart", PAROTID_R, left=20.0)
    assert out.area(plane).area > roi.area(plane).area
    assert all(out.area(k).intersection(other.area(k)).difference(roi.area(k)).area < 1e-3 for k in out.planes)


def test_a_ring_lies_between_its_two_distances(hand: Hand) -> None:
    roi = hand.session.active_roi
    ring = result_of(hand, "ring", **{"from": 2.0, "to": 6.0})
    plane = list(roi.planes)[len(roi.planes) // 2]
    assert ring.area(plane).distance(roi.area(plane)) == pytest.approx(2.0, abs=0.1)
    assert ring.area(plane).intersection(roi.area(plane)).is_empty
    assert hand.history.undo_text.startswith("Ring or wall, 2 to 6 mm")


def test_a_threshold_within_a_structure_holds_the_voxels_of_the_range_and_nothing_else(hand: Hand) -> None:
    mandible = hand.session.structures[7]
    hand.session.set_active(LARYNX)
    panel = hand.editing.operations
    hand.editing.show_operation("union")
    assert panel.other.currentData() is not None
    hand.editing.show_operation("threshold")
    assert panel.other.currentData() is None, "what stood there for another operation does not limit this one"
    made = result_of(hand, "threshold", 7, low=300.0, high=4000.0, volume=0.0)
    geometry = hand.session.structures.geometry
    inside = fill({k: contours.area for k, contours in mandible.planes.items()}, geometry)
    drawn = fill({k: contours.area for k, contours in made.planes.items()}, geometry)
    voxels = hand.session.volume.voxels
    assert np.array_equal(drawn, inside & (voxels >= 300) & (voxels <= 4000))


def test_apply_can_be_pressed_only_where_it_does_something_and_the_reason_is_told(hand: Hand) -> None:
    panel = hand.editing.operations
    hand.editing.show_operation("margin")
    assert panel.apply_button.isEnabled()
    hand.key(Qt.Key.Key_L)
    panel.as_new.setChecked(False)
    assert not panel.apply_button.isEnabled() and "is locked" in panel.outcome.text()
    panel.as_new.setChecked(True)
    assert panel.apply_button.isEnabled()
    hand.history.do(add(hand.session.structures, (Roi(90, "Nothing"),), text="Add", tool="add"))
    hand.session.set_active(90)
    hand.settle()
    assert not panel.apply_button.isEnabled() and "Nothing is empty" in panel.outcome.text()


def test_sides_that_are_the_same_take_one_row(hand: Hand) -> None:
    panel = hand.editing.operations
    hand.editing.show_operation("margin")
    fields, link = panel.numbers.fields["margin"], panel.numbers.links["margin"]
    assert [field.isVisible() for field in fields.values()] == [True, *[False] * 5]
    assert panel._form.labelForField(fields["left"]).text() == "All sides"
    QTest.mouseClick(link, Qt.MouseButton.LeftButton)
    assert all(field.isVisible() for field in fields.values())
    assert panel._form.labelForField(fields["left"]).text() == "Left"
    QTest.mouseClick(link, Qt.MouseButton.LeftButton)
    assert not fields["right"].isVisible()


def test_a_threshold_tells_what_its_numbers_are_in(hand: Hand) -> None:
    panel = hand.editing.operations
    hand.editing.show_operation("threshold")
    low = panel.numbers.fields["threshold"]["low"]
    high = panel.numbers.fields["threshold"]["high"]
    low.setValue(220)
    assert low.suffix() == " HU"
    panel.set_value("of", 1)
    assert low.suffix() == " % of max"
    assert (low.value(), high.value()) == (41, 100), "a number in one unit means nothing in another"
    panel.set_value("of", 0)
    assert low.suffix() == " HU" and low.value() == 220


def test_a_share_of_the_maximum_takes_the_maximum(hand: Hand) -> None:
    panel = hand.editing.operations
    hand.editing.show_operation("threshold")
    panel.set_value("of", 1)
    made = result_of(hand, "threshold", 7, of=1, low=41.0, high=100.0, volume=0.0)
    open_ended = result_of(hand, "threshold", 7, of=1, low=41.0, high=1000.0, volume=0.0)
    assert made.planes and sum(made.area(k).area for k in made.planes) == pytest.approx(
        sum(open_ended.area(k).area for k in open_ended.planes)
    )
    panel.set_value("of", 0)


def test_an_image_laid_over_asks_for_no_result_that_nobody_chose(hand: Hand) -> None:
    panel, geometry = hand.editing.operations, hand.session.volume.geometry
    hand.editing.show_operation("threshold")
    panel.cancel()
    asked: list[bool] = []
    panel.numbers.changed.connect(lambda: asked.append(True))
    pet = Volume(np.ones(geometry.shape, np.float32), geometry, "PT", "SUVbw")
    hand.session.add_layer(Layer(pet, pet, Window(5, 10)))
    assert panel.numbers.fields["threshold"]["low"].suffix() != " HU"
    assert not asked
    hand.session.remove_layer(1)
