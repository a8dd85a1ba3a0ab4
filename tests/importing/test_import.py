"""Models of nnU-Net v2 brought in, listed, passed on and taken out again."""

import contextlib
import errno
import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from engine.answers import RunOptions
from engine.cards.registry import SHIPPED, find_card, load_card
from engine.cards.weights import sha256_of
from engine.commands.models import models
from engine.contouring.fill import fill
from engine.errors import CardError, WriteError
from engine.importing import client
from engine.importing.client import export_model, import_model, remove_model
from engine.importing.source import Wish
from engine.importing.worker import converted
from engine.inference.run import run_card
from engine.progress import silent
from tests.engine.models import noisy
from tests.importing.checkpoints import write_checkpoint
from tests.importing.nnunet_models import KINDS, Model


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_becomes_a_card(kind: str, tmp_path: Path) -> None:
    model = KINDS[kind]
    for stage in (model.previous, model):
        for fold in stage.folds if stage is not None else ():
            write_checkpoint(stage, tmp_path, fold)
    target = tmp_path / "card"
    target.mkdir()
    converted(tmp_path / model.name, target, Wish(), silent)
    loaded = load_card(target)

    assert not loaded.problem
    assert [image.role for image in loaded.card.inputs] == [name.lower() for name in model.channels]
    assert len(loaded.card.weights) == len(model.folds) + (len(model.previous.folds) if model.previous else 0)
    assert len(loaded.card.outputs) == len([name for name in model.labels if name not in {"background", "ignore"}])


def test_a_model_is_imported_and_draws(tmp_path: Path, home: Path) -> None:
    write_checkpoint(Model(), tmp_path)
    loaded = import_model(tmp_path / "Dataset001_Small", card_id="mine")

    assert loaded.folder == home / "mine"
    assert [output.name for output in loaded.card.outputs] == ["Liver", "Kidney_L"]
    assert find_card("mine").folder == loaded.folder
    result = run_card(loaded, {"ct": noisy((16, 40, 40))}, device="cpu", options=RunOptions(override=True))
    assert any(not roi.is_empty for roi in result.rois)


def test_a_body_beside_a_head_is_no_outline_of_the_patient_and_a_tumour_no_organ(tmp_path: Path) -> None:
    parts = {"background": 0, "head": 1, "Body": 2, "tumour": 3}
    write_checkpoint(Model(name="Dataset001_Parts", labels=parts), tmp_path)
    write_checkpoint(Model(name="Dataset002_Whole", labels={"background": 0, "body": 1, "liver": 2}), tmp_path)
    told = {}
    for name in ("Dataset001_Parts", "Dataset002_Whole"):
        (tmp_path / "cards" / name).mkdir(parents=True)
        converted(tmp_path / name, tmp_path / "cards" / name, Wish(), silent)
        outputs = load_card(tmp_path / "cards" / name).card.outputs
        told[name] = [(output.name, output.roi_type, output.code is not None) for output in outputs]
    assert told["Dataset001_Parts"] == [("head", "ORGAN", False), ("Body", "ORGAN", False), ("tumour", "", False)]
    assert told["Dataset002_Whole"] == [("External", "EXTERNAL", True), ("Liver", "ORGAN", True)]


def test_smooth_contours_follow_the_exact_voxels(tmp_path: Path) -> None:
    write_checkpoint(Model(spacing=(2.0, 2.0, 2.0), mirrors=None), tmp_path, seed=3)
    target = tmp_path / "card"
    target.mkdir()
    converted(tmp_path / "Dataset001_Small", target, Wish(), silent)
    volume = noisy((12, 40, 40))
    loaded = load_card(target)
    smooth, exact = (
        run_card(
            loaded, {"ct": volume}, device="cpu",
            options=RunOptions(override=True, precision="float32", chosen={"exact": chosen}),
        )
        for chosen in (False, True)
    )  # fmt: skip

    # The network's grid is the image's, so the lines are drawn between the very voxels that are set.
    for one, other in zip(smooth.rois, exact.rois, strict=True):
        masks = [fill({k: p.area for k, p in roi.planes.items()}, volume.geometry) for roi in (one, other)]
        assert masks[1].any()
        assert (masks[0] == masks[1]).mean() > 0.995
        assert len(one.expected_edit) > 0


