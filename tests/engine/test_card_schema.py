"""The schema says everything that the published systems need, and refuses what no card may hold."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from engine.cards.registry import SHIPPED, check_supported
from engine.cards.schema import LARGEST_CARD, Card, card_json, card_schema, parse_card
from engine.errors import CardError, PlanimeterError
from tests.engine.published_cards import cards

PUBLISHED = {values["seed_ref"]: values for values in cards()}


def parsed(values: Any) -> Card:
    return parse_card(json.dumps(values).encode(), "card.json")


def external() -> dict[str, Any]:
    values: dict[str, Any] = json.loads((SHIPPED / "external" / "card.json").read_text())
    return values


def test_the_review_has_33_systems() -> None:
    assert sorted(PUBLISHED) == list(range(2, 35))


@pytest.mark.parametrize("ref", sorted(PUBLISHED))
def test_each_published_system_is_a_card(ref: int) -> None:
    card = parsed(PUBLISHED[ref])
    assert parse_card(card_json(card).encode(), "again") == card


@pytest.mark.parametrize(
    ("ref", "words"), [(9, "several encoders"), (5, "detector"), (24, "pooling"), (30, "features to a score")]
)
def test_a_block_that_cannot_run_yet_is_refused_in_words(ref: int, words: str) -> None:
    card = parsed(PUBLISHED[ref])
    with pytest.raises(CardError, match=words):
        check_supported(card)


def test_systems_of_segmenters_classifiers_and_joins_are_supported() -> None:
    supported = set()
    for ref, values in PUBLISHED.items():
        try:
            check_supported(parsed(values))
        except CardError:
            continue
        supported.add(ref)
    assert {3, 4, 6, 7, 11, 12, 16, 17, 29, 32} <= supported


def test_the_exported_json_schema_is_current() -> None:
    assert (SHIPPED / "card.schema.json").read_text(encoding="utf-8") == card_schema()


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
    pool = [*PUBLISHED.values(), external()]
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
