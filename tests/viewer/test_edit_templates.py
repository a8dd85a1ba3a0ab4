"""Templates of empty structures, and showing only some."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu

from engine.templates import shipped_templates
from engine.tg263 import standard_names
from tests.viewer.hand import CTRL, Hand

ALT = Qt.KeyboardModifier.AltModifier


def choose(hand: Hand, title: str) -> None:
    menu = next(menu for menu in hand.window.findChildren(QMenu) if menu.title() == "Add from a template")
    menu.aboutToShow.emit()
    next(action for action in menu.actions() if action.text() == title).trigger()
    hand.settle()


def test_every_name_of_a_template_is_of_tg_263_and_none_is_twice() -> None:
    templates = shipped_templates()
    assert len(templates) >= 7
    for template in templates:
        assert set(template.structures) <= set(standard_names()), template.title
        assert len(set(template.structures)) == len(template.structures)


def test_a_template_adds_what_is_missing_as_one_step_with_types_and_colours(bare: Hand) -> None:
    choose(bare, "Thorax")
    rois = bare.session.structures.rois
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


@pytest.mark.parametrize("again", [False, True])
def test_only_the_active_structure_is_shown_and_once_more_all(hand: Hand, again: bool) -> None:
    active = hand.session.active
    hand.key(Qt.Key.Key_V, CTRL | ALT)
    assert [roi.number for roi in hand.session.structures.rois if roi.visible] == [active]
    assert hand.history.undo_text == "Show only Parotid_L"
    if again:
        hand.key(Qt.Key.Key_V, CTRL | ALT)
        assert all(roi.visible for roi in hand.session.structures.rois)
