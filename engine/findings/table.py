"""Findings as a table for other programs: the model's value and the reader's beside each other, one row a finding."""

import csv
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

from engine.answers import Box, Finding, ReportedFinding, Score
from engine.findings.conclusions import conclusion
from engine.findings.words import statements, yes_or_no
from engine.safe_file import whole_file, write_errors
from engine.volume import Volume

COLUMNS = (
    "study_uid", "series_uid", "model", "version", "kind", "label", "name", "value", "unit", "threshold", "one_of",
    "no_opinion", "calibration", "verdict", "conclusion", "reader_value", "reader_unit", "stated", "comment", "reader",
    "time", "in_words", "plane", "low_kji", "high_kji", "structure", "uid",
)  # fmt: skip
_KINDS = {Score: "score", Box: "box", ReportedFinding: "reported"}


def write_table(findings: Sequence[Finding], volume: Volume, path: Path) -> str:
    """Write findings to a CSV file (UTF-8), and give its SHA-256.

    Numbers are written with a point, as many digits as they have; planes count from 0, as indices do.

    Raises:
        WriteError: the file can't be written.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    words = statements(findings)
    writer.writerows(row(finding, volume, words[finding.uid]) for finding in findings)
    data = text.getvalue().encode("utf-8")
    with write_errors(path), whole_file(path) as file:
        file.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def row(finding: Finding, volume: Volume, words: str) -> dict[str, object]:
    """A finding by the names of `COLUMNS`, `words` being its statement; what it has not is left out."""
    said, place = finding.assessment, finding.evidence
    values: dict[str, object] = {
        "study_uid": volume.info.study_uid,
        "series_uid": place.series_uid or volume.info.series_uid,
        "name": finding.name,
        "kind": _KINDS[type(finding)],
        "model": finding.provenance.algorithm,
        "version": finding.provenance.version,
        "verdict": said.verdict.value,
        "conclusion": yes_or_no(conclusion(finding)),
        "in_words": words,
        "stated": "; ".join(f"{each.concept.meaning}: {each.value}{each.unit}" for each in said.stated),
        "comment": said.comment,
        "reader": said.reader,
        "time": said.time,
        "uid": finding.uid,
    }
    if said.value is not None:
        values["reader_value"] = said.value
        values["reader_unit"] = finding.unit if isinstance(finding, Score) else ""
    if not isinstance(finding, ReportedFinding):
        values |= {"value": finding.value, "threshold": finding.threshold}
        values |= {"label": finding.label, "calibration": finding.note}
    if isinstance(finding, Score):
        values |= {"unit": finding.unit, "one_of": "; ".join(finding.one_of), "no_opinion": finding.abstained}
    if place.plane is not None:
        values["plane"] = place.plane
    if place.low_kji is not None and place.high_kji is not None:
        values |= {"low_kji": list(place.low_kji), "high_kji": list(place.high_kji)}
    if place.roi_number is not None:
        values["structure"] = place.roi_number
    return values
