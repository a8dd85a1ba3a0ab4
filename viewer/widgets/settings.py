"""Where the window remembers its layout between starts."""

import os

from PySide6.QtCore import QSettings


def settings() -> QSettings:
    """The user's settings; in the file named by the environment variable PLANIMETER_SETTINGS where that is set."""
    path = os.environ.get("PLANIMETER_SETTINGS")
    if path:
        return QSettings(path, QSettings.Format.IniFormat)
    return QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "Planimeter", "planimeter")
