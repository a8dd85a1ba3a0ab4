"""MONAI bundles that are damaged, hostile or not known are refused in one sentence, and nothing of them runs."""

import copy
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.cards.registry import load_card
from engine.errors import CardError, PlanimeterError
from engine.importing.bundle_values import Configuration, Foreign
from engine.importing.client import export_model, import_model
from engine.importing.look import may_be_model
from engine.importing.source import Wish
from engine.importing.worker import converted
from engine.progress import silent
from tests.importing.bundles import FROM_HALF, LOAD, SIGMOID, SOFTMAX, Bundle, invert, largest, windows
from tests.importing.test_bad_models import Hostile, check_spoiled, refusal

Json = dict[str, Any]

CROP: Json = {"_target_": "CropForegroundd", "keys": "image", "source_key": "image"}
EVALUATOR: Json = {
    "_target_": "SupervisedEvaluator", "inferer": "@inferer", "postprocessing": "@postprocessing",
}  # fmt: skip


def changed(change: Callable[[Json], None], place: Path, name: str = "inference.json") -> str:
    folder = Bundle().write(place / "bundle")
    path = folder / "configs" / name
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))
    return refusal(folder, place)


def _before(values: Json) -> list[Json]:
    found: list[Json] = values["preprocessing"]["transforms"]
    return found


def _after(values: Json) -> list[Json]:
    found: list[Json] = values["postprocessing"]["transforms"]
    return found


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda v, run: v["network_def"].update(channels=run), "network_def#channels"),
        (lambda v, run: v["inferer"].update(roi_size=run), "inferer#roi_size"),
        (lambda v, run: _before(v)[3].update(pixdim=run), "preprocessing#3#pixdim"),
        (lambda v, run: v.update(preprocessing=run), "'preprocessing'"),
        (lambda v, run: v.update(network_def=run), "'network_def'"),
        (lambda v, run: _before(v).append({"_target_": run, "keys": "image"}), "preprocessing#6"),
        (lambda v, run: _before(v).append({"_target_": "Lambdad", "func": run, "keys": "image"}), "Lambdad"),
        (lambda v, run: _after(v).insert(2, {"_target_": "Lambdad", "func": run, "keys": "pred"}), "#2#func"),
        (
            lambda v, run: _before(v).append({"_target_": "CropForegroundd", "select_fn": run, "keys": "image"}),
            "#6#select_fn",
        ),
    ],
)
def test_python_in_a_bundle_is_refused_by_its_key_and_does_not_run(
    change: Callable[[Json, str], None], told: str, tmp_path: Path
) -> None:
    touched = tmp_path / "touched"
    run = f"$__import__('pathlib').Path('{touched}').touch()"
    sentence = changed(lambda values: change(values, run), tmp_path)
    assert told in sentence
    assert not touched.exists()


