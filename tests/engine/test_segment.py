"""Tiles, flips, ensembles and memory, against MONAI's sliding window on the same network."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.inferers.utils import sliding_window_inference
from torch import nn

from engine.answers import RunOptions
from engine.cards.registry import LoadedCard
from engine.cards.roles import only_input
from engine.errors import CancelledError, CardError, EngineError
from engine.inference import devices, segment
from engine.inference.context import Context
from engine.inference.devices import Device
from engine.inference.maps import Maps
from engine.inference.networks import SubsampledConv2d, faster_norms, last_layers_in_float32, safe_strides
from engine.inference.preprocess import prepare
from engine.inference.run import run_card
from engine.inference.segment import run_segmenter, tile_starts
from engine.operations.segment import Params
from engine.volume import Geometry, Volume
from tests.engine.models import UNET, network_of, noisy, segmenter_node, write_card, write_weights

FULL = RunOptions(precision="float32")

#: Probabilities below the first are not kept; those that are kept have the 11 bits of half precision, so that the
#: largest is off by half of the second.
KEPT, HALF_BIT = 0.01, 2.0**-11


def agree(found: np.ndarray, expected: np.ndarray, roundings: int = 1) -> None:
    """Two maps are the same but for so many roundings, and for what lies so near to `KEPT` that one has dropped it."""
    apart = np.abs(found - np.where(expected >= KEPT, expected, 0))
    assert apart.max() <= KEPT + roundings * HALF_BIT
    both = (found > 0) & (expected >= KEPT)
    assert apart[both].max(initial=0) <= roundings * HALF_BIT


def dense(loaded: LoadedCard, volume: Volume, options: RunOptions = FULL) -> tuple[np.ndarray, Maps]:
    """(labels, planes, rows, columns) probabilities of a card's segmenter."""
    node = loaded.card.graph[0]
    assert isinstance(node.params, Params)
    context = Context(loaded, {"ct": volume}, "cpu", options, node=node)
    maps = run_segmenter(node.params, prepare(volume, loaded.card.preprocess), context)
    return maps.dense(maps.labels).astype(np.float32), maps


def in_one(loaded: LoadedCard, volume: Volume, seed: int = 0, arguments: dict[str, Any] = UNET) -> torch.Tensor:
    image = torch.from_numpy(((volume.voxels.astype(np.float32) + 500) / 1000).clip(0, 1) * 2 - 1)[None, None]
    with torch.inference_mode():
        return network_of(arguments, seed)(image)


@pytest.mark.parametrize("arguments", [
    {"network": "SubvoxelUNet", "in_channels": 2, "out_channels": 3, "filters": [8, 16, 16]},
    {"network": "DynUNet", "spatial_dims": 3, "in_channels": 2, "out_channels": 3, "kernel_size": [3] * 3,
     "strides": [1, 2, 2], "upsample_kernel_size": [2, 2], "filters": [8, 16, 16], "norm_name": "instance"},
])  # fmt: skip
def test_a_network_with_faster_norms_is_the_same_network(arguments: dict[str, Any]) -> None:
    slow, fast = network_of(arguments, 3), faster_norms(network_of(arguments, 3))
    assert not any(isinstance(module, nn.InstanceNorm3d) for module in fast.modules())
    assert list(fast.state_dict()) == list(slow.state_dict())
    for name, weights in fast.named_parameters():
        if "norm" in name:
            torch.nn.init.uniform_(weights)
    slow.load_state_dict(fast.state_dict())
    image = torch.rand(2, 2, 16, 16, 24).double()
    # In double precision what differs is the order of sums, far below any processor's way of doing single ones.
    with torch.inference_mode():
        assert torch.allclose(fast.double()(image), slow.double()(image), rtol=1e-9, atol=1e-9)


def test_a_network_with_safe_strides_is_the_same_network() -> None:
    arguments = {"network": "PatchNet", "in_channels": 1, "num_classes": 3, "filters": [8, 12], "dropout": 0.0}
    plain, safe = network_of(arguments, 3), safe_strides(network_of(arguments, 3))
    assert sum(isinstance(module, SubsampledConv2d) for module in safe.modules()) == 2
    assert list(safe.state_dict()) == list(plain.state_dict())
    image = torch.rand(2, 1, 17, 24).double()
    answers = [network.double()(image) for network in (plain, safe)]
    for answer in answers:
        answer.square().sum().backward()
    assert torch.allclose(*answers, rtol=1e-9, atol=1e-9)
    for expected, found in zip(plain.parameters(), safe.parameters(), strict=True):
        assert expected.grad is not None and found.grad is not None
        assert torch.allclose(found.grad, expected.grad, rtol=1e-9, atol=1e-9)


