"""Photographs of the fundus as IDRiD is laid out: `grading.csv` and `grading/`.

`retinopathy_grade` is 0 to 4 of the international clinical scale, `macular_oedema_risk` 0 to 2.
"""

from functools import partial
from pathlib import Path

from engine.errors import ReadError
from engine.training.labelled.csv_table import read_table
from engine.training.labelled.pictures import picture, pictures_in
from engine.training.labelled.sample import Sample

_TABLE = "grading.csv"
#: Column → how its values are called as labels.
_LABELS = {"retinopathy_grade": "grade_", "macular_oedema_risk": "oedema_"}


def recognises(folder: Path) -> bool:
    """Whether a folder is laid out so."""
    return (folder / _TABLE).is_file()


def samples(folder: Path) -> list[Sample]:
    """The photographs that are graded, each of another eye; the set does not say whose.

    Raises:
        ReadError: one that is graded is missing.
    """
    files = pictures_in(folder / "grading")
    found = []
    for row in read_table(folder / _TABLE, ("image", *_LABELS)).rows:
        path = files.get(row["image"])
        if path is None:
            raise ReadError(f"{folder / 'grading'} lacks the picture '{row['image']}' that {_TABLE} lists.")
        labels = frozenset(prefix + row[column] for column, prefix in _LABELS.items() if row[column])
        found.append(Sample(row["image"], row["image"], labels, partial(picture, path)))
    return found
