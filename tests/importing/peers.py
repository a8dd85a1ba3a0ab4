"""The interpreter of an environment that has nnunetv2, where there is one; and runs of nnU-Net in it."""

import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


@cache
def nnunet_python() -> Path | None:
    """Named by $PLANIMETER_PEERS, as an interpreter or as its site-packages; None where it has no nnunetv2."""
    named = Path(os.environ.get("PLANIMETER_PEERS", "/nonexistent"))
    python = named.parents[2] / "bin" / "python" if named.is_dir() and len(named.parents) > 2 else named
    if not python.is_file():
        return None
    found = subprocess.run([python, "-c", "import nnunetv2"], capture_output=True, check=False)
    return python if found.returncode == 0 else None


def needs_nnunet() -> Path:
    """The interpreter; the test is skipped without."""
    python = nnunet_python()
    if python is None:
        pytest.skip("no nnU-Net: set PLANIMETER_PEERS to an environment with nnunetv2")
    return python


def peer_command(python: Path, folder: Path, cases: list[dict[str, Any]]) -> tuple[list[str | Path], dict[str, str]]:
    """The command that runs `nnunet_peer.py` on cases, and its environment."""
    (folder / "cases.json").write_text(json.dumps(cases))
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    # Several modules of nnU-Net remember where results lie when they are imported.
    for case in cases:
        environment["nnUNet_results"] = environment["TOTALSEG_WEIGHTS_PATH"] = str(case.get("results", "/nonexistent"))
    environment["TOTALSEG_HOME_DIR"] = str(folder / "home")
    return [python, HERE / "nnunet_peer.py", folder], environment


def predicted(python: Path, folder: Path, cases: list[dict[str, Any]]) -> dict[str, Any]:
    """Run `nnunet_peer.py` on cases; what it tells."""
    command, environment = peer_command(python, folder, cases)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    told: dict[str, Any] = json.loads((folder / "told.json").read_text())
    return told
