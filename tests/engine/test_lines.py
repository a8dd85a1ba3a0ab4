"""A process that tells of its work in lines."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.errors import CancelledError
from engine.process.lines import work_in_process

WORKER = "tests.engine.line_worker"


def test_what_is_told_arrives_and_what_a_library_prints_does_not() -> None:
    told: list[tuple[float, str]] = []
    last = work_in_process(WORKER, ["count"], lambda fraction, stage: told.append((fraction, stage)))
    assert last == {"done": {"counted": 3}}
    assert [stage for _, stage in told if stage.startswith("number")] == ["number 0", "number 1", "number 2"]


@pytest.mark.parametrize(
    ("what", "sentence"),
    [("fail", "The folder is empty."), ("stumble", "It could not be done (ValueError: no such thing).")],
)
def test_an_error_is_one_sentence(what: str, sentence: str) -> None:
    assert work_in_process(WORKER, [what], lambda fraction, stage: None) == {"failed": sentence}


def test_a_process_that_is_told_to_stop_may_put_its_work_away(tmp_path: Path) -> None:
    def stop(fraction: float, stage: str) -> None:
        if stage == "working":
            raise CancelledError(stage)

    with pytest.raises(CancelledError):
        work_in_process(WORKER, ["work", str(tmp_path / "kept")], stop, grace_s=20)
    assert (tmp_path / "kept").read_text() == "kept"


def test_a_process_whose_starter_is_gone_stops_by_itself(tmp_path: Path) -> None:
    starter = (
        "import os, subprocess, sys;"
        f"p = subprocess.Popen([sys.executable, '-m', '{WORKER}', 'work', {str(tmp_path / 'kept')!r}],"
        " stdin=subprocess.PIPE, stdout=subprocess.PIPE); p.stdout.readline(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", starter], check=True, timeout=60)
    for _ in range(500):
        if (tmp_path / "kept").exists():
            break
        time.sleep(0.02)
    assert (tmp_path / "kept").exists()
