"""How long a run takes to stop when asked, and what the engine's process keeps of it."""

import os
import statistics
import tempfile
import time
from pathlib import Path

from engine.cards.registry import SHIPPED
from engine.demo import write_demo_series
from engine.opening import open_volume
from engine.process.client import EngineClient
from engine.process.messages import Cancelled, Progress

#: Shares of the run at which it is stopped: while the image is prepared, between the first tiles, in the middle.
AT = (0.02, 0.12, 0.2, 0.25, 0.3, 0.4)


def main() -> None:
    """Stop `head-neck-oar` on the built-in study at several places."""
    times: list[float] = []
    with tempfile.TemporaryDirectory() as scratch:
        volume = open_volume(write_demo_series(Path(scratch) / "demo"))
        client = EngineClient()
        client.start()
        client.wait_ready(300)
        print("stopped at   after s   memory of the process, MB: running, afterwards")
        for share in AT:
            job = client.run(SHIPPED / "head-neck-oar", {"ct": volume})
            while not any(isinstance(m, Progress) and m.job == job and m.fraction >= share for m in client.poll()):
                time.sleep(0.005)
            running = _resident_mb(client.process_id)
            start = time.perf_counter()
            client.cancel(job)
            message = client.wait(job, 60)
            times.append(time.perf_counter() - start)
            assert isinstance(message, Cancelled), message
            time.sleep(1.0)
            print(f"{share:9.0%} {times[-1]:10.2f} {running:12.0f} {_resident_mb(client.process_id):12.0f}")
        client.close()
    print(f"median {statistics.median(times):.2f} s, longest {max(times):.2f} s (bound: 2 s)")


def _resident_mb(pid: int | None) -> float:
    """Resident memory of a process, MB; 0 when there is none (Linux)."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
