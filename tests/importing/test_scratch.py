"""What a killed import left is deleted when the next one begins; an import that lives is not touched."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from engine.importing.scratch import delete_left_ones, scratch_folder

HOLDS = (
    "import sys, time; from engine.importing.scratch import scratch_folder\n"
    "with scratch_folder() as place: (place / 'weights').write_bytes(b'1'); print(place, flush=True); time.sleep(60)"
)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def aged(folder: Path, by_s: float = 60.0) -> None:
    os.utime(folder, (time.time() - by_s,) * 2)


def test_of_a_killed_import_nothing_is_left_and_of_a_living_one_everything(temporary: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(temporary)}
    started = [
        subprocess.Popen([sys.executable, "-c", HOLDS], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        killed, living = (Path(process.stdout.readline().strip()) for process in started if process.stdout)
        started[0].kill()
        started[0].wait()
        for folder in (killed, living):
            assert folder.parent == temporary
            aged(folder)
        with scratch_folder() as place:
            assert not killed.exists()
            assert (living / "weights").read_bytes() == b"1"
            aged(place)
            delete_left_ones()
            assert place.exists(), "its own least of all"
        assert not place.exists()
    finally:
        for process in started:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


def test_what_may_not_have_its_lock_yet_is_left_alone_and_what_is_a_day_old_is_not(temporary: Path) -> None:
    places = {name: temporary / f"planimeter-import-{name}" for name in ("begun", "fresh", "old")}
    for folder in places.values():
        folder.mkdir()
    (places["begun"] / "alive.lock").touch()
    aged(places["fresh"])
    aged(places["old"], 2 * 86_400)
    (temporary / "planimeter-import-link").symlink_to(temporary)
    delete_left_ones()
    assert {name for name, folder in places.items() if folder.exists()} == {"begun", "fresh"}
    assert temporary.exists()
