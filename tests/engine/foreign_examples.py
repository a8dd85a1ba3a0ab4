"""Graphs with the operations for networks of other programs: word → (graph, outputs, what must be seen of a result)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.answers import Result
from engine.volume import Volume
from tests.engine.models import UNET, network_of, write_weights

Json = dict[str, Any]


def windows(folder: Path) -> list[Json]:
    params = {
        "network": UNET, "labels": ["Left", "Right"], "patch": [16, 32, 32], "overlap": [0.5] * 3, "axes": "RAS",
        "before": [{"do": "scale_range", "low": -500, "high": 500, "to_low": 0, "to_high": 1}],
    }  # fmt: skip
    weights = [write_weights(folder, "windows", network_of(UNET))]
    return [{"node": "net", "op": "sliding_window", "in": ["ct"], "weights": weights, "params": params}]


def whole(folder: Path) -> list[Json]:
    network = {"network": "ConvClassifier", "in_shape": [1, 16, 16, 8], "classes": 2, "channels": [4], "strides": [2]}
    before = [{"do": "resize", "size": [16, 16, 8]}, {"do": "normalise"}]
    params = {"network": network, "labels": ["a", "b"], "before": before}
    weights = [write_weights(folder, "whole", network_of(network))]
    return [{"node": "net", "op": "whole_image", "in": ["ct"], "weights": weights, "params": params}]


def drawn(result: Result, volume: Volume) -> bool:
    return any(not roi.is_empty for roi in result.rois)


def shared_out(result: Result, volume: Volume) -> bool:
    return sum(score.value for score in result.scores) == pytest.approx(1)


def _outputs(kind: str, *labels: str) -> list[Json]:
    return [{"kind": kind, "label": label, "name": label} for label in labels]


FOREIGN: dict[str, tuple[Callable[[Path], list[Json]], list[Json], Callable[[Result, Volume], bool]]] = {
    "sliding_window": (windows, _outputs("mask", "Left", "Right"), drawn),
    "whole_image": (whole, _outputs("score", "a", "b"), shared_out),
}
