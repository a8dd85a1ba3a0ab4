"""The page for people says the same as the report, and what nobody judged."""

from dataclasses import replace

from engine.findings.assessment import Assessment, Signature, Verdict
from engine.findings.report_page import HEADS, report_page
from engine.structures import Roi, StructureSet
from engine.volume import Volume
from tests.report.findings import by_form, every_kind, score


def test_each_finding_is_a_row_with_both_values(volume: Volume) -> None:
    structures = StructureSet(volume.geometry, (Roi(3, "GTV", uid="2.9"),))
    page = report_page(every_kind(), volume, structures)
    assert len(page.rows) == len(every_kind()) and all(len(row.cells) == len(HEADS) for row in page.rows)
    changed = page.rows[2].cells
    assert changed[0] == ("Malignant", "Lung nodules") and changed[1] == ("0.83", "no opinion")
    assert changed[2] == ("0.1", "Changed by Doe Jane, 2026-02-03 10:11") and changed[3][0] == "Scar, söre"
    assert page.rows[0].cells[2] == ("to judge", "")
    assert page.rows[4].cells[4][0] == "GTV" and page.rows[6].cells[4][0] == "another series"
    assert page.rows[7].cells[4][0] == "planes 2–4"
    assert page.rows[9].cells[2][0] == "Cyst, Both, 12.345 mm"


def test_the_page_says_what_nobody_judged_and_that_nobody_signed(volume: Volume) -> None:
    page = report_page([score(1)], volume)
    assert "draft" in page.title and page.signature == "Not signed."
    assert "Not judged by a person: Malignant." in page.sentences and "Malignant: Calibrated on 200." in page.sentences
    assert any("lung-nodule 1.2, weights abababababab, cdcdcdcdcdcd…" in sentence for sentence in page.sentences)
    facts = dict(page.facts)
    assert facts["Patient"] == "Phantom Synthetic" and facts["Series"].endswith("6 planes")
    accepted = replace(score(1), assessment=Assessment(Verdict.ACCEPTED))
    signed = report_page([accepted], volume, signature=Signature("Doe^Jane", "Hospital", "2026-02-03T11:00:00+01:00"))
    assert signed.signature == "Signed by Doe Jane, Hospital, 2026-02-03 11:00." and "draft" not in signed.title
    assert not any("Not judged" in sentence for sentence in signed.sentences)
    assert report_page([by_form("plain", {"finding": "Cyst"})], volume).sentences == (
        "All findings were added by a reader; no model was run.",
    )


def test_the_page_tells_of_a_calibration_once_and_not_where_the_model_gives_no_opinion(volume: Volume) -> None:
    sentences = report_page([score(1), score(2, name="Benign"), score(3, name="Odd", abstained="Unlike all.")], volume)
    assert "Malignant, Benign: Calibrated on 200." in sentences.sentences
    told = [sentence for sentence in sentences.sentences if sentence.startswith("Odd")]
    assert told == ["Odd: the model gives no opinion. Unlike all."]
