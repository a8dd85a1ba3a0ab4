"""A process for the tests of `engine.process.lines`: does what its argument says."""

import sys
import time
from pathlib import Path

from engine.errors import ReadError
from engine.process.lines import tell_of
from engine.progress import Progress


def work(progress: Progress) -> object:
    what, *rest = sys.argv[1:]
    if what == "count":
        for number in range(3):
            progress(number / 3, f"number {number}")
            time.sleep(0.06)
        print("a library speaks")
        return {"counted": 3}
    if what == "fail":
        raise ReadError("The folder is empty.")
    if what == "stumble":
        raise ValueError("no\nsuch thing")
    try:
        while True:
            progress(0.5, "working")
            time.sleep(0.02)
    finally:
        Path(rest[0]).write_text("kept", encoding="utf-8")


tell_of(work, "It could not be done")
