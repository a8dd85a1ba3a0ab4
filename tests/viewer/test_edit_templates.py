"""Templates of empty structures, those that come with the program and one's own, and showing only some."""

import json
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu, QToolButton
from shapely import MultiPolygon

from engine.errors import ReadError
from engine.recipes import doubt
from engine.templates import keep_template, own_templates, read_template, shipped_templates, user_templates
from engine.tg263 import standard_names
from tests.viewer.hand import CTRL, LEFT, Hand, answer, click_in_next_box
from viewer.edits.structures import delete_all
from viewer.history import redraw

ALT = Qt.KeyboardModifier.AltModifier


def choose(hand: Hand, title: str) -> None:
    menu = opened_menu(hand)
    title, _, rest = title.partition(" > ")
    action = next(action for action in menu.actions() if action.text() == title)
    if rest:
        action = next(under for under in action.menu().actions() if under.text() == rest)
    action.trigger()
    hand.settle()


def opened_menu(hand: Hand) -> QMenu:
    menu = next(menu for menu in hand.window.findChildren(QMenu) if menu.title() == "Templates")
    menu.aboutToShow.emit()
    return menu


def test_every_name_of_a_template_is_of_tg_263_and_none_is_twice() -> None:
    templates = shipped_templates()
    assert len(templates) >= 7
    for template in templates:
        assert set(template.names) <= set(standard_names()), template.title
        assert len(set(template.names)) == len(template.names)


def test_a_template_adds_what_is_missing_as_one_step_with_types_and_colours(bare: Hand) -> None:
    choose(bare, "Thorax")
    rois = bare.session.structures.rois
    assert bare.window.messages.sentences[-1] == f"Thorax: {len(rois)} structures added to the list."
    assert {"Lung_L", "Heart", "PTVp"} <= {roi.name for roi in rois}
    heart, ptv = (next(roi for roi in rois if roi.name == name) for name in ("Heart", "PTVp"))
    assert heart.colour == standard_names()["Heart"].colour and (heart.roi_type, ptv.roi_type) == ("ORGAN", "PTV")
    assert len({roi.colour for roi in rois}) == len(rois), "colours differ"
    choose(bare, "Thorax")
    assert bare.session.structures.rois is rois and "there already" in bare.window.messages.sentences[-1]
    choose(bare, "Breast")
    names = [roi.name for roi in bare.session.structures.rois]
    assert len(set(names)) == len(names) and "Breast_L" in names
    bare.key(Qt.Key.Key_Z, CTRL)
    assert len(bare.session.structures.rois) == len(rois)


def margin_called(hand: Hand, name: str) -> None:
    panel = hand.editing.operations
    hand.editing.show_operation("margin")
    panel.as_new.setChecked(True)
    panel.new_name.setFocus()
    panel.new_name.selectAll()
    QTest.keyClicks(panel.new_name, name)
    before = hand.session.structures
    panel.apply()
    hand.wait_until(lambda: hand.session.structures is not before)


def test_an_empty_structure_of_a_template_takes_a_margin_of_its_name_and_stays_what_it_is(hand: Hand) -> None:
    source = hand.session.active
    choose(hand, "Thorax")
    before = hand.session.structures
    planned = next(each for each in before.rois if each.name == "PTVp")
    hand.session.set_active(source)
    margin_called(hand, " PTVp")
    made = hand.session.structures[planned.number]
    assert (made.name, made.roi_type, made.colour, made.uid) == ("PTVp", "PTV", planned.colour, planned.uid)
    assert len(hand.session.structures.rois) == len(before.rois)
    grown, drawn = (each.volume_cm3(before.geometry) for each in (made, before[source]))
    assert grown > drawn and made.recipe.source == source and not doubt(hand.session.structures, made)
    hand.history.undo()
    assert hand.session.structures[planned.number] is planned


def test_what_takes_a_margin_of_what_was_made_of_it_is_not_derived_from_itself(hand: Hand) -> None:
    margin_called(hand, "PTV")
    source, ptv = hand.session.active, hand.session.structures.rois[-1]
    hand.history.do(redraw(hand.session.active_roi, dict.fromkeys(hand.session.active_roi.planes, MultiPolygon()),
                           text="Empty", tool="test"))  # fmt: skip
    hand.session.set_active(ptv.number)
    margin_called(hand, "Parotid_L")
    assert not hand.session.structures[source].is_empty and hand.session.structures[source].recipe is None


def test_a_margin_is_of_the_type_that_its_name_says_else_of_its_sources(hand: Hand) -> None:
    for name, roi_type in (("PTV_60", "PTV"), ("Parotid_L near", "ORGAN")):
        margin_called(hand, name)
        made = hand.session.structures.rois[-1]
        assert (made.name, made.roi_type) == (name, roi_type)


