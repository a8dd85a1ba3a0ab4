"""Boxes of planes become boxes of things."""

import numpy as np
import pytest

from engine.errors import CardError
from engine.inference.boxes import Boxes
from engine.inference.plane_boxes import merged
from engine.inference.preprocess import Prepared, prepare
from engine.operations.merge_planes import Params
from engine.volume import Geometry, Volume


@pytest.fixture(scope="module")
def image() -> Prepared:
    voxels = np.zeros((8, 40, 40), np.int16)
    return prepare(Volume(voxels, Geometry.regular((0, 0, 0), np.eye(3), (1, 1, 3), voxels.shape), "MR", ""), [])


def boxes(image: Prepared, *told: tuple[int, float, float, float, int]) -> Boxes:
    """Squares of ten pixels: plane, first row, first column, value, label."""
    low = np.array([[plane - 0.5, row, column] for plane, row, column, _, _ in told])
    values = np.zeros((len(told), 2), np.float32)
    for index, (_, _, _, value, label) in enumerate(told):
        values[index, label] = value
    return Boxes(("Node", "Vessel"), image, low, low + np.array([1, 10, 10]), values)


def test_a_thing_runs_from_its_first_plane_to_its_last_and_is_as_sure_as_its_surest_box(image: Prepared) -> None:
    found = merged(Params(), boxes(image, (3, 6, 5, 0.9, 0), (2, 5, 5, 0.4, 0), (4, 7, 6, 0.5, 0)), "m")
    assert found.low.tolist() == [[1.5, 5, 5]] and found.high.tolist() == [[4.5, 17, 16]]
    assert found.values == pytest.approx(np.array([[0.9, 0]]))


def test_two_things_side_by_side_stay_two(image: Prepared) -> None:
    # The box of the upper plane covers both of the lower; only one of them may have it.
    found = merged(Params(overlap=0.2), boxes(image, (2, 5, 0, 0.8, 0), (2, 5, 8, 0.7, 0), (3, 5, 5, 0.6, 0)), "m")
    assert len(found) == 2 and sorted((found.high - found.low)[:, 0]) == [1, 2]
    # It is that which it covers more.
    assert found.low[(found.high - found.low)[:, 0] == 2, 2] == [5]


def test_other_labels_a_plane_without_a_box_and_boxes_far_away_are_other_things(image: Prepared) -> None:
    told = ((2, 5, 5, 0.8, 0), (3, 5, 5, 0.7, 1), (4, 5, 5, 0.6, 0), (5, 25, 25, 0.5, 0))
    found = merged(Params(), boxes(image, *told), "m")
    assert found.values.max(axis=1) == pytest.approx([0.8, 0.7, 0.6, 0.5])


def test_short_and_unlikely_things_are_dropped(image: Prepared) -> None:
    told = boxes(image, (2, 5, 5, 0.8, 0), (6, 5, 5, 0.3, 0), (7, 5, 5, 0.2, 0))
    assert merged(Params(least_planes=2), told, "m").values.max() == pytest.approx(0.3)
    assert merged(Params(keep=0.5), told, "m").values.max() == pytest.approx(0.8)
    assert len(merged(Params(keep=0.5, least_planes=2), told, "m")) == 0


def test_boxes_of_volumes_are_refused(image: Prepared) -> None:
    tall = boxes(image, (2, 5, 5, 0.8, 0))
    with pytest.raises(CardError, match="reach over several"):
        merged(Params(), Boxes(tall.labels, image, tall.low, tall.high + np.array([3, 0, 0]), tall.values), "m")