def test_imports_and_scripts_are_left_where_they_are(tmp_path: Path, home: Path) -> None:
    touched = tmp_path / "touched"
    folder = Bundle().write(tmp_path / "bundle")
    (folder / "scripts").mkdir()
    (folder / "scripts" / "__init__.py").write_text(f"open({str(touched)!r}, 'w')")
    path = folder / "configs" / "inference.json"
    values = json.loads(path.read_text())
    values["imports"] = ["$import scripts", f"$open({str(touched)!r}, 'w')"]
    values["initialize"] = [f"$open({str(touched)!r}, 'w')"]
    path.write_text(json.dumps(values))
    assert may_be_model(folder)
    loaded = import_model(folder, card_id="small")
    assert not touched.exists()
    assert loaded.card.licence.weights == "absent"
    assert {Path(source.file).name for source in loaded.card.provenance.sources} == {
        "inference.json", "metadata.json", "model.pt",
    }  # fmt: skip
    export_model(loaded, tmp_path / "small.zip")
    assert may_be_model(tmp_path / "small.zip")
    assert import_model(tmp_path / "small.zip", card_id="again").card.graph == loaded.card.graph


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda v: v["network_def"].update(_target_="os.system"), "'os.system'"),
        (lambda v: v["network_def"].update(_target_="scripts.net.UNet"), "'scripts.net.UNet'"),
        (lambda v: v["network_def"].update(_target_="DiNTS"), "'DiNTS'"),
        (lambda v: v["network_def"].update(strides=[2]), "UNet"),
        (lambda v: v["network_def"].update(channels=[4, 8, 16]), "not those of the network"),
        (lambda v: v["network_def"].update(channels=[4, 10**9, 16]), "larger than any"),
        (lambda v: v["network_def"].update(num_res_units=10**5), "larger than any"),
        (lambda v: v["network_def"].update(attention=3), "attention"),
        (lambda v: v["network_def"].update(norm="evil"), "UNet"),
        (lambda v: v["network_def"].update(out_channels=4), "names 3 channels"),
        (lambda v: v["network_def"].update(spatial_dims=2), "2 dimensions"),
        (lambda v: v.update(network_def="@a", a="@network_def"), "circle"),
        (lambda v: v["inferer"].update(_target_="DetectorInferer"), "DetectorInferer at inferer"),
        (lambda v: v["inferer"].update(roi_size=[16, 16]), "3 numbers"),
        (lambda v: v["inferer"].update(overlap=1.5), "overlap"),
        (lambda v: v["inferer"].update(mode="cosine"), "inferer#mode"),
        (lambda v: v["inferer"].update(with_coord=True), "with_coord"),
        (lambda v: v.pop("preprocessing"), "'preprocessing'"),
        (lambda v: v.pop("network_def"), "'network_def'"),
        (lambda v: _before(v).append({"_target_": "RandFlipd", "keys": "image"}), "RandFlipd at preprocessing#6"),
        (lambda v: _before(v)[3].update(mode="nearest"), "preprocessing#3#mode"),
        (lambda v: _before(v)[3].update(pixdim=["x", 1, 1]), "three numbers"),
        (lambda v: _before(v)[3].update(surprise=1), "'surprise'"),
        (lambda v: _before(v)[2].update(axcodes="XYZ"), "axes"),
        (lambda v: _before(v).insert(4, dict(_before(v)[3], pixdim=[3, 3, 3])), "at preprocessing#4, a second time"),
        (lambda v: _before(v)[3].update(keys=["label", "image"], mode=["bilinear", "nearest"]), "preprocessing#3#mode"),
        (lambda v: _before(v).append(CROP | {"source_key": "label"}), "to what 'label' shows"),
        (
            lambda v: (v["preprocessing"].update(lazy=True), _before(v).append(CROP)),
            "CropForegroundd at preprocessing#6, done in one with the steps before it ('lazy')",
        ),
        (lambda v: _before(v)[4].update(a_min="$torch.inf"), "preprocessing#4#a_min"),
        (lambda v: _before(v)[4].update(a_min=264), "preprocessing#4, which can't be done: scale_range: low and"),
        (lambda v: _before(v)[4].update(a_max="high"), "which can't be done: scale_range.high must be"),
        (lambda v: _after(v).append({"_target_": "FillHolesd", "keys": "pred"}), "FillHolesd at postprocessing#4"),
        (lambda v: _after(v).insert(0, largest(1)), "before it is decided"),
        (lambda v: _after(v).append(largest(7)), "does not have"),
        (lambda v: _after(v)[2].update(dim=1), "postprocessing#2#dim"),
        (lambda v: _after(v)[0].update(keys="seg"), "for 'seg', and the answer that is known here is 'pred'"),
        (lambda v: v["postprocessing"].update(transforms=[SIGMOID, FROM_HALF | {"threshold": 2}]), "the threshold 2"),
        (lambda v: v.update(evaluator=EVALUATOR | {"inferer": "@other"}, other={"_target_": "X"}), "X at other"),
        (lambda v: v.update(evaluator=EVALUATOR | {"postprocessing": "@behind"}), "no 'behind'"),
        (lambda v: v.update(dataset={"_target_": "Dataset", "transform": "@before"}), "no 'before'"),
        (lambda v: v["postprocessing"].update(transforms=[SOFTMAX, FROM_HALF]), "no sigmoid"),
        (lambda v: v["postprocessing"].update(transforms=[SIGMOID, *_after(v)[2:]]), "sigmoids"),
        (lambda v: v["postprocessing"].update(transforms=[*_after(v), invert(True)]), "a second time"),
        (
            lambda v: (_before(v).append({"_target_": "SpatialPadd", "keys": "image", "spatial_size": [9, 9, 9]}),
                       v["postprocessing"].update(transforms=[SOFTMAX])),
            "no Invertd",
        ),
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused_by_name(change: Callable[[Json], None], told: str, tmp_path: Path) -> None:
    assert told in changed(change, tmp_path)


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        ("configs/metadata.json", "metadata.json is missing"),
        ("configs/inference.json", "no configs/inference.json"),
        ("models/model.pt", "model.pt is missing"),
    ],
)
def test_what_a_bundle_lacks_is_named(lost: str, told: str, tmp_path: Path) -> None:
    folder = Bundle().write(tmp_path / "bundle")
    (folder / lost).unlink()
    assert told in refusal(folder, tmp_path)


