"""Imported ONNX files order their review, unless they answer yes or no, or labels, which is said."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import SimpleITK as sitk
from onnx import TensorProto

from engine.answers import Result, RunOptions
from engine.cards.registry import load_card
from engine.files.image_file import read_image_file
from engine.importing.source import Wish
from engine.importing.worker import converted
from engine.inference.run import run_card
from engine.progress import silent
from tests.importing.nnunet_models import soft_image
from tests.importing.onnx_models import DRAWS, SOFTMAX_WITHIN, ended, network, write
from tests.importing.test_bad_models import refusal


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.nii.gz"
    sitk.WriteImage(soft_image((14, 30, 34), (1.5, 1.4, 2.2)), path)
    return path


def told(path: Path, target: Path, image: Path, exact: bool) -> Result:
    target.mkdir()
    converted(path, target, Wish(), silent)
    options = RunOptions(override=True, chosen={"exact": exact})
    return run_card(load_card(target), {"image": read_image_file(image)}, device="cpu", options=options)


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("exact", [False, True])
def test_doubt_is_told_whoever_does_the_softmax(exact: bool, within: bool, tmp_path: Path, image: Path) -> None:
    model = ended(network(), *(SOFTMAX_WITHIN if within else []))
    result = told(write(tmp_path / "model", model, DRAWS), tmp_path / "card", image, exact)
    for roi in result.rois:
        edits = np.array([roi.expected_edit[k] for k in roi.planes])
        assert np.ptp(edits) > 0.05 * edits.max(), "it tells planes apart"
    assert not any("may be wrong" in note for note in result.notes)


@pytest.mark.parametrize("exact", [False, True])
def test_what_answers_yes_or_no_tells_no_doubt_and_says_so(exact: bool, tmp_path: Path, image: Path) -> None:
    model = ended(network(), ("Hardmax", {"axis": 1}), ("Clip", {}))
    result = told(write(tmp_path / "model", model, DRAWS), tmp_path / "card", image, exact)
    assert all(roi.planes and not roi.expected_edit for roi in result.rois)
    assert len([note for note in result.notes if "does not tell where it may be wrong" in note]) == 1


@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize("kind", [TensorProto.INT64, TensorProto.FLOAT])
def test_numbers_of_labels_are_drawn_as_the_likeliest_and_tell_no_doubt(
    keepdims: int, kind: int, tmp_path: Path, image: Path
) -> None:
    steps = [("ArgMax", {"axis": 1, "keepdims": keepdims}), ("Cast", {"to": kind})]
    path = write(tmp_path / "model", ended(network(), *steps, kind=kind), DRAWS)
    assert "write labels as its activation" in refusal(path, tmp_path)
    whole = {"patch": [0, 0, 0], "spacing_mm": None}
    path = write(tmp_path / "model", ended(network(), *steps, kind=kind), DRAWS, activation="labels", **whole)
    result = told(path, tmp_path / "card", image, exact=True)
    sure = told(write(tmp_path / "sure", network(), DRAWS, **whole), tmp_path / "other", image, exact=True)
    for roi, other in zip(result.rois, sure.rois, strict=True):
        assert roi.planes.keys() == other.planes.keys()
        assert all(plane.area.equals(other.planes[k].area) for k, plane in roi.planes.items())
        assert not roi.expected_edit and other.expected_edit
    assert any("does not tell where it may be wrong" in note for note in result.notes)
    assert "answers labels" in load_card(tmp_path / "card").card.limits
