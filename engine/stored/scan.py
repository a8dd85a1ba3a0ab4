"""Finds what is in folders, DICOMDIRs and files, from headers alone: patients, studies, series, and what is unreadable.

catalogue = scan([Path("study")])
for series in catalogue.series():
    print(series.modality, series.info.description, series.plane_count, series.problem)
"""

import os
import re
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from engine.dicom.certified import CERTIFICATE_SUFFIX
from engine.dicom.directory import named_files
from engine.dicom.header import BlankError, Header, NotDicomError, read_header
from engine.errors import ReadError
from engine.progress import Progress, silent
from engine.stored.beside import with_beside, with_other_patients
from engine.stored.catalogue import Catalogue, Patient, Series, Study, Unreadable
from engine.stored.handler import Handler
from engine.stored.table import handler_of, handler_of_file, is_image

__all__ = ["Catalogue", "Patient", "Series", "Study", "Unreadable", "scan"]


def scan(
    paths: Sequence[Path], progress: Progress = silent, found: Callable[[Catalogue], None] | None = None
) -> Catalogue:
    """Read the headers of all that lies at `paths`.

    Args:
        paths: folders (searched recursively; hidden files and folders, and certificates of what was exported, left
            out), DICOMDIRs, or files. A single file of a DICOM image stands for its series: the other files of the
            series in its folder are found.
        found: called now and then with the catalogue so far, so that a tree can grow.

    Raises:
        CancelledError: `progress` asked to stop. Nothing else: what cannot be read is in `Catalogue.unreadable`.
    """
    return _Scanner(progress, found).run(paths)


