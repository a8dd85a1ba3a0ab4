"""What has to keep up with the mouse: the path of the live wire, and slabs of 30 mm. By the clock and by the processor.

The live wire is started at clicks along the edge of a disc in noise, and led to points on the edge; a path is what one
move of the mouse costs. The slab is made anew for each plane, as scrolling does.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from engine.contouring.livewire import Wire
from engine.slab import Projection, Slab
from engine.volume import Geometry, Volume
from viewer.render.slab_image import slab_image
from viewer.tools.livewire import REACH_VOXELS

_ROUNDS = 5


def timed(act: Callable[[], object]) -> tuple[float, float]:
    """(ms by the clock, ms of the processor)."""
    start, used = time.perf_counter(), time.process_time()
    act()
    return 1000 * (time.perf_counter() - start), 1000 * (time.process_time() - used)


def tell(name: str, times: list[tuple[float, float]]) -> None:
    """Print a row."""
    clock, used = zip(*times, strict=True)
    p95 = float(np.percentile(clock, 95))
    print(f"  {name:<44}{statistics.median(clock):9.2f}{p95:9.2f}{statistics.median(used):9.2f}", flush=True)


def live_wire() -> None:
    """From a click to the wire, and from a place of the mouse to the path."""
    rng = np.random.default_rng(0)
    side = 2 * REACH_VOXELS + 1
    rows, columns = np.mgrid[:side, :side]
    # The edge runs through the middle, where the click is.
    disc = np.hypot(rows - REACH_VOXELS, columns - REACH_VOXELS - 60) < 60
    levels = np.clip(0.3 + 0.4 * disc + rng.normal(0, 0.05, disc.shape), 0, 1)
    starts, paths = [], []
    angles = np.linspace(np.pi / 2, 3 * np.pi / 2, 40)
    for _ in range(_ROUNDS):
        wires: list[Wire] = []

        def click(wires: list[Wire] = wires) -> None:
            wire = Wire(levels, (1.0, 1.0), None)
            wire.start(REACH_VOXELS, REACH_VOXELS)
            wires.append(wire)

        starts.append(timed(click))
        for angle in angles:
            row, column = round(REACH_VOXELS + 60 * np.sin(angle)), round(REACH_VOXELS + 60 + 60 * np.cos(angle))
            paths.append(timed(partial(wires[0].way_to, row, column)))
    tell("live wire: a click", starts)
    tell("live wire: the path to the mouse", paths)


def slabs() -> None:
    """Slabs of 30 mm of a CT of 300 planes of 512²."""
    geometry = Geometry.regular((-250, -250, 0), np.eye(3), (0.98, 0.98, 1.0), (300, 512, 512))
    plane = np.random.default_rng(0).integers(-1000, 1500, (1, 512, 512), dtype=np.int16)
    volume = Volume(np.ascontiguousarray(np.broadcast_to(plane, geometry.shape)), geometry, "CT", "HU")
    for projection in Projection:
        slab = Slab(projection, 30.0)
        for across, name in ((2, "axial"), (1, "coronal"), (0, "sagittal")):
            indices = range(100, 100 + 2 * _ROUNDS)
            tell(
                f"{projection} of 30 mm, {name}",
                [timed(partial(slab_image, volume, across, index, slab)) for index in indices],
            )


def main() -> None:
    """Print milliseconds: median and p95 by the clock, median of the processor."""
    print(f"{'hands, ms':<46}{'median':>9}{'p95':>9}{'CPU':>9}")
    live_wire()
    slabs()


if __name__ == "__main__":
    main()
