"""Plans and data sets of nnU-Net that are damaged, hostile or not known are refused in one sentence."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.cards.registry import load_card
from engine.importing.source import Wish
from engine.importing.worker import converted
from engine.progress import silent
from tests.importing.checkpoints import write_checkpoint
from tests.importing.nnunet_models import Model
from tests.importing.test_bad_models import refusal


def changed(change: Callable[[dict[str, Any]], None], name: str, place: Path) -> str:
    folder = write_checkpoint(Model(), place).parents[1]
    values = json.loads((folder / name).read_text())
    change(values)
    (folder / name).write_text(json.dumps(values))
    return refusal(folder, place)


def _configuration(values: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = values["configurations"]["3d_fullres"]
    return found


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda v: _configuration(v)["architecture"].update(network_class_name="os.system"), "'system'"),
        (lambda v: _configuration(v)["architecture"]["arch_kwargs"].update(norm_op="torch.nn.GroupNorm"), "GroupNorm"),
        (lambda v: _configuration(v)["architecture"]["arch_kwargs"].update(nonlin="subprocess.Popen"), "Popen"),
        (lambda v: _configuration(v)["architecture"]["arch_kwargs"].update(conv_op="evil.Thing"), "Thing"),
        (lambda v: _configuration(v)["architecture"]["arch_kwargs"].update(attention=3), "attention"),
        (lambda v: _configuration(v)["architecture"]["arch_kwargs"].update(n_stages=4), "as many"),
        (lambda v: _configuration(v)["architecture"]["arch_kwargs"].update(norm_op_kwargs=5), "whole"),
        (lambda v: _configuration(v)["architecture"]["arch_kwargs"].update(nonlin_kwargs=5), "whole"),
        (lambda v: _configuration(v)["architecture"]["arch_kwargs"]["strides"][1].__setitem__(0, math.inf), "whole"),
        (lambda v: _configuration(v)["architecture"]["arch_kwargs"]["strides"][1].__setitem__(0, 2**70), "do not fit"),
        (lambda v: _configuration(v).update(patch_size=[16, 24, 27]), "can't take the patch"),
        (lambda v: _configuration(v).update(preprocessor_name="MyPreprocessor"), "preprocessor_name 'MyPreprocessor'"),
        (lambda v: v.update(label_manager="MyLabels"), "label_manager 'MyLabels'"),
        (lambda v: _configuration(v).update(normalization_schemes=["MyNorm"]), "MyNorm"),
        (lambda v: _configuration(v).update(normalization_schemes=[["MyNorm"]]), "MyNorm"),
        (lambda v: _configuration(v).update(resampling_fn_data="mine"), "mine"),
        (lambda v: _configuration(v).update(patch_size=[1, 2, 3, 4]), "4 axes"),
        (lambda v: _configuration(v).update(inherits_from="3d_fullres"), "circle"),
        (lambda v: v.update(image_reader_writer="NaturalImage2DIO"), "NaturalImage2DIO"),
        (lambda v: v.update(transpose_forward=[0, 0, 1]), "once"),
        (lambda v: v.pop("configurations"), "no configurations"),
        (lambda v: _configuration(v)["architecture"]["arch_kwargs"].update(features_per_stage=[4, 8, 9]), "network"),
    ],
)
def test_plans_that_are_not_understood_are_refused_by_name(
    change: Callable[[dict[str, Any]], None], told: str, tmp_path: Path
) -> None:
    assert told in changed(change, "plans.json", tmp_path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda v: v.pop("labels"), "no labels"),
        (lambda v: v.update(labels={"background": 0, "a": 1, "b": 5}), "in turn"),
        (lambda v: v.update(labels={"background": 0, "a": [1, 2]}), "painted"),
        (lambda v: v.update(labels={"background": 0, "a": [1, 2]}, regions_class_order=[[1]]), "painted"),
        (lambda v: v.update(labels={"background": 0, "a": "x"}), "no number"),
        (lambda v: v.update(labels={"background": 0, "a": []}), "without a value"),
        (lambda v: v.update(labels={"background": 0, "a": math.inf}), "no number"),
        (lambda v: v.update(channel_names={"0": "CT", "1": "PET"}), "2 channels"),
    ],
)
def test_data_sets_that_are_not_understood_are_refused(
    change: Callable[[dict[str, Any]], None], told: str, tmp_path: Path
) -> None:
    assert told in changed(change, "dataset.json", tmp_path)


@pytest.mark.parametrize(
    ("trainer", "told"),
    [
        ("nnUNetTrainer_250epochs_NoMirroring", False),
        ("nnUNetTrainerDA5Segord0", False),
        ("nnUNetTrainerGELU", True),
        ("MyTrainer", True),
    ],
)
def test_a_trainer_that_is_not_nnunets_own_is_named(trainer: str, told: bool, tmp_path: Path) -> None:
    folder = write_checkpoint(Model(trainer=trainer), tmp_path).parents[1]
    target = tmp_path / "card"
    target.mkdir()
    converted(folder, target, Wish(), silent)
    notes = " ".join(load_card(target).card.provenance.notes)
    assert (f"the trainer '{trainer}', which is none of nnU-Net's own" in notes) == told