def test_sums_of_large_images_are_kept_in_half_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = write_card(tmp_path / "m", [segmenter_node(tmp_path / "m")], ["Left", "Right"])
    volume = noisy((24, 48, 48))
    expected, _ = dense(loaded, volume)
    monkeypatch.setattr(segment, "_LARGE_SUMS", 0)
    found, _ = dense(loaded, volume)
    # Each of up to 8 tiles that overlap is rounded when it is added, the sum of their weights too.
    assert (found != expected).any()
    agree(found, expected, 9)


def test_in_half_precision_logits_are_not_rounded() -> None:
    network = network_of({"network": "SubvoxelUNet", "in_channels": 1, "out_channels": 3, "filters": [8, 16, 16]})
    image = torch.rand(1, 1, 16, 16, 16)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        rounded = network(image)
        logits = last_layers_in_float32(network)(image)
    assert rounded.dtype == torch.bfloat16 and logits.dtype == torch.float32
    # The last layer's weights and answers have 8 bits in the one and 24 in the other.
    assert (logits - rounded.float()).abs().max() < 2 * 2.0**-8 * logits.abs().max()
    # Of numbers with 24 bits one in 65536 is also one with 8.
    assert (logits == logits.bfloat16()).float().mean() < 0.01


def test_one_tile_is_the_network_itself(tmp_path: Path) -> None:
    loaded = write_card(tmp_path / "m", [segmenter_node(tmp_path / "m")], ["Left", "Right"])
    volume = noisy((16, 32, 32))
    found, _ = dense(loaded, volume)
    expected = torch.softmax(in_one(loaded, volume)[0], 0)[1:].numpy()
    agree(found, expected)