def test_channels_whose_numbers_have_gaps_are_refused(tmp_path: Path) -> None:
    numbered = {"0": "background", "2": "liver", "3": "kidney_left"}
    told = changed(
        lambda v: v["network_data_format"]["outputs"]["pred"].update(channel_def=numbered), tmp_path, "metadata.json"
    )
    assert "numbers the channels of its outputs otherwise than 0, 1, 2" in told


@pytest.mark.parametrize("path", ["$glob.glob('models/*')[0]", "elsewhere/best.pt"])
def test_weights_are_not_guessed_where_there_are_several(path: str, tmp_path: Path) -> None:
    folder = Bundle().write(tmp_path / "bundle")
    shutil.copyfile(folder / "models" / "model.pt", folder / "models" / "old.pt")
    configuration = folder / "configs" / "inference.json"
    values = json.loads(configuration.read_text())
    values["checkpointloader"]["load_path"] = path
    configuration.write_text(json.dumps(values))
    assert "which of model.pt, old.pt is loaded" in refusal(folder, tmp_path)


@pytest.mark.parametrize(
    "chosen", [{"applied_labels": 1}, {"applied_labels": [0], "is_onehot": True}, {"applied_labels": None}]
)
def test_pieces_of_a_single_channel_are_kept_by_its_value(chosen: Json, tmp_path: Path) -> None:
    bundle = Bundle(classes=("lesion",), after=[SIGMOID, invert(False), FROM_HALF, largest() | chosen])
    bundle.network["out_channels"] = 1
    folder, target = bundle.write(tmp_path / "bundle"), tmp_path / "card"
    target.mkdir()
    converted(folder, target, Wish(), silent)
    params = load_card(target).card.graph[0].params
    assert [step.labels for step in params.largest] == [("lesion",)]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda v: v.pop("network_data_format"), "labels are numbered"),
        (lambda v: v.pop("network_data_format"), "The kind of image is not said of image_1"),
        (lambda v: v["network_data_format"]["inputs"]["image"].pop("format"), "Hounsfield units were assumed"),
        (
            lambda v: v["network_data_format"]["outputs"]["pred"]["channel_def"].update({"0": "liver"}),
            "Channel 0, 'liver', was taken to be the background",
        ),
    ],
)
def test_what_a_bundle_leaves_to_be_guessed_is_said(change: Callable[[Json], Any], told: str, tmp_path: Path) -> None:
    folder = Bundle().write(tmp_path / "bundle")
    path = folder / "configs" / "metadata.json"
    target = tmp_path / "card"
    target.mkdir()
    converted(folder, target, Wish(), silent)
    assert told not in " ".join(load_card(target).card.provenance.notes)
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))
    converted(folder, target, Wish(), silent)
    assert told in " ".join(load_card(target).card.provenance.notes)


def test_torchscript_is_refused_as_a_program(tmp_path: Path) -> None:
    folder = Bundle().write(tmp_path / "bundle")
    (folder / "models" / "model.pt").rename(folder / "models" / "model.ts")
    assert "TorchScript" in refusal(folder, tmp_path)


