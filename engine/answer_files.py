"""Scores and boxes as files that other programs read: JSON, or a table of CSV over many studies."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.answers import Box, Result, Score

SUFFIXES = (".json", ".csv")
_COLUMNS = (
    "study", "model", "version", "kind", "label", "name", "value", "unit", "threshold", "positive",
    "low_kji", "high_kji",
)  # fmt: skip


@dataclass(frozen=True)
class Answered:
    """What a model answered about one study. `study` is its path as the user gave it."""

    study: str
    model: str
    version: str
    result: Result


def finding_values(finding: Score | Box) -> dict[str, Any]:
    """A score or box as plain values; the corners of a box are [plane, row, column] of the series."""
    shared = {"label": finding.label, "name": finding.name, "value": finding.value, "threshold": finding.threshold}
    if isinstance(finding, Score):
        return {"kind": "score", **shared, "unit": finding.unit, "positive": finding.is_positive}
    return {"kind": "box", **shared, "low_kji": list(finding.low_kji), "high_kji": list(finding.high_kji)}


def write_findings(answered: Sequence[Answered], path: Path) -> None:
    """Write the scores and boxes of studies to a JSON or CSV file, by the suffix of `path`.

    Raises:
        OSError: the file can't be written.
    """
    rows = []
    for each in answered:
        findings: tuple[Score | Box, ...] = (*each.result.scores, *each.result.boxes)
        about = {"study": each.study, "model": each.model, "version": each.version}
        rows += [{**about, **finding_values(finding)} for finding in findings]
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() == ".json":
        path.write_text(json.dumps(rows, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
