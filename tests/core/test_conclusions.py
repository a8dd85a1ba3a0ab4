"""A verdict on a model's number says that it is so or that it is not; verdicts that can't all be true are told."""

from dataclasses import replace

import pytest

from engine.answers import Box, Finding, ReportedFinding, Score
from engine.cards.classes import classes_of
from engine.cards.registry import find_card
from engine.findings.assessment import Assessment, Verdict
from engine.findings.conclusions import agrees, contradictions, would_say
from engine.findings.words import reader_says, statement, statements
from engine.structures import Provenance

ALL = ("malignant", "benign", "normal")


def score(label: str, value: float, verdict: Verdict, own: float | str | None = None, threshold: float = 0.5) -> Score:
    rivals = tuple(each for each in ALL if each != label)
    return Score(
        ALL.index(label) + 1, label, label.capitalize(), value, threshold, provenance=Provenance(algorithm="us"),
        assessment=Assessment(verdict, own), uid=f"2.25.{label}", classes=(label,), rivals=rivals,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("finding", "says", "agreed"),
    [
        (score("malignant", 0.00986, Verdict.ACCEPTED), "no", True),
        (score("malignant", 0.82, Verdict.ACCEPTED), "yes", True),
        (score("malignant", 0.82, Verdict.REJECTED), "no", False),
        (score("malignant", 0.00986, Verdict.REJECTED), "yes", False),
        (score("malignant", 0.31, Verdict.ACCEPTED, threshold=0.3), "yes", True),
        (score("malignant", 0.82, Verdict.CHANGED, 0.3), "0.3", False),
        (score("malignant", 0.82, Verdict.CHANGED, 0.9), "0.9", False),
        (score("malignant", 0.82, Verdict.CHANGED, 0.0), "no (0)", False),
        (score("malignant", 0.82, Verdict.CHANGED, "No"), "no (No)", False),
        (score("malignant", 0.82, Verdict.CHANGED, "scar"), "scar", False),
        (score("malignant", 0.82, Verdict.UNSEEN), "", None),
        (Score(1, "r", "Risk", 3.25, unit="a", assessment=Assessment(Verdict.ACCEPTED)), "3.25 a", True),
        (Box(1, "n", "Nodule", (0, 0, 0), (1, 1, 1), 0.2, assessment=Assessment(Verdict.ACCEPTED)), "yes", False),
        (Box(1, "n", "Nodule", (0, 0, 0), (1, 1, 1), 0.2, assessment=Assessment(Verdict.REJECTED)), "no", True),
        (ReportedFinding(1, "Cyst"), "", None),
    ],
)
def test_what_a_verdict_says(finding: Finding, says: str, agreed: bool | None) -> None:
    assert (reader_says(finding), agrees(finding)) == (says, agreed)


def test_a_low_probability_that_is_accepted_can_not_be_misread() -> None:
    low = score("malignant", 0.00986, Verdict.ACCEPTED)
    assert statement(low) == "Malignant: no (accepted: the model's 0.00986 is below its threshold of 0.5)."
    assert statement(replace(low, assessment=Assessment())).startswith("Malignant: to judge: the model's 0.00986")
    assert "gives no opinion, with a value of 0.00986" in statement(replace(low, abstained="Unlike all."))
    assert would_say(low, Verdict.ACCEPTED) is False and would_say(low, Verdict.REJECTED) is True


def test_two_of_several_classes_can_not_both_hold() -> None:
    accepted = [score(label, 0.9, Verdict.ACCEPTED) for label in ALL]
    (found,) = contradictions(accepted)
    assert [finding.label for finding in found.findings] == ["malignant", "benign"]
    assert found.sentence.startswith("'Malignant: yes' and 'Benign: yes' contradict each other")
    told = statements(accepted)
    assert "contradict" in told["2.25.malignant"] and "contradict" in told["2.25.benign"]
    no = [replace(accepted[0], value=0.1), accepted[1], replace(accepted[2], value=0.1)]
    assert contradictions(no) == () and all("contradict" not in text for text in statements(no).values())


def test_not_all_of_several_classes_can_be_denied() -> None:
    denied = [score(label, 0.3, Verdict.ACCEPTED) for label in ALL]
    (found,) = contradictions(denied)
    assert len(found.findings) == 3
    assert contradictions(denied[:2]) == (), "the third may be true"
    assert contradictions([replace(denied[0], provenance=Provenance(algorithm="other")), *denied[1:]]) == ()


def test_a_class_and_the_sum_that_it_is_part_of_go_together() -> None:
    leaves = ("nv", "mel", "bcc")
    accepted = Assessment(Verdict.ACCEPTED)
    parent = Score(1, "m", "Malignant", 0.1, assessment=accepted, classes=("mel", "bcc"), rivals=("nv",))
    leaf = Score(2, "mel", "Melanoma", 0.8, assessment=accepted, classes=("mel",), rivals=("nv", "bcc"))
    (found,) = contradictions([parent, leaf])
    assert found.sentence.startswith("'Malignant: no' and 'Melanoma: yes'")
    assert contradictions([replace(parent, value=0.9), leaf]) == ()
    none = [replace(leaf, number=n, label=each, classes=(each,), value=0.1, rivals=tuple(set(leaves) - {each}))
            for n, each in enumerate(leaves[1:], start=2)]  # fmt: skip
    (found,) = contradictions([replace(parent, value=0.9), *none])
    assert len(found.findings) == 3, "malignant, but neither of the two that are"


def test_cards_say_which_of_their_scores_exclude_each_other() -> None:
    skin, eye = find_card("skin-lesion").card, find_card("fundus-grade").card
    of = {output.label: classes_of(skin, output) for output in skin.outputs}
    assert of["malignant"] == (("mel", "bcc", "akiec"), ("nv", "bkl", "vasc", "df"))
    assert of["mel"][0] == ("mel",) and len(of["mel"][1]) == 6
    of = {output.label: classes_of(eye, output) for output in eye.outputs}
    assert of["referable"] == (("grade_2", "grade_3", "grade_4"), ("grade_0", "grade_1"))
    assert of["oedema_1"] == (("oedema_1",), ("oedema_0", "oedema_2"))