class _Scanner:
    def __init__(self, progress: Progress, found: Callable[[Catalogue], None] | None) -> None:
        self._progress = progress
        self._found = found
        self._headers: list[Header] = []
        self._files: list[Series] = []
        self._unreadable: dict[Path, str] = {}
        self._damaged: set[Path] = set()
        self._absent: set[Path] = set()
        self._strange: set[Path] = set()
        self._seen: set[Hashable] = set()
        self._fraction, self._stage = 0.0, ""
        self._looked: dict[tuple[str, str, Handler], tuple[int, list[Series]]] = {}
        self._pause = 0.3
        self._next_report = time.monotonic() + self._pause

    def run(self, paths: Sequence[Path]) -> Catalogue:
        files: list[Path] = []
        wanted: set[str] = set()
        folders: dict[Path, None] = {}
        for path in paths:
            if path.is_dir():
                inside = []
                for file in self._walk(path):
                    inside.append(file)
                    if len(inside) % 100 == 0:
                        self._progress(0.0, f"Looking through {path.name or path}: {len(inside)} files")
                if not inside:
                    self._unreadable.setdefault(path, f"{path.name or path} holds no files.")
                files += inside
            elif not path.exists():
                self._unreadable[path] = f"{path} does not exist."
            elif path.name.upper() == "DICOMDIR":
                files += self._directory(path)
            else:
                header = self._read(path)
                if header is not None and header.is_directory:
                    files += self._directory(path)
                elif header is not None and header.planes:
                    wanted.add(header.series_uid)
                    folders[path.parent] = None
        siblings = [file for folder in folders for file in self._inside(folder)]
        total = len(files) + len(siblings)
        for number, file in enumerate([*files, *siblings]):
            self._fraction, self._stage = number / max(total, 1), f"Reading header {number + 1} of {total}"
            self._listen()
            self._read(file, wanted if number >= len(files) else None)
            self._report()
        catalogue = self._catalogue()
        self._progress(1.0, f"Read {len(self._headers)} headers")
        return catalogue

    def _walk(self, folder: Path) -> Iterator[Path]:
        """All files below a folder in order of name, but hidden ones and certificates.

        Links are followed, to each folder once.
        """

        def refuse(error: OSError) -> None:
            place = Path(error.filename or folder)
            self._unreadable[place] = f"{place.name} cannot be opened: {error.strerror or error}."

        # A link back to where the search came from leads round in a circle, and to what was not asked for.
        seen = {_identity(place) for place in (folder, *folder.resolve().parents)}
        for place, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
            self._listen(f"Looking through {Path(place).name}")
            kept = []
            for name in sorted(name for name in folders if not name.startswith(".")):
                identity = _identity(Path(place, name))
                if identity not in seen:
                    seen.add(identity)
                    kept.append(name)
            folders[:] = kept
            for name in sorted(files):
                if not (name.startswith(".") or name.endswith(CERTIFICATE_SUFFIX)):
                    yield Path(place, name)

    def _listen(self, stage: str = "") -> None:
        """Stop when asked, where nothing is known of how far the work is."""
        self._progress(self._fraction, stage or self._stage)

    def _inside(self, folder: Path) -> list[Path]:
        try:
            return sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
        except OSError:
            return []

    def _directory(self, path: Path) -> list[Path]:
        """The files that a DICOMDIR names; those that are absent are named as unreadable."""
        try:
            found, absent = named_files(path, self._listen)
        except ReadError as error:
            self._unreadable[path] = str(error)
            return []
        if not found:
            self._unreadable.setdefault(path, f"{path.name} names no file that is there; open its folder instead.")
        for record in absent:
            missing = path.parent / record.replace("\\", "/")
            self._absent.add(missing)
            self._unreadable[missing] = f"{path.name} names {record}, which is absent."
        return found

    def _read(self, path: Path, only: set[str] | None = None) -> Header | None:
        """Read one file's header and keep it; with `only`, keep it when it belongs to one of these series."""
        path = path.absolute()
        identity = _identity(path)
        if identity in self._seen:
            return None
        self._seen.add(identity)
        handler = handler_of_file(path)
        if handler is not None:
            series = handler.look_at(path)
            self._seen.update(_identity(file) for each in series for file in each.files)
            if only is None:
                self._files += series
            return None
        try:
            header = read_header(path, is_image, self._listen)
        except ReadError as error:
            if only is None:
                self._unreadable[path] = str(error)
                if not isinstance(error, NotDicomError):
                    self._damaged.add(path)
                elif path.suffix or isinstance(error, BlankError):
                    self._strange.add(path)
            return None
        if only is not None and header.series_uid not in only:
            return None
        if not header.is_directory:
            self._headers.append(header)
        return header

    def _report(self) -> None:
        if self._found is None or time.monotonic() < self._next_report:
            return
        started = time.monotonic()
        self._found(self._catalogue())
        # Each catalogue costs more than the one before: they come further apart, so that they take a tenth of the time.
        self._pause = max(self._pause, 10 * (time.monotonic() - started))
        self._next_report = time.monotonic() + self._pause

    def _catalogue(self) -> Catalogue:
        groups: dict[tuple[str, str], list[Header]] = {}
        for header in self._headers:
            # Without a series UID, the folder is all that tells which files belong together.
            series = header.series_uid or str(header.path.parent)
            groups.setdefault((header.patient_id, series), []).append(header)
        found: dict[str, list[Series]] = {}
        for key, headers in groups.items():
            found.setdefault(key[1], []).extend(self._series_of(key, headers))
        every = [
            series if n == 1 else replace(series, uid=f"{series.uid}#{n}")
            for same in found.values()
            for n, series in enumerate(same, 1)
        ]
        # Voxels beside their header may have been met before it.
        parts = {file for series in self._files for file in series.files}
        # What is named like the DICOM files beside it was one of them.
        alike = {(header.path.parent, header.path.suffix.lower()) for header in self._headers}
        damaged = self._damaged | {path for path in self._strange if (path.parent, path.suffix.lower()) in alike}
        unreadable = [
            Unreadable(path, reason, path in damaged, path in self._absent)
            for path, reason in self._unreadable.items()
            if path not in parts
        ]
        unreadable += [Unreadable(header.path, header.problem, True) for header in self._headers if header.problem]
        return Catalogue(_patients([*with_other_patients(with_beside(every)), *self._files]), tuple(unreadable))

    def _series_of(self, key: tuple[str, str], headers: list[Header]) -> list[Series]:
        """What the files of one series are, by the handlers of their kinds."""
        by_handler: dict[Handler, list[Header]] = {}
        for header in headers:
            by_handler.setdefault(handler_of(header), []).append(header)
        found: list[Series] = []
        for handler, members in by_handler.items():
            # Headers are only ever added: as many as the last time are the same ones.
            count, looked = self._looked.get((*key, handler), (0, []))
            if count != len(members):
                looked = handler.look(members)
                self._looked[(*key, handler)] = len(members), looked
            found += looked
        return found


def _identity(path: Path) -> Hashable:
    """The same for all paths that lead to one file or folder, by links of any kind."""
    try:
        status = path.stat()
    except OSError:
        return path
    return (status.st_dev, status.st_ino) if status.st_ino else path.resolve()


def _patients(every: Sequence[Series]) -> tuple[Patient, ...]:
    tree: dict[tuple[str, str], dict[str, list[Series]]] = {}
    for series in every:
        info = series.info
        tree.setdefault((info.patient_id, info.patient_name), {}).setdefault(info.study_uid, []).append(series)
    patients = []
    for (patient_id, name), studies in sorted(tree.items()):
        found = []
        for uid, members in studies.items():
            first = members[0].info
            ordered = tuple(sorted(members, key=_order))
            found.append(Study(uid, first.study_date, first.study_description, ordered))
        patients.append(Patient(patient_id, name, tuple(sorted(found, key=lambda study: (study.date, study.uid)))))
    return tuple(patients)


def _order(series: Series) -> tuple[bool, bool, int, str]:
    number = series.info.series_number
    # By the numbers in names, so that picture 2 comes before picture 10.
    natural = re.sub(r"\d+", lambda digits: digits[0].zfill(20), series.uid)
    return not series.is_image, not series.is_structures, int(number) if number.isdigit() else 0, natural
