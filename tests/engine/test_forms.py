"""Forms: what they take and refuse, and that what was filled in comes back."""

import pytest

from engine.errors import CardError
from engine.findings.forms import find_form, forms, read_form
from engine.shipped import shipped


def test_the_forms_that_come_with_the_program_are_read_the_plain_one_first() -> None:
    assert next(iter(forms())) == "plain"
    assert set(forms()) == {"plain", "bi-rads", "pi-rads", "lung-rads"}


@pytest.mark.parametrize("form_id", ["plain", "bi-rads", "pi-rads", "lung-rads"])
def test_what_was_filled_in_comes_back_from_what_is_kept(form_id: str) -> None:
    form = find_form(form_id)
    assert form is not None
    values: dict[str, float | str] = {"side": "left", "size": 12.5}
    values |= {"finding": "Cyst"} if form_id == "plain" else {"category": "2"}
    assert form.problems(values) == ()
    stated = form.stated(values)
    assert form.values(stated) == values
    assert {said.key: said.unit for said in stated}["size"] == "mm"
    assert form.name(values) == ("Cyst" if form_id == "plain" else form.finding)


def test_categories_have_the_codes_of_the_standard() -> None:
    form = find_form("bi-rads")
    assert form is not None
    (said,) = form.stated({"category": "4"})
    assert said.code is not None and (said.code.scheme, said.code.value) == ("SCT", "397144001")
    assert (said.concept.scheme, said.concept.value) == ("DCM", "111005")


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({}, "Category is missing"),
        ({"category": "7"}, "one of"),
        ({"category": "3", "size": -1.0}, "from 0 to 2000"),
        ({"category": "3", "size": float("nan")}, "from 0 to 2000"),
        ({"category": "3", "side": "up"}, "Right, Left, Both"),
        ({"category": "1", "size": 4.0}, "leave the diameter empty"),
    ],
)
def test_what_a_form_does_not_take_is_refused_in_words(values: dict[str, float | str], word: str) -> None:
    form = find_form("bi-rads")
    assert form is not None
    (problem,) = form.problems(values)
    assert word in problem


def test_a_text_that_is_a_report_of_its_own_is_refused() -> None:
    form = find_form("plain")
    assert form is not None
    assert "at most 1000" in form.problems({"finding": "x" * 1001})[0]


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('"kind": "size"', '"kind": "length"', "kind"),
        ('"high": 2000', '"high": 0', "low end"),
        ('"empty": [', '"lost": [', "lost"),
        ('"size"\n', '"width"\n', "no field"),
        ('"1"\n', '"9"\n', "does not have"),
        ('"bi-rads"', '"birads"', "calls itself"),
    ],
)
def test_a_form_that_contradicts_itself_is_refused(old: str, new: str, word: str) -> None:
    text = shipped("forms", "bi-rads.json").read_text("utf-8")
    assert old in text
    with pytest.raises(CardError, match=word):
        read_form(text.replace(old, new).encode(), "bi-rads")
