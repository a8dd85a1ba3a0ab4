"""Where the window remembers its layout between starts, and what was opened last."""

import os
from pathlib import Path

from PySide6.QtCore import QSettings


def settings() -> QSettings:
    """The user's settings; in the file named by the environment variable PLANIMETER_SETTINGS where that is set."""
    path = os.environ.get("PLANIMETER_SETTINGS")
    if path:
        return QSettings(path, QSettings.Format.IniFormat)
    return QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "Planimeter", "planimeter")


#: The folder of what was opened last, and the one that a file was asked for in since.
OPENED_KEY, FILES_KEY = "open/folder", "files/folder"
READER_KEY, ORGANISATION_KEY = "reader/name", "reader/organisation"

#: How many places are remembered.
_MOST_PLACES = 6


def remember(path: Path) -> None:
    """A folder or file that is being opened, for the start screen and the next dialog."""
    stored, path = settings(), path.absolute()
    places = [str(path), *(str(place) for place in recent_places() if place != path)]
    stored.setValue("open/recent", places[:_MOST_PLACES])
    stored.setValue(OPENED_KEY, str(path if path.is_dir() else path.parent))
    stored.remove(FILES_KEY)


def recent_places() -> list[Path]:
    """What was opened last, the latest first; it may be gone."""
    stored = settings().value("open/recent", [])
    # Of a list with one entry Qt keeps the entry.
    places = [stored] if isinstance(stored, str) else stored if isinstance(stored, list) else []
    return [Path(str(place)) for place in places]


def reader_name() -> str:
    """The name with which this person judges and signs; "" before it was given."""
    return str(settings().value(READER_KEY, ""))