def test_the_source_and_its_licence_are_kept_and_no_model_is_replaced_unasked(tmp_path: Path, home: Path) -> None:
    checkpoint = write_checkpoint(Model(), tmp_path)
    loaded = import_model(tmp_path / "Dataset001_Small")

    files = {source.file: source.sha256 for source in loaded.card.provenance.sources}
    assert sha256_of(checkpoint) in files.values()
    assert any(name.endswith("plans.json") for name in files)
    assert loaded.card.licence.weights == "absent"
    assert loaded.card.provenance.training_data[0].licence == "CC BY 4.0"
    (tmp_path / "Dataset001_Small" / "LICENSE").write_text("CC BY-NC 4.0\n\nmore\n")
    with pytest.raises(CardError, match="already"):
        import_model(tmp_path / "Dataset001_Small")
    assert not load_card(loaded.folder).problem
    assert import_model(tmp_path / "Dataset001_Small", replace=True).card.licence.weights == "CC BY-NC 4.0"


@pytest.mark.parametrize(
    ("above", "told"),
    [
        (1, "CC BY-NC 4.0"),
        (2, "CC BY-NC 4.0"),
        # What lies beside the model may be of another.
        (3, "CC BY-NC 4.0 (of the folder above the model)"),
        (4, "absent"),
    ],
)
def test_a_licence_is_found_wherever_it_lies_in_the_model(above: int, told: str, tmp_path: Path) -> None:
    checkpoint = write_checkpoint(Model(), tmp_path / "models")
    (checkpoint.parents[above] / "LICENSE").write_text("CC BY-NC 4.0\n\nmore\n")
    target = tmp_path / "card"
    target.mkdir()
    converted(tmp_path / "models" / "Dataset001_Small", target, Wish(), silent)
    assert load_card(target).card.licence.weights == told


def test_of_a_training_stopped_early_the_best_weights_are_taken_and_it_is_said(tmp_path: Path) -> None:
    path = write_checkpoint(Model(), tmp_path)
    write_checkpoint(Model(), tmp_path, "1")
    target = tmp_path / "card"
    target.mkdir()
    converted(tmp_path / "Dataset001_Small", target, Wish(), silent)
    assert "not trained" not in " ".join(load_card(target).card.provenance.notes)
    path.rename(path.with_name("checkpoint_best.pth"))
    converted(tmp_path / "Dataset001_Small", target, Wish(), silent)
    card = load_card(target).card
    assert "Without fold_0, not trained to the end" in " ".join(card.provenance.notes) and len(card.weights) == 1
    path = path.parents[1] / "fold_1" / path.name
    path.rename(path.with_name("checkpoint_best.pth"))
    converted(tmp_path / "Dataset001_Small", target, Wish(), silent)
    card = load_card(target).card
    assert (
        "checkpoint_best.pth was taken, as nnU-Net does with '-chk'" in " ".join(card.provenance.notes)
        and len(card.weights) == 2
    )


def test_an_export_holds_the_card_and_nothing_of_its_training(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHIPPED / "breast-us", tmp_path / "breast-us"))
    for name in ("checkpoint.safetensors", "average.safetensors", "curves.csv"):
        (folder / name).write_bytes(b"x")
    export_model(load_card(folder), tmp_path / "out.zip")
    kept = {"README.md", "card.json", "outline.safetensors", "reference.safetensors", "weights.safetensors"}
    assert {Path(name).name for name in zipfile.ZipFile(tmp_path / "out.zip").namelist()} == kept
    target = tmp_path / "again"
    target.mkdir()
    converted(tmp_path / "out.zip", target, Wish(), silent)
    assert {path.name for path in target.iterdir()} == kept
    assert not load_card(target).problem
    export_model(load_card(SHIPPED / "head-neck-atlas"), tmp_path / "atlas.zip")
    assert "head-neck-atlas/average.nii.gz" in zipfile.ZipFile(tmp_path / "atlas.zip").namelist()


def test_an_exported_zip_is_imported_on_another_seat(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(Model(), tmp_path)
    loaded = import_model(tmp_path / "Dataset001_Small")
    export_model(loaded, tmp_path / "model.zip")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "elsewhere"))
    again = import_model(tmp_path / "model.zip")

    assert again.folder != loaded.folder
    assert again.card == loaded.card
    remove_model(again.id)
    assert not again.folder.exists()
    assert loaded.folder.exists()


