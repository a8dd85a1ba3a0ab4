"""Cards are found without torch, and damaged, altered or escaping weights are refused in words."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engine.cards import registry
from engine.cards.registry import find_card, find_cards, load_card
from engine.cards.weights import Weights, find_weights, read_weights, sha256_of
from engine.errors import CardError
from tests.engine.models import segmenter_node, write_card


def weights_at(path: Path) -> Weights:
    return Weights(file=path.name, sha256=sha256_of(path))


def test_no_torch_is_loaded_to_list_cards_or_to_start_the_client() -> None:
    code = (
        "import sys, engine.cards.registry as r, engine.cards.suitability, engine.commands.models, "
        "engine.process.client, engine.commands.run; r.find_cards(); "
        "assert not {'torch', 'monai'} & set(sys.modules), 'loaded'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_users_card_hides_a_shipped_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "user_models", lambda: tmp_path)
    values = json.loads((registry.SHIPPED / "external" / "card.json").read_text())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "card.json").write_text(json.dumps(values | {"title": "My outline"}))
    found = {loaded.id: loaded for loaded in find_cards()}
    assert found["external"].title == "My outline" and found["external"].folder == tmp_path / "mine"


def test_a_card_at_a_path_is_found_by_folder_and_by_file(tmp_path: Path) -> None:
    write_card(tmp_path / "small", [segmenter_node(tmp_path / "small")], ["Left"])
    for name in (tmp_path / "small", tmp_path / "small" / "card.json"):
        assert find_card(str(name)).id == "small"
    assert any(loaded.id == "small" for loaded in find_cards([tmp_path]))


def test_a_name_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(CardError, match=r"no model 'nothing'.*external"):
        find_card("nothing")


def test_an_unreadable_card_is_listed_with_its_problem(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "card.json").write_text('{"id": "x"')
    (loaded,) = [card for card in find_cards([tmp_path]) if card.folder.name == "broken"]
    assert "not a model card" in loaded.problem and not loaded.is_readable and loaded.title == "broken"
    with pytest.raises(CardError, match="not a model card"):
        _ = loaded.card


def test_a_card_without_its_weights_has_a_problem(tmp_path: Path) -> None:
    write_card(tmp_path / "m", [segmenter_node(tmp_path / "m")], ["Left"])
    (tmp_path / "m" / "weights0.safetensors").unlink()
    loaded = load_card(tmp_path / "m")
    assert "missing" in loaded.problem and loaded.is_readable


def good(folder: Path) -> Path:
    path = folder / "w.safetensors"
    save_file({"a": torch.zeros(100)}, path)
    return path


def test_whole_weights_are_read(tmp_path: Path) -> None:
    path = good(tmp_path)
    assert read_weights(tmp_path, weights_at(path)) == path.read_bytes()


@pytest.mark.parametrize("flip", [9, 100, -1])
def test_one_changed_byte_is_noticed(tmp_path: Path, flip: int) -> None:
    path = good(tmp_path)
    weights = weights_at(path)
    data = bytearray(path.read_bytes())
    data[flip] ^= 1
    path.write_bytes(data)
    with pytest.raises(CardError, match="SHA-256 differs"):
        read_weights(tmp_path, weights)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x00" * 4, id="four bytes"),
        pytest.param(struct.pack("<Q", 1 << 60) + b"{}", id="header longer than the file"),
        pytest.param(struct.pack("<Q", 2) + b"{}" + b"x" * 50, id="more data than the header has"),
        pytest.param(struct.pack("<Q", 5) + b'{"a":' + b"x" * 50, id="header cut short"),
        pytest.param(struct.pack("<Q", 4) + b"[[]]", id="header of another kind"),
        pytest.param(struct.pack("<Q", 20) + b'{"a":{"shape":[100]}}'[:20], id="no offsets"),
        pytest.param(b"\x80\x04\x95" + b"pickle" * 10, id="a pickle"),
    ],
)
def test_files_that_are_no_safetensors_are_refused_even_with_their_hash(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(data)
    with pytest.raises(CardError, match=r"cut short|not a readable|not a safetensors"):
        read_weights(tmp_path, weights_at(path))


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = good(tmp_path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CardError, match="cut short"):
        read_weights(tmp_path, weights_at(path))


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with path.open("wb") as file:
        file.truncate(5 * 1024**3)  # sparse: it takes no room
    with pytest.raises(CardError, match="larger than"):
        find_weights(tmp_path, Weights(file=path.name, sha256="0" * 64))


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
def test_a_link_to_another_place_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    good(outside)
    folder = tmp_path / "card"
    folder.mkdir()
    (folder / "w.safetensors").symlink_to(outside / "w.safetensors")
    with pytest.raises(CardError, match="link"):
        find_weights(folder, weights_at(outside / "w.safetensors"))


@pytest.mark.parametrize(
    ("name", "gives"), [("lung-nodule", "2 scores"), ("external", "1 structure"), ("fundus-microaneurysm", "1 finding")]
)
def test_what_a_model_gives_is_counted_by_its_kind(name: str, gives: str) -> None:
    assert find_card(name).card.gives == gives
