"""A tiny run learns, and goes on where it stopped."""

import dataclasses
import shutil
from pathlib import Path

import pytest
import torch
from pydantic import TypeAdapter
from safetensors.torch import load_file
from torch import nn

from engine.cards.nodes import PreprocessStep
from engine.errors import CancelledError, CardError, EngineError, MismatchError, ReadError, WriteError
from engine.inference.networks import SubsampledConv2d
from engine.inference.picture_networks import EfficientNetLite0, PatchNet
from engine.inference.picture_unet import EfficientNetLite0UNet
from engine.training import loop
from engine.training.backbones import BACKBONES
from engine.training.case import Case
from engine.training.nnunet_set import DataSet
from engine.training.recipe import Recipe
from engine.training.seen import as_prepared
from engine.training.segmenter import SegmenterTrainer
from engine.training_process.run_folder import read_curves

RECIPE = Recipe(
    structures=["Box_R", "Box_L"],
    mirror_pairs=[["Box_R", "Box_L"]],
    padding=-1.0,
    patch=(16, 16, 16),
    network={"network": "SubvoxelUNet", "in_channels": 1, "out_channels": 3, "filters": [8, 12, 16]},
    minutes=1000,
    steps=30,
    warm_up=3,
    learning_rate=5e-3,
    average=0.9,
    compile=False,
    seed=3,
)


STEPS = TypeAdapter(tuple[PreprocessStep, ...]).validate_python(
    [{"op": "mask_body", "params": {}}, {"op": "windows", "params": {"windows": [[-150, 250]]}}]
)


@pytest.fixture(scope="module")
def cases(boxes: Path) -> list[Case]:
    dataset = DataSet(boxes, RECIPE.structures)
    return [as_prepared(dataset.read(name), STEPS) for name in dataset.names]


def quiet(fraction: float, text: str) -> None:
    assert 0 <= fraction <= 1 and text


def test_a_tiny_run_finds_the_boxes(cases: list[Case], tmp_path: Path) -> None:
    torch.manual_seed(0)
    recipe = dataclasses.replace(RECIPE, steps=120)
    trainer = SegmenterTrainer(recipe, cases, cases[:1], tmp_path, "cpu")
    before = trainer.scores(1)
    progression = trainer.run(quiet)
    after = progression.history[-1]
    assert progression.step == 120
    assert after["Box_R"] > max(before["Box_R"] + 0.2, 0.5)
    assert (tmp_path / "average.safetensors").exists()
    assert (tmp_path / "curves.csv").read_text().count("\n") >= 3


def test_a_stopped_run_goes_on_as_if_it_had_not(cases: list[Case], tmp_path: Path) -> None:
    whole = SegmenterTrainer(RECIPE, cases, [], tmp_path / "whole", "cpu")
    for _ in range(12):
        whole.step()
    whole.save()
    shutil.copytree(tmp_path / "whole", tmp_path / "halves")
    resumed = SegmenterTrainer(RECIPE, cases, [], tmp_path / "halves", "cpu")
    for before, after in zip(whole.network.parameters(), resumed.network.parameters(), strict=True):
        assert torch.equal(before, after)
        for moment in ("exp_avg", "exp_avg_sq"):
            value = resumed.optimizer.state[after][moment]
            assert torch.equal(whole.optimizer.state[before][moment], value)
            # The fused optimizer pairs a weight and its moments by their places in memory.
            assert value.stride() == after.stride()
    whole.run(quiet)
    resumed.run(quiet)
    one, other = (load_file(tmp_path / name / "average.safetensors") for name in ("whole", "halves"))
    assert one.keys() == other.keys()
    apart = torch.cat([(value.float() - other[name].float()).abs().flatten() for name, value in one.items()])
    # Sums in bfloat16 differ in their last bit from run to run, and AdamW makes steps of their signs.
    assert float(apart.mean()) < 3e-3