def test_a_full_disk_or_a_folder_that_is_read_only_loses_nothing(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(Model(), tmp_path)
    loaded = import_model(tmp_path / "Dataset001_Small")

    def full(source: Path, target: Path) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    def read_only(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfile", full)
        patch.setattr("shutil.copy2", full)
        with pytest.raises(WriteError, match=r": No space left on device; .* import again\.$"):
            import_model(tmp_path / "Dataset001_Small", replace=True)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", read_only)
        with pytest.raises(WriteError, match=r"could not be removed .* Read-only file system; it is still there"):
            remove_model(loaded.id)
    assert not load_card(loaded.folder).problem
    assert [path.name for path in home.iterdir()] == [loaded.id]


@pytest.mark.parametrize("replace", [False, True])
def test_of_two_imports_at_once_each_is_whole(replace: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, home = tmp_path / "made", tmp_path / "home"
    made.mkdir()
    home.mkdir()
    for name in ("card.json", "weights"):
        (made / name).write_text(name)
    copyfile, begun = shutil.copyfile, []

    def copied(source: Path, target: Path) -> None:
        if not begun:
            begun.append(target)
            client._put(made, home / "twin", replace)
        copyfile(source, target)

    monkeypatch.setattr("shutil.copyfile", copied)
    # What a killed import left is deleted once it is old.
    left = home / ".twin.0.new"
    left.mkdir()
    os.utime(left, (0, 0))
    with contextlib.nullcontext() if replace else pytest.raises(CardError, match="already"):
        client._put(made, home / "twin", replace)
    assert [path.name for path in home.iterdir()] == ["twin"]
    assert sorted(path.read_text() for path in (home / "twin").iterdir()) == ["card.json", "weights"]


def test_no_model_hides_one_that_comes_with_the_program_unasked(tmp_path: Path, home: Path) -> None:
    write_checkpoint(Model(), tmp_path)
    with pytest.raises(CardError, match="comes with the program"):
        import_model(tmp_path / "Dataset001_Small", card_id="external")
    assert find_card("external").folder == SHIPPED / "external"
    command = ["import", str(tmp_path / "Dataset001_Small"), "--name", "external", "--axes", "ras", "--replace"]
    said = CliRunner().invoke(models, command)
    assert find_card("external").folder == home / "external"
    assert "takes the place of the 'external' that comes with the program" in said.stderr


def test_shipped_models_are_not_removed(home: Path) -> None:
    with pytest.raises(CardError, match="added"):
        remove_model("external")


def test_the_commands(tmp_path: Path, home: Path) -> None:
    write_checkpoint(Model(), tmp_path)
    runner = CliRunner()
    done = runner.invoke(models, ["import", str(tmp_path / "Dataset001_Small"), "--name", "mine", "--axes", "ras"])
    assert done.exit_code == 0, done.output
    assert "mine" in done.output
    assert "absent" in done.output
    listed = json.loads(runner.invoke(models, ["--json"]).output)
    assert {"mine", "external"} <= {card["id"] for card in listed}
    assert runner.invoke(models, ["list", "--json"]).output == runner.invoke(models, ["--json"]).output
    assert load_card(home / "mine").card.graph[0].params.model_dump()["axes"] == "RAS"
    assert runner.invoke(models, ["export", "mine", "-o", str(tmp_path / "out.zip")]).exit_code == 0
    assert "mine/card.json" in zipfile.ZipFile(tmp_path / "out.zip").namelist()
    assert runner.invoke(models, ["remove", "mine"]).exit_code == 0
    assert not (home / "mine").exists()


def test_folds_are_averaged_and_a_mean_of_one_fold_twice_is_that_fold(tmp_path: Path) -> None:
    write_checkpoint(Model(mirrors=None), tmp_path, "0", seed=5)
    one = tmp_path / "one"
    one.mkdir()
    converted(tmp_path / "Dataset001_Small", one, Wish(), silent)
    write_checkpoint(Model(mirrors=None), tmp_path, "1", seed=5)
    two = tmp_path / "two"
    two.mkdir()
    converted(tmp_path / "Dataset001_Small", two, Wish(), silent)
    volume = noisy((12, 32, 32))
    options = RunOptions(override=True, chosen={"exact": True})
    results = [run_card(load_card(card), {"ct": volume}, device="cpu", options=options) for card in (one, two)]
    volumes = [[roi.volume_cm3(volume.geometry) for roi in result.rois] for result in results]
    assert np.allclose(volumes[0], volumes[1])
