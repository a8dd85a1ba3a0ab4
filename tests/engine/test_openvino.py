"""The optional extra for processors: the same contours by another library, and PyTorch where it fails."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.answers import RunOptions
from engine.cards.roles import only_input
from engine.errors import EngineError
from engine.inference import openvino
from engine.inference.networks import build_network
from engine.inference.run import run_card
from tests.engine.models import noisy, segmenter_node, write_card

NETWORK = {"network": "SubvoxelUNet", "in_channels": 1, "out_channels": 3, "filters": [8, 12, 16]}


def test_a_converted_network_says_what_the_network_says() -> None:
    pytest.importorskip("openvino", reason="the optional extra is not installed")
    torch.manual_seed(0)
    network = build_network(NETWORK).eval()
    shape = (1, 1, 16, 32, 24)
    image = torch.randn(shape)
    with torch.inference_mode():
        expected = network(image)
    one = openvino.converted(network, "a", shape, torch.float32)
    np.testing.assert_allclose(one(image), expected, atol=1e-4)
    # The answer stays as it is when the next tile is computed.
    first = one(image)
    one(torch.zeros(shape))
    np.testing.assert_allclose(first, expected, atol=1e-4)
    assert openvino.converted(network, "a", shape, torch.float32) is one
    assert openvino.converted(network, "b", shape, torch.float32) is not one


def test_a_long_run_is_done_by_openvino_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino", reason="the optional extra is not installed")
    loaded = write_card(tmp_path / "m", [segmenter_node(tmp_path / "m")], ["Left", "Right"])
    volume, options = noisy((24, 40, 40)), RunOptions(precision="float32")
    plain = run_card(loaded, only_input(loaded.card, volume), device="cpu", options=options)
    assert plain.device == "cpu float32"
    monkeypatch.setattr(openvino, "WORTHWHILE", 1)
    first, second = (run_card(loaded, only_input(loaded.card, volume), device="cpu", options=options) for _ in range(2))
    assert first.device == "cpu float32 by OpenVINO"
    for one, other, third in zip(first.rois, second.rois, plain.rois, strict=True):
        assert one.planes and all(one.area(k).equals_exact(other.area(k), 0) for k in one.planes)
        assert all(one.area(k).symmetric_difference(third.area(k)).area < 0.01 * one.area(k).area for k in one.planes)


def test_where_openvino_fails_pytorch_takes_over_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise EngineError("OpenVINO could not convert the network: no.")

    monkeypatch.setattr(openvino, "is_installed", lambda: True)
    monkeypatch.setattr(openvino, "converted", fail)
    monkeypatch.setattr(openvino, "WORTHWHILE", 1)
    loaded = write_card(tmp_path / "m", [segmenter_node(tmp_path / "m")], ["Left", "Right"])
    result = run_card(
        loaded, only_input(loaded.card, noisy((16, 32, 32))), device="cpu", options=RunOptions(precision="float32")
    )
    assert result.device == "cpu float32" and any(roi.planes for roi in result.rois)
    assert result.notes == ("OpenVINO could not convert the network: no. PyTorch was used instead.",)


def test_each_device_that_was_used_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino", reason="the optional extra is not installed")
    long = segmenter_node(tmp_path / "m", patch=[16, 16, 16])
    short = {**segmenter_node(tmp_path / "m"), "node": "short"}
    short["params"] = {**short["params"], "patch": [32, 48, 48]}
    both = {"node": "mean", "op": "combine", "in": ["net", "short"], "params": {"how": "mean"}}
    loaded = write_card(tmp_path / "m", [long, short, both], ["Left", "Right"])
    monkeypatch.setattr(openvino, "WORTHWHILE", 32 * 48 * 48 + 1)
    result = run_card(
        loaded, only_input(loaded.card, noisy((24, 40, 40))), device="cpu", options=RunOptions(precision="float32")
    )
    assert result.device == "cpu float32 by OpenVINO and cpu float32"