@pytest.mark.parametrize("again", [False, True])
def test_only_the_active_structure_is_shown_and_once_more_all(hand: Hand, again: bool) -> None:
    active = hand.session.active
    hand.key(Qt.Key.Key_V, CTRL | ALT)
    assert [roi.number for roi in hand.session.structures.rois if roi.visible] == [active]
    assert hand.history.undo_text == "Show only Parotid_L"
    if again:
        hand.key(Qt.Key.Key_V, CTRL | ALT)
        assert all(roi.visible for roi in hand.session.structures.rois)


# One's own ------------------------------------------------------------------------------------------------------------


def saved(hand: Hand, title: str = "My lungs") -> Path:
    """Two structures with a type, a colour and a group of their own, saved as a template."""
    choose(hand, "Thorax")
    rois = hand.session.structures.rois
    hand.editing.structures.model.setData(hand.editing.structures.model.index(0, 1), "R&D 1")
    keep = {rois[0].number, rois[1].number}
    hand.session.appearance.set_groups({rois[0].number: "Trial"})
    delete_all(hand.session, hand.history, frozenset(roi.number for roi in rois) - keep)
    answer(title)
    choose(hand, "Save the list as a template…")
    (path,) = user_templates().glob("*.json")
    return path


def test_the_list_is_saved_as_a_template_and_comes_back_in_another_study(bare: Hand) -> None:
    path = saved(bare)
    before = [(roi.name, roi.roi_type, roi.colour) for roi in bare.session.structures.rois]
    assert path.name == "my_lungs.json" and json.loads(path.read_text())["title"] == "My lungs"
    assert "Kept the template My lungs, 2 structures" in bare.window.messages.sentences[-1]
    bare.open(bare.session.volume)
    assert not bare.session.structures.rois
    choose(bare, "My lungs")
    assert [(roi.name, roi.roi_type, roi.colour) for roi in bare.session.structures.rois] == before
    assert bare.history.undo_text == "Template My lungs, 2 structures"
    assert bare.session.appearance.groups == {bare.session.structures.rois[0].number: "Trial"}


def test_a_title_that_is_taken_is_asked_about_and_one_of_the_program_is_refused(bare: Hand) -> None:
    path = saved(bare)
    text = path.read_text()
    bare.editing.structures.add()
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Escape)
    for button, kept in (("No", 2), ("Yes", 3)):
        answer("my  LUNGS")
        click_in_next_box(button)
        choose(bare, "Save the list as a template…")
        assert len(read_template(path).structures) == kept and (path.read_text() == text) is (kept == 2)
    answer("thorax")
    choose(bare, "Save the list as a template…")
    assert "choose another title" in bare.window.messages.sentences[-1]
    assert len(list(user_templates().glob("*"))) == 1


def test_a_template_is_exported_imported_removed_and_put_back(
    bare: Hand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, file = saved(bare), tmp_path / "given.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(file), ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(file), ""))
    choose(bare, "Export > My lungs")
    assert file.read_text() == path.read_text()
    choose(bare, "Remove > My lungs")
    assert not path.exists()
    buttons = bare.window.messages.findChildren(QToolButton)
    QTest.mouseClick(next(each for each in buttons if each.text() == "Put it back" and each.isVisible()), LEFT)
    assert read_template(path) == read_template(file)
    choose(bare, "Remove > My lungs")
    choose(bare, "Import a template…")
    assert read_template(path) == read_template(file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "could not be read"),
        ('{"title": "x", "structures": []}', "structures"),
        ('{"title": " ", "structures": ["Heart"]}', "title"),
        ('{"title": "x", "structures": ["Heart", "Heart"]}', "Heart is named twice"),
        ('{"title": "x", "structures": [{"name": "Heart", "colour": [1, 2, 300]}]}', "structures 1 colour 3"),
        ('{"title": "x", "structures": [{"name": "Heart", "type": "organ!"}]}', "structures 1 type"),
        ('{"title": "x", "structures": [{"name": "a\\\\b"}]}', "structures 1 name"),
        ('{"title": "x", "structures": ["Heart"], "code": "run"}', "code"),
    ],
)
def test_a_file_that_is_no_template_is_refused_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "some.json"
    path.write_text(text)
    with pytest.raises(ReadError, match=said):
        read_template(path)


def test_a_damaged_template_hides_no_other(bare: Hand) -> None:
    keep_template(shipped_templates()[0].model_copy(update={"title": "Mine"}))
    (user_templates() / "broken.json").write_text("{")
    titles = [action.text() for action in opened_menu(bare).actions()]
    assert "Mine" in titles and "Thorax" in titles
    assert "broken.json" in bare.window.messages.sentences[-1]
    assert [template.title for template in own_templates()[0]] == ["Mine"]
