"""Contours of imported models between the samples of a network's grid: where logits cross, as upstream has it."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from engine.cards.schema import Output
from engine.inference.maps import Maps
from engine.inference.preprocess import AxisOrder
from engine.inference.structures import found_from_maps, margins
from engine.progress import silent
from engine.volume import Geometry

#: Logits of the left structure against the right one, along the columns; 2 mm apart.
ALONG = np.array([8.0, 7.0, 6.0, -2.0, -6.0, -8.0])
CROSSING_MM = 2 * (2 + 6 / 8)


def context(imported_from: str, image: Geometry) -> Any:
    card = SimpleNamespace(
        provenance=SimpleNamespace(imported_from=imported_from), post=(),
        uncertainty=SimpleNamespace(method="none", draw_bands=False),
    )  # fmt: skip
    return SimpleNamespace(card=card, volume=SimpleNamespace(geometry=image), timed=lambda name, began: began)


def maps() -> Maps:
    geometry = Geometry.regular((0, 0, 0), np.eye(3), (2.0, 2.0, 2.0), (3, 6, 6))
    prepared = cast(Any, SimpleNamespace(geometry=geometry, shape=(3, 6, 6), axes=AxisOrder((0, 1, 2), ())))
    left = np.broadcast_to(1 / (1 + np.exp(-ALONG)), (3, 6, 6))
    return Maps.from_dense(("a", "b"), prepared, np.stack([left, 1 - left]), exclusive=True)


@pytest.mark.parametrize("label", ["a", "b"])
def test_the_line_between_two_structures_lies_where_their_logits_cross(label: str) -> None:
    fine = Geometry.regular((0, 0, 0), np.eye(3), (0.25, 0.25, 2.0), (3, 41, 41))
    output = Output.model_validate({"kind": "mask", "label": label, "name": label})
    found = found_from_maps(cast(Any, context("nnU-Net v2", fine)), maps(), output, silent)
    low, _, high, _ = found.areas[1].bounds
    edge = high if label == "a" else low
    assert edge == pytest.approx(CROSSING_MM, abs=0.1), "where probabilities cross is 0.4 mm from there"


def test_the_level_is_kept_and_a_lead_of_nothing_is_far_below_it() -> None:
    lead = np.array([0.0, 0.3, 0.3001, 0.5, 1.0], np.float32)
    made = margins(lead, 0.3)
    assert made[0] == 0 and made[4] == 1 and made[1] == pytest.approx(0.5)
    assert (np.diff(made) > 0).all()
    assert margins(lead, 0.5)[3] == 0.5
