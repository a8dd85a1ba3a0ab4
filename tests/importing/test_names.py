"""What structures of imported models are called: by TG-263 where that is sure, and never by another organ's name."""

import json
from pathlib import Path

import pytest

from engine.cards.registry import SHIPPED
from engine.importing import client
from engine.importing.meanings import named
from engine.importing.naming import outputs
from engine.progress import Progress
from engine.shipped import read_list
from engine.structures import Roi
from engine.tg263 import standard_code, standard_name_of, standard_names

TABLE = read_list("totalsegmentator.json")


@pytest.mark.parametrize(
    ("given", "called"),
    [
        (["ventricle_left", "thalamus_left"], ["ventricle_left", "thalamus_left"]),
        (["left ventricle", "right ventricle", "myocardium"], ["Ventricle_L", "Ventricle_R", "myocardium"]),
        (["ventricle_left", "ventricle_right"], ["ventricle_left", "ventricle_right"]),
        (["heart_ventricle_left", "brain"], ["Ventricle_L", "Brain"]),
        (["left atrium"], ["Atrium_L"]),
        (["left atrium", "left ventricle"], ["Atrium_L", "Ventricle_L"]),
        (["atrium_left", "frontal_horn_left"], ["atrium_left", "frontal_horn_left"]),
        (["heart", "brain", "ventricle_left"], ["Heart", "Brain", "ventricle_left"]),
        (["Ventricle_L", "Ventricle_R"], ["Ventricle_L", "Ventricle_R"]),
        (["Ventricle_L", "Hippocampus_L"], ["Ventricle_L^other", "Hippocampus_L"]),
        (["Ventricle_L", "Heart", "Brain"], ["Ventricle_L", "Heart", "Brain"]),
        (["SMG_left", "parotid_left"], ["Glnd_Submand_L", "Parotid_L"]),
        (["SMG_left", "insula_left"], ["SMG_left", "insula_left"]),
        (["sigmoid", "rectum"], ["Colon_Sigmoid", "Rectum"]),
        (["sigmoid", "straight sinus"], ["sigmoid", "straight sinus"]),
        (["cord", "esophagus"], ["SpinalCord", "Esophagus"]),
        (["cord", "placenta"], ["cord", "placenta"]),
        (["thyroid", "parotid_left"], ["Glnd_Thyroid", "Parotid_L"]),
        (["thyroid", "cricoid"], ["thyroid", "Cricoid"]),
        (["LAD", "heart"], ["A_LAD", "Heart"]),
        (["LAD"], ["LAD"]),
        (["bolus", "couch"], ["Bolus", "couch"]),
        (["bolus", "airway"], ["bolus", "airway"]),
        (["external", "internal", "common"], ["external", "internal", "common"]),
        (["body", "head", "tail"], ["body", "head", "tail"]),
        (["body", "genu", "splenium"], ["body", "genu", "splenium"]),
        (["body", "femoral head left"], ["External", "Femur_Head_L"]),
    ],
)
def test_a_name_of_several_organs_is_told_by_the_others(given: list[str], called: list[str]) -> None:
    assert list(named(given).names) == called


def test_what_is_not_sure_has_no_type_and_code_of_another_organ_and_is_said() -> None:
    known_as = named(["Ventricle_L", "body", "external", "thalamus", "head", "internal", "liver tumour"])
    assert known_as.unclear == {"Ventricle_L^other", "body", "external"}
    made = {each["name"]: each for each in outputs([f"l{number}" for number in range(7)], known_as, "n")}
    for name in known_as.unclear:
        assert made[name]["roi_type"] == "ORGAN" and "code" not in made[name]
        assert standard_code(Roi(1, name)) is None, "an export adds no code to it"
    assert made["liver tumour"]["roi_type"] == ""
    assert known_as.notes == (
        "Without a TG-263 name and code, since the names do not tell whether it is a ventricle of the heart or of the "
        "brain: Ventricle_L^other.",
        "Without a TG-263 name and code, since the names do not tell whether it is the patient's outline or a part of "
        "an organ: body.",
        "Without a TG-263 name and code, since the names do not tell whether it is the patient's outline or a branch: "
        "external.",
        "No TG-263 name is known for 4 of 7 structures: thalamus, head, internal, liver tumour.",
    )


def test_a_model_with_the_title_of_another_bears_its_id_in_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = (SHIPPED / "external" / "card.json").read_text()

    def convert(arguments: list[str], progress: Progress) -> None:
        (Path(arguments[1]) / "card.json").write_text(
            json.dumps(json.loads(card) | {"id": arguments[2], "title": "Liver"})
        )

    monkeypatch.setattr(client, "_convert", convert)
    titles = [client.import_model(SHIPPED, card_id=name).title for name in ("fold-0", "fold-1")]
    assert titles == ["Liver", "Liver (fold-1)"]
    assert client.import_model(SHIPPED, card_id="fold-1", replace=True).title == "Liver (fold-1)"
    client.remove_model("fold-1")
    assert client.import_model(SHIPPED, card_id="fold-0", replace=True).title == "Liver", "it is no other"


def test_no_task_of_totalsegmentator_has_a_name_that_may_be_of_another_organ() -> None:
    for task in TABLE["tasks"]:
        labels = [label for number in task["ids"] for label in TABLE["labels"][str(number)]]
        known_as = named(labels)
        assert not known_as.unclear, task["task"]
        assert list(known_as.names) == [standard_name_of(label) or label for label in labels]
        sides = {label: name for label, name in zip(labels, known_as.names, strict=True) if name in standard_names()}
        left = {name for label, name in sides.items() if "left" in label}
        assert all(name.endswith("_L") for name in left - {"Lung_LUL", "Lung_LLL"})
