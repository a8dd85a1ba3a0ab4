"""Whether a file or folder is likely a model, at a glance; what it is, is found out when it is imported."""

import zipfile
from pathlib import Path, PurePosixPath

from engine.cards.registry import CARD_FILE

_PLANS = "plans.json"
#: Entries of a zip that are looked at.
_MOST = 20_000


def may_be_model(path: Path) -> bool:
    """True for a card's folder, a results folder of nnU-Net, a folder of such, or a zip of one of these."""
    try:
        if path.is_dir():
            depths = ("", "*__*__*/", "Dataset*/*__*__*/")
            return (path / CARD_FILE).is_file() or any(True for depth in depths for _ in path.glob(depth + _PLANS))
        if path.suffix.lower() != ".zip":
            return False
        with zipfile.ZipFile(path) as archive:
            names = {PurePosixPath(name).name for name in archive.namelist()[:_MOST]}
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False
    return bool(names & {CARD_FILE, _PLANS})
