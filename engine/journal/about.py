"""What is kept beside a journal: whose series it is and how it was looked at.

The journal itself names nobody. These files do, so that a person finds a session again by the patient; their owner
alone may read them. A session can be put back without them.
"""

import json
import os
import tempfile
from pathlib import Path

from engine.errors import WriteError
from engine.journal.records import About


def read_about(folder: Path, session_id: str) -> About:
    """What is known of a session; nothing where there is no such file or it is damaged."""
    try:
        told = json.loads(_path(folder, session_id).read_text("utf-8"))
        look = told["look"]
        return About(str(told["patient_name"]), str(told["patient_id"]), look if isinstance(look, dict) else {})
    except (OSError, ValueError, LookupError, TypeError):
        return About()


def write_about(folder: Path, session_id: str, about: About) -> None:
    """Keep it, in place of what was known before.

    Raises:
        WriteError: the folder or the file cannot be made, or the disk is full.
    """
    path = _path(folder, session_id)
    told = {"patient_name": about.patient_name, "patient_id": about.patient_id, "look": dict(about.look)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Made for its owner alone; not flushed to the disk, since nothing is lost with it.
        handle, name = tempfile.mkstemp(suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(told, file)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise WriteError(
            f"How the series is looked at cannot be kept in {path} ({error.strerror or error})."
        ) from error


def forget_about(folder: Path, session_id: str) -> None:
    """Delete it, where it is."""
    try:
        _path(folder, session_id).unlink(missing_ok=True)
    except OSError:
        # It stays readable by its owner alone, and no list shows it.
        return


def _path(folder: Path, session_id: str) -> Path:
    return folder / "about" / f"{session_id}.json"
