"""The data that come with the program, wherever it is installed."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from engine.errors import PlanimeterError


def shipped(*names: str) -> Path:
    """A file or folder of `resources`."""
    return Path(str(files("resources").joinpath(*names)))


def read_list(name: str) -> dict[str, Any]:
    """One of the built-in lists, a JSON file in `resources/presets`.

    Raises:
        PlanimeterError: it is absent or damaged.
    """
    try:
        loaded = json.loads(shipped("presets", name).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise PlanimeterError(f"The built-in list {name} could not be read: {error}.") from error
    assert isinstance(loaded, dict)
    return loaded
