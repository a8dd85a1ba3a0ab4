"""The schema refuses what no card may hold, and names it."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from engine.cards.published import RECIPES
from engine.cards.registry import SHIPPED
from engine.cards.schema import LARGEST_CARD, Card, card_json, card_schema, parse_card
from engine.errors import CardError, PlanimeterError

OLD = [json.loads(path.read_text()) for path in sorted(Path(__file__).with_name("cards_of_0_1").glob("*.json"))]


def parsed(values: Any) -> Card:
    return parse_card(json.dumps(values).encode(), "card.json")


def external() -> dict[str, Any]:
    values: dict[str, Any] = json.loads((SHIPPED / "external" / "card.json").read_text())
    return values


@pytest.mark.parametrize("op", ["teleport", "fuse", "exec"])
def test_a_word_that_no_table_has_is_refused_by_name(op: str) -> None:
    with pytest.raises(CardError, match=f"needs '{op}' .*does not have"):
        parsed(external() | {"graph": [node("box", op, "image")], "options": []})


def test_the_exported_json_schema_is_current() -> None:
    assert (SHIPPED / "card.schema.json").read_text(encoding="utf-8") == card_schema(), "make schema"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"run": "import os"}, "run"),
        ({"id": "../../x"}, "id"),
        ({"status": "medical device"}, "status"),
        ({"graph": []}, "graph"),
        ({"title": "x" * 5000}, "title"),
        ({"preprocess": [{"op": "eval", "params": {"code": "1"}}]}, "preprocess"),
        ({"preprocess": [{"op": "resample", "params": {"spacing_mm": [0, 1, 1]}}]}, "preprocess"),
        ({"preprocess": [{"op": "windows", "params": {"windows": [[100, -100]]}}]}, "window"),
    ],
)
def test_what_a_card_may_not_hold_is_named(change: dict[str, Any], where: str) -> None:
    with pytest.raises(CardError, match=where):
        parsed(external() | change)


@pytest.mark.parametrize(
    "file", ["../../x.safetensors", "/etc/x.safetensors", "a/b.safetensors", "w.pt", ".safetensors"]
)
def test_weights_are_plain_safetensors_files_beside_the_card(file: str) -> None:
    values = external()
    values["graph"][0]["weights"] = [{"file": file, "sha256": "0" * 64}]
    with pytest.raises(CardError, match="file"):
        parsed(values)


def node(name: str, op: str, takes: str, **params: Any) -> dict[str, Any]:
    return {"node": name, "op": op, "in": takes.split(), "params": params}


BOX = node("box", "threshold", "image", label="External", low=0)


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        ([BOX, node("fed", "concatenate", "box image")], "'fed'.*needs an image for input 1"),
        ([BOX, node("x", "crop", "image")], "needs probabilities or outlines or boxes for input 2"),
        ([BOX, node("x", "threshold", "box", label="External")], "needs an image for input 1, and is given probab"),
        ([BOX, node("x", "choose", "box", labels=["Liver"])], "label 'Liver' that its input does not have"),
        ([BOX, node("x", "combine", "box box", how="mean") | {"out": "box"}], "'box' stands for two things"),
        ([BOX, node("x", "crop", "image box"), node("y", "body_outline", "x")], "as it was acquired"),
        ([node("box", "threshold", "image image", label="External")], "takes 1 input, and is given 2"),
        ([node("box", "threshold", "image", label="Other")], "output 'External' is made by no node"),
        ([BOX | {"weights": [{"file": "a.safetensors", "sha256": "0" * 64}]}], "weights, which it does not use"),
    ],
)
def test_a_graph_that_could_not_run_is_no_card(graph: list[Any], words: str) -> None:
    with pytest.raises(CardError, match=words):
        parsed(external() | {"graph": graph, "options": []})


def test_steps_behind_the_graph_are_for_what_it_draws() -> None:
    card = external() | {"graph": [BOX], "options": []}
    assert parsed(card | {"post": [{"op": "fill_holes", "params": {"labels": ["External"]}}]}).post
    with pytest.raises(CardError, match="'Liver'"):
        parsed(card | {"post": [{"op": "fill_holes", "params": {"labels": ["Liver"]}}]})
    with pytest.raises(CardError, match="needs 'Liver' of the same node"):
        parsed(card | {"post": [{"op": "inside", "params": {"of": "Liver"}}]})


def test_a_score_is_no_mask() -> None:
    outputs = [{"kind": "score", "label": "External", "name": "External"}]
    with pytest.raises(CardError, match="is a score, so it needs scores, and 'body' makes outlines"):
        parsed(external() | {"outputs": outputs})


def test_a_graph_takes_only_what_comes_before() -> None:
    values = external()
    values["graph"][0]["in"] = ["later"]
    with pytest.raises(CardError, match="'later'"):
        parsed(values)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a model card"),
        (b"\xff\xfe\x00", "not a model card"),
        (b"[" * 100_000, "deeply nested"),
        (b'{"a": ' * 60 + b"1" + b"}" * 60, "deeply nested"),
        (b'{"id": NaN}', "NaN"),
        (b'{"id": "a", "id": "b"}', "twice"),
        (b"9" * 10_000, "not a"),
        (b" " * (LARGEST_CARD + 1), "larger than"),
        (b"[]", "not a valid model card"),
    ],
)
def test_damaged_and_hostile_text_is_refused_in_one_sentence(data: bytes, words: str) -> None:
    with pytest.raises(CardError, match=words) as caught:
        parse_card(data, "card.json")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 800


def _mutated(rng: random.Random, value: Any) -> Any:
    """A JSON value with one thing in it changed."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        if rng.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}
        return value | {key: _mutated(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.85:
        index = rng.randrange(len(value))
        return [*value[:index], _mutated(rng, value[index]), *value[index + 1 :]]
    return rng.choice(
        [None, True, -1, 10**30, -1e308, 0, "", "x" * 70, "../..", "\x00", [], {}, [[]], {"op": "x"}, [value] * 3]
    )


def test_fuzzed_cards_are_read_or_refused_and_never_crash() -> None:
    rng = random.Random(20)
    shipped = [json.loads(path.read_text()) for path in sorted(SHIPPED.glob("*/card.json"))]
    recipes = [json.loads(path.read_text()) for path in sorted(RECIPES.glob("*.json"))]
    pool = [*recipes, *OLD, *shipped]
    read = refused = 0
    for _ in range(1500):
        values = rng.choice(pool)
        for _ in range(rng.randint(1, 3)):
            values = _mutated(rng, values)
        data = bytearray(json.dumps(values).encode())
        if rng.random() < 0.3 and data:
            for _ in range(rng.randint(1, 4)):
                data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.random() < 0.1:
            data = data[: rng.randrange(len(data) + 1)]
        try:
            parse_card(bytes(data), "card.json")
            read += 1
        except PlanimeterError as error:
            assert "\n" not in str(error) and str(error)
            refused += 1
    assert read > 20 and refused > 500


def test_shipped_cards_are_written_as_the_program_writes_them() -> None:
    for path in sorted(Path(SHIPPED).glob("*/card.json")):
        card = parse_card(path.read_bytes(), str(path))
        assert parse_card(card_json(card).encode(), "again") == card
