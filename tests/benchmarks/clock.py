"""What a run took, of this process alone: seconds by the clock and of the processors, and the peak of its memory."""

import json
import resource
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.contouring.trace import trace_mask_volume
from engine.volume import Geometry


class Clock:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._wall, self._processors = time.perf_counter(), time.process_time()

    def told(self) -> dict[str, float]:
        """What it took until now."""
        return {
            "seconds": time.perf_counter() - self._wall,
            "processor_seconds": time.process_time() - self._processors,
            "peak_mb": peak_mb(),
        }

    def tell(self, out: Path) -> None:
        """Write it."""
        out.write_text(json.dumps(self.told()))


def peak_mb() -> float:
    """Most memory of this process; on Linux without that of the one that it was started from."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def seconds_of_lines(labels: NDArray[np.uint8], geometry: Geometry, last: int) -> float:
    """Processor seconds that the lines around each label of an image take, told by drawing them once more.

    Args:
        labels: (planes, rows, columns).
        geometry: of the image.
        last: the highest label.
    """
    began = time.process_time()
    for label in range(1, last + 1):
        trace_mask_volume(labels == label, geometry)
    return time.process_time() - began


def heads(theirs: str) -> str:
    """Of `columns`."""
    pair = f"{'ours':>8} {theirs:>8}"
    return f"{pair}  {pair} {'lines':>8}  {'ours':>9} {theirs:>9}  (by the clock, of the processors, peak memory)"


def columns(mine: dict[str, float], theirs: dict[str, float]) -> str:
    """Ours and theirs side by side; on a busy machine the seconds of the processors are what compares.

    The lines that are drawn around voxels are no work of the others'; where it is known, what they take of ours is
    told apart.
    """
    seconds = "  ".join(f"{mine[key]:6.1f} s {theirs[key]:6.1f} s" for key in ("seconds", "processor_seconds"))
    lines = f"{mine['lines_seconds']:6.1f} s" if "lines_seconds" in mine else " " * 8
    return f"{seconds} {lines}  {mine['peak_mb']:6.0f} MB {theirs['peak_mb']:6.0f} MB"
