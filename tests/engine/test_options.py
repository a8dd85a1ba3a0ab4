"""What a card offers to be chosen, on the command line and in a run; and cards of version 0.1 in the present form."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.answers import RunOptions
from engine.cards.options import parse_chosen, value_of, with_chosen
from engine.cards.registry import SHIPPED, load_card
from engine.cards.renew import renewed
from engine.cards.roles import only_input
from engine.cards.schema import Card, parse_card
from engine.errors import CardError
from engine.inference.run import run_card
from tests.engine.models import segmenter_node, write_card
from tests.engine.phantoms import make_scene

EXTERNAL = load_card(SHIPPED / "external")
OLD = Path(__file__).with_name("cards_of_0_1")
NUMBER: dict[str, Any] = {
    "key": "pieces",
    "label": "Pieces",
    "kind": "number",
    "sets": "body.pieces",
    "low": 1,
    "high": 5,
}


def external(**changes: Any) -> Card:
    values = json.loads((SHIPPED / "external" / "card.json").read_text()) | changes
    return parse_card(json.dumps(values).encode(), "card.json")


def test_what_is_chosen_takes_the_place_of_the_cards_own_value() -> None:
    card = external()
    (option,) = card.options
    assert value_of(card, option) == "filled"
    assert with_chosen(card, {}) is card
    chosen = with_chosen(card, {"air": "kept"})
    assert value_of(chosen, option) == "kept"
    assert chosen.model_copy(update={"graph": card.graph}) == card


def test_the_command_line_chooses_by_key() -> None:
    card = external(options=[*json.loads(external().model_dump_json())["options"], NUMBER])
    assert parse_chosen(card, ["air=kept", "pieces = 3"]) == {"air": "kept", "pieces": 3.0}
    assert with_chosen(card, {"pieces": 3.0}).graph[0].params.model_dump()["pieces"] == 3
    oar = load_card(SHIPPED / "head-neck-oar").card
    assert parse_chosen(oar, ["bands=yes"]) == {"bands": True} and parse_chosen(oar, ["bands=off"]) == {"bands": False}
    assert with_chosen(oar, {"bands": True}).uncertainty.draw_bands


def test_an_option_may_set_all_nodes_of_an_operation() -> None:
    oar = load_card(SHIPPED / "head-neck-oar").card
    networks = [node for node in with_chosen(oar, {"quick": True}).graph if node.op == "segment"]
    assert len(networks) > 1 and all(node.params.model_dump()["quick"] for node in networks)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("air", "KEY=VALUE"),
        ("air=blown", "'air' can't be blown; it is filled or kept"),
        ("pieces=many", "a number from 1 to 5"),
        ("pieces=7", "a number from 1 to 5"),
        ("depth=3", r"no option 'depth'; it has: air \(filled or kept\)"),
    ],
)
def test_what_cannot_be_chosen_is_told_with_what_can(text: str, words: str) -> None:
    card = external(options=[*json.loads(external().model_dump_json())["options"], NUMBER])
    with pytest.raises(CardError, match=words):
        parse_chosen(card, [text])


def test_a_number_that_the_operation_does_not_take_is_refused() -> None:
    with pytest.raises(CardError, match="can't be run with what was chosen"):
        with_chosen(external(options=[NUMBER]), {"pieces": 2.5})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sets": "body.depth"}, "sets 'body.depth', which the card does not have"),
        ({"sets": "liver.pieces"}, "which the card does not have"),
        ({"low": 2}, "the card's own value of option 'pieces' can't be 1"),
        ({"kind": "flag"}, "and nothing else, has a low end"),
        ({"choices": {"a": ""}}, "and nothing else, has choices"),
    ],
)
def test_an_option_fits_its_card(change: dict[str, Any], words: str) -> None:
    with pytest.raises(CardError, match=words):
        external(options=[NUMBER | change])


def test_a_run_is_one_of_the_card_as_it_was_chosen(tmp_path: Path) -> None:
    made = make_scene(planes=6, spacing=(4.0, 4.0, 5.0))
    whole, kept = (
        run_card(EXTERNAL, only_input(EXTERNAL.card, made.volume), options=RunOptions(chosen={"air": air})).rois[0]
        for air in ("filled", "kept")
    )
    assert kept.volume_cm3(made.volume.geometry) < 0.98 * whole.volume_cm3(made.volume.geometry)
    loaded = write_card(tmp_path / "m", [segmenter_node(tmp_path / "m")], ["Left"])
    with pytest.raises(CardError, match=r"no option 'air', nor any other"):
        run_card(loaded, only_input(loaded.card, made.volume), options=RunOptions(chosen={"air": "kept"}))


@pytest.mark.parametrize("name", ["external", "head-neck-atlas", "head-neck-oar"])
def test_a_card_of_version_0_1_is_the_same_card_in_the_present_form(name: str) -> None:
    old = parse_card((OLD / f"{name}.json").read_bytes(), name)
    # Where the shipped card has other networks by now, the earlier one is kept in the present form beside the old one.
    kept = OLD / f"{name}.present.json"
    now = parse_card(kept.read_bytes(), name) if kept.exists() else load_card(SHIPPED / name).card
    # Regions, the quick way, and tiles that are left out came later; an old card has none.
    inputs = tuple(image.model_copy(update={"regions": ()}) for image in now.inputs)
    options = tuple(option for option in now.options if option.key != "quick")
    graph = tuple(
        node.model_copy(update={"params": node.params.model_copy(update={"near_mm": None})})
        if node.op == "crop"
        else node
        for node in now.graph
    )
    assert old == now.model_copy(update={"inputs": inputs, "options": options, "graph": graph})


def old_card(node: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((OLD / "external.json").read_text())
    values["graph"].append(node)
    return values


def test_what_crops_were_around_in_version_0_1_is_an_input_now() -> None:
    view = {"kind": "crops", "pixels": [1, 8, 8], "around": "body", "rotations": 1}
    params = {"network": {"network": "ResNet18"}, "labels": ["a"], "view": view, "features": False}
    values = renewed(old_card({"node": "kind", "block": "C", "in": ["image"], "params": params}))
    assert values["graph"][1]["in"] == ["image", "body"]
    card = parse_card(json.dumps(values).encode(), "card.json")
    assert [made.op for made in card.graph] == ["body_outline", "classify"]


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ({"node": "x", "block": "D", "in": ["image"], "params": {"labels": ["a"]}}, "detect.params.network is missing"),
        ({"node": "x", "block": "F", "in": ["image"], "params": {"labels": ["a"]}}, "needs 'fuse'"),
        (
            {"node": "x", "block": "C", "in": ["image"], "params": {
                "network": {"network": "ResNet18"}, "labels": ["a"], "features": True,
                "view": {"kind": "whole", "pixels": [1, 8, 8]}}},
            "features is not known here",
        ),
    ],
)  # fmt: skip
def test_what_version_0_1_could_say_and_nothing_ran_is_refused_by_name(node: dict[str, Any], words: str) -> None:
    with pytest.raises(CardError, match=words):
        parse_card(json.dumps(old_card(node)).encode(), "card.json")


def test_a_card_of_the_present_form_is_left_as_it_is() -> None:
    values = json.loads((SHIPPED / "external" / "card.json").read_text())
    assert renewed(values) is values
    assert renewed([1]) == [1] and renewed({"graph": "x"}) == {"graph": "x"}