def test_a_run_that_is_told_to_stop_keeps_what_it_learned(
    cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_REPORT_SECONDS", 0.0)

    def stop(fraction: float, stage: str) -> None:
        if "step 5," in stage:
            raise CancelledError(stage)

    with pytest.raises(CancelledError):
        SegmenterTrainer(RECIPE, cases, [], tmp_path, "cpu").run(stop)
    again = SegmenterTrainer(RECIPE, cases, [], tmp_path, "cpu")
    assert again.progression.step == 5
    assert again.run(quiet).step == 30


def test_ctrl_c_leaves_a_checkpoint(cases: list[Case], tmp_path: Path) -> None:
    trainer = SegmenterTrainer(RECIPE, cases, [], tmp_path, "cpu")
    trainer.step()

    def press(*_: object) -> None:
        raise KeyboardInterrupt

    trainer.network.register_forward_hook(press)
    with pytest.raises(KeyboardInterrupt):
        trainer.run(quiet)
    assert SegmenterTrainer(RECIPE, cases, [], tmp_path, "cpu").progression.step == 1


def test_a_checkpoint_that_finds_no_room_is_told_and_the_one_before_stays(cases: list[Case], tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    trainer = SegmenterTrainer(RECIPE, cases, [], tmp_path, "cpu")
    trainer.save()
    before = trainer.checkpoint.read_bytes()
    trainer.step()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(WriteError, match=r"checkpoint.safetensors could not be .*: File too large; what"):
            trainer.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert trainer.checkpoint.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [trainer.checkpoint.name]


def test_a_run_stops_while_it_judges(cases: list[Case], tmp_path: Path) -> None:
    def stop(fraction: float, stage: str) -> None:
        if "judging case 2" in stage:
            raise CancelledError(stage)

    recipe = dataclasses.replace(RECIPE, steps=2)
    with pytest.raises(CancelledError):
        SegmenterTrainer(recipe, cases, cases, tmp_path, "cpu").run(stop)
    assert SegmenterTrainer(recipe, cases, cases, tmp_path, "cpu").run(quiet).step == 2


def test_a_checkpoint_of_another_network_is_refused(cases: list[Case], tmp_path: Path) -> None:
    SegmenterTrainer(RECIPE, cases, [], tmp_path, "cpu").save()
    other = dataclasses.replace(RECIPE, network={**RECIPE.network, "filters": [8, 12, 20]})
    with pytest.raises(ReadError, match="checkpoint"):
        SegmenterTrainer(other, cases, [], tmp_path, "cpu")


def test_a_recipe_with_an_unknown_field_is_named() -> None:
    with pytest.raises(CardError, match="momentum"):
        Recipe.from_dict({"structures": [], "patch": [1, 1, 1], "network": {}, "momentum": 1})


def test_a_batch_is_the_crops_of_the_step(cases: list[Case], tmp_path: Path) -> None:
    trainer = SegmenterTrainer(dataclasses.replace(RECIPE, batch=3), cases, [], tmp_path, "cpu")
    seen: list[tuple[int, ...]] = []
    trainer.network.register_forward_hook(lambda network, given, out: seen.append(tuple(given[0].shape)))
    trainer.step()
    assert set(seen) == {(3, 1, 16, 16, 16)}


def test_a_network_for_pixels_begins_with_the_published_weights_of_its_encoder(
    cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    published = EfficientNetLite0().state_dict()
    monkeypatch.setitem(BACKBONES, "published", lambda: published)
    network = {"network": "EfficientNetLite0UNet", "in_channels": 1, "out_channels": 3}
    recipe = dataclasses.replace(
        RECIPE, network=network, dimensions=2, patch=(1, 32, 32), start="published", steps=1, batch=2
    )
    trainer = SegmenterTrainer(recipe, cases, [], tmp_path, "cpu")
    assert all(torch.equal(value, published[name]) for name, value in _encoder(trainer.network))
    assert torch.equal(trainer.average.weights["stem.0.weight"], published["stem.0.weight"])
    trainer.run(quiet)
    resumed = SegmenterTrainer(recipe, cases, [], tmp_path, "cpu")
    assert not torch.equal(resumed.network.state_dict()["stem.0.weight"], published["stem.0.weight"])


def _encoder(network: torch.nn.Module) -> list[tuple[str, torch.Tensor]]:
    return [(name, value) for name, value in network.state_dict().items() if name.startswith(("stem.", "blocks."))]


def test_a_grey_picture_is_a_colour_picture_without_colour() -> None:
    torch.manual_seed(2)
    colour = EfficientNetLite0UNet(3, 2).eval()
    grey = EfficientNetLite0UNet(1, 2).eval()
    grey.load_state_dict(colour.state_dict())
    picture = torch.rand(2, 1, 45, 71)
    with torch.inference_mode():
        logits = grey(picture)
        assert torch.equal(logits, colour(picture.repeat(1, 3, 1, 1)))
    assert logits.shape == (2, 2, 45, 71)


def test_a_run_whose_gradients_are_no_numbers_stops_and_says_so(cases: list[Case], tmp_path: Path) -> None:
    trainer = SegmenterTrainer(RECIPE, cases, [], tmp_path, "cpu")
    trainer.step()
    for value in trainer.network.parameters():
        value.register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(EngineError, match="stands still"):
        for _ in range(25):
            trainer.step()


def test_gradients_that_bfloat16_spoils_are_computed_again_in_float32(cases: list[Case], tmp_path: Path) -> None:
    trainer = SegmenterTrainer(RECIPE, cases, [], tmp_path, "cpu")
    first = next(trainer.network.parameters())
    before = first.detach().clone()
    first.register_hook(lambda gradient: gradient * (1.0 if trainer._in_full else float("nan")))
    for _ in range(3):
        trainer.step()
    assert trainer.skipped == 0 and first.isfinite().all() and not torch.equal(first, before)


def test_on_a_processor_no_strided_convolution_of_single_pixels_is_left_to_its_library(
    cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "build_network", lambda arguments: PatchNet(1, 2, [8, 16]))
    monkeypatch.setattr(SegmenterTrainer, "layout", torch.channels_last)
    trainer = SegmenterTrainer(RECIPE, cases, [], tmp_path, "cpu")
    strided = [each for each in trainer.network.modules() if isinstance(each, nn.Conv2d) and max(each.stride) > 1]
    single = [each for each in strided if set(each.kernel_size) == {1}]
    assert len(strided) == 4 and len(single) == 2
    assert all(isinstance(each, SubsampledConv2d) for each in single)


def test_a_run_is_not_judged_by_what_it_learned_from_before_the_set_changed(cases: list[Case], tmp_path: Path) -> None:
    SegmenterTrainer(RECIPE, cases[:2], cases[2:], tmp_path, "cpu").save()
    assert SegmenterTrainer(RECIPE, cases[:2], cases[2:], tmp_path, "cpu").progression.learned
    with pytest.raises(MismatchError, match=rf"learned from {cases[0].name}, .* Start a new run"):
        SegmenterTrainer(RECIPE, cases[1:], cases[:1], tmp_path, "cpu")


def test_the_curve_of_a_run_that_had_no_steps_left_tells_no_rate(cases: list[Case], tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, steps=1)
    stopped = SegmenterTrainer(recipe, cases, cases[:1], tmp_path, "cpu")
    stopped.step()
    stopped.save()
    SegmenterTrainer(recipe, cases, cases[:1], tmp_path, "cpu").run(quiet)
    (curve,) = read_curves(tmp_path)
    assert len(curve.scores) == 1 and not curve.rates
