"""What is damaged, hostile or not known is refused in one sentence, and nothing of it runs."""

import io
import json
import os
import pickle
import random
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from engine.cards.registry import load_card
from engine.cards.weights import sha256_of
from engine.errors import CardError, PlanimeterError
from engine.importing.client import export_model, import_model
from engine.importing.source import Wish, unpacked
from engine.importing.worker import converted
from engine.progress import silent
from tests.importing.checkpoints import write_checkpoint
from tests.importing.nnunet_models import Model


class Hostile:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip of a small model that was imported."""
    place = tmp_path_factory.mktemp("exported")
    write_checkpoint(Model(), place)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_DATA_HOME", str(place / "data"))
        export_model(import_model(place / "Dataset001_Small"), place / "whole.zip")
    return place / "whole.zip"


def refusal(source: Path, place: Path, wish: Wish = Wish()) -> str:  # noqa: B008 - it does not change
    """The sentence with which a model is refused."""
    target = place / "refused"
    target.mkdir(exist_ok=True)
    with pytest.raises(CardError) as caught:
        converted(source, target, wish, silent)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert len(sentence) < 600
    assert not (target / "card.json").exists()
    return sentence


def test_a_hostile_checkpoint_runs_nothing(tmp_path: Path, home: Path) -> None:
    touched = tmp_path / "touched"
    write_checkpoint(Model(), tmp_path, optimizer_state=Hostile(touched))
    with pytest.raises(CardError, match="system") as caught:
        import_model(tmp_path / "Dataset001_Small")
    assert "nothing of it ran" in str(caught.value)
    assert not touched.exists()
    assert not list(home.iterdir())
    # The same file would have done it: the proof that there was something to be kept from.
    torch.load(next(tmp_path.rglob("checkpoint_final.pth")), weights_only=False)
    assert touched.exists()


def test_a_checkpoint_that_is_a_bare_pickle_is_refused(tmp_path: Path) -> None:
    path = write_checkpoint(Model(), tmp_path)
    touched = tmp_path / "touched"
    path.write_bytes(pickle.dumps(Hostile(touched)))
    assert "older than torch 1.6" in refusal(tmp_path / "Dataset001_Small", tmp_path)
    assert not touched.exists()


def test_a_pickle_that_ends_within_a_number_is_refused(tmp_path: Path) -> None:
    path = write_checkpoint(Model(), tmp_path)
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, b"\x80\x02X\x01" if name.endswith("data.pkl") else old.read(name))
    assert "checkpoint_final.pth is damaged" in refusal(tmp_path / "Dataset001_Small", tmp_path)


def test_a_name_that_is_no_text_is_kept_as_far_as_it_is(tmp_path: Path) -> None:
    folder = write_checkpoint(Model(), tmp_path).parents[1]
    values = json.loads((folder / "dataset.json").read_text()) | {"description": "Liver \ud800 on CT"}
    (folder / "dataset.json").write_text(json.dumps(values))
    target = tmp_path / "card"
    target.mkdir()
    converted(folder, target, Wish(), silent)
    assert load_card(target).card.intended_use == "Liver ? on CT"


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_checkpoint_is_refused(share: float, tmp_path: Path) -> None:
    path = write_checkpoint(Model(), tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    assert "checkpoint_final.pth is damaged" in refusal(tmp_path / "Dataset001_Small", tmp_path)


def test_a_card_whose_weights_are_no_numbers_is_refused(tmp_path: Path, exported: Path) -> None:
    with zipfile.ZipFile(exported) as archive:
        archive.extractall(tmp_path)
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    path = folder / "network-0.safetensors"
    weights = load_file(path)
    weights["decoder.head.weight"].view(-1)[0] = torch.inf
    save_file(weights, path)
    card = json.loads((folder / "card.json").read_text())
    card["graph"][0]["weights"][0]["sha256"] = sha256_of(path)
    (folder / "card.json").write_text(json.dumps(card))
    assert "no finite numbers ('decoder.head.weight')" in refusal(folder, tmp_path)


def test_a_packed_checkpoint_is_refused(tmp_path: Path) -> None:
    path = write_checkpoint(Model(), tmp_path)
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert "packed" in refusal(tmp_path / "Dataset001_Small", tmp_path)


def test_a_cascade_without_its_first_stage_is_refused(tmp_path: Path) -> None:
    coarse = Model(configuration="3d_lowres", spacing=(4, 3, 3))
    folder = write_checkpoint(Model(configuration="3d_cascade_fullres", previous=coarse), tmp_path).parents[1]
    assert "3d_lowres" in refusal(tmp_path / "Dataset001_Small", tmp_path)
    assert "3d_lowres" in refusal(folder.rename(tmp_path / "best__3d_cascade_fullres"), tmp_path)
    assert "must keep the name" in refusal((tmp_path / "best__3d_cascade_fullres").rename(tmp_path / "best"), tmp_path)


def test_several_models_in_one_folder_are_named(tmp_path: Path) -> None:
    write_checkpoint(Model(), tmp_path)
    write_checkpoint(Model(configuration="2d", patch=(16, 16), spacing=(2, 2)), tmp_path)
    assert "nnUNetPlans__2d" in refusal(tmp_path / "Dataset001_Small", tmp_path)


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        ("dataset.json", "dataset.json is missing"),
        ("plans.json", "plans.json is missing"),
        ("fold_0/checkpoint_final.pth", "no fold with a checkpoint_final.pth"),
    ],
)
def test_what_a_model_lacks_is_named(lost: str, told: str, tmp_path: Path) -> None:
    folder = write_checkpoint(Model(), tmp_path).parents[1]
    (folder / lost).unlink()
    for path in (folder, folder.parent):
        assert told in refusal(path, tmp_path)


def test_of_several_data_sets_the_models_are_named_and_an_only_one_is_taken(tmp_path: Path) -> None:
    results = tmp_path / "results"
    coarse = Model(configuration="3d_lowres", spacing=(4, 3, 3))
    for model in (coarse, Model(configuration="3d_cascade_fullres", previous=coarse)):
        write_checkpoint(model, results)
    target = tmp_path / "card"
    target.mkdir()
    converted(results, target, Wish(), silent)
    assert (target / "card.json").exists()
    # A first stage is left aside for its own cascade alone.
    write_checkpoint(Model(name="Dataset002_Other", configuration="3d_lowres", spacing=(4, 3, 3)), results)
    told = refusal(results, tmp_path)
    assert "Dataset001_Small/nnUNetTrainer__nnUNetPlans__3d_cascade_fullres" in told
    assert "Dataset002_Other/nnUNetTrainer__nnUNetPlans__3d_lowres" in told
    for number in range(3, 9):
        Model(name=f"Dataset{number:03}_More").write(results)
    assert "and 4 more)" in refusal(results, tmp_path)


def test_a_wish_that_means_nothing_for_a_model_is_refused(tmp_path: Path, exported: Path) -> None:
    write_checkpoint(Model(), tmp_path)
    assert "no task can be chosen" in refusal(tmp_path / "Dataset001_Small", tmp_path, Wish(task="total"))
    assert "no axes can be chosen" in refusal(exported, tmp_path, Wish(axes="RAS", card_id="other"))


def test_a_full_temporary_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    write_checkpoint(Model(), tmp_path)
    monkeypatch.setattr("engine.importing.checkpoint.save_file", full)
    assert "make room there" in refusal(tmp_path / "Dataset001_Small", tmp_path)


def test_a_zip_is_imported_and_one_that_reaches_outside_is_not(tmp_path: Path) -> None:
    folder = write_checkpoint(Model(), tmp_path).parents[1]
    good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    with zipfile.ZipFile(good, "w") as archive:
        for path in folder.rglob("*.*"):
            archive.write(path, path.relative_to(tmp_path))
    target = tmp_path / "card"
    target.mkdir()
    converted(good, target, Wish(), silent)
    assert (target / "card.json").exists()
    for name in ("../../evil.txt", "/tmp/evil.txt", "a/../../evil.txt", "C:/evil.txt", "..\\evil.txt"):
        with zipfile.ZipFile(bad, "w") as archive:
            archive.writestr(name, "x")
        assert "outside" in refusal(bad, tmp_path)
    assert not list(tmp_path.rglob("evil.txt"))


def test_what_a_mac_adds_to_a_zip_is_left_aside(tmp_path: Path, home: Path, exported: Path) -> None:
    shutil.copy(exported, tmp_path / "mac.zip")
    with zipfile.ZipFile(tmp_path / "mac.zip", "a") as archive:
        archive.writestr("__MACOSX/dataset001/._card.json", "x")
        archive.writestr(".DS_Store", "x")
    assert import_model(tmp_path / "mac.zip", card_id="mac").id == "mac"


def test_a_damaged_exported_zip_is_told_by_its_own_name(tmp_path: Path, exported: Path) -> None:
    for kept, told in ((0, "are missing"), (-100, "are not those")):
        with zipfile.ZipFile(exported) as whole, zipfile.ZipFile(tmp_path / "short.zip", "w") as short:
            for name in whole.namelist():
                if not name.endswith(".safetensors"):
                    short.writestr(name, whole.read(name))
                elif kept:
                    short.writestr(name, whole.read(name)[:kept])
        assert f"weights short.zip/network-0.safetensors {told}" in refusal(tmp_path / "short.zip", tmp_path)


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("plans.json")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "outside" in refusal(tmp_path / "a.zip", tmp_path)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("fold_0/checkpoint_final.pth", bytes(100 * 1024**2))
    assert "proportion" in refusal(tmp_path / "bomb.zip", tmp_path)


def test_a_small_zip_whose_files_share_their_bytes_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    """1000 entries of 30 MB, all of them the same packed bytes: each alone in proportion, 30 GB of 100 kB."""
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0000", bytes(30 * 1024**2))
        entry = archive.filelist[0]
        for number in range(1, 1000):
            again = zipfile.ZipInfo(f"{number:04}")
            for name in ("header_offset", "compress_type", "CRC", "compress_size", "file_size", "external_attr"):
                setattr(again, name, getattr(entry, name))
            archive.filelist.append(again)
    assert path.stat().st_size < 120_000
    (tmp_path / "out").mkdir()
    with pytest.raises(CardError, match="proportion"):
        unpacked(path, tmp_path / "out", silent)
    assert not list((tmp_path / "out").iterdir())


def test_a_zip_packed_as_no_zip_of_a_model_is_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("plans.json", "{}")
    assert "unpack it" in refusal(tmp_path / "a.zip", tmp_path)


def test_a_zip_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "liar.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("plans.json", bytes(5_000_000))
    data = path.read_bytes()
    path.write_bytes(data.replace((5_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    (tmp_path / "out").mkdir()
    with pytest.raises(CardError):
        unpacked(path, tmp_path / "out", silent)
    assert sum(file.stat().st_size for file in (tmp_path / "out").rglob("*") if file.is_file()) <= 1000


def test_no_change_of_a_zips_bytes_ends_in_anything_but_files_or_a_sentence(tmp_path: Path, exported: Path) -> None:
    whole, rng = exported.read_bytes(), random.Random(2)
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name)[:3000])
    for index in range(150):
        data = bytearray(packed.getvalue())
        for _ in range(rng.choice((1, 3, 20))):
            data[rng.choice((rng.randrange(len(data)), -1 - rng.randrange(300)))] = rng.randrange(256)
        (tmp_path / "some.zip").write_bytes(data)
        (tmp_path / str(index)).mkdir()
        try:
            unpacked(tmp_path / "some.zip", tmp_path / str(index), silent)
        except CardError as error:
            assert "\n" not in str(error)


def test_what_is_no_model_is_refused_with_the_kinds_that_are(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "nnU-Net v2" in refusal(tmp_path / "empty", tmp_path)
    (tmp_path / "text.zip").write_text("no zip")
    assert "no zip file" in refusal(tmp_path / "text.zip", tmp_path)


def check_spoiled(folder: Path, names: Sequence[str], count: int, place: Path, *, first: int, cut: int = 0) -> None:
    """Files of a model are changed, one at a time: what comes of it is a card, or an error of one sentence.

    Args:
        names: of the files.
        count: how often.
        place: for the cards.
        first: bytes are changed among so many at the beginning of a file.
        cut: each so manieth time a file is cut off instead; 0 for never.
    """
    rng = random.Random(0)
    whole = {name: (folder / name).read_bytes() for name in names}
    for index in range(count):
        name = names[index % len(names)]
        data = bytearray(whole[name])
        if cut and index % cut == 0:
            data = data[: rng.randrange(len(data))]
        else:
            for _ in range(rng.choice((1, 3, 20))):
                data[rng.randrange(min(len(data), first))] = rng.randrange(256)
        (folder / name).write_bytes(data)
        target = place / f"card{index}"
        target.mkdir()
        try:
            converted(folder, target, Wish(), silent)
        except PlanimeterError as error:
            assert "\n" not in str(error), str(error)
        (folder / name).write_bytes(whole[name])


def test_no_change_of_bytes_ends_in_anything_but_a_card_or_a_sentence(tmp_path: Path) -> None:
    folder = write_checkpoint(Model(features=2), tmp_path).parents[1]
    names = ("plans.json", "dataset.json", "fold_0/checkpoint_final.pth")
    # The pickle of a checkpoint lies at its beginning.
    check_spoiled(folder, names, 60, tmp_path, first=30_000)
