"""What a command took with all processes that it started: peak memory, and seconds of the processors."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

#: Seconds between two looks at the memory.
EVERY_S = 0.5


def measured(command: Sequence[str | Path], environment: Mapping[str, str], most_gb: float) -> dict[str, float] | None:
    """As `clock.Clock.told`, of the whole tree of processes; what they share counts once. On Linux only.

    Args:
        command: to be run.
        environment: that it sees.
        most_gb: of private memory that a process of it may ask for; more is refused by the system.

    Returns:
        None where it failed, mostly for want of memory.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        ["prlimit", f"--data={int(most_gb * 1e9)}", *command], env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    told: list[bytes] = []
    reader = threading.Thread(target=lambda: told.append(process.stderr.read() if process.stderr else b""))
    reader.start()
    peak, done = 0.0, 0
    while not done:
        peak = max(peak, sum(map(_megabytes, _tree(process.pid))))
        time.sleep(EVERY_S)
        done, status, used = os.wait4(process.pid, os.WNOHANG)
    process.returncode = os.waitstatus_to_exitcode(status)
    reader.join()
    if process.returncode:
        print(f"    ended with {process.returncode}: {' '.join(told[0].decode(errors='replace').split())[-300:]}")
        return None
    return {
        "seconds": time.perf_counter() - began,
        "processor_seconds": used.ru_utime + used.ru_stime,
        "peak_mb": max(peak, used.ru_maxrss / 1024),
    }


def _tree(root: int) -> list[int]:
    found = [root]
    for process in found:
        with suppress(OSError):
            for task in Path(f"/proc/{process}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def _megabytes(process: int) -> float:
    """Memory in which it has a part; pages of several processes, such as forked ones, are shared out among them."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0
