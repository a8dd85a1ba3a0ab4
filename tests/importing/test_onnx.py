"""Imported ONNX files draw and score as ONNX Runtime does; what is damaged or refused is told, and reaches nowhere."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
import onnxruntime
import SimpleITK as sitk
import torch
from monai.inferers import sliding_window_inference
from monai.transforms import (
    Compose,
    EnsureChannelFirstd,
    Invertd,
    LoadImaged,
    NormalizeIntensityd,
    Orientationd,
    Resized,
    ScaleIntensityRanged,
    Spacingd,
)

from engine.answers import RunOptions, Score
from engine.cards.registry import LoadedCard, load_card
from engine.contouring.fill import fill
from engine.errors import CardError, PlanimeterError
from engine.files.image_file import read_image_file
from engine.importing.about import licence_told
from engine.importing.client import export_model, import_model
from engine.importing.look import may_be_model
from engine.importing.source import Wish
from engine.importing.worker import converted
from engine.inference.run import run_card
from engine.progress import silent
from tests.importing.nnunet_models import soft_image
from tests.importing.onnx_models import DRAWS, SCORES, SOFTMAX_WITHIN, ended, network, write
from tests.importing.test_bad_models import refusal


def imported(path: Path, target: Path) -> LoadedCard:
    target.mkdir(parents=True, exist_ok=True)
    converted(path, target, Wish(), silent)
    loaded = load_card(target)
    assert not loaded.problem, loaded.problem
    return loaded


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.nii.gz"
    sitk.WriteImage(soft_image((14, 30, 34), (1.5, 1.4, 2.2)), path)
    return path


def answered(path: Path) -> Callable[[torch.Tensor], torch.Tensor]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda values: torch.from_numpy(session.run(None, {"image": np.asarray(values)})[0])


@pytest.mark.parametrize("within", [False, True])
def test_voxels_are_those_of_onnxruntime(within: bool, tmp_path: Path, image: Path) -> None:
    path = write(tmp_path / "model", ended(network(), *(SOFTMAX_WITHIN if within else [])), DRAWS)
    loaded = imported(path, tmp_path / "card")
    volume = read_image_file(image)
    options = RunOptions(override=True, chosen={"exact": True})
    result = run_card(loaded, {"image": volume}, device="cpu", options=options)
    assert result.device == "cpu float32", "what the file computes in, whatever the processor prefers"
    ours = np.zeros(volume.geometry.shape, np.uint8)
    for number, roi in enumerate(result.rois, start=1):
        ours[fill({k: plane.area for k, plane in roi.planes.items()}, volume.geometry)] = number

    before = Compose([
        LoadImaged("image"), EnsureChannelFirstd("image"), Orientationd("image", "SPL"),
        Spacingd("image", (2.5, 2.0, 2.0), mode="bilinear"), ScaleIntensityRanged("image", -157, 264, 0, 1, clip=True),
    ])  # fmt: skip
    data = before({"image": str(image)})
    data["pred"] = sliding_window_inference(data["image"][None], (8, 16, 16), 1, answered(path), 0.5, "gaussian")[0]
    data["pred"] = data["pred"] if within else data["pred"].softmax(0)
    back = Invertd("pred", before, "image", nearest_interp=False)(data)["pred"]
    theirs = np.asarray(back).argmax(0).transpose(2, 1, 0)
    assert (np.bincount(theirs.ravel(), minlength=3) / theirs.size > 0.01).all(), "a comparison of nothing"
    assert (ours == theirs).mean() >= 0.9999


def test_probabilities_are_those_of_onnxruntime(tmp_path: Path, image: Path) -> None:
    path = write(tmp_path / "model", network(classes=2, scores=True), SCORES)
    loaded = imported(tmp_path / "model", tmp_path / "card")
    result = run_card(
        loaded, {"image": read_image_file(image)}, device="cpu", options=RunOptions(override=True)
    )  # fmt: skip
    ours = [answer.value for answer in result.answers if isinstance(answer, Score)]
    before = Compose([
        LoadImaged("image"), EnsureChannelFirstd("image"), Orientationd("image", "RAS"),
        Resized("image", (16, 16, 12), mode="trilinear"), NormalizeIntensityd("image"),
    ])  # fmt: skip
    theirs = answered(path)(before({"image": str(image)})["image"][None]).softmax(1)[0].numpy()
    assert np.abs(np.array(ours) - theirs).max() < 1e-5
    # No second softmax where the file has one.
    path = write(tmp_path / "within", ended(network(classes=2, scores=True), *SOFTMAX_WITHIN), SCORES)
    loaded = imported(path, tmp_path / "again")
    assert "The file itself ends with a softmax" in loaded.card.limits
    result = run_card(loaded, {"image": read_image_file(image)}, device="cpu", options=RunOptions(override=True))
    assert np.abs(np.array([answer.value for answer in result.answers]) - theirs).max() < 1e-5


def _shares(model: Any) -> Any:
    """A softmax written out."""
    return ended(model, ("Exp", {}), ("LpNormalization", {"p": 1, "axis": 1}))


@pytest.mark.parametrize(
    ("model", "changes", "told"),
    [
        (
            ended(network(), *SOFTMAX_WITHIN),
            {"activation": "sigmoid"},
            "ends with a softmax, and its card says sigmoid",
        ),
        (_shares(network()), {"activation": "sigmoid", "labels": ["a", "b", "c"]}, "ends with a softmax"),
        (ended(network(), ("Sigmoid", {})), {}, "ends with a sigmoid, and its card says softmax"),
        (network(), {"activation": "none"}, "must say which"),
        (network(scores=True), SCORES | {"labels": ["a", "b", "c"], "activation": "none"}, "scores are not ready"),
    ],
)
def test_a_card_that_contradicts_the_end_of_its_file_is_refused(
    model: Any, changes: dict[str, Any], told: str, tmp_path: Path
) -> None:
    # What the answer is for a blank image is known by its last bias.
    next(value for value in model.graph.initializer if value.name == "b2").CopyFrom(
        onnx.numpy_helper.from_array(np.float32([1.5, -2.5, 3.5]), "b2")
    )
    assert told in refusal(write(tmp_path / "model", model, DRAWS | changes), tmp_path)


def test_labels_of_a_sigmoid_within_are_drawn_where_it_is_above_the_threshold(tmp_path: Path, image: Path) -> None:
    bare = {"activation": "sigmoid", "labels": ["a", "b", "c"]}
    drawn = []
    for name, model, says in (
        ("bare", network(), bare),
        ("within", ended(network(), ("Sigmoid", {})), bare | {"activation": "none"}),
    ):
        loaded = imported(
            write(tmp_path / name, model, DRAWS, **says, overlap=0, patch=[0, 0, 0]), tmp_path / f"c{name}"
        )
        options = RunOptions(override=True, chosen={"exact": True})
        result = run_card(loaded, {"image": read_image_file(image)}, device="cpu", options=options)
        drawn.append([{k: plane.area.area for k, plane in roi.planes.items()} for roi in result.rois])
    assert drawn[0] == drawn[1]
    assert all(drawn[0])


def test_a_file_is_imported_with_its_licence_and_passed_on(tmp_path: Path, home: Path, image: Path) -> None:
    path = write(tmp_path / "model", network(), DRAWS)
    assert may_be_model(path)
    loaded = import_model(path, card_id="small")
    assert loaded.card.licence.weights == "CC BY 4.0" and loaded.card.licence.commercial
    assert [Path(source.file).name for source in loaded.card.provenance.sources] == ["small.json", "small.onnx"]
    export_model(loaded, tmp_path / "small.zip")
    again = import_model(tmp_path / "small.zip", card_id="again")
    result = run_card(again, {"image": read_image_file(image)}, device="cpu", options=RunOptions(override=True))
    assert any(not roi.is_empty for roi in result.rois)
    assert result.rois[0].expected_edit
    # Another seat's file that was changed on the way is not run.
    weights = again.folder / "network.onnx"
    weights.write_bytes(weights.read_bytes()[:-5])
    with pytest.raises(CardError, match="SHA-256"):
        run_card(again, {"image": read_image_file(image)}, device="cpu", options=RunOptions(override=True))


def test_an_absent_licence_is_called_absent(tmp_path: Path) -> None:
    assert imported(
        write(tmp_path / "model", network(), DRAWS, licence=""), tmp_path / "card"
    ).card.licence.weights == ("absent")


@pytest.mark.parametrize(
    ("licence", "commercial"),
    [
        ("CC BY 4.0", True),
        ("Apache-2.0", True),
        ("Apache License", True),
        ("MIT License", True),
        ("CC BY-NC 4.0", False),
        ("CC BY-NC-SA 4.0", False),
        ("Apache-2.0 (of the folder above the model)", False),
        ("MIT, but not for commercial use", False),
        ("absent", False),
    ],
)
def test_a_licence_that_allows_commercial_use_is_not_called_one_that_forbids_it(licence: str, commercial: bool) -> None:
    assert licence_told(licence)["commercial"] is commercial


def test_weights_in_a_file_beside_become_one_file(tmp_path: Path) -> None:
    path = write(tmp_path / "model", network(), DRAWS)
    plain = imported(path, tmp_path / "plain")
    onnx.save(network(), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert (tmp_path / "model" / "weights.bin").exists()
    loaded = imported(path, tmp_path / "card")
    assert loaded.card.graph[0].params == plain.card.graph[0].params
    assert "weights.bin" in str(loaded.card.provenance.sources)
    (tmp_path / "model" / "weights.bin").write_bytes(b"short")
    assert "damaged" in refusal(path, tmp_path)
    (tmp_path / "model" / "weights.bin").unlink()
    assert "missing" in refusal(path, tmp_path)


def test_weights_too_many_for_one_file_lie_beside_it_and_draw_the_same(
    tmp_path: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "model", network(features=12), DRAWS)
    plain = imported(path, tmp_path / "plain")
    onnx.save(network(features=12), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    monkeypatch.setattr("engine.importing.onnx_weights._LARGEST_IN_ONE", 100)
    monkeypatch.setattr("engine.importing.onnx_weights._SMALL", 10)
    loaded = imported(path, tmp_path / "card")
    assert [weights.file for weights in loaded.card.weights] == ["network.onnx", "network.safetensors"]
    volume = read_image_file(image)
    drawn = [
        run_card(card, {"image": volume}, device="cpu", options=RunOptions(override=True)).rois
        for card in (plain, loaded)
    ]
    assert any(not roi.is_empty for roi in drawn[0])
    for alone, beside in zip(*drawn, strict=True):
        assert alone.planes.keys() == beside.planes.keys()
        assert all(plane.area.equals(beside.planes[k].area) for k, plane in alone.planes.items())
    export_model(loaded, tmp_path / "card.zip")
    again = imported(tmp_path / "card.zip", tmp_path / "again")
    assert again.card == loaded.card


def test_external_weights_that_unfold_beyond_the_limit_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "model", network(), DRAWS)
    onnx.save(network(), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    # The file is within the limit; but each of the weights points to the whole of it.
    limit = path.stat().st_size + 2 * (tmp_path / "model" / "weights.bin").stat().st_size
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        kept = [entry for entry in tensor.external_data if entry.key == "location"]
        del tensor.external_data[:]
        tensor.external_data.extend(kept)
    path.write_bytes(model.SerializeToString())
    monkeypatch.setattr("engine.importing.onnx_weights.LARGEST_WEIGHTS", limit)
    assert "larger than" in refusal(path, tmp_path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused_by_their_name(value: float, tmp_path: Path) -> None:
    model = network()
    for tensor in model.graph.initializer:
        if tensor.name == "w2":
            values = onnx.numpy_helper.to_array(tensor).copy()
            values.flat[3] = value
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, "w2"))
    path = write(tmp_path / "model", model, DRAWS)
    assert "no finite numbers ('w2')" in refusal(path, tmp_path)
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert "no finite numbers ('w2')" in refusal(path, tmp_path)


@pytest.mark.parametrize("place", ["../weights.bin", "/etc/passwd", "a/../../weights.bin", "..\\weights.bin", "a\0"])
def test_weights_outside_the_folder_are_refused(place: str, tmp_path: Path) -> None:
    path = write(tmp_path / "model", network(), DRAWS)
    onnx.save(network(), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    (tmp_path / "model" / "weights.bin").rename(tmp_path / "weights.bin")
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        next(entry for entry in tensor.external_data if entry.key == "location").value = place
    path.write_bytes(model.SerializeToString())
    assert "outside its folder" in refusal(path, tmp_path)
    # Nor does a link lead there.
    (tmp_path / "model" / "weights.bin").symlink_to(tmp_path / "weights.bin")
    for tensor in model.graph.initializer:
        next(entry for entry in tensor.external_data if entry.key == "location").value = "weights.bin"
    path.write_bytes(model.SerializeToString())
    assert "outside its folder" in refusal(path, tmp_path)


def test_operators_of_other_makers_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "model", network(domain="com.evil"), DRAWS)
    assert "com.evil" in refusal(path, tmp_path)


def test_a_card_with_weights_in_another_file_is_not_run(tmp_path: Path, image: Path) -> None:
    from engine.cards.weights import sha256_of

    loaded = imported(write(tmp_path / "model", network(), DRAWS), tmp_path / "card")
    onnx.save(
        network(), loaded.folder / "network.onnx", save_as_external_data=True, location="w.bin", size_threshold=0
    )  # fmt: skip
    card = json.loads((loaded.folder / "card.json").read_text())
    card["graph"][0]["weights"][0]["sha256"] = sha256_of(loaded.folder / "network.onnx")
    (loaded.folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(CardError, match="another file"):
        run_card(
            load_card(loaded.folder), {"image": read_image_file(image)}, device="cpu", options=RunOptions(override=True)
        )


@pytest.mark.parametrize(
    ("small", "change", "told"),
    [
        (DRAWS, {"labels": ["liver"]}, "2 classes"),
        (DRAWS, {"labels": ["a", "b", "c"]}, "4 classes"),
        (DRAWS, {"images": ["t1", "t2"]}, "takes 1 channels"),
        (DRAWS, {"patch": [8, 8]}, "three numbers"),
        (DRAWS, {"patch": None}, "three numbers"),
        (DRAWS, {"axes": "RLA"}, "one letter each"),
        (DRAWS, {"axes": "XYZ"}, "axes"),
        (DRAWS, {"axes": ""}, "its axes"),
        (DRAWS, {"surprise": 1}, "surprise"),
        (DRAWS, {"intensities": [{"do": "run", "code": "1"}]}, "intensities.0"),
        (DRAWS, {"intensities": [{"do": "resample", "spacing_mm": [1, 1, 1]}]}, "spacing_mm"),
        (DRAWS, {"spacing_mm": [0, 1, 1]}, "spacing_mm"),
        (DRAWS, {"task": "generate"}, "task"),
        (DRAWS, {"modality": "picture"}, "not on pictures"),
        (DRAWS, {"modality": "XY"}, "modality 'XY' is none of DICOM's"),
        (DRAWS, {"labels": ["Liver", "liver "]}, "two labels are called 'Liver'"),
        (DRAWS, {"labels": ["liver", " "]}, "a label has no name"),
        (DRAWS, {"images": ["t1", "T1"]}, "two images are called 't1'"),
        (DRAWS, {"intensities": [{"do": "scale_range", "low": 40, "high": 40}]}, "low and high are the same"),
        (DRAWS, {"intensities": [{"do": "scale_percentiles", "low": 99, "high": 1}]}, "low is not below high"),
        (DRAWS, {"intensities": [{"do": "normalise", "mean": [0], "deviation": [0]}]}, "divides by nothing"),
        (DRAWS, {"intensities": [{"do": "cut", "threshold": float("nan")}]}, "threshold must be a finite number"),
        (DRAWS, {"overlap": 1}, "overlap must be less than 1"),
        (DRAWS, {"labels": []}, "labels must have at least 1 entry, and has 0"),
        (DRAWS, {"activation": "none"}, "softmax or sigmoid"),
        (SCORES, {}, "2 classes"),
        (SCORES, {"size": None}, "size of its images"),
        (SCORES, {"size": [16, 16]}, "3 for volumes"),
    ],
)
def test_a_small_card_that_does_not_fit_is_refused(
    small: dict[str, Any], change: dict[str, Any], told: str, tmp_path: Path
) -> None:
    assert told in refusal(write(tmp_path / "model", network(), small, **change), tmp_path)


def test_what_is_missing_or_there_twice_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "model", network(), DRAWS)
    path.with_name("other.onnx").write_bytes(path.read_bytes())
    assert "2 ONNX files" in refusal(tmp_path / "model", tmp_path)
    path.with_suffix(".json").unlink()
    assert "no small.json beside it" in refusal(path, tmp_path)


def test_no_change_of_bytes_ends_in_anything_but_a_card_or_a_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "model", network(), DRAWS)
    whole, rng = path.read_bytes(), random.Random(0)
    for index in range(60):
        data = bytearray(whole)
        if index % 5 == 0:
            data = data[: rng.randrange(len(data))]
        for _ in range(rng.choice((1, 3, 20)) if index % 5 and data else 0):
            data[rng.choice((rng.randrange(len(data)), rng.randrange(min(len(data), 200))))] = rng.randrange(256)
        path.write_bytes(data)
        target = tmp_path / f"card{index}"
        target.mkdir()
        try:
            converted(path, target, Wish(), silent)
        except PlanimeterError as error:
            assert "\n" not in str(error), str(error)
            assert len(str(error)) < 700
