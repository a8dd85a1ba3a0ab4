"""Images that `labels.csv` lists: `path` (from the folder), `patient`, `label` and, where there are parts, `split`.

Several labels of an image are parted by a semicolon; the split is train, validation or test. `path` is the card's first
image: a picture, a volume, or a folder of DICOM files; the ending of its name may be left out, and the folder too where
no other image is of that name. A model of several images has further columns, named by the roles of its inputs, with
paths of the same kind.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from engine.errors import MismatchError, ReadError
from engine.files.picture_file import is_picture_file
from engine.training.labelled.csv_table import header_of, read_table
from engine.training.labelled.pictures import image
from engine.training.labelled.sample import TEST, TRAINING, VALIDATION, Sample, written_of
from engine.training_process.checked import alike, listed_names
from engine.volume import Volume

TABLE = "labels.csv"
COLUMNS = ("path", "patient", "label")
_VOLUMES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".dcm")
#: A further image of a case, as nnU-Net names it.
_FURTHER = re.compile(r"_(\d{4})$")


def recognises(folder: Path) -> bool:
    """Whether a folder is laid out so."""
    return set(COLUMNS) <= header_of(folder / TABLE)


def samples(folder: Path) -> list[Sample]:
    """The images that are listed, each once; a group is a patient.

    Raises:
        ReadError: the table can't be read.
        MismatchError: a row lacks its path or its patient, a path leads out of the folder or may be several files, an
            image is listed twice with other values, or a part is none of the three.
    """
    table = read_table(folder / TABLE, COLUMNS)
    files = _Files(folder)
    found: dict[Path, Sample] = {}
    rows: dict[Path, dict[str, str]] = {}
    for line, row in zip(table.lines, table.rows, strict=True):
        name, patient, part = row["path"], row["patient"], row.get("split", "").casefold()
        if not name or not patient:
            raise MismatchError(f"Line {line} of {folder / TABLE} lacks its {'patient' if name else 'path'}.")
        path = files.named(name)
        if part not in {"", TRAINING, VALIDATION, TEST}:
            raise MismatchError(
                f"{folder / TABLE} puts '{name}' into '{part}', which is not train, validation or test."
            )
        labels = frozenset(label.strip() for label in row["label"].split(";") if label.strip())
        told = {column: value for column, value in row.items() if column not in {*COLUMNS, "split"}}
        others = {column: partial(_other, value, files) for column, value in told.items() if value}
        sample = Sample(name, patient, labels, partial(_image, path), part, others, told)
        before = found.setdefault(path, sample)
        if rows.setdefault(path, row | {"path": ""}) != row | {"path": ""}:
            why = "labels" if before.labels != labels else "patients" if before.group != patient else "values"
            raise MismatchError(
                f"{folder / TABLE} lists '{name}' twice, with different {why} (line {line}); several labels of an "
                "image stand in one line, parted by a semicolon."
            )
    return list(found.values())


def notes(folder: Path, labels: Sequence[str]) -> list[str]:
    """What was assumed of the table, rows that are there twice, and images beside those listed that are not listed.

    Args:
        folder: of the set.
        labels: of the model.

    Raises:
        ReadError, MismatchError: as of `samples`.
    """
    table = read_table(folder / TABLE, COLUMNS)
    files = _Files(folder)
    said = list(table.notes)
    paths = [files.named(row["path"]) for row in table.rows]
    twice = sorted(path.name for path, count in Counter(paths).items() if count > 1)
    if twice:
        said.append(f"{TABLE} lists {listed_names(twice)} twice with the same values; each was taken once.")
    said += _written_otherwise({label for sample in samples(folder) for label in sample.labels}, labels)
    lost = [row["path"] for row in table.rows if not row.get("split")]
    if 0 < len(lost) < len(table.rows):
        said.append(
            f"{TABLE} tells the part of some images and not of {listed_names(lost)} ({len(lost)} of "
            f"{len(table.rows)}), which are in neither."
        )
    values = {value for row in table.rows for value in row.values() if value}
    known = set(paths) | {files.named(value) for value in values if files.has(value)}
    beside = {path.parent for path in paths if path.exists()}
    strangers = [path for place in sorted(beside) for path in _images_in(place) if path not in known]
    strangers = [path for path in strangers if not _is_further(path, known)]
    if strangers:
        names = listed_names(path.relative_to(folder).as_posix() for path in strangers)
        is_or_are = "1 image is" if len(strangers) == 1 else f"{len(strangers)} images are"
        said.append(f"{is_or_are} not listed in {TABLE}, and left out: {names}.")
    return said


def _written_otherwise(own: set[str], labels: Sequence[str]) -> list[str]:
    """What is said of labels that differ from the model's, or from each other, in their writing alone."""
    written = written_of(labels)
    taken = [f"{name} as {written[alike(name)]}" for name in sorted(own - set(labels)) if alike(name) in written]
    said = [f"Labels that are written otherwise than the model's were taken as those: {', '.join(taken)}."]
    many: dict[str, list[str]] = defaultdict(list)
    for name in sorted(own):
        if alike(name) not in written:
            many[alike(name)].append(name)
    return (said if taken else []) + [
        f"{', '.join(names)} are counted as different labels; if they are one, write them alike."
        for names in many.values()
        if len(names) > 1
    ]


