"""RTSTRUCT: 20 structures on 300 planes of 512², ours and rt-utils in turn."""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.contouring.fill import fill
from engine.contouring.trace import trace_mask_volume
from engine.dicom.rtstruct_read import read_rtstruct
from engine.dicom.rtstruct_write import STANDARD, export_rtstruct, rtstruct_bytes
from engine.opening import open_volume
from engine.structures import Roi, StructureSet
from engine.volume import Volume
from tests.rtstruct.foreign import peers_python
from tests.synthetic import make_geometry, write_series

SHAPE, SPACING = (300, 512, 512), (0.98, 0.98, 3.0)
REPEATS = 3

PEER = """
import sys, time, json, numpy as np
from rt_utils import RTStructBuilder
series, masks, out = sys.argv[1:]
with np.load(masks) as found:
    shape = tuple(found["shape"])
    bits = {name: np.unpackbits(found[name]) for name in found.files if name != "shape"}
    masks = {name: mask[: np.prod(shape)].reshape(shape).astype(bool) for name, mask in bits.items()}
masks = {name: np.ascontiguousarray(np.moveaxis(mask, 0, 2)) for name, mask in masks.items()}
start = time.perf_counter()
made = RTStructBuilder.create_new(dicom_series_path=series)
opened = time.perf_counter()
for name, mask in masks.items():
    made.add_roi(mask=mask, name=name)
made.save(out)
write = time.perf_counter() - opened
made = RTStructBuilder.create_from(dicom_series_path=series, rt_struct_path=out)
start_read = time.perf_counter()
for name in masks:
    made.get_roi_mask_by_name(name)
print(json.dumps({"write": write, "read": time.perf_counter() - start_read, "open": opened - start}))
"""


def shapes(shape: tuple[int, int, int] = SHAPE) -> dict[str, NDArray[np.bool_]]:
    """Spheres, tori, thin shells, rods and single voxels, each of `shape` (planes, rows, columns)."""
    out: dict[str, NDArray[np.bool_]] = {}
    z, y, x = (np.arange(n, dtype=np.float32) * s for n, s in zip(shape, (3.0, 0.98, 0.98), strict=True))

    def ball(centre: tuple[float, float, float], outer: float, inner: float = 0.0) -> NDArray[np.bool_]:
        squared = (z - centre[0])[:, None, None] ** 2 + ((y - centre[1]) ** 2)[None, :, None] + ((x - centre[2]) ** 2)
        return np.asarray((squared < outer**2) & (squared >= inner**2))

    for n in range(6):
        out[f"Sphere{n}"] = ball((150 + 100 * n, 250, 250), 20 + 8 * n)
    for n in range(5):
        ring = (np.hypot((y - 250)[:, None], (x - 250)[None, :]) - 50) ** 2
        out[f"Torus{n}"] = ring[None] + ((z - 200 - 100 * n) ** 2)[:, None, None] < 15**2
    for n in range(5):
        out[f"Shell{n}"] = ball((200 + 100 * n, 200, 260), 40 + 5 * n, 37 + 5 * n)
    for n in range(3):
        rod = (y - 200)[:, None] ** 2 + (x - 200 - 40 * n)[None, :] ** 2 < (2 + 2 * n) ** 2
        out[f"Rod{n}"] = np.ascontiguousarray(np.broadcast_to(rod, shape))
    voxels = np.zeros(shape, dtype=np.bool_)
    voxels[tuple(np.random.default_rng(0).integers(0, size, 100) for size in shape)] = True
    out["Voxels"] = voxels
    return out


def _timed(times: dict[str, list[float]], name: str, work: Callable[[], object]) -> object:
    start = time.perf_counter()
    result = work()
    times.setdefault(name, []).append(time.perf_counter() - start)
    return result


def _ours(volume: Volume, masks: dict[str, NDArray[np.bool_]], path: Path, times: dict[str, list[float]]) -> None:
    def traced() -> StructureSet:
        rois = [
            Roi(n, k).with_areas(trace_mask_volume(m, volume.geometry)) for n, (k, m) in enumerate(masks.items(), 1)
        ]
        return StructureSet(volume.geometry, tuple(rois))

    def written() -> None:
        made = traced()
        path.write_bytes(rtstruct_bytes(made, volume, made.rois, STANDARD)[0])

    def read() -> None:  # as the other side: each mask is made and let go
        for roi in read_rtstruct(path, volume).rois:
            fill({k: c.area for k, c in roi.planes.items()}, volume.geometry)

    structures = _timed(times, "planimeter: trace", traced)
    assert isinstance(structures, StructureSet)
    _timed(times, "planimeter: write (trace, encode, save)", written)
    _timed(times, "planimeter: read to masks", read)
    _timed(times, "planimeter: certified export", lambda: export_rtstruct(structures, volume, path))
    for roi in read_rtstruct(path, volume).rois:
        found = fill({k: c.area for k, c in roi.planes.items()}, volume.geometry)
        assert np.array_equal(found, masks[roi.name]), f"the mask of {roi.name} came back changed"


def main() -> None:
    """Print medians and 95th percentiles, the ratios to rt-utils, and peak memory."""
    masks = shapes()
    times: dict[str, list[float]] = {}
    python = peers_python()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_series(root / "ct", np.zeros(SHAPE, dtype=np.int16), make_geometry(SHAPE, SPACING))
        volume = open_volume(root / "ct")
        packed = {name: np.packbits(mask) for name, mask in masks.items()}
        np.savez(root / "masks.npz", shape=np.array(SHAPE), **packed)  # type: ignore[arg-type]
        for _ in range(REPEATS):
            _ours(volume, masks, root / "ours.dcm", times)
            if python is not None:
                command = [str(python), "-c", PEER, str(root / "ct"), str(root / "masks.npz"), str(root / "theirs.dcm")]
                result = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ})
                for name, value in json.loads(result.stdout.splitlines()[-1]).items():
                    times.setdefault(f"rt-utils: {name}", []).append(value)
    print(f"{'':44}{'median':>9}{'p95':>9}  s")
    for name, values in times.items():
        print(f"{name:44}{statistics.median(values):9.2f}{np.percentile(values, 95):9.2f}")
    if python is None:
        print("rt-utils is not there to compare with: install packaging/peers.txt into .venv-peers", file=sys.stderr)
    else:
        for ours, theirs in (
            ("planimeter: write (trace, encode, save)", "rt-utils: write"),
            ("planimeter: read to masks", "rt-utils: read"),
        ):
            ratio = statistics.median(times[theirs]) / statistics.median(times[ours])
            print(f"{theirs} / {ours}: {ratio:.1f}×")
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")


if __name__ == "__main__":
    main()
