"""Which window works on a series: one at a time, and none that is gone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.journal import Claims


def test_a_second_window_learns_of_the_first_and_gets_the_series_when_that_lets_go(tmp_path: Path) -> None:
    first, second = Claims(tmp_path), Claims(tmp_path)
    assert first.claim("1.2") is None and first.claim("1.2") is None
    holder = second.claim("1.2")
    assert holder is not None and holder.pid == os.getpid()
    assert second.claim("1.3") is None, "another series is free"
    first.release("1.2")
    assert second.claim("1.2") is None and second.holds("1.2")
    second.close()
    assert Claims(tmp_path).claim("1.2") is None, "a window that closed holds nothing"


def test_a_series_that_is_taken_over_is_lost_to_the_first_window(tmp_path: Path) -> None:
    first, second = Claims(tmp_path), Claims(tmp_path)
    first.claim("1.2")
    second.take_over("1.2")
    assert second.holds("1.2") and not first.holds("1.2")
    first.release("1.2")
    assert second.holds("1.2"), "letting go of what is not held takes nothing from another"
    assert first.claim("1.2") is not None


def test_what_a_crashed_window_held_is_free(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from engine.journal import Claims\n"
        f"claims = Claims(Path({str(tmp_path)!r})); claims.claim('1.2'); print('held', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None and other.stdout.readline() == "held\n"
    mine = Claims(tmp_path)
    holder = mine.claim("1.2")
    assert holder is not None and holder.pid == other.pid
    other.send_signal(signal.SIGKILL) if os.name == "posix" else other.kill()
    other.wait()
    assert mine.claim("1.2") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"window": 3}', '{"window": "x", "pid": "y", "since": "z"}'])
def test_a_damaged_claim_keeps_nobody_from_work(tmp_path: Path, text: str) -> None:
    first = Claims(tmp_path)
    first.claim("1.2")
    (damaged,) = (tmp_path / "windows").glob("*.json")
    damaged.write_text(text)
    assert Claims(tmp_path).claim("1.2") is None


def test_where_nothing_can_be_written_everything_is_granted(tmp_path: Path) -> None:
    (tmp_path / "windows").write_text("a file in the way")
    claims = Claims(tmp_path)
    assert claims.claim("1.2") is None and claims.holds("1.2")
    claims.release("1.2")
    claims.close()


def test_asking_before_every_stroke_takes_no_time(tmp_path: Path) -> None:
    claims = Claims(tmp_path)
    claims.claim("1.2")
    start = time.perf_counter()
    for _ in range(100):
        assert claims.holds("1.2")
    assert time.perf_counter() - start < 0.1, "a millisecond each would be felt while drawing"
