"""A score says which structure it was computed from, and goes on saying so under the number that the structure gets."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.answers import Document
from engine.edits import apply
from engine.findings.assessment import WHOLE_IMAGE, Evidence
from engine.inference.run import run_card
from engine.structures import Roi, StructureSet
from tests.engine.models import Json, write_card
from tests.engine.operation_examples import BOX, EVERYTHING, classifier, node, output, phantom
from viewer.history import adopt


def around(folder: Path, name: str) -> Json:
    """A classifier that looks around what a node found."""
    made = classifier(folder)
    params = {**made["params"], "view": {"kind": "crops", "pixels": [1, 32, 32]}}
    return {**made, "in": ["ct", name], "params": params}


@pytest.mark.parametrize(
    ("looked", "outputs", "evidence"),
    [
        ("box", ["All", "Box"], Evidence(roi_number=2)),
        ("all", ["All", "Box"], Evidence(roi_number=1)),
        ("box", ["All"], WHOLE_IMAGE),
    ],
)
def test_a_score_names_the_structure_that_it_was_computed_from(
    tmp_path: Path, looked: str, outputs: list[str], evidence: Evidence
) -> None:
    folder = tmp_path / "card"
    graph = [BOX, EVERYTHING, around(folder, looked), node("one", "choose", "kind", labels=["b"])]
    made = [output(label) for label in outputs] + [output("b", "one", "score")]
    (score,) = run_card(write_card(folder, graph, made), {"ct": phantom()}).scores
    assert score.evidence == evidence


def test_a_score_of_the_whole_image_names_none(tmp_path: Path) -> None:
    folder = tmp_path / "card"
    loaded = write_card(folder, [BOX, classifier(folder)], [output("Box"), output("b", "kind", "score")])
    (score,) = run_card(loaded, {"ct": phantom()}).scores
    assert score.evidence == WHOLE_IMAGE


def test_the_structure_is_found_under_the_number_that_it_gets_in_the_document(tmp_path: Path) -> None:
    folder = tmp_path / "card"
    graph = [BOX, around(folder, "box")]
    loaded = write_card(folder, graph, [output("Box"), output("b", "kind", "score")])
    result = run_card(loaded, {"ct": phantom()})
    there = Document(StructureSet(phantom().geometry, (Roi(4, "Other"), Roi(7, "Old"))))
    fresh, _ = apply(there, adopt(there, result, replaced={}, text="Run", tool="m"))
    assert fresh.scores[0].evidence.roi_number == fresh.structures.rois[-1].number == 8
    renamed = replace(
        result, answers=tuple(replace(a, name="Old") if isinstance(a, Roi) else a for a in result.answers)
    )
    over, _ = apply(there, adopt(there, renamed, replaced={"Old": 7}, text="Run", tool="m"))
    assert over.scores[0].evidence.roi_number == 7