def test_a_hostile_checkpoint_runs_nothing(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    folder = Bundle().write(tmp_path / "bundle")
    path = folder / "models" / "model.pt"
    torch.save(torch.load(path, weights_only=True) | {"extra": Hostile(touched)}, path)
    assert "nothing of it ran" in refusal(folder, tmp_path)
    assert not touched.exists()


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    folder = Bundle().write(tmp_path / "bundle")
    path = folder / "models" / "model.pt"
    weights = torch.load(path, weights_only=True)["model"]
    next(iter(weights.values())).view(-1)[0] = torch.nan
    torch.save(weights, path)
    assert "no finite numbers" in refusal(folder, tmp_path)


def test_weights_of_several_prefixes_and_shapes_of_checkpoints_are_read(tmp_path: Path) -> None:
    folder = Bundle().write(tmp_path / "bundle")
    path = folder / "models" / "model.pt"
    weights = torch.load(path, weights_only=True)["model"]
    for number, stored in enumerate((weights, {"state_dict": {f"module.{k}": v for k, v in weights.items()}})):
        torch.save(stored, path)
        target = tmp_path / f"card{number}"
        target.mkdir()
        converted(folder, target, Wish(), silent)
        assert (target / "card.json").exists()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$@size * 2 + 1", 193), ("$[@size, @size // 2]", [96, 48]), ("$@sizes#1", 32), ("@sizes::0", 16),
        ("$@root + '/models/model.pt'", "./models/model.pt"), ("$2 if @fast else 3", 2), ("$len(@sizes)", 2),
        ("$[@size] * 3", [96, 96, 96]),
        ("$torch.float32", "float32"), ("$monai.utils.CommonKeys.IMAGE", "image"), ("$not @fast", False),
        ("$max(@sizes)", 32), ("$None", None), ("$@sizes[1]", 32), ("$@table['a']", 1), ("$-@size", -96),
    ],
)  # fmt: skip
def test_plain_expressions_are_understood(text: str, value: object) -> None:
    values = {"size": 96, "sizes": [16, 32], "root": ".", "fast": True, "table": {"a": 1}, "wanted": text}
    assert Configuration(values, "a").get("wanted") == value


@pytest.mark.parametrize(
    "text",
    [
        "$__import__('os').getcwd()", "$open('/etc/passwd').read()", "$(lambda: 1)()", "$[x for x in (1, 2)]",
        "$'a' * 10**9", "$[0] * 10**9", "$10**10**10", "$@missing", "$@size.__class__", "$print(1)", "$1 +", "%file#x",
        "$f'{1}'", "$len('a', b=1)", "$" + "(" * 500 + "1" + ")" * 500, "$" + "-" * 1900 + "1", "$1 / 0", "$'a'[5]",
        "$10 ** 9", "$getattr(@size, 'x')", "$torch.load('x')", "$_0_", "$1 if @missing else 2",
    ],
)  # fmt: skip
def test_all_other_expressions_stay_texts(text: str) -> None:
    assert isinstance(Configuration({"size": 96, "wanted": text}, "a").get("wanted"), Foreign)


def test_references_that_multiply_are_stopped() -> None:
    values: Json = {"a0": [1] * 10}
    for number in range(1, 12):
        values[f"a{number}"] = [f"@a{number - 1}"] * 10
    with pytest.raises(CardError, match="larger"):
        json.dumps(Configuration(values, "a").get("a11"))
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    with pytest.raises(CardError, match="nested"):
        Configuration({"deep": deep}, "a").get("deep")


def test_no_change_of_bytes_ends_in_anything_but_a_card_or_a_sentence(tmp_path: Path) -> None:
    folder = Bundle(inferer=windows(8, 8, 8)).write(tmp_path / "bundle")
    names = ("configs/inference.json", "configs/metadata.json", "models/model.pt")
    check_spoiled(folder, names, 30, tmp_path, first=20_000, cut=7)


def test_no_change_of_a_value_ends_in_anything_but_a_card_or_a_sentence(tmp_path: Path) -> None:
    folder = Bundle().write(tmp_path / "bundle")
    path = folder / "configs" / "inference.json"
    whole = json.loads(path.read_text())
    rng = random.Random(1)
    strange = [None, -1, 10**20, 0.5, "x", "", [], {}, [1], {"a": 1}, True, "$1/0", "@nothing", "@network_def", [[1]]]
    for index in range(40):
        values = copy.deepcopy(whole)
        values["preprocessing"]["transforms"] = [*LOAD, *values["preprocessing"]["transforms"][2:]]
        place: Any = values[rng.choice(["network_def", "preprocessing", "inferer", "postprocessing"])]
        for _ in range(rng.randrange(4)):
            parts = [
                p for p in (place.values() if isinstance(place, dict) else place) if isinstance(p, dict | list) and p
            ]
            if not parts:
                break
            place = rng.choice(parts)
        key = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
        place[key] = rng.choice(strange)
        path.write_text(json.dumps(values))
        target = tmp_path / f"card{index}"
        target.mkdir()
        try:
            converted(folder, target, Wish(), silent)
        except PlanimeterError as error:
            assert "\n" not in str(error), str(error)
            assert len(str(error)) < 700
