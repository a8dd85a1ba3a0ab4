"""Runs the benchmarks, each in a process of its own so that none inherits another's memory or warm caches.

`python tests/benchmarks/run.py [NAME ...]`: NAME is the middle of `bench_NAME.py`; all of them when none is given.
"""

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CALL_MAIN = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='bench')['main']()"


def main(names: list[str]) -> int:
    """Run them in alphabetical order; the exit status is how many failed."""
    found = {path.stem.removeprefix("bench_"): path for path in sorted(HERE.glob("bench_*.py"))}
    unknown = [name for name in names if name not in found]
    if unknown:
        print(f"No benchmark is called {', '.join(unknown)}; there are {', '.join(found)}.", file=sys.stderr)
        return 2
    load = os.getloadavg()[0]
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}")
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent.parent)}
    failed = 0
    for name in names or found:
        print(f"\n== {name}", flush=True)
        start = time.perf_counter()
        status = subprocess.run([sys.executable, "-c", CALL_MAIN, str(found[name])], env=environment, check=False)
        failed += status.returncode != 0
        print(f"   ({time.perf_counter() - start:.0f} s{', FAILED' if status.returncode else ''})", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
