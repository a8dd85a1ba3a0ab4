"""Derived structures: the recipe is kept, a change of its sources is told, one key renews, nothing happens silently."""

from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
import shapely
from PySide6.QtCore import QRect, Qt
from PySide6.QtWidgets import QStyleOptionViewItem
from shapely import MultiPolygon, Point

from engine.answers import Document
from engine.dicom.presets import ExportOptions, preflight
from engine.dicom.rtstruct_write import export_rtstruct
from engine.journal.codec import roi_from_json, roi_to_json
from engine.recipes import doubt, in_order
from engine.structures import PlaneContours, Roi, StructureSet
from tests.viewer.hand import CTRL, SHIFT, Hand
from tests.viewer.see import phantom
from viewer.edits.deriving import renewed
from viewer.session import View
from viewer.widgets.theme import WARNING

CTV, SKIN = 1, 2


@pytest.fixture
def hand(window: Hand) -> Hand:
    """A target and a strip of skin, the target active; its PTV is derived in two steps."""
    volume = phantom()
    target = MultiPolygon([Point(40, 40).buffer(12)])
    skin = MultiPolygon([shapely.box(50, 10, 54, 70)])
    planes = range(14, 26)
    rois = (
        Roi(CTV, "CTV", planes={k: PlaneContours(target) for k in planes}),
        Roi(SKIN, "Skin", (0, 255, 0), planes={k: PlaneContours(skin) for k in planes}),
    )
    window.open(volume, StructureSet(volume.geometry, rois))
    window.go_to(20)
    derive(window, "margin", left=5.0)
    window.session.set_active(3)
    panel = window.editing.operations
    window.editing.show_operation("crop")
    panel.as_new.setChecked(False)
    panel.other.setCurrentIndex(panel.other.findData(SKIN))
    panel.set_value("margin", 3.0)
    steps = len(window.history.steps[0])
    panel.apply()
    window.wait_until(lambda: len(window.history.steps[0]) > steps)
    return window


def derive(hand: Hand, name: str, **values: float) -> None:
    panel = hand.editing.operations
    hand.editing.show_operation(name)
    for key, value in values.items():
        panel.set_value(key, value)
    count = len(hand.session.structures.rois)
    panel.apply()
    hand.wait_until(lambda: len(hand.session.structures.rois) > count)


def name_shown(hand: Hand, number: int) -> str:
    model = hand.editing.structures.model
    return str(model.index(model.row_of(number), 1).data())


def test_the_recipe_grows_with_each_operation_and_is_in_words(hand: Hand) -> None:
    ptv = hand.session.structures[3]
    assert str(ptv.recipe) == "CTV: Margin, 5 mm; Crop away from Skin, 3 mm"
    assert doubt(hand.session.structures, ptv) == "" and name_shown(hand, 3) == "CTV+5mm"


def written(hand: Hand, number: int, width: int) -> tuple[str, str]:
    """What stands in the row of a structure where the column of names is so wide, px, and in which colour."""
    view, model = hand.editing.structures.view, hand.editing.structures.view.model()
    names = [model.index(row, 1) for row in range(model.rowCount())]
    (cell,) = [cell for cell in names if cell.data(Qt.ItemDataRole.EditRole) == hand.session.structures[number].name]
    option = QStyleOptionViewItem()
    option.initFrom(view)
    option.widget, option.rect = view, QRect(0, 0, width, 20)
    view.itemDelegateForColumn(1).initStyleOption(option, cell)
    return option.text, option.palette.color(option.palette.ColorRole.Text).name()


def test_a_narrow_list_shows_the_name_of_what_is_out_of_date_and_a_mark(hand: Hand) -> None:
    assert written(hand, 3, 110)[0] == "CTV+5mm" and written(hand, 3, 110)[1] != WARNING
    hand.session.set_active(CTV)
    hand.key(Qt.Key.Key_B)
    hand.click(View.AXIAL, hand.on_plane([(32, 52)])[0])
    assert written(hand, 3, 110) == ("! CTV+5mm", WARNING)
    assert written(hand, 3, 400) == ("CTV+5mm  – out of date", WARNING)
    model = hand.editing.structures.model
    tip = model.index(model.row_of(3), 1).data(Qt.ItemDataRole.ToolTipRole)
    assert "It is out of date: Shift+R renews it" in tip