class _Files:
    """The files of a set, by the names that a table may give them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._by_key: dict[str, list[Path]] | None = None

    def has(self, name: str) -> bool:
        """Whether a text is the path of something in the folder, to the letter."""
        try:
            return (self.folder / name.replace("\\", "/")).exists()
        except (OSError, ValueError):
            return False

    def named(self, name: str) -> Path:
        """What a table means by a path: itself, or the one image that is named so but for its ending and its folder.

        Raises:
            MismatchError: it lies out of the folder, or several images are named so.
        """
        name = name.replace("\\", "/")
        path = self.folder / name
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise MismatchError(f"{self.folder / TABLE} lists '{name}', which lies outside the folder.")
        if path.exists():
            return path
        alike = self._alike(path)
        if len(alike) > 1:
            shown = listed_names(each.relative_to(self.folder).as_posix() for each in alike)
            raise MismatchError(
                f"{self.folder / TABLE} lists '{name}', which may be any of {shown}; write the path whole."
            )
        return alike[0] if alike else path

    def _alike(self, path: Path) -> list[Path]:
        if self._by_key is None:
            self._by_key = defaultdict(list)
            for each in sorted(self.folder.rglob("*")):
                if _is_image(each):
                    self._by_key[_key(each)].append(each)
        alike = self._by_key.get(_key(path), [])
        if _is_image(path):
            alike = [each for each in alike if each.name.casefold() == path.name.casefold()]
        beside = [each for each in alike if each.parent == path.parent]
        return beside or ([] if "/" in path.relative_to(self.folder).as_posix() else alike)


def _key(path: Path) -> str:
    """A file's name without its ending, in small letters; of nnU-Net's first image the name of its case."""
    name = path.name.casefold()
    ending = next((ending for ending in _VOLUMES if name.endswith(ending)), "" if path.is_dir() else path.suffix)
    known = ending in _VOLUMES or is_picture_file(path)
    return (name.removesuffix(ending.casefold()) if known else name).removesuffix("_0000")


def _is_image(path: Path) -> bool:
    return not path.name.startswith(".") and (path.name.casefold().endswith(_VOLUMES) or is_picture_file(path))


def _images_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and _is_image(path))


def _is_further(path: Path, known: set[Path]) -> bool:
    """Whether a file is a further image of a case whose first is listed."""
    stem = _key(path)
    found = _FURTHER.search(stem)
    return found is not None and any(
        _key(each) == stem[: found.start()] for each in known if each.parent == path.parent
    )


def _image(path: Path) -> Volume:
    if not path.exists():
        raise ReadError(f"{TABLE} lists {path}, which is not there; an ending of the name may be left out, no more.")
    return image(path)


def _other(name: str, files: _Files) -> Volume:
    return _image(files.named(name))


def expected(roles: Sequence[str], labels: Sequence[str], variables: Sequence[str]) -> str:
    """What a table needs for a model, for people.

    Args:
        roles: of the model's further images.
        labels: that are learned.
        variables: what is asked of each patient, with what may be given.
    """
    columns = [f"path (an image{f', the first of {len(roles) + 1}' if roles else ''})", "patient"]
    columns.append(f"label ({listed_names(labels, 12)})" if labels else "label")
    columns += [f"{role} (an image)" for role in roles]
    return f"{TABLE} has the columns {', '.join([*columns, *variables])} and, where the parts are given, split."
