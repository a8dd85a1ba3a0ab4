"""What is imported: a folder, or a zip that is unpacked with care; and what is read of it."""

import json
import shutil
import tempfile
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from engine.cards.weights import sha256_of
from engine.errors import CardError
from engine.progress import Progress

#: More than this is in no model.
_MOST_FILES = 20_000
_LARGEST = 16 * 1024**3
_LARGEST_JSON = 32 * 1024**2
_LARGEST_YAML = 1024**2
#: Weights hardly shrink when they are packed: what grows more than this (and is large) was made to fill a disk.
_MOST_GROWTH, _SMALL = 50, 64 * 1024**2
_BLOCK = 1 << 20
_DAMAGED = (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError,
            ValueError)  # fmt: skip


@dataclass(frozen=True)
class Wish:
    """What a person said of an import.

    Args:
        card_id: of the card; "" for one that is made of the model's name.
        axes: patient directions along which columns, rows and planes rise as the model was taught; "" for what it says.
        task: which of several that a folder holds.
    """

    card_id: str = ""
    axes: str = ""
    task: str = ""


@dataclass
class Source:
    """The folder that is imported; what was read of it is counted, with its hash.

    Args:
        folder: of the model.
        name: for people.
        wish: what a person said of it.
        progress: reports and may stop.
    """

    folder: Path
    name: str
    wish: Wish
    progress: Progress
    read: dict[Path, str] = field(default_factory=dict)

    def json(self, path: Path) -> dict[str, Any]:
        """The object in a JSON file.

        Raises:
            CardError: it is absent, too large, or none.
        """
        where = self.told(path)
        if not path.is_file():
            raise CardError(f"{where} is missing, so this is no complete model.")
        if path.stat().st_size > _LARGEST_JSON:
            raise CardError(f"{where} is larger than such a file is ever, so it was not read.")
        try:
            values = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise CardError(f"{where} is damaged: it is no JSON file.") from error
        if not isinstance(values, dict):
            raise CardError(f"{where} is damaged: it holds no object.")
        self.count(path)
        return values

    def yaml(self, path: Path) -> dict[str, Any]:
        """The object in a YAML file.

        Raises:
            CardError: it is absent, too large, or none; or the means to read it are not installed.
        """
        where = self.told(path)
        try:
            import yaml
        except ImportError as error:
            raise CardError(f"{where} is YAML; install the extra planimeter[bundles] to read it.") from error
        if path.stat().st_size > _LARGEST_YAML:
            raise CardError(f"{where} is larger than such a file is ever, so it was not read.")
        try:
            values = yaml.safe_load(path.read_text("utf-8"))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise CardError(f"{where} is damaged: it is no YAML file.") from error
        if not isinstance(values, dict):
            raise CardError(f"{where} is damaged: it holds no object.")
        self.count(path)
        return {str(key): value for key, value in values.items()}

    def count(self, path: Path) -> str:
        """Remember that a file was used, and give its SHA-256."""
        if path not in self.read:
            self.read[path] = sha256_of(path)
        return self.read[path]

    def told(self, path: Path) -> str:
        """A path as people know it: within what they chose."""
        try:
            return str(Path(self.name) / path.relative_to(self.folder))
        except ValueError:
            return str(path)

    @property
    def sources(self) -> list[dict[str, str]]:
        """The files that were used, as a card has them."""
        return [{"file": self.told(path)[-200:], "sha256": digest} for path, digest in sorted(self.read.items())]


def unpacked(archive: Path, folder: Path, progress: Progress) -> Path:
    """Unpack a zip into a folder, and give the innermost folder that holds it all.

    Raises:
        CardError: it is damaged, reaches outside the folder, or would fill the disk.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            entries = [entry for entry in file.infolist() if not entry.is_dir() and not _is_of_the_system(entry)]
            _check(archive, entries, shutil.disk_usage(folder).free)
            total = sum(entry.file_size for entry in entries) or 1
            done = 0
            for entry in entries:
                progress(done / total, f"Unpacking {PurePosixPath(entry.filename).name}")
                _unpack(file, entry, folder)
                done += entry.file_size
    except _DAMAGED as error:
        raise CardError(f"{archive.name} is damaged or no zip file; fetch it again.") from error
    except OSError as error:
        raise CardError(f"{archive.name} could not be unpacked: {error.strerror or error}.") from error
    while len(inside := list(folder.iterdir())) == 1 and inside[0].is_dir():
        folder = inside[0]
    return folder


def _is_of_the_system(entry: zipfile.ZipInfo) -> bool:
    """Whether it is what a Mac adds to each zip, beside the model."""
    return entry.filename.startswith("__MACOSX/") or PurePosixPath(entry.filename).name == ".DS_Store"


def _check(archive: Path, entries: list[zipfile.ZipInfo], free: int) -> None:
    name = archive.name
    if len(entries) > _MOST_FILES:
        raise CardError(f"{name} holds {len(entries)} files, more than any model; nothing was unpacked.")
    total = sum(entry.file_size for entry in entries)
    for entry in entries:
        path = PurePosixPath(entry.filename)
        inside = path.parts and not path.is_absolute() and ".." not in path.parts
        outside = not inside or "\\" in entry.filename or ":" in path.parts[0]
        if outside or entry.external_attr >> 28 == 0xA:
            raise CardError(
                f"{name} holds '{entry.filename[:80]}', which reaches outside its folder; nothing was unpacked."
            )
        if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise CardError(f"{name} is packed in a way that is not known here; unpack it, and import the folder.")
        if entry.file_size > max(_SMALL, _MOST_GROWTH * entry.compress_size):
            raise _bomb(name)
    # Entries may share their packed bytes, so that each alone is in proportion: what counts is the file itself.
    if total > max(_SMALL, _MOST_GROWTH * archive.stat().st_size):
        raise _bomb(name)
    if total > _LARGEST:
        raise CardError(f"{name} would unpack to more than {_LARGEST // 1024**3} GB; nothing was unpacked.")
    if total > free:
        raise CardError(
            f"{name} needs {total / 1e6:,.0f} MB to be unpacked, and the temporary folder {tempfile.gettempdir()} has "
            f"{free / 1e6:,.0f} MB left; make room there and import again."
        )


def _bomb(name: str) -> CardError:
    return CardError(f"{name} would grow out of all proportion when it is unpacked; nothing was unpacked.")


def _unpack(file: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    target = folder.joinpath(*PurePosixPath(entry.filename).parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    left = entry.file_size
    with file.open(entry) as source, target.open("wb") as sink:
        while block := source.read(_BLOCK):
            left -= len(block)
            if left < 0:
                raise CardError(f"'{entry.filename[:80]}' is larger than its zip file says; it was not unpacked.")
            sink.write(block)
