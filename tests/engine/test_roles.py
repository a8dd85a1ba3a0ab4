"""Which image plays which role for a card."""

import json

from engine.cards.registry import SHIPPED
from engine.cards.roles import Casting, Traits, cast
from engine.cards.schema import Card

CT, PET = Traits("CT", "1.1"), Traits("PT", "1.1")


def two_inputs(**pet: object) -> Card:
    values = json.loads((SHIPPED / "external" / "card.json").read_text())
    values["inputs"] = [
        {"role": "ct", "modality": ["CT"]},
        {"role": "pet", "modality": ["PT"], "register_to": "ct", **pet},
    ]
    values["graph"][0]["in"] = ["ct"]
    return Card.model_validate(values)


def play(card: Card, *images: Traits, **chosen: Traits) -> Casting[Traits]:
    return cast(card, images, lambda image: image, chosen)


def test_images_that_leave_no_choice_are_cast_by_themselves() -> None:
    casting = play(two_inputs(), CT, PET, Traits("MR", "1.1"))
    assert casting.inputs["ct"] is CT and casting.inputs["pet"] is PET
    assert not casting.missing and not casting.open


def test_the_open_series_goes_before_others_of_its_kind() -> None:
    planning = Traits("CT", "1.1")
    casting = play(two_inputs(), CT, planning, PET)
    assert casting.inputs["ct"] is CT and not casting.open
    assert play(two_inputs(), PET, CT).inputs["pet"] is PET


def test_between_two_of_a_kind_a_person_decides() -> None:
    early, late = Traits("PT", "1.1"), Traits("PT", "1.1")
    casting = play(two_inputs(), CT, early, late)
    assert casting.open == {"pet": (early, late)} and "pet" not in casting.inputs
    assert play(two_inputs(), CT, early, late, pet=late).inputs["pet"] is late


def test_the_frame_of_reference_of_the_open_series_decides_where_it_can() -> None:
    elsewhere = Traits("PT", "2.2")
    assert play(two_inputs(), CT, elsewhere, PET).inputs["pet"] is PET
    assert play(two_inputs(), CT, elsewhere).inputs["pet"] is elsewhere


def test_what_is_missing_is_named_unless_it_is_not_required() -> None:
    (missing,) = play(two_inputs(), CT).missing
    assert missing.role == "pet"
    assert play(two_inputs(required=False), CT).missing == ()
