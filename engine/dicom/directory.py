"""Finds the files that a DICOMDIR names, by paths that burners, copies and archives have changed in many ways."""

from collections.abc import Callable, Iterable
from pathlib import Path

from engine.dicom.fields import items, text
from engine.dicom.walk import Walker
from engine.dicom.watched import nobody
from engine.errors import PlanimeterError, ReadError

_WALKER = Walker(["DirectoryRecordSequence"])
#: What copying adds to the name of a DICOM file.
_SUFFIXES = (".DCM", ".DICOM", ".DIC", ".IMA")


def named_files(path: Path, listen: Callable[[], None] = nobody) -> tuple[list[Path], list[str]]:
    """(the files that a DICOMDIR names, the names of those that are absent).

    A name may be written with slashes or as an absolute path, and in upper case where the disk has it in lower case;
    the file may have gained a suffix such as ".dcm", or a version number such as ";1". No name leads out of the
    DICOMDIR's folder.

    Args:
        listen: called now and then while much is read; what it raises ends the reading.

    Raises:
        ReadError: the DICOMDIR cannot be read.
        CancelledError: from `listen`.
    """
    names = _Names()
    found: dict[Path, None] = {}
    absent: list[str] = []
    for record in dict.fromkeys(filter(None, _records(path, listen))):
        listen()
        parts = [part for part in record.replace("/", "\\").split("\\") if part.strip() not in ("", ".")]
        # An absolute path was true on another disk: its end may be true here.
        absolute = record[:1] in "/\\" or record[1:2] == ":"
        starts = range(len(parts)) if absolute else range(1)
        file = next(filter(None, (names.resolve(path.parent, parts[start:]) for start in starts)), None)
        if file is None:
            absent.append(record)
        else:
            found[file] = None
    return list(found), absent


def _records(path: Path, listen: Callable[[], None]) -> Iterable[str]:
    try:
        with path.open("rb") as file:
            dataset = _WALKER.read(file, path.stat().st_size, listen).dataset
        return [text(record, "ReferencedFileID") for record in items(dataset, "DirectoryRecordSequence")]
    except OSError as error:
        raise ReadError(f"{path.name} cannot be opened: {error.strerror or error}.") from error
    except PlanimeterError:
        raise
    except Exception as error:  # pydicom raises nearly anything on damaged bytes
        raise ReadError(f"{path.name} is a damaged DICOM directory; open its folder instead ({error}).") from error


class _Names:
    """What lies in folders, by names that are alike."""

    def __init__(self) -> None:
        self._folders: dict[Path, dict[str, Path]] = {}

    def resolve(self, folder: Path, parts: list[str]) -> Path | None:
        """The file at a path below a folder; None where there is none."""
        place: Path | None = folder
        for part in parts:
            if place is None or part.strip() == "..":
                return None
            place = self._inside(place).get(part.strip().upper())
        return place if place is not None and parts and place.is_file() else None

    def _inside(self, folder: Path) -> dict[str, Path]:
        if folder not in self._folders:
            try:
                entries = sorted(folder.iterdir(), reverse=True)
            except OSError:
                entries = []
            alike = {entry.name.upper(): entry for entry in entries}
            for name, entry in list(alike.items()):
                bare = name.split(";")[0].removesuffix(".")
                for likeness in (bare, *(bare.removesuffix(suffix) for suffix in _SUFFIXES)):
                    alike.setdefault(likeness, entry)
            self._folders[folder] = alike
        return self._folders[folder]
