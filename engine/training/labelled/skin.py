"""Photographs of skin as HAM10000 is laid out: `labels.csv` with `image_id`, `lesion_id` and `dx`, and `images/`.

`dx` is one of nv (naevus), mel (melanoma), bkl (benign keratosis), bcc (basal cell carcinoma), akiec (actinic keratosis
and Bowen's disease), vasc (vascular) and df (dermatofibroma).
"""

from functools import partial
from pathlib import Path

from engine.errors import ReadError
from engine.training.labelled.csv_table import header_of, read_table
from engine.training.labelled.pictures import picture, pictures_in
from engine.training.labelled.sample import Sample

_TABLE = "labels.csv"
_COLUMNS = ("lesion_id", "image_id", "dx")


def recognises(folder: Path) -> bool:
    """Whether a folder is laid out so."""
    return set(_COLUMNS) <= header_of(folder / _TABLE)


def samples(folder: Path) -> list[Sample]:
    """The photographs that are listed; a group is a lesion.

    Raises:
        ReadError: one that is listed is missing.
    """
    files = pictures_in(folder / "images")
    found = []
    for row in read_table(folder / _TABLE, _COLUMNS).rows:
        path = files.get(row["image_id"])
        if path is None:
            raise ReadError(f"{folder / 'images'} lacks the picture '{row['image_id']}' that {_TABLE} lists.")
        found.append(Sample(row["image_id"], row["lesion_id"], frozenset([row["dx"]]), partial(picture, path)))
    return found