def test_a_stroke_on_a_source_marks_it_and_one_key_renews_it_as_one_step(hand: Hand) -> None:
    before = hand.session.structures[3]
    hand.session.set_active(CTV)
    hand.key(Qt.Key.Key_B)
    hand.click(View.AXIAL, hand.on_plane([(32, 52)])[0])
    assert hand.session.structures[3] is before, "no silent change"
    assert "out of date" in name_shown(hand, 3) and "out of date" in hand.window.messages.sentences[-1]
    hand.key(Qt.Key.Key_R, SHIFT)
    hand.wait_until(lambda: hand.history.undo_text.startswith("Renew"))
    now = hand.session.structures[3]
    assert name_shown(hand, 3) == "CTV+5mm" and hand.history.undo_text == "Renew CTV+5mm"
    assert not any("out of date" in sentence for sentence in hand.window.messages.sentences)
    stroke = Point(32, 52).buffer(9)
    assert now.area(20).intersection(stroke).area > before.area(20).intersection(stroke).area + 20
    skin = hand.session.structures[SKIN]
    assert now.area(20).distance(skin.area(20)) == pytest.approx(3.0, abs=0.05), "the second step was done again"
    hand.key(Qt.Key.Key_Z, CTRL)
    assert hand.session.structures[3].planes == before.planes
    hand.key(Qt.Key.Key_Z, CTRL)
    assert name_shown(hand, 3) == "CTV+5mm", "the source is as it was, so it is up to date again"


def test_what_a_person_edited_is_renewed_only_when_they_say_so(hand: Hand) -> None:
    hand.session.set_active(3)
    hand.key(Qt.Key.Key_B)
    hand.click(View.AXIAL, hand.on_plane([(20, 20)])[0])
    hand.session.set_active(CTV)
    hand.click(View.AXIAL, hand.on_plane([(32, 52)])[0])
    edited = hand.session.structures[3]
    hand.key(Qt.Key.Key_R, SHIFT)
    hand.settle(300)
    assert hand.session.structures[3] is edited and "edited by hand" in hand.window.messages.sentences[-1]


def test_a_source_that_is_gone_is_told_and_nothing_is_renewed(hand: Hand) -> None:
    hand.session.set_active(CTV)
    hand.key(Qt.Key.Key_Delete, CTRL)
    before = hand.session.structures[3]
    assert "a source is gone" in name_shown(hand, 3)
    hand.key(Qt.Key.Key_R, SHIFT)
    assert "gone" in hand.window.messages.sentences[-1] and hand.session.structures[3] is before


def test_planes_that_come_out_the_same_stay_the_same_objects(hand: Hand) -> None:
    structures = hand.session.structures
    (again,) = renewed(structures, frozenset({3}))
    assert all(again.planes[plane] is structures[3].planes[plane] for plane in again.planes)


def test_the_journal_gives_the_recipe_back(hand: Hand) -> None:
    roi = hand.session.structures[3]
    held: list[PlaneContours] = []

    def store(contours: PlaneContours) -> int:
        held.append(contours)
        return len(held) - 1

    again = roi_from_json(roi_to_json(roi, store), dict(enumerate(held)))
    assert again.recipe == roi.recipe
    assert doubt(hand.session.structures.with_roi(again), again) == ""
    assert isinstance(hand.session.document, Document)


def test_the_file_says_how_it_was_derived_and_the_export_that_it_is_out_of_date(hand: Hand, tmp_path: Path) -> None:
    structures, volume = hand.session.structures, hand.session.volume
    export_rtstruct(structures, volume, tmp_path / "rt.dcm")
    item = pydicom.dcmread(tmp_path / "rt.dcm").StructureSetROISequence[2]
    assert item.ROIDescription == "Derived from CTV: Margin, 5 mm; Crop away from Skin, 3 mm"
    assert not any("out of date" in line for line in preflight(structures, volume, ExportOptions()))
    moved = structures.with_roi(structures[CTV].with_areas({20: MultiPolygon([Point(41, 40).buffer(12)])}))
    assert any("CTV+5mm is out of date" in line for line in preflight(moved, volume, ExportOptions()))


def test_sources_are_renewed_before_what_is_derived_from_them(hand: Hand) -> None:
    structures = hand.session.structures
    recipe = structures[3].recipe
    later = Roi(4, "Ring", recipe=replace(recipe, source=3))
    whole = replace(structures, rois=(later, *structures.rois))
    assert in_order(whole, frozenset({3, 4})) == [3, 4]
