"""The folder in which the program keeps what is a person's own: sessions, models, templates, training runs."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from engine.later import later

if TYPE_CHECKING:
    import platformdirs
else:
    platformdirs = later("platformdirs")


def data_folder() -> Path:
    """`$PLANIMETER_DATA` where that is set, else the folder that the system has for a person's data."""
    override = os.environ.get("PLANIMETER_DATA")
    return Path(override) if override else platformdirs.user_data_path("planimeter", appauthor=False)
