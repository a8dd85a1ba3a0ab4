"""What the networks of the shipped models look at does not depend on how a patient's image is stored."""

import numpy as np
import pytest

from engine.cards.registry import SHIPPED
from engine.cards.schema import Card, parse_card
from engine.inference.preprocess import Prepared, prepare
from engine.operations import segment
from engine.volume import Geometry, Volume

PICTURES = ("rgb", "grey")
SIZE_MM = 44.8


def drawing() -> list[Card]:
    cards = [parse_card(path.read_bytes(), str(path)) for path in sorted(SHIPPED.glob("*/card.json"))]
    return [card for card in cards if flips_of(card) is not None and card.inputs[0].units not in PICTURES]


def on_pictures() -> list[Card]:
    cards = [parse_card(path.read_bytes(), str(path)) for path in sorted(SHIPPED.glob("*/card.json"))]
    return [card for card in cards if flips_of(card) is not None and card.inputs[0].units in PICTURES]


def flips_of(card: Card) -> tuple[str, ...] | None:
    """The mirrored copies that the card's network averages; None where it has none that segments."""
    networks = [node.params for node in card.graph if isinstance(node.params, segment.Params)]
    return tuple(networks[0].flips) if networks else None


def image_of(card: Card, pixel: float, rows: int = 1) -> Volume:
    """A ramp, 44.8 mm wide, its rows stored from back to front where `rows` is -1."""
    shape = (9, round(SIZE_MM / pixel), round(SIZE_MM / pixel))
    z, y, x = np.meshgrid(*(np.arange(size, dtype=np.float32) for size in shape), indexing="ij")
    values = (10 * x + 3 * y * pixel + z).astype(np.float32)
    origin = (0.0, 0.0 if rows == 1 else (shape[1] - 1) * pixel, 0.0)
    axes = np.eye(3) @ np.diag([1, rows, rows])
    # Turned by half a turn about x, as a right-handed frame must be.
    place = (origin[0], origin[1], 0.0 if rows == 1 else 8 * 2.0)
    geometry = Geometry.regular(place, axes, (pixel, pixel, 2.0), shape)
    stored = values[::rows, ::rows]
    wanted = card.inputs[0]
    return Volume(np.ascontiguousarray(stored), geometry, wanted.modality[0], wanted.units)


def seen(card: Card, image: Volume) -> Prepared:
    return prepare(image, card.steps_of(card.inputs[0].role))


@pytest.mark.parametrize("card", drawing(), ids=lambda card: card.id)
def test_a_network_sees_pixels_of_about_one_size_however_fine_the_image_is(card: Card) -> None:
    coarse, fine = seen(card, image_of(card, 1.4)), seen(card, image_of(card, 0.35))
    for one, other in zip(coarse.spacing[1:], fine.spacing[1:], strict=True):
        assert max(one, other) / min(one, other) < 1.45


@pytest.mark.parametrize("card", drawing(), ids=lambda card: card.id)
def test_a_network_sees_the_same_whichever_way_round_the_image_is_stored(card: Card) -> None:
    if set(flips_of(card) or ()) >= {"left-right", "anterior-posterior"}:
        pytest.skip("The mirrored copies that it averages are those of the other storage.")
    one, other = seen(card, image_of(card, 1.4)), seen(card, image_of(card, 1.4, rows=-1))
    np.testing.assert_allclose(one.values, other.values, atol=0.05)


@pytest.mark.parametrize("card", on_pictures(), ids=lambda card: card.id)
def test_a_network_that_outlines_sees_a_picture_at_one_width_and_in_its_own_shape(card: Card) -> None:
    shapes = []
    for times in (1, 2):
        shape = (1, 200 * times, 320 * times)
        shapes.append(seen(card, Volume(np.zeros(shape, np.uint8), Geometry.picture(shape), "US", "")).shape)
    assert shapes[0] == shapes[1] and shapes[0][2] / shapes[0][1] == pytest.approx(1.6, abs=0.01)


def test_the_models_that_are_tried_are_those_that_draw_on_volumes() -> None:
    assert {card.id for card in drawing()} >= {"abdomen-oar", "glioma-mr", "heart-mr", "hippocampus-mr", "liver-mr"}
    assert [card.id for card in on_pictures()] == ["breast-us"]
