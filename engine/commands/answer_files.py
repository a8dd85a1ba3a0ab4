"""Scores and boxes as files that other programs read: JSON, or a table of CSV over many studies."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.answers import Box, Result, Score
from engine.safe_file import whole_file, write_errors

SUFFIXES = (".json", ".csv")
_COLUMNS = (
    "study", "model", "version", "kind", "label", "name", "value", "unit", "threshold", "positive",
    "low_kji", "high_kji", "one_of", "no_opinion", "calibration", "error",
)  # fmt: skip
#: The kind of a study's only row where the model was run and gave nothing, and where it could not be run.
NOTHING, FAILED = "nothing", "failed"


@dataclass(frozen=True)
class Answered:
    """What a model answered about one study.

    Args:
        study: its path as the user gave it.
        model, version: of the card.
        result: None where it failed.
        error: why it failed, in one sentence.
    """

    study: str
    model: str
    version: str
    result: Result | None
    error: str = ""


def finding_values(finding: Score | Box) -> dict[str, Any]:
    """A score or box as plain values; the corners of a box are [plane, row, column] of the series."""
    shared = {"label": finding.label, "name": finding.name, "value": finding.value, "threshold": finding.threshold}
    calibration = {"calibration": finding.note} if finding.note else {}
    if isinstance(finding, Box):
        corners = {"low_kji": list(finding.low_kji), "high_kji": list(finding.high_kji)}
        return {"kind": "box", **shared, **corners, **calibration}
    told: dict[str, Any] = {"kind": "score", **shared, "unit": finding.unit, "positive": finding.is_positive}
    told |= {"one_of": list(finding.one_of)} if finding.one_of else {}
    told |= {"no_opinion": finding.abstained} if finding.abstained else {}
    return told | calibration


def write_findings(answered: Sequence[Answered], path: Path) -> None:
    """Write the scores and boxes of studies to a JSON or CSV file, by the suffix of `path`; it appears whole.

    Each study has a row at least: where it has no finding, one of kind "nothing", or "failed" with the error.

    Raises:
        WriteError: the file can't be written; what stood there before is unchanged.
    """
    rows = [row for each in answered for row in _rows(each)]
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as temporary:
            if path.suffix.lower() == ".json":
                temporary.write_text(json.dumps(rows, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
                return
            with temporary.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, _COLUMNS)
                writer.writeheader()
                writer.writerows({**row, "one_of": "; ".join(row.get("one_of", ()))} for row in rows)


def _rows(answered: Answered) -> list[dict[str, Any]]:
    about = {"study": answered.study, "model": answered.model, "version": answered.version}
    if answered.result is None:
        return [{**about, "kind": FAILED, "error": answered.error}]
    findings: tuple[Score | Box, ...] = (*answered.result.scores, *answered.result.boxes)
    return [{**about, **finding_values(finding)} for finding in findings] or [{**about, "kind": NOTHING}]
