"""What a model asks of the patient, asked for in the window before it runs."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLineEdit
from pytestqt.qtbot import QtBot

from engine.cards.schema import parse_card
from tests.training.cohorts import AGE, SEX
from tests.training.test_heads import recipe
from viewer.widgets.variables_form import VariablesForm


@pytest.fixture
def form(qtbot: QtBot, tmp_path: Path) -> VariablesForm:
    card = parse_card((recipe(tmp_path, "cox", "death") / "card.json").read_bytes(), "here")
    form = VariablesForm()
    qtbot.addWidget(form)
    form.show_card(card)
    form.show()
    return form


def test_nothing_is_guessed_and_what_is_missing_is_said(form: VariablesForm) -> None:
    assert list(form.fields) == ["age", "sex", "stage"] and not form.told
    assert "needs to be told 'age' (Age: a number from 18 to 110 years), 'sex'" in form.problem
    assert form.notice.isVisible() and form.notice.text() == form.problem


def test_what_was_typed_is_told_and_stays_until_another_patient(form: VariablesForm, qtbot: QtBot) -> None:
    age, sex, stage = (form.fields[key] for key in ("age", "sex", "stage"))
    assert isinstance(age, QLineEdit) and isinstance(sex, QComboBox) and isinstance(stage, QComboBox)
    with qtbot.waitSignal(form.changed):
        qtbot.keyClicks(age, "163")
    qtbot.keyClick(sex, Qt.Key.Key_M)
    qtbot.keyClick(stage, Qt.Key.Key_Down)
    assert "'age' (Age) can't be 163.0; it is a number from 18 to 110 years." in form.problem
    age.clear()
    qtbot.keyClicks(age, "63,5")
    assert form.told == {"age": 63.5, "sex": "M", "stage": "N0"} and not form.notice.isVisible()
    form.show_card(form._card)
    assert form.told == {"age": 63.5, "sex": "M", "stage": "N0"}
    form.forget()
    assert not form.told and AGE["key"] in form.problem and SEX["key"] in form.problem