@pytest.mark.parametrize("shape", [(32, 48, 64), (24, 32, 80), (9, 20, 40)])
def test_tiles_are_blended_as_monai_blends_them(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    loaded = write_card(tmp_path / "m", [segmenter_node(tmp_path / "m")], ["Left", "Right"])
    volume = noisy(shape)
    found, _ = dense(loaded, volume)
    image = torch.from_numpy(((volume.voxels.astype(np.float32) + 500) / 1000).clip(0, 1) * 2 - 1)[None, None]
    network = network_of(UNET)
    with torch.inference_mode():
        # Of these sizes the tiles of both start at the same voxels.
        peer = sliding_window_inference(
            image, (16, 32, 32), 1, lambda tile: torch.softmax(network(tile), 1), 0.5, "gaussian",
            padding_mode="constant", cval=-1,
        )  # fmt: skip
    assert isinstance(peer, torch.Tensor)
    expected = peer[0, 1:].numpy()
    agree(found, expected)
    assert (found.sum(axis=0) > 0.5).any() and (found.sum(axis=0) < 0.5).any()


def test_starts_cover_the_axis_evenly_with_the_overlap() -> None:
    for size, patch, overlap in [(100, 32, 0.5), (33, 32, 0.5), (32, 32, 0.5), (7, 32, 0.0), (1000, 80, 0.25)]:
        starts = tile_starts(size, patch, overlap)
        assert starts[0] == 0 and starts[-1] == max(size - patch, 0)
        assert all(b - a <= patch * (1 - overlap) + 1 for a, b in itertools.pairwise(starts))


def test_the_same_input_gives_the_same_contours(tmp_path: Path) -> None:
    loaded = write_card(tmp_path / "m", [segmenter_node(tmp_path / "m")], ["Left", "Right"])
    volume = noisy((24, 40, 40))
    first, second = (run_card(loaded, only_input(loaded.card, volume), device="cpu") for _ in range(2))
    for one, other in zip(first.rois, second.rois, strict=True):
        assert one.planes and list(one.planes) == list(other.planes)
        assert all(one.area(k).equals_exact(other.area(k), 0) for k in one.planes)
        assert dict(one.expected_edit) == dict(other.expected_edit)


def test_a_flip_swaps_left_and_right_labels(tmp_path: Path) -> None:
    node = segmenter_node(tmp_path / "m", flips=["left-right"], mirror_pairs=[["Left", "Right"]])
    loaded = write_card(tmp_path / "m", [node], ["Left", "Right"])
    volume = noisy((16, 32, 32))
    mirrored = Volume(np.ascontiguousarray(volume.voxels[:, :, ::-1]), volume.geometry, "CT", "HU")
    found, _ = dense(loaded, volume)
    other, _ = dense(loaded, mirrored)
    # Averaged over the mirror, the answer to the mirrored image is the mirrored answer with the labels swapped.
    agree(found, other[::-1, :, :, ::-1], 2)
    without, _ = dense(loaded, volume, RunOptions(precision="float32", flips=False))
    # An untrained network answers the mirrored image otherwise, so that the mean is another.
    assert np.abs(found - without).mean() > 0.02


def test_an_ensemble_is_the_mean_of_its_networks(tmp_path: Path) -> None:
    both = write_card(tmp_path / "m", [segmenter_node(tmp_path / "m", (0, 1))], ["Left", "Right"])
    volume = noisy((16, 32, 32))
    found, _ = dense(both, volume)
    parts = [torch.softmax(in_one(both, volume, seed)[0], 0)[1:].numpy() for seed in (0, 1)]
    expected = np.mean(parts, axis=0)
    agree(found, expected)


def test_structures_whose_colours_the_card_does_not_say_have_different_ones(tmp_path: Path) -> None:
    loaded = write_card(tmp_path / "m", [segmenter_node(tmp_path / "m")], ["Left", "Right"])
    images = only_input(loaded.card, noisy((16, 24, 24)))
    both = run_card(loaded, images, device="cpu").rois
    assert both[0].colour != both[1].colour
    (alone,) = run_card(loaded, images, device="cpu", options=RunOptions(only=frozenset({"Right"}))).rois
    assert alone.colour == both[1].colour


def test_neighbours_lines_meet_without_gap_or_overlap(tmp_path: Path) -> None:
    loaded = write_card(tmp_path / "m", [segmenter_node(tmp_path / "m")], ["Left", "Right"])
    _, maps = dense(loaded, noisy((16, 32, 32)))
    left, right = maps.map("Left"), maps.map("Right")
    assert left is not None and right is not None
    whole = [np.zeros(maps.prepared.shape, bool) for _ in range(2)]
    for one, mask in zip((left, right), whole, strict=True):
        at = np.rint(maps.prepared.geometry.kji_from_lps(one.geometry.lps_from_kji([[0, 0, 0]]))[0]).astype(int)
        mask[tuple(slice(a, a + n) for a, n in zip(at, one.geometry.shape, strict=True))] = one.mask
    # Ties, rounded to half precision, are all that both may have.
    assert (whole[0] & whole[1]).mean() < 1e-3


def test_a_2d_network_sees_its_neighbouring_planes_as_channels(tmp_path: Path) -> None:
    arguments = UNET | {"spatial_dims": 2, "in_channels": 3}
    node = segmenter_node(
        tmp_path / "m", arguments=arguments, dimensions=2, context_planes=1, patch=[1, 32, 32], overlap=0.0
    )
    loaded = write_card(tmp_path / "m", [node], ["Left", "Right"])
    volume = noisy((5, 32, 32))
    found, _ = dense(loaded, volume)
    image = torch.from_numpy(((volume.voxels.astype(np.float32) + 500) / 1000).clip(0, 1) * 2 - 1)
    with torch.inference_mode():
        expected = torch.softmax(network_of(arguments)(image[1:4][None])[0], 0)[1:].numpy()
    agree(found[:, 2], expected)


def test_sigmoid_labels_may_overlap(tmp_path: Path) -> None:
    arguments = UNET | {"out_channels": 2}
    node = segmenter_node(tmp_path / "m", arguments=arguments, activation="sigmoid")
    loaded = write_card(tmp_path / "m", [node], ["Left", "Right"])
    volume = noisy((16, 32, 32))
    found, _ = dense(loaded, volume)
    expected = torch.sigmoid(in_one(loaded, volume, arguments=arguments)[0]).numpy()
    agree(found, expected)
    assert ((found[0] > 0.5) & (found[1] > 0.5)).any()


def test_tiles_without_patient_are_not_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pre = [
        {"op": "orient", "params": {}},
        {"op": "mask_body", "params": {}},
        {"op": "windows", "params": {"windows": [[-500, 500]]}},
    ]
    loaded = write_card(tmp_path / "m", [segmenter_node(tmp_path / "m")], ["Left", "Right"], preprocess=pre)
    geometry = Geometry.regular((0, 0, 0), np.eye(3), (2, 2, 2), (16, 96, 96))
    voxels = np.full(geometry.shape, -1000, np.int16)
    voxels[:, 4:28, 4:28] = 40
    ran: list[int] = []
    real = segment.Sweep._predict
    monkeypatch.setattr(segment.Sweep, "_predict", lambda self, n, tile: ran.append(1) or real(self, n, tile))
    dense(loaded, Volume(voxels, geometry, "CT", "HU"))
    assert 0 < len(ran) <= 4 < len(tile_starts(96, 32, 0.5)) ** 2


def test_when_memory_runs_out_tiles_get_smaller_and_then_the_cpu_takes_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = segmenter_node(tmp_path / "m", patch=[16, 128, 128])
    loaded = write_card(tmp_path / "m", [node], ["Left", "Right"])
    real = segment.Sweep._predict
    tried: list[tuple[str, int]] = []

    def scarce(self: segment.Sweep, networks: Any, tile: torch.Tensor) -> torch.Tensor:
        tried.append((self.device.name, tile.numel()))
        if self.device.name == "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, networks, tile)

    def to(self: torch.nn.Module, *args: Any) -> torch.nn.Module:
        return self

    monkeypatch.setattr(segment.Sweep, "_predict", scarce)
    monkeypatch.setattr(torch.nn.Module, "to", to)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (0, 0))
    monkeypatch.setattr(devices, "devices_to_try", lambda *_: [Device("cuda"), Device("cpu")])
    result = run_card(loaded, only_input(loaded.card, noisy((16, 128, 128))), device="auto")
    sizes = [size for name, size in tried if name == "cuda"]
    assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) > 1
    assert result.device.startswith("cpu")
    assert any("smaller tiles" in note for note in result.notes)
    assert any("ran out on cuda" in note for note in result.notes)


