"""`planimeter train` makes a card that `planimeter evaluate` can measure."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save

from engine.__main__ import commands
from engine.cards.readme import readme
from engine.cards.registry import load_card
from engine.cards.schema import card_json
from engine.errors import CardError, MismatchError, PlanimeterError, ReadError, WriteError
from engine.inference.packing import unpacked
from engine.training.calibrate import predict
from engine.training.checkpoint import Progression
from engine.training.dataset import open_data
from engine.training.publish import amend_card, publish
from engine.training.segmenter import SegmenterTrainer
from engine.training_process.run_folder import claimed

CARD = {
    "id": "boxes",
    "version": "1",
    "task": "segment",
    "title": "Boxes",
    "fidelity": "modern",
    "badge": "trained",
    "inputs": [{"role": "ct", "modality": ["CT"], "units": "HU"}],
    "preprocess": [
        {"op": "orient", "params": {"axes": "LPS"}},
        {"op": "windows", "params": {"windows": [[-150, 250]]}},
    ],
    "graph": [
        {
            "node": "boxes",
            "op": "segment",
            "in": ["ct"],
            "params": {
                "network": {"network": "SubvoxelUNet", "in_channels": 1, "out_channels": 3, "filters": [8, 12, 16]},
                "patch": [16, 16, 16],
                "padding": -1,
                "labels": ["Box_R", "Box_L"],
                "mirror_pairs": [["Box_R", "Box_L"]],
            },
        }
    ],
    "outputs": [{"kind": "mask", "label": name, "name": name} for name in ("Box_R", "Box_L")],
    "provenance": {
        "recipe": {"steps": 60, "warm_up": 3, "learning_rate": 5e-3, "average": 0.9, "compile": False, "holdout": 0.3}
    },
}


def run(*arguments: str) -> str:
    result = CliRunner().invoke(commands, arguments, catch_exceptions=False, standalone_mode=False)
    assert result.exit_code == 0
    return result.stdout


@pytest.fixture(scope="module")
def trained(boxes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("card")
    (folder / "card.json").write_text(json.dumps(CARD), encoding="utf-8")
    out = folder / "trained"
    said = run("train", str(folder), "--data", str(boxes), "-o", str(out), "--minutes", "5", "--device", "cpu")
    assert "held out, mean" in said
    return out


def test_what_should_be_known_of_the_data_is_told_when_training_begins(boxes: Path, tmp_path: Path) -> None:
    short = {**CARD["provenance"]["recipe"], "steps": 1}  # type: ignore[index]
    (tmp_path / "card.json").write_text(json.dumps({**CARD, "provenance": {"recipe": short}}), encoding="utf-8")
    asked = ["train", str(tmp_path / "card.json"), "--data", str(boxes), "-o", str(tmp_path / "out"), "--device", "cpu"]
    result = CliRunner().invoke(commands, asked, catch_exceptions=False)
    assert "Note: Box_L is missing in 1 of 3: b." in result.stderr and result.exit_code == 0


def test_a_card_says_which_of_its_structures_no_case_had(trained: Path, boxes: Path, tmp_path: Path) -> None:
    data = shutil.copytree(boxes, tmp_path / "data")
    described = json.loads((data / "dataset.json").read_text(encoding="utf-8"))
    described["contoured"] = {name: ["Box_R"] for name in described["contoured"]}
    (data / "dataset.json").write_text(json.dumps(described), encoding="utf-8")
    short = {**CARD["provenance"]["recipe"], "steps": 1}  # type: ignore[index]
    (tmp_path / "card.json").write_text(json.dumps({**CARD, "provenance": {"recipe": short}}), encoding="utf-8")
    out = tmp_path / "out"
    run("train", str(tmp_path / "card.json"), "--data", str(data), "-o", str(out), "--device", "cpu")
    told = "No case that it learned from has Box_L, so what it draws of it means nothing."
    assert told in load_card(out).card.limits and told in readme(load_card(out).card)
    assert "No case that it learned" not in load_card(trained).card.limits


def test_the_new_card_runs_with_the_weights_it_names(trained: Path) -> None:
    loaded = load_card(trained)
    assert not loaded.problem
    assert loaded.card.weights[0].file == "weights.safetensors"
    assert (trained / "curves.csv").read_text().startswith("step,minutes")


def test_a_recipe_that_was_trained_names_the_data_that_it_learned_from(trained: Path, boxes: Path) -> None:
    told = readme(load_card(trained).card)
    assert f"Trained on: a data set of its user's own, '{boxes.name}'" in told and "Nothing was learned" not in told


def test_a_model_that_is_trained_anew_carries_no_figures_of_its_earlier_weights(
    trained: Path, boxes: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(trained, tmp_path / "card")
    values = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    values["metrics"] = [{"dataset": "Elsewhere", "name": "mean_dice", "value": 0.9, "n": 40}]
    values["population"], values["limits"] = "Adults of one centre.", "Knows boxes alone."
    values["uncertainty"] = {"method": "entropy", "calibration": {"dataset": "Elsewhere", "n": 40}}
    values["provenance"]["training_data"] = [{"name": "Elsewhere", "licence": "CC0"}]
    values["provenance"]["recipe"]["steps"] = 2
    (folder / "card.json").write_text(json.dumps(values), encoding="utf-8")
    assert load_card(folder).card.metrics
    run("train", str(folder), "--data", str(boxes), "-o", str(tmp_path / "out"), "--device", "cpu")
    card = load_card(tmp_path / "out").card
    assert not card.metrics and card.uncertainty.calibration is None and not card.population
    assert card.uncertainty.method == "entropy" and card.limits.endswith("Knows boxes alone.")
    assert [source.name for source in card.provenance.training_data] == [
        f"a data set of its user's own, '{boxes.name}'"
    ]


def test_weights_are_stored_in_a_quarter_of_their_size_and_say_the_same(trained: Path) -> None:
    whole = load_file(trained / "average.safetensors")
    data = (trained / "weights.safetensors").read_bytes()
    assert len(data) < 0.35 * (trained / "average.safetensors").stat().st_size
    again = unpacked(data)
    assert again.keys() == whole.keys()
    for name, value in whole.items():
        assert float((again[name].float() - value).abs().max()) <= 0.005 * float(value.abs().max())


def test_a_scale_that_does_not_fit_its_kernel_is_refused(trained: Path) -> None:
    stored = load_file(trained / "weights.safetensors")
    name = next(name for name in stored if name.endswith(".scale"))
    stored[name] = torch.ones(1, 1000, 1, 1, 1)
    with pytest.raises(CardError, match="scale of"):
        unpacked(save(stored))


def test_evaluate_says_that_it_guessed_which_number_is_what(trained: Path, boxes: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    shutil.copy(boxes / "imagesTr" / "a_0000.nii.gz", tmp_path / "images" / "a.nii.gz")
    (tmp_path / "labels").mkdir()
    shutil.copy(boxes / "labelsTr" / "a.nii.gz", tmp_path / "labels")
    asked = ["evaluate", str(trained), "--data", str(tmp_path), "--json", "--device", "cpu", "--learned"]
    by_order = json.loads(run(*asked))
    guess, *rest = by_order["notes"]
    assert "taken in order: 1 = Box_R, 2 = Box_L." in guess
    (tmp_path / "labels.json").write_text('{"Box_L": 2, "Box_R": 1}', encoding="utf-8")
    named = json.loads(run(*asked))
    assert named["notes"] == rest and named["structures"] == by_order["structures"]


def test_evaluate_scores_what_was_contoured(trained: Path, boxes: Path) -> None:
    summary = json.loads(run("evaluate", str(trained), "--data", str(boxes), "--json", "--device", "cpu", "--learned"))
    assert summary["card"] == "boxes 1" and summary["n"] == 3
    # The second case has no left box contoured, so it does not count there.
    assert {name: row["n"] for name, row in summary["structures"].items()} == {"Box_R": 3, "Box_L": 2}
    row = summary["structures"]["Box_R"]
    assert 0 <= row["dice_ci"][0] <= row["dice"] <= row["dice_ci"][1] <= 1
    assert {"surface_dice_2mm", "hd95_mm", "volume_error"} <= row.keys()


def test_figures_are_recorded_in_the_card_once(trained: Path, boxes: Path) -> None:
    for _ in range(2):
        some = ("--cases", "2", "--record", "Boxes", "--device", "cpu", "--learned")
        run("evaluate", str(trained), "--data", str(boxes), *some)
    metrics = load_card(trained).card.metrics
    assert len({(m.dataset, m.split, m.name, m.label) for m in metrics}) == len(metrics) > 0


def test_what_was_assumed_of_an_image_is_told_with_the_figures(trained: Path, boxes: Path, tmp_path: Path) -> None:
    data = shutil.copytree(boxes, tmp_path / "data")
    for path in (data / "imagesTr" / "a_0000.nii.gz", data / "labelsTr" / "a.nii.gz"):
        image = nibabel.Nifti1Image.from_filename(path)
        image.header["sform_code"] = image.header["qform_code"] = 0
        nibabel.save(nibabel.Nifti1Image(np.asanyarray(image.dataobj), None, image.header), path)
    asked = ["evaluate", str(trained), "--data", str(data), "--device", "cpu", "--learned"]
    (note,) = [note for note in json.loads(run(*asked, "--json"))["notes"] if "how it lies" in note]
    assert note.startswith("a: The file does not say how it lies in the patient")
    assert note in run(*asked)


def test_no_figures_are_recorded_where_the_card_could_not_be_run(trained: Path, boxes: Path, tmp_path: Path) -> None:
    trained = shutil.copytree(trained, tmp_path / "card")
    before = load_card(trained).card.metrics
    (trained / "weights.safetensors").write_bytes(b"of another card")
    with pytest.raises(MismatchError, match="No figures were recorded, as the card could not be run on"):
        run("evaluate", str(trained), "--data", str(boxes), "--record", "Boxes", "--device", "cpu", "--learned")
    assert load_card(trained).card.metrics == before


def test_what_changed_in_a_card_while_it_was_judged_is_not_written_over(trained: Path, tmp_path: Path) -> None:
    trained = shutil.copytree(trained, tmp_path / "card")
    loaded = load_card(trained)
    (trained / "card.json").write_text(card_json(loaded.card.model_copy(update={"version": "2"})), encoding="utf-8")
    with pytest.raises(MismatchError, match="was changed meanwhile"):
        amend_card(loaded, {"title": "Old"})
    assert (load_card(trained).card.version, load_card(trained).card.title) == ("2", loaded.card.title)


def test_a_card_without_a_recipe_is_refused(boxes: Path, tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text(json.dumps({**CARD, "provenance": {}}), encoding="utf-8")
    with pytest.raises(PlanimeterError, match="recipe"):
        run("train", str(tmp_path), "--data", str(boxes), "-o", str(tmp_path / "out"))


def test_weights_of_another_network_are_not_published(trained: Path, tmp_path: Path) -> None:
    other = json.loads(json.dumps(CARD))
    other["graph"][0]["params"]["network"]["filters"] = [8, 12, 16, 20]
    (tmp_path / "card.json").write_text(json.dumps(other), encoding="utf-8")
    with pytest.raises(ReadError, match="another network"):
        publish(load_card(tmp_path).card, [trained / "average.safetensors"], tmp_path, name="boxes")


@pytest.fixture
def pair(trained: Path, tmp_path: Path) -> Path:
    """A card of two networks whose probabilities are averaged, the second where the first finds something."""
    card = json.loads((trained / "card.json").read_text(encoding="utf-8"))
    first = card["graph"][0]
    second = {**first, "node": "fine", "in": ["around"], "weights": []}
    second["params"] = {**first["params"], "patch": [8, 16, 16]}
    card["graph"] = [
        first,
        {"node": "around", "op": "crop", "in": ["ct", "boxes"], "params": {"margin_mm": 20}},
        second,
        {"node": "mean", "op": "combine", "in": ["fine", "boxes"], "params": {"how": "mean"}},
    ]
    card["provenance"]["recipe"]["nodes"] = {"fine": {"steps": 3, "batch": 2, "left_out": {"a": ["Box_L"]}}}
    (tmp_path / "card.json").write_text(json.dumps(card), encoding="utf-8")
    for name in ("weights.safetensors", "learned.safetensors"):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    return tmp_path


def test_the_network_that_is_named_is_trained_and_the_other_stays(pair: Path, boxes: Path) -> None:
    out = pair / "out"
    run("train", str(pair), "--node", "fine", "--data", str(boxes), "-o", str(out), "--device", "cpu")
    loaded = load_card(out)
    assert not loaded.problem
    assert [weights.file for weights in loaded.card.weights] == ["weights.safetensors", "fine.safetensors"]
    assert (out / "weights.safetensors").read_bytes() == (pair / "weights.safetensors").read_bytes()
    # Three steps, so the header and the last validation.
    assert (out / "fine" / "curves.csv").read_text().count("\n") == 2
    summary = json.loads(run("evaluate", str(out), "--data", str(boxes), "--json", "--device", "cpu", "--learned"))
    assert summary["n"] == 3 and not summary["failed"]


def test_the_graph_as_a_whole_is_calibrated(pair: Path, boxes: Path) -> None:
    case = open_data(boxes, ["Box_R", "Box_L"]).read("a")
    card = json.loads((pair / "card.json").read_text(encoding="utf-8"))
    first, around, second, _ = card["graph"]
    second["weights"] = first["weights"]
    around["params"]["margin_mm"] = 500
    for node in (first, second):
        node["params"]["patch"] = [24, 24, 32]
    found = []
    # The mean of a network with itself is what it says alone; the product is its square.
    for how in ("mean", "product"):
        card["graph"][3]["params"]["how"] = how
        (pair / "card.json").write_text(json.dumps(card), encoding="utf-8")
        found.append(predict(load_card(pair), case, "cpu").probabilities[1:].max(axis=1))
    np.testing.assert_allclose(found[1], found[0] ** 2, rtol=0.05)


def test_without_a_name_all_networks_are_trained(pair: Path, boxes: Path) -> None:
    out = pair / "out"
    card = json.loads((pair / "card.json").read_text(encoding="utf-8"))
    card["provenance"]["recipe"]["nodes"]["boxes"] = {"steps": 4}
    (pair / "card.json").write_text(json.dumps(card), encoding="utf-8")
    said = run("train", str(pair), "--data", str(boxes), "-o", str(out), "--device", "cpu")
    assert said.index("'boxes' alone") < said.index("'fine' alone")
    loaded = load_card(out)
    assert not loaded.problem
    assert [weights.file for weights in loaded.card.weights] == ["weights.safetensors", "fine.safetensors"]
    assert (out / "weights.safetensors").read_bytes() != (pair / "weights.safetensors").read_bytes()
    assert {path.parent.name for path in out.glob("*/curves.csv")} == {"boxes", "fine"}


def test_networks_trained_one_after_the_other_into_a_folder_all_stay(pair: Path, boxes: Path) -> None:
    out = pair / "out"
    for name in ("boxes", "fine"):
        arguments = [
            "--node",
            name,
            "--data",
            str(boxes),
            "-o",
            str(out),
            "--minutes",
            "0.1",
            "--device",
            "cpu",
            "--seed",
            "5",
        ]
        run("train", str(pair), *arguments)
    loaded = load_card(out)
    assert not loaded.problem
    assert (out / "weights.safetensors").read_bytes() != (pair / "weights.safetensors").read_bytes()
    summary = json.loads(
        run("evaluate", str(out), "--data", str(boxes), "--json", "--device", "cpu", "--learned", "--cases", "1")
    )
    assert not summary["failed"]


def test_minutes_are_shared_out_as_the_recipe_does(pair: Path, boxes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = json.loads((pair / "card.json").read_text(encoding="utf-8"))
    card["provenance"]["recipe"]["nodes"] = {"boxes": {"minutes": 30}, "fine": {"minutes": 10}}
    (pair / "card.json").write_text(json.dumps(card), encoding="utf-8")
    minutes = []

    class Stopped(SegmenterTrainer):
        def run(self, report: Callable[[float, str], None]) -> Progression:
            minutes.append(self.recipe.minutes)
            self._keep()
            return self.progression

    monkeypatch.setattr("engine.training.segmenter.SegmenterTrainer", Stopped)
    run("train", str(pair), "--data", str(boxes), "-o", str(pair / "out"), "--minutes", "8")
    assert minutes == [6, 2]


def test_a_network_that_the_card_lacks_is_named(pair: Path, boxes: Path) -> None:
    with pytest.raises(PlanimeterError, match="no network 'coarse' to train; its networks are: boxes, fine"):
        run("train", str(pair), "--node", "coarse", "--data", str(boxes), "-o", str(pair / "out"))


def test_a_card_without_a_network_has_nothing_to_train(boxes: Path, tmp_path: Path) -> None:
    with pytest.raises(PlanimeterError, match="'external' has no network"):
        run("train", "external", "--data", str(boxes), "-o", str(tmp_path / "out"))


def test_cases_that_a_card_advises_against_are_judged_and_told(trained: Path, boxes: Path, tmp_path: Path) -> None:
    cut = shutil.copytree(boxes, tmp_path / "cut")
    for path in (cut / "imagesTr").glob("*.nii.gz"):
        sitk.WriteImage(sitk.Clamp(sitk.ReadImage(path), sitk.sitkInt16, -125, 275), path)
    asked = ["evaluate", str(trained), "--data", str(cut), "--device", "cpu", "--learned", "--cases", "1"]
    summary = json.loads(run(*asked, "--json"))
    (sentence,) = summary["advised_against"].values()
    assert not summary["failed"] and "do not look like Hounsfield units" in sentence
    told = run(*asked)
    assert "run all the same" in told


def test_no_other_card_is_written_over(trained: Path, boxes: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    for name in ("card.json", "weights.safetensors", "learned.safetensors"):
        shutil.copy(trained / name, there / name)
    before = (there / "weights.safetensors").read_bytes()
    own = tmp_path / "own"
    own.mkdir()
    for card_id in ("boxes", "others"):
        (own / "card.json").write_text(json.dumps({**CARD, "id": card_id}), encoding="utf-8")
        with pytest.raises(CardError, match="holds the card 'boxes', which would be written over"):
            run("train", str(own), "--data", str(boxes), "-o", str(there), "--device", "cpu")
    assert (there / "weights.safetensors").read_bytes() == before


def test_a_set_is_not_its_own_judge(trained: Path, boxes: Path, tmp_path: Path) -> None:
    with pytest.raises(MismatchError, match="nothing could be judged"):
        run("train", str(trained), "--data", str(boxes), "--validation", f"{boxes}/.", "-o", str(tmp_path / "out"))


def test_two_commands_do_not_train_in_one_folder(trained: Path, boxes: Path, tmp_path: Path) -> None:
    with claimed(tmp_path), pytest.raises(ReadError, match="going on already"):
        run("train", str(trained), "--data", str(boxes), "-o", str(tmp_path))
    (tmp_path / "file").touch()
    with pytest.raises(WriteError):
        run("train", str(trained), "--data", str(boxes), "-o", str(tmp_path / "file"))
