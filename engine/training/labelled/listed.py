"""Images that `labels.csv` lists: `path` (from the folder), `patient`, `label` and, where there are parts, `split`.

Several labels of an image are parted by a semicolon; the split is train, validation or test. `path` is the card's first
image: a picture, a volume, or a folder of DICOM files. A model of several images has further columns, named by the
roles of its inputs, with paths of the same kind.
"""

from functools import partial
from pathlib import Path

from engine.errors import MismatchError
from engine.training.labelled.csv_table import header_of, read_table
from engine.training.labelled.pictures import image
from engine.training.labelled.sample import TEST, TRAINING, VALIDATION, Sample
from engine.volume import Volume

_TABLE = "labels.csv"
_COLUMNS = ("path", "patient", "label")


def recognises(folder: Path) -> bool:
    """Whether a folder is laid out so."""
    return set(_COLUMNS) <= header_of(folder / _TABLE)


def samples(folder: Path) -> list[Sample]:
    """The images that are listed; a group is a patient.

    Raises:
        MismatchError: a row lacks its patient, a path leads out of the folder, or a part is none of the three.
    """
    found = []
    for row in read_table(folder / _TABLE, _COLUMNS):
        name, patient, part = row["path"].strip(), row["patient"].strip(), row.get("split", "").strip()
        path = folder / name
        if not name or not patient:
            raise MismatchError(f"A row of {folder / _TABLE} lacks its path or its patient.")
        _check_inside(name, folder)
        if part not in {"", TRAINING, VALIDATION, TEST}:
            raise MismatchError(
                f"{folder / _TABLE} puts '{name}' into '{part}', which is not train, validation or test."
            )
        labels = frozenset(label.strip() for label in row["label"].split(";") if label.strip())
        told = {column: value.strip() for column, value in row.items() if column not in {*_COLUMNS, "split"}}
        others = {column: partial(_other, value, folder) for column, value in told.items() if value}
        found.append(Sample(name, patient, labels, partial(image, path), part, others, told))
    return found


def _check_inside(name: str, folder: Path) -> None:
    if not (folder / name).resolve().is_relative_to(folder.resolve()):
        raise MismatchError(f"{folder / _TABLE} lists '{name}', which lies outside the folder.")


def _other(name: str, folder: Path) -> Volume:
    _check_inside(name, folder)
    return image(folder / name)
