"""Scores and boxes as files that other programs read: JSON, or a table of CSV over many studies."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.answers import Box, Result, Score
from engine.safe_file import whole_file

SUFFIXES = (".json", ".csv")
_COLUMNS = (
    "study", "model", "version", "kind", "label", "name", "value", "unit", "threshold", "positive",
    "low_kji", "high_kji", "error",
)  # fmt: skip


@dataclass(frozen=True)
class Answered:
    """What a model answered about one study. `study` is its path as the user gave it."""

    study: str
    model: str
    version: str
    result: Result


@dataclass(frozen=True)
class Unanswered:
    """A study about which a model answered nothing, and why."""

    study: str
    model: str
    version: str
    error: str


def finding_values(finding: Score | Box) -> dict[str, Any]:
    """A score or box as plain values; the corners of a box are [plane, row, column] of the series."""
    shared = {"label": finding.label, "name": finding.name, "value": finding.value, "threshold": finding.threshold}
    if isinstance(finding, Score):
        return {"kind": "score", **shared, "unit": finding.unit, "positive": finding.is_positive}
    return {"kind": "box", **shared, "low_kji": list(finding.low_kji), "high_kji": list(finding.high_kji)}


def write_findings(answered: Sequence[Answered | Unanswered], path: Path) -> None:
    """Write the scores and boxes of studies to a JSON or CSV file, by the suffix of `path`.

    A study that could not be answered has one row, with the error.

    Raises:
        OSError: the file can't be written; what stood there before stays.
    """
    rows: list[dict[str, Any]] = []
    for each in answered:
        if isinstance(each, Unanswered):
            rows.append({"study": each.study, "model": each.model, "version": each.version, "error": each.error})
            continue
        findings: tuple[Score | Box, ...] = (*each.result.scores, *each.result.boxes)
        about = {"study": each.study, "model": each.model, "version": each.version}
        rows += [{**about, **finding_values(finding)} for finding in findings]
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary:
        if path.suffix.lower() == ".json":
            temporary.write_text(json.dumps(rows, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
            return
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, _COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
