"""Whether a file or folder is likely a model, at a glance; what it is, is found out when it is imported."""

import zipfile
from pathlib import Path, PurePosixPath

from engine.cards.registry import CARD_FILE

_PLANS = "plans.json"
#: Of a MONAI bundle, in its folder `configs`.
_METADATA = "metadata.json"
#: Entries of a zip that are looked at.
_MOST = 20_000


def may_be_model(path: Path) -> bool:
    """True for a card's folder, a results folder of nnU-Net, a folder of such, a MONAI bundle, an ONNX file, a zip."""
    try:
        if path.is_dir():
            depths = ("", "*__*__*/", "Dataset*/*__*__*/")
            if (path / CARD_FILE).is_file() or (path / "configs" / _METADATA).is_file():
                return True
            if any(True for _ in path.glob("*.onnx")):
                return True
            return any(True for depth in depths for _ in path.glob(depth + _PLANS))
        if path.suffix.lower() == ".onnx":
            return path.is_file()
        if path.suffix.lower() != ".zip":
            return False
        with zipfile.ZipFile(path) as archive:
            paths = [PurePosixPath(name) for name in archive.namelist()[:_MOST]]
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False
    names = {path.name for path in paths}
    return bool(names & {CARD_FILE, _PLANS}) or any(
        path.suffix.lower() == ".onnx" or path.parts[-2:] == ("configs", _METADATA) for path in paths
    )