def test_a_device_that_is_not_there_is_refused_in_words(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    loaded = write_card(tmp_path / "m", [segmenter_node(tmp_path / "m")], ["Left", "Right"])
    with pytest.raises(EngineError, match="no device 'cuda'"):
        run_card(loaded, only_input(loaded.card, noisy((16, 32, 32))), device="cuda")


def test_a_run_stops_between_tiles(tmp_path: Path) -> None:
    loaded = write_card(tmp_path / "m", [segmenter_node(tmp_path / "m")], ["Left", "Right"])
    seen: list[str] = []

    def stop(fraction: float, stage: str) -> None:
        seen.append(stage)
        if stage.startswith("Tile 3"):
            raise CancelledError("Stopped.")

    with pytest.raises(CancelledError):
        run_card(loaded, only_input(loaded.card, noisy((40, 70, 70))), progress=stop)
    assert seen[-1].startswith("Tile 3 of")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    node = segmenter_node(tmp_path / "m")
    node["weights"] = [write_weights(tmp_path / "m", "other", network_of(UNET | {"channels": [8, 8, 8]}))]
    loaded = write_card(tmp_path / "m", [node], ["Left", "Right"])
    with pytest.raises(CardError, match="not those of the network"):
        run_card(loaded, only_input(loaded.card, noisy((16, 32, 32))))


def test_a_network_with_other_channels_than_labels_is_refused(tmp_path: Path) -> None:
    node = segmenter_node(tmp_path / "m", labels=["Left"])
    loaded = write_card(tmp_path / "m", [node], ["Left"])
    with pytest.raises(CardError, match="1 labels, but its network has 3"):
        run_card(loaded, only_input(loaded.card, noisy((16, 32, 32))))


def test_what_is_held_does_not_grow_with_the_length_of_the_patient(tmp_path: Path) -> None:
    loaded = write_card(tmp_path / "m", [segmenter_node(tmp_path / "m")], ["Left", "Right"])
    largest: list[int] = []
    real = torch.zeros

    def counted(*args: Any, **kwargs: Any) -> torch.Tensor:
        made = real(*args, **kwargs)
        largest.append(made.numel())
        return made

    peaks = []
    for planes in (32, 64):
        largest.clear()
        torch.zeros = counted  # type: ignore[assignment]
        try:
            dense(loaded, noisy((planes, 40, 40)))
        finally:
            torch.zeros = real  # type: ignore[assignment]
        peaks.append(max(largest))
    assert peaks[0] == peaks[1]
