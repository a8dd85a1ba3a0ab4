"""Measures as a table of CSV that other programs read: a row a number."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.measures.measure import Measure, Value
from engine.measures.table import KINDS
from engine.safe_file import whole_file, write_errors

_COLUMNS = ("number", "kind", "name", "image", "quantity", "value", "unit", "plane", "points_lps_mm", "definition")


@dataclass(frozen=True)
class Row:
    """One number of a measure.

    Args:
        measure: that it is of.
        image: that it was measured on; "" for lengths, angles and areas.
        value: the number.
        plane: acquired plane nearest to its first point, from 1.
    """

    measure: Measure
    image: str
    value: Value
    plane: int


def write_table(rows: Iterable[Row], path: Path) -> None:
    """Write rows to a CSV file (UTF-8, commas, points as decimals), whole or not at all.

    Raises:
        WriteError: it can't be written.
    """
    with write_errors(path), whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for row in rows:
            measure, value = row.measure, row.value
            points = "; ".join(" ".join(f"{coordinate:.3f}" for coordinate in point) for point in measure.points_lps)
            title = KINDS[measure.kind].title
            writer.writerow(
                [measure.number, title, measure.name, row.image, value.name, f"{value.value:.6g}", value.unit,
                 row.plane, points, value.definition]
            )  # fmt: skip
