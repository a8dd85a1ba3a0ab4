"""Findings of every kind for the tests of reports."""

from pathlib import Path

from engine.answers import Box, Finding, ReportedFinding, Score
from engine.findings.assessment import Assessment, Evidence, Verdict
from engine.findings.forms import find_form
from engine.stored.catalogue import Series
from engine.stored.scan import scan
from engine.structures import Code, Generation, Provenance

MODEL = Provenance(Generation.AUTOMATIC, "Lung nodules", "lung-nodule", "1.2", f"{'ab' * 32} {'cd' * 32}")
STRUCTURE = Evidence(roi_number=3, roi_uid="2.9")
TIME = "2026-02-03T10:11:12+01:00"


def report_in(path: Path) -> Series:
    """The report in a file."""
    (report,) = scan([path]).reports()
    return report


def score(number: int = 1, **fields: object) -> Score:
    """An unseen probability of 0.83; `fields` in place of its own."""
    values = {
        "label": "malignant", "name": "Malignant", "value": 0.83, "threshold": 0.35, "provenance": MODEL,
        "code": Code("86049000", "SCT", "Malignant neoplasm"), "uid": f"2.25.10{number}", "note": "Calibrated on 200.",
    }  # fmt: skip
    return Score(number, **{**values, **fields})  # type: ignore[arg-type]


def box(number: int = 1, **fields: object) -> Box:
    """An unseen place on planes 1 to 3."""
    values = {
        "label": "nodule", "name": "Nodule", "low_kji": (1.0, 10.25, 8.5), "high_kji": (3.0, 20.0, 16.75),
        "value": 0.7, "provenance": MODEL, "uid": f"2.25.20{number}",
    }  # fmt: skip
    return Box(number, **{**values, **fields})  # type: ignore[arg-type]


def by_form(form_id: str, values: dict[str, float | str], number: int = 1, **fields: object) -> ReportedFinding:
    """A finding that a reader added by a form."""
    form = find_form(form_id)
    assert form is not None
    said = Assessment(
        Verdict.ADDED, stated=form.stated(values), comment="Seen best on soft tissue", reader="Doe^Jane", time=TIME
    )
    code = Code(form.code.value, form.code.scheme, form.code.meaning)
    own = {"name": form.name(values), "form": form_id, "code": code, "assessment": said, "uid": f"2.25.30{number}"}
    return ReportedFinding(number, **{**own, **fields})  # type: ignore[arg-type]


def every_kind() -> tuple[Finding, ...]:
    """Scores, boxes and findings of readers, in every state and with every kind of evidence."""
    by = {"reader": "Doe^Jane", "time": TIME}
    return (
        score(1),
        score(2, assessment=Assessment(Verdict.ACCEPTED, **by), evidence=Evidence(plane=2), one_of=("a", "b")),
        score(3, assessment=Assessment(Verdict.CHANGED, 0.1, comment="Scar, söre", **by), abstained="Unlike all."),
        score(4, unit="a", value=3.25, assessment=Assessment(Verdict.CHANGED, 2.0, **by), code=None),
        score(
            5, assessment=Assessment(Verdict.CHANGED, "benign", **by), evidence=Evidence(roi_number=3, roi_uid="2.9")
        ),
        score(6, value=12.5, evidence=Evidence("", 1, (1, 2, 3), (1, 9, 9)), provenance=Provenance()),
        score(7, evidence=Evidence(series_uid="1.2.3.4")),
        box(1, assessment=Assessment(Verdict.REJECTED, comment="Vessel", **by), note="Calibrated"),
        box(2, low_kji=(2.0, -4.0, 1.0), high_kji=(2.0, 30.0, 90.0), code=Code("27925004", "SCT", "Nodule")),
        by_form("plain", {"finding": "Cyst", "side": "both", "size": 12.345}, 1, evidence=Evidence(plane=4)),
        by_form("bi-rads", {"category": "4A", "side": "left"}, 2),
        by_form("pi-rads", {"category": "X"}, 3),
        by_form("lung-rads", {"category": "4X", "modifier": "yes", "size": 0.1 + 0.2}, 4),
    )
