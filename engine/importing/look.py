"""Whether a file or folder is likely a model, at a glance; what it is, is found out when it is imported."""

import zipfile
from pathlib import Path, PurePosixPath

from engine.importing.table import IMPORTERS, SUFFIXES

#: Entries of a zip that are looked at.
_MOST = 20_000


def may_be_model(path: Path) -> bool:
    """True for a folder or a zip that bears the signs of a kind that can be imported, and for a file of such a kind."""
    signs = {sign for importer in IMPORTERS for sign in importer.signs}
    try:
        if path.is_dir():
            return any(True for sign in signs for _ in path.glob(sign))
        if path.suffix.lower() in SUFFIXES:
            return path.is_file()
        if path.suffix.lower() != ".zip":
            return False
        with zipfile.ZipFile(path) as archive:
            entries = [PurePosixPath(name) for name in archive.namelist()[:_MOST]]
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False
    return any(entry.suffix.lower() in SUFFIXES or any(entry.match(sign) for sign in signs) for entry in entries)
