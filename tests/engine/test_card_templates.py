"""Several models in turn as one: templates of cards as files, and on the command line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner
from shapely import MultiPolygon, box

from engine.__main__ import commands
from engine.answers import Result, RunOptions
from engine.card_templates import (
    CardTemplate,
    as_called,
    file_for,
    find_card_template,
    find_card_templates,
    joined,
    read_card_template,
    remove_card_template,
    save_card_template,
    user_templates,
)
from engine.cards.registry import SHIPPED, find_cards, load_card
from engine.errors import CardError
from engine.inference.run import run_card
from engine.structures import PlaneContours, Roi
from engine.volume import Volume
from tests.engine.models import noisy, segmenter_node, write_card
from tests.engine.phantoms import make_scene
from tests.synthetic import write_series

Json = dict[str, Any]
BODY: Json = {"card": "external", "structures": [{"output": "External", "name": "Body", "colour": [1, 2, 3]}]}


def template_of(*cards: Json) -> CardTemplate:
    return CardTemplate.model_validate({"title": "Head and neck", "cards": list(cards)})


def test_a_template_is_saved_found_by_name_and_title_and_removed(home: Path) -> None:
    path = file_for("Head & neck: 2")
    assert path == user_templates() / "head-neck-2.json" and home.parent == user_templates().parent
    save_card_template(template_of(BODY), path)
    assert read_card_template(path) == template_of(BODY)
    assert find_card_template("head-neck-2") == find_card_template("head AND neck") == template_of(BODY)
    (found,) = [each for each in find_card_templates() if each.is_the_users]
    remove_card_template(found)
    assert not path.exists()
    shipped = next(each for each in find_card_templates())
    with pytest.raises(CardError, match="came with the program"):
        remove_card_template(shipped)


def test_shipped_templates_name_cards_and_structures_that_are_shipped() -> None:
    known = {loaded.id: {output.name for output in loaded.card.outputs} for loaded in find_cards()}
    every = [each for each in find_card_templates() if not each.is_the_users]
    assert every
    for each in every:
        assert each.template is not None, each.problem
        for step in each.template.cards:
            assert step.card in known and (step.only or set()) <= known[step.card]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not a template"),
        ('{"title": "T", "cards": []}', "cards"),
        ('{"title": "T", "cards": [{"card": "../x"}]}', "cards.0.card"),
        ('{"title": "T", "cards": [{"card": "a"}], "run": "rm"}', "run"),
        ('{"title": "T", "cards": [{"card": "a"}, {"card": "a"}]}', "a card is named twice"),
        (
            '{"title": "T", "cards": [{"card": "a", "structures": [{"output": "X"}]},'
            ' {"card": "b", "structures": [{"output": "Y", "name": "X"}]}]}',
            "two structures are called 'X'",
        ),
        ("[" * 100_000, "is not a template"),
    ],
)
def test_what_is_no_template_is_refused_in_a_sentence(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(text)
    with pytest.raises(CardError, match=r"t\.json") as refused:
        read_card_template(path)
    assert words in str(refused.value) and len(str(refused.value)) < 600


def roi(name: str) -> Roi:
    return Roi(1, name, (9, 9, 9), planes={0: PlaneContours(MultiPolygon([box(0, 0, 1, 1)]))})


def test_names_colours_and_types_are_those_of_the_template_and_no_two_are_alike() -> None:
    (step,) = template_of(BODY).cards
    (called,) = as_called(step, Result((roi("External"),))).rois
    assert (called.name, called.colour, called.roi_type) == ("Body", (1, 2, 3), "ORGAN")
    result = joined([("First", Result((roi("A"), roi("B")), notes=("n",))), ("Second", Result((roi("A"),)))])
    assert [(each.number, each.name) for each in result.rois] == [(1, "A"), (2, "B"), (3, "A_2")]
    assert result.notes == ("First: n", "A is drawn by two models; that of Second is called A_2.")


def test_only_the_structures_that_are_asked_for_are_drawn(tmp_path: Path) -> None:
    loaded = write_card(tmp_path / "two", [segmenter_node(tmp_path / "two")], ["Left", "Right"])
    volume = noisy((16, 32, 32))
    whole, part = (
        run_card(loaded, {"ct": volume}, device="cpu", options=RunOptions(only=only))
        for only in (None, frozenset({"Right"}))
    )
    assert [each.name for each in whole.rois] == ["Left", "Right"]
    (right,) = part.rois
    assert right.name == "Right" and right.number == 1
    assert all(right.area(k).equals(whole.rois[1].area(k)) for k in whole.rois[1].planes)
    with pytest.raises(CardError, match="draws no structure 'Middle'"):
        run_card(loaded, {"ct": volume}, device="cpu", options=RunOptions(only=frozenset({"Middle"})))


def test_a_template_runs_on_the_command_line_and_a_model_that_cannot_is_told(home: Path, tmp_path: Path) -> None:
    volume: Volume = make_scene(planes=6, spacing=(4.0, 4.0, 4.0), couch="shell").volume
    write_series(tmp_path / "study", volume.voxels, volume.geometry)
    values = json.loads((SHIPPED / "external" / "card.json").read_text())
    for card_id, modality in (("second", "CT"), ("for-mr", "MR")):
        folder = home / card_id
        folder.mkdir(parents=True)
        inputs = [values["inputs"][0] | {"modality": [modality]}]
        (folder / "card.json").write_text(json.dumps(values | {"id": card_id, "title": card_id, "inputs": inputs}))
        assert not load_card(folder).problem
    path = tmp_path / "mine.json"
    second: Json = {"card": "second", "structures": [{"output": "External", "name": "Skin", "roi_type": "AVOIDANCE"}]}
    path.write_text(template_of(BODY, {"card": "for-mr"}, {"card": "gone"}, second).model_dump_json())

    arguments = ["run", tmp_path / "study", "--template", path, "-o", tmp_path / "RT.dcm", "--json"]
    result = CliRunner().invoke(commands, [str(each) for each in arguments], prog_name="planimeter")
    assert result.exit_code == 1, result.output
    told = json.loads(result.stdout)
    assert [left["card"] for left in told["not_run"]] == ["gone", "for-mr"]
    assert "Not run: gone: There is no model 'gone'" in result.stderr
    path.write_text(template_of({"card": "for-mr"}, {"card": "gone"}).model_dump_json())
    failed = CliRunner().invoke(commands, [str(each) for each in arguments[:-1]], prog_name="planimeter")
    assert "None of 2 models ran. gone: There is no model 'gone'" in str(failed.exception or failed.stderr)
    assert "for-mr: for-mr is made for MR" in str(failed.exception or failed.stderr)
    dataset = pydicom.dcmread(tmp_path / "RT.dcm")
    assert [item.ROIName for item in dataset.StructureSetROISequence] == ["Body", "Skin"]
    assert list(dataset.ROIContourSequence[0].ROIDisplayColor) == [1, 2, 3]
    types = [item.RTROIInterpretedType for item in dataset.RTROIObservationsSequence]
    assert types == ["EXTERNAL", "AVOIDANCE"]
    areas = [len(item.ContourSequence) for item in dataset.ROIContourSequence]
    assert areas[0] == areas[1] > 0 and np.isfinite(areas).all()


def test_a_template_and_a_model_are_not_asked_for_together(tmp_path: Path) -> None:
    for more in ([], ["--model", "external", "--template", "head-and-neck"], ["--template", "x", "--exact"]):
        result = CliRunner().invoke(commands, ["run", str(tmp_path), *more, "-o", "RT.dcm"], prog_name="planimeter")
        assert result.exit_code == 2
