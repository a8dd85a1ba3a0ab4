"""A card refuses, in words, what it was not made for."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.answers import RunOptions
from engine.cards.registry import SHIPPED, LoadedCard
from engine.cards.roles import only_input
from engine.cards.schema import Card
from engine.cards.suitability import why_unsuitable
from engine.errors import UnsuitableInputError
from engine.inference.networks import build_network
from engine.inference.run import run_card
from engine.volume import Geometry, Volume
from tests.engine.models import UNET, segmenter_node, write_card, write_weights
from tests.engine.phantoms import make_scene

#: A network whose last bias alone speaks when its other weights are nil.
FLAT: dict[str, Any] = UNET | {"num_res_units": 0, "norm": "instance"}


def made_for(**changes: Any) -> Card:
    values: dict[str, Any] = {
        "id": "x", "version": "1", "task": "segment", "title": "The model", "fidelity": "modern", "badge": "runs",
        "inputs": [{"role": "ct", "modality": ["CT"], "units": "HU", **changes}],
        "graph": [{"node": "a", "op": "body_outline", "in": ["ct"], "params": {}}],
        "outputs": [{"kind": "mask", "label": "External", "name": "External"}],
    }  # fmt: skip
    return Card.model_validate(values)


@pytest.fixture(scope="module")
def ct() -> Volume:
    return make_scene(planes=12, spacing=(2.0, 2.0, 3.0)).volume


def test_what_it_was_made_for_suits(ct: Volume) -> None:
    limits: dict[str, Any] = {
        "spacing_mm": [0.5, 3], "plane_spacing_mm": [1, 5], "least_extent_mm": [100, 100, 30],
        "most_extent_mm": [700, 700, 2000], "orientation": "axial",
    }  # fmt: skip
    assert why_unsuitable(made_for(**limits), {"ct": ct}) == []


@pytest.mark.parametrize(
    ("changes", "words", "overridable"),
    [
        ({"modality": ["MR"], "units": ""}, "made for MR, and this image is CT", True),
        ({"modality": ["PT"], "units": "SUVbw"}, "needs values in SUVbw, and this image has HU", False),
        ({"spacing_mm": [0.2, 1.5]}, "pixels are 2 × 2 mm", True),
        ({"plane_spacing_mm": [0.2, 1.5]}, "planes are 3 mm apart", True),
        (
            {"least_extent_mm": [0, 0, 200], "covers": "head to shoulders"},
            "36 mm head to feet.*head to shoulders",
            True,
        ),
        ({"most_extent_mm": [100, 900, 900]}, "at most 100 mm", True),
        ({"orientation": "sagittal"}, "planes are not sagittal", True),
    ],
)
def test_each_reason_is_told(ct: Volume, changes: dict[str, Any], words: str, overridable: bool) -> None:
    refusals = why_unsuitable(made_for(**changes), {"ct": ct})
    assert any(re.search(words, refusal.text) for refusal in refusals), refusals
    assert all(refusal.overridable for refusal in refusals) == overridable


def test_of_uneven_planes_the_widest_and_the_narrowest_gap_count_and_are_told(ct: Volume) -> None:
    origins = ct.geometry.origins_lps.copy()
    origins[-1] += 6 * ct.geometry.normal
    uneven = dataclasses.replace(ct, geometry=dataclasses.replace(ct.geometry, origins_lps=origins))
    assert uneven.geometry.plane_spacing == 3.0
    (wide,) = why_unsuitable(made_for(plane_spacing_mm=[1, 5]), {"ct": uneven})
    assert wide.overridable and wide.text == "The planes are 3 to 9 mm apart; The model is made for 1 to 5 mm."
    (narrow,) = why_unsuitable(made_for(plane_spacing_mm=[4, 10]), {"ct": uneven})
    assert "3 to 9 mm" in narrow.text
    assert why_unsuitable(made_for(plane_spacing_mm=[1, 10]), {"ct": uneven}) == []


def test_an_mr_is_no_ct_whoever_says_so(ct: Volume) -> None:
    mr = dataclasses.replace(ct, modality="MR", units="")
    assert not why_unsuitable(made_for(), {"ct": mr})[0].overridable


def test_a_file_without_modality_is_taken_for_ct_only_when_it_looks_like_one(ct: Volume) -> None:
    silent = dataclasses.replace(ct, modality="", units="")
    assert why_unsuitable(made_for(), {"ct": silent}) == []
    shifted = dataclasses.replace(silent, voxels=(ct.voxels + 1024).astype(np.int16))
    assert "does not say" in why_unsuitable(made_for(), {"ct": shifted})[0].text


def test_a_ct_whose_values_are_not_hounsfield_units_is_told(ct: Volume) -> None:
    wrong = dataclasses.replace(ct, voxels=(ct.voxels // 8 + 200).astype(np.int16))
    assert "Hounsfield" in why_unsuitable(made_for(), {"ct": wrong})[0].text


def test_further_images_that_are_needed_are_named(ct: Volume) -> None:
    values = made_for().model_dump(mode="json", by_alias=True)
    values["inputs"].append({"role": "pet", "modality": ["PT"]})
    refusals = why_unsuitable(Card.model_validate(values), {"ct": ct})
    assert "pet" in refusals[0].text and not refusals[0].overridable


def test_a_plane_is_no_volume(tmp_path: Path) -> None:
    loaded = write_card(tmp_path / "m", [segmenter_node(tmp_path / "m")], ["Left"])
    single = make_scene(planes=1, spacing=(4.0, 4.0, 3.0)).volume
    (refusal,) = why_unsuitable(loaded.card, {"ct": single})
    assert "one plane" in refusal.text and refusal.overridable


def test_a_person_may_override_and_the_result_says_so(tmp_path: Path) -> None:
    limits = [{"role": "ct", "modality": ["CT"], "units": "HU", "spacing_mm": [0.1, 0.5]}]
    loaded = write_card(tmp_path / "m", [segmenter_node(tmp_path / "m")], ["Left"], inputs=limits)
    volume = make_scene(planes=4, spacing=(10.0, 10.0, 10.0)).volume
    with pytest.raises(UnsuitableInputError, match="10 × 10 mm") as caught:
        run_card(loaded, only_input(loaded.card, volume), device="cpu")
    assert caught.value.overridable
    result = run_card(loaded, only_input(loaded.card, volume), device="cpu", options=RunOptions(override=True))
    assert any("against the card's advice" in note for note in result.notes)
    assert "outside what the model was made for" in result.rois[0].provenance.description


def test_what_is_dangerous_cannot_be_overridden(tmp_path: Path) -> None:
    loaded = write_card(tmp_path / "m", [segmenter_node(tmp_path / "m")], ["Left"])
    geometry = Geometry.regular((0, 0, 0), np.eye(3), (2, 2, 2), (6, 30, 30))
    mr = Volume(np.full(geometry.shape, 100, np.int16), geometry, "MR", "")
    with pytest.raises(UnsuitableInputError) as caught:
        run_card(loaded, only_input(loaded.card, mr), options=RunOptions(override=True))
    assert not caught.value.overridable


@pytest.mark.parametrize(
    ("said", "advised_against"),
    [
        ("THIGH", True), ("EXTREMITY", True), ("Lower Extremity", True), ("PROSTATE", True), ("ABDOMEN", True),
        ("HEADNECK", False), ("HEAD_NECK", False), ("WHOLEBODY", False), ("CHEST", False), ("", False),
        ("PARTIALBODY", False),
    ],
)  # fmt: skip
def test_an_image_that_says_it_shows_another_part_of_the_body_is_advised_against(
    ct: Volume, said: str, advised_against: bool
) -> None:
    image = dataclasses.replace(ct, info=dataclasses.replace(ct.info, attributes={"BodyPartExamined": said}))
    refusals = why_unsuitable(made_for(regions=["head", "neck"]), {"ct": image})
    assert [refusal.overridable for refusal in refusals] == [True] * advised_against
    if refusals:
        assert "made for the head and neck" in refusals[0].text
    assert why_unsuitable(made_for(), {"ct": image}) == []


@pytest.mark.parametrize("skull_planes", [0, 8, 40])
def test_a_ct_that_says_nothing_but_shows_a_skull_is_advised_against_for_the_abdomen(skull_planes: int) -> None:
    y, x = np.meshgrid(*[(np.arange(64) - 31.5) * 4.0] * 2, indexing="ij")
    away = np.hypot(x / 75, y / 92)
    planes = [np.select([away < 0.85, (away < 0.97) & (plane < skull_planes), away < 1], [40, 900, 40], -1000)
              for plane in range(40)]  # fmt: skip
    geometry = Geometry.regular((0, 0, 0), np.eye(3), (4.0, 4.0, 4.0), (40, 64, 64))
    image = Volume(np.stack(planes).astype(np.int16), geometry, "CT", "HU")
    assert why_unsuitable(made_for(regions=["head", "neck"]), {"ct": image}) == []
    refusals = why_unsuitable(made_for(regions=["abdomen"]), {"ct": image})
    assert [refusal.overridable for refusal in refusals] == [True] * (skull_planes > 0)
    assert all("seems to show head and neck" in refusal.text for refusal in refusals)
    said = dataclasses.replace(image, info=dataclasses.replace(image.info, attributes={"BodyPartExamined": "ABDOMEN"}))
    assert why_unsuitable(made_for(regions=["abdomen"]), {"ct": said}) == [], "what a file says goes before"


def quick_card(folder: Path, sure: dict[str, float], **image: Any) -> LoadedCard:
    """A card whose network gives every voxel these logits of its labels, before 0 for the background."""
    labels = list(sure)
    node = segmenter_node(folder, arguments=FLAT | {"out_channels": len(labels) + 1}, labels=labels)
    network = build_network(node["params"]["network"]).eval()
    with torch.no_grad():
        for value in network.parameters():
            value.zero_()
        list(network.parameters())[-1].copy_(torch.tensor([0.0, *sure.values()]))
    node["weights"] = [write_weights(folder, "flat", network)]
    inputs = [{"role": "ct", "modality": ["CT"], "units": "HU", **image}]
    return write_card(folder, [node], labels, inputs=inputs)


def test_an_image_in_which_the_first_network_finds_nothing_is_advised_against_and_may_be_run(
    tmp_path: Path, ct: Volume
) -> None:
    none = quick_card(tmp_path / "none", {"A": -9.0, "B": -9.0}, regions=["head", "neck"])
    with pytest.raises(
        UnsuitableInputError, match=r"found none of its 2 structures in a quick look.*head and neck"
    ) as told:
        run_card(none, {"ct": ct}, device="cpu")
    assert told.value.overridable
    result = run_card(none, {"ct": ct}, device="cpu", options=RunOptions(override=True))
    assert "against the card's advice" in result.notes[0]
    assert "Nothing was found: none of 2 structures." in result.notes
    assert all("outside what the model was made for" in roi.provenance.description for roi in result.rois)


def test_a_structure_that_is_not_there_is_told_and_no_reason_to_stop(tmp_path: Path, ct: Volume) -> None:
    some = quick_card(tmp_path / "some", {"Here": 9.0, "Lost": -9.0}, regions=["head", "neck"])
    result = run_card(some, {"ct": ct}, device="cpu")
    assert result.notes == ("Nothing was found of Lost.",)


@pytest.mark.parametrize(("roi_type", "asked"), [("GTV", False), ("ORGAN", True)])
def test_that_a_tumour_is_not_found_is_an_answer_also_where_the_region_is_told(
    tmp_path: Path, ct: Volume, roi_type: str, asked: bool
) -> None:
    loaded = quick_card(tmp_path / "any", {"Tumour": -9.0}, regions=["head"])
    output = loaded.card.outputs[0].model_copy(update={"roi_type": roi_type})
    loaded = dataclasses.replace(loaded, parsed=loaded.card.model_copy(update={"outputs": (output,)}))
    if asked:
        with pytest.raises(UnsuitableInputError, match="found no Tumour in a quick look at this image"):
            run_card(loaded, {"ct": ct}, device="cpu")
    else:
        assert run_card(loaded, {"ct": ct}, device="cpu").notes == ("Nothing was found.",)


@pytest.mark.parametrize("card", ["heart-mr", "glioma-mr"])
def test_a_shipped_model_for_an_organ_advises_against_a_thigh(ct: Volume, card: str) -> None:
    shown = Card.model_validate_json((SHIPPED / card / "card.json").read_text(encoding="utf-8"))
    thigh = dataclasses.replace(ct.info, attributes={"BodyPartExamined": "EXTREMITY"})
    image = dataclasses.replace(ct, modality="MR", units="", info=thigh)
    refusals = why_unsuitable(shown, {shown.inputs[0].role: image}, {each.role: "" for each in shown.inputs[1:]})
    assert any("says that it shows EXTREMITY" in refusal.text for refusal in refusals)


def test_a_model_that_may_find_nothing_is_not_asked(tmp_path: Path, ct: Volume) -> None:
    result = run_card(quick_card(tmp_path / "any", {"Tumour": -9.0}), {"ct": ct}, device="cpu")
    assert result.notes == ("Nothing was found.",)


def photograph(colour: bool = True) -> Volume:
    shape = (1, 20, 30)
    voxels = np.zeros((*shape, 3) if colour else shape, np.uint8)
    return Volume(voxels, Geometry.picture(shape), "XC", "rgb" if colour else "")


def test_a_card_for_photographs_takes_them_and_refuses_a_ct_and_grey_levels(ct: Volume) -> None:
    card = made_for(modality=["XC", "OP"], units="rgb")
    assert why_unsuitable(card, {"ct": photograph()}) == []
    texts = [refusal.text for refusal in why_unsuitable(card, {"ct": ct})]
    assert "The model is made for a photograph or an eye photograph, and this image is CT." in texts
    (grey,) = why_unsuitable(card, {"ct": photograph(colour=False)})
    assert grey.text == "The model needs a picture in colour, and this image has grey levels."
    assert not grey.overridable


def test_a_card_for_pictures_advises_against_planes_of_a_patient(ct: Volume) -> None:
    silent = dataclasses.replace(ct, modality="", units="")
    (refusal,) = why_unsuitable(made_for(modality=["US", "XC"], units="grey"), {"ct": silent})
    assert (refusal.text, refusal.overridable) == (
        "The model looks at pictures, and this image is a stack of planes.",
        True,
    )


def test_a_card_for_volumes_refuses_a_photograph_for_good(ct: Volume) -> None:
    for units in ("HU", "z", ""):
        refusals = why_unsuitable(made_for(modality=["CT", "XC"], units=units), {"ct": photograph()})
        assert "The model reads grey levels, and this picture is in colour." in [refusal.text for refusal in refusals]
        assert any(not refusal.overridable for refusal in refusals)
    lengths = why_unsuitable(made_for(modality=["CT", "XC"], units=""), {"ct": photograph(colour=False)})
    assert [refusal.text for refusal in lengths] == [
        "The model needs millimetres, and this picture does not say how large its pixels are."
    ]
