"""Candidates and their sieve: where spots are, whatever way the image lies, and what is left of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.answers import Box
from engine.cards.roles import only_input
from engine.errors import CardError
from engine.inference.boxes import apart
from engine.inference.run import run_card
from engine.volume import Geometry, Volume
from tests.engine.models import write_card, write_weights

Json = dict[str, Any]
#: [plane, row, column] of the balls of the image.
BALLS = [(6, 20, 40), (12, 44, 14), (15, 10, 12)]
OUTPUT: Json = {"kind": "box", "label": "Spot", "name": "Spot"}


def image(directions: np.ndarray, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Volume:
    """Soft tissue with three balls of 6 mm that are brighter, the first the brightest."""
    shape = (20, 56, 56)
    planes, rows, columns = np.indices(shape).astype(float)
    voxels = np.zeros(shape, np.int16)
    for number, (plane, row, column) in enumerate(BALLS):
        away = ((planes - plane) * spacing[2]) ** 2 + ((rows - row) * spacing[1]) ** 2
        away += ((columns - column) * spacing[0]) ** 2
        voxels[away <= 9] = 300 - 50 * number
    return Volume(voxels, Geometry.regular((5.0, -3.0, 2.0), directions, spacing, shape), modality="MR")


def finder(**changes: Any) -> Json:
    params = {"label": "Spot", "spots": "bright", "diameters_mm": [4, 6], "least": 30, "dimensions": 3}
    return {"node": "spots", "op": "candidates", "in": ["mr"], "params": params | changes}


def found(folder: Path, volume: Volume, graph: list[Json]) -> tuple[Box, ...]:
    inputs = [{"role": "mr", "modality": ["MR"]}]
    loaded = write_card(folder, graph, [OUTPUT], inputs=inputs, preprocess=[{"op": "orient", "params": {}}])
    return run_card(loaded, only_input(loaded.card, volume), device="cpu").boxes


@pytest.mark.parametrize(
    "directions", [np.eye(3), np.diag([-1.0, 1.0, -1.0]), np.eye(3)[:, [1, 2, 0]]], ids=["axial", "turned", "coronal"]
)
def test_spots_are_boxed_on_the_image_s_own_planes_however_it_lies(tmp_path: Path, directions: np.ndarray) -> None:
    boxes = found(tmp_path / "m", image(directions), [finder()])
    assert len(boxes) == len(BALLS)
    for box, ball in zip(boxes, BALLS, strict=True):
        middle = (np.array(box.low_kji) + np.array(box.high_kji)) / 2
        assert np.abs(middle - ball).max() <= 0.5
        # A ball of 6 mm, and the sizes that were looked for are 4 and 6.
        assert np.abs(np.array(box.high_kji) - box.low_kji - 6).max() <= 2.01
    assert [box.number for box in boxes] == [1, 2, 3]
    assert boxes[0].value == 1 > boxes[1].value > boxes[2].value


def test_boxes_keep_their_size_in_millimetres_where_voxels_are_long(tmp_path: Path) -> None:
    boxes = found(tmp_path / "m", image(np.eye(3), (1.0, 1.0, 2.0)), [finder(diameters_mm=[6])])
    assert len(boxes) == len(BALLS)
    for box in boxes:
        assert np.array(box.high_kji) - box.low_kji == pytest.approx((3, 6, 6))


def test_spots_of_one_plane_are_boxes_of_one_plane(tmp_path: Path) -> None:
    boxes = found(tmp_path / "m", image(np.eye(3)), [finder(dimensions=2, most=1)])
    assert len(boxes) == 1
    assert boxes[0].high_kji[0] - boxes[0].low_kji[0] == 1


def test_spots_are_looked_for_only_where_an_earlier_node_found_something(tmp_path: Path) -> None:
    bright = {"node": "lung", "op": "threshold", "in": ["mr"], "params": {"label": "Lung", "low": 240}}
    boxes = found(tmp_path / "m", image(np.eye(3)), [bright, finder() | {"in": ["mr", "lung"]}])
    middles = {tuple(np.rint((np.array(box.low_kji) + np.array(box.high_kji)) / 2).astype(int)) for box in boxes}
    assert middles == {BALLS[0], BALLS[1]}


class Brightness(torch.nn.Module):
    """Sure of what is brighter than 270 in the middle of the crop."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(0.1))

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        middle = crops.shape[-1] // 2
        return (crops[:, 0, middle, middle, None] - 270) * self.scale


def test_a_sieve_keeps_what_its_network_believes_and_judges_the_crop_around_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.inference.sieve.load_networks", lambda *_: [Brightness().eval()])
    weights = write_weights(tmp_path / "m", "sieve", Brightness())
    params = {"network": {"network": "ConvClassifier"}, "labels": ["Spot"], "activation": "sigmoid",
              "pixels": [1, 17, 17], "edge_mm": 17, "keep": 0.5}  # fmt: skip
    judge = {"node": "sure", "op": "sieve", "in": ["mr", "spots"], "weights": [weights], "params": params}
    boxes = found(tmp_path / "m", image(np.eye(3)), [finder(), judge])
    assert len(boxes) == 1 and boxes[0].value == pytest.approx(1 / (1 + np.exp(-3)), abs=0.01)
    assert np.abs((np.array(boxes[0].low_kji) + boxes[0].high_kji) / 2 - BALLS[0]).max() <= 0.5


def test_an_image_without_spots_has_no_boxes(tmp_path: Path) -> None:
    plain = image(np.eye(3))
    plain = Volume(np.zeros_like(plain.voxels), plain.geometry, modality="MR")
    assert not found(tmp_path / "m", plain, [finder()])


def test_a_channel_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="channel 2, and there are 1"):
        found(tmp_path / "m", image(np.eye(3)), [finder(channel=2)])


def test_places_closer_than_half_a_size_count_once() -> None:
    centres = np.array([[0.0, 0, 0], [0, 0, 1.9], [0, 0, 2.1], [0, 0, 4.2]])
    assert apart(centres, np.full(4, 4.0), 10) == [0, 2, 3]
    assert apart(centres, np.full(4, 4.0), 2) == [0, 2]
