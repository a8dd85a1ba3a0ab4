"""Reading a CT: speed beside SimpleITK's series reader on the same files, and peak memory.

Both sides start from the folder: find the series, sort it, read it. The files are in the page cache. Each round runs
both sides once, in alternating order; the ratio is the median of the rounds' ratios. Processor time is what a busy
machine leaves comparable.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset

from engine.opening import open_volume
from engine.stored.read import read_series
from engine.stored.scan import scan
from tests.synthetic import make_geometry, write_series

PLANES, SIZE, ROUNDS = 300, 512, 11
LARGE = 1000

#: Run in a process of its own: the peak of its resident memory above what it had before it opened the folder, in bytes.
MEASURE = """
import json, sys, threading, time
from pathlib import Path
import SimpleITK as sitk
from engine.opening import open_volume

def resident():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024

Path("/proc/self/clear_refs").write_text("5")
before = resident()
if sys.argv[1] == "planimeter":
    kept = open_volume(Path(sys.argv[2]))
else:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(sys.argv[2]))
    kept = reader.Execute()
print(json.dumps(resident() - before))
"""


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="planimeter-bench-") as place:
        folder = Path(place)
        _write(folder / "plain", PLANES, lambda dataset, _: None)
        _write(folder / "scanner", PLANES, _like_a_scanner)
        print(f"{PLANES} planes of {SIZE}², int16, s: median (p95), warm cache, {ROUNDS} rounds")
        for name, words in (("plain", "short headers"), ("scanner", "headers of 200 elements, as scanners write")):
            _compare(folder / name, words)
        _parts(folder / "plain")
        _write(folder / "large", LARGE, lambda dataset, _: None)
        voxels = LARGE * SIZE * SIZE * 2
        print(f"{LARGE} planes of {SIZE}², peak memory above the bare program, × the bytes of the voxels")
        for side in ("planimeter", "SimpleITK"):
            command = [sys.executable, "-c", MEASURE, side, str(folder / "large")]
            peak = json.loads(
                subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ).stdout
            )
            print(f"  {side:<14} {peak / voxels:.3f}")


def _write(folder: Path, planes: int, edit: Callable[[Dataset, int], None]) -> None:
    plane = np.random.default_rng(0).integers(-1000, 2000, size=(SIZE, SIZE)).astype(np.int16)
    shape = (planes, SIZE, SIZE)
    write_series(folder, np.broadcast_to(plane, shape), make_geometry(shape, (0.9, 0.9, 1.0)), edit=edit)


def _like_a_scanner(dataset: Dataset, _: int) -> None:
    for group in (0x0019, 0x0043):
        block = dataset.private_block(group, "SYNTHETIC", create=True)
        for element in range(80):
            block.add_new(element, "LO", f"private value {element}")


def _ours(folder: Path) -> object:
    return open_volume(folder)


def _simpleitk(folder: Path) -> object:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def _compare(folder: Path, words: str) -> None:
    sides = {"planimeter": _ours, "SimpleITK": _simpleitk}
    wall: dict[str, list[float]] = {name: [] for name in sides}
    cpu: dict[str, list[float]] = {name: [] for name in sides}
    for run in range(ROUNDS + 1):
        for name in list(sides) if run % 2 else list(sides)[::-1]:
            started, processor = time.perf_counter(), time.process_time()
            kept = sides[name](folder)
            taken, used = time.perf_counter() - started, time.process_time() - processor
            del kept
            if run:
                wall[name].append(taken)
                cpu[name].append(used)
    print(f"  {words}")
    for what, times in (("wall clock", wall), ("processor", cpu)):
        ratios = [theirs / ours for ours, theirs in zip(*times.values(), strict=True)]
        shown = ", ".join(f"{name} {_spread(values)}" for name, values in times.items())
        print(f"    {what}: {shown}; {statistics.median(ratios):.1f} times as fast")


def _parts(folder: Path) -> None:
    scans, reads = [], []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        series = next(scan([folder]).series())
        scans.append(time.perf_counter() - started)
        started = time.perf_counter()
        read_series(series)
        reads.append(time.perf_counter() - started)
    print(f"  of that, short headers: headers {_spread(scans)}, voxels {_spread(reads)}")


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.3f} ({np.percentile(values, 95):.3f})"
