"""What every test of the window needs: a screen, and folders of its own for what the program keeps."""

import os
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def screen() -> None:
    """Skips where Qt would abort for want of a screen; `make test` brings a virtual one."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        pytest.skip("needs a screen; run it with: xvfb-run -a pytest")


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Journals, settings and demo studies of a test go to its own folder, never to the user's."""
    for name in ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("PLANIMETER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("PLANIMETER_SETTINGS", str(tmp_path / "settings.ini"))
