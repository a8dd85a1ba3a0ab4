"""What a run took, of this process alone: seconds by the clock and of the processors, and the peak of its memory."""

import json
import resource
import time
from contextlib import suppress
from pathlib import Path


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


def heads(theirs: str) -> str:
    """Of `columns`."""
    pair = f"{'ours':>8} {theirs:>8}"
    return f"{pair}  {pair}  {'ours':>9} {theirs:>9}  (by the clock, of the processors, peak memory)"


def columns(mine: dict[str, float], theirs: dict[str, float]) -> str:
    """Ours and theirs side by side; on a busy machine the seconds of the processors are what compares."""
    seconds = "  ".join(f"{mine[key]:6.1f} s {theirs[key]:6.1f} s" for key in ("seconds", "processor_seconds"))
    return f"{seconds}  {mine['peak_mb']:6.0f} MB {theirs['peak_mb']:6.0f} MB"
