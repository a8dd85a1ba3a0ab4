"""The contour kernel: tracing and filling 20 structures on 300 planes of 512², and each operation on one of them."""

import time
from collections.abc import Callable

import numpy as np
from contourpy import contour_generator
from numpy.typing import NDArray
from shapely import MultiPolygon, Point

from engine.contouring import brush, combine, interpolate, islands, margin, measure, section, simplify, smooth
from engine.contouring.fill import fill
from engine.contouring.keyhole import keyhole
from engine.contouring.rings import areas_from_rings
from engine.contouring.trace import trace_mask_volume, trace_probability_volume
from engine.volume import Geometry

SHAPE, SPACING = (300, 512, 512), (0.98, 0.98, 3.0)
REPEATS = 3

try:
    import cv2
except ImportError:  # it comes with rt-utils, which lives in an environment of its own
    cv2 = None


def ball(centre: tuple[float, float, float], outer: float, inner: float = 0.0) -> NDArray[np.bool_]:
    """A ball or shell, radii and (z, y, x) centre in mm."""
    z, y, x = (np.arange(n, dtype=np.float32) * s for n, s in zip(SHAPE, SPACING[::-1], strict=True))
    squared = (z - centre[0])[:, None, None] ** 2 + ((y - centre[1]) ** 2)[None, :, None] + (x - centre[2]) ** 2
    return np.asarray((squared < outer**2) & (squared >= inner**2))


def structures() -> list[NDArray[np.bool_]]:
    """Ten balls and ten shells of 20 to 56 mm radius."""
    solid = [ball((120.0 + 60 * n, 250.0, 240.0 + 3 * n), 20.0 + 4 * n) for n in range(10)]
    return solid + [ball((150.0 + 60 * n, 220.0, 260.0), 20.0 + 4 * n, 16.0 + 4 * n) for n in range(10)]


def contourpy_traced(mask: NDArray[np.bool_]) -> list[list[NDArray[np.float64]]]:
    """What a viewer without this kernel does: marching squares, a whole plane at a time, wherever there is any."""
    return [contour_generator(z=plane.astype(np.float64)).lines(0.5) for plane in mask if plane.any()]


def opencv_traced(mask: NDArray[np.bool_]) -> list[object]:
    """As rt-utils does: OpenCV's border following, plane by plane."""
    planes = mask.astype(np.uint8)
    return [cv2.findContours(plane, cv2.RETR_TREE, cv2.CHAIN_APPROX_NONE)[0] for plane in planes if plane.any()]


def opencv_filled(contours: dict[int, list[NDArray[np.int32]]]) -> NDArray[np.uint8]:
    """As rt-utils does: OpenCV's polygon filling, plane by plane."""
    out = np.zeros(SHAPE, dtype=np.uint8)
    for k, rings in contours.items():
        cv2.fillPoly(out[k], rings, 1)
    return out


def report(name: str, times: list[tuple[float, float]], scale: float = 1.0) -> None:
    """One line of the table."""
    wall, processor = (1000 * scale * np.array(part) for part in zip(*times, strict=True))
    columns = (np.median(wall), np.percentile(wall, 95), np.median(processor))
    print(f"{name:58}" + "".join(f"{float(value):10.1f}" for value in columns), flush=True)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds that `work` takes, by the clock and of the processor (which other programs do not prolong)."""
    start = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start[0], time.process_time() - start[1]


def whole_sets(geometry: Geometry) -> None:
    """Tracing and filling of all structures, ours and others in turn."""
    masks = structures()
    areas = [trace_mask_volume(mask, geometry) for mask in masks]
    assert all((fill(area, geometry) == mask).all() for area, mask in zip(areas, masks, strict=True))
    work: dict[str, Callable[[], object]] = {
        "trace 20 structures": lambda: [trace_mask_volume(mask, geometry) for mask in masks],
        "  the same with contourpy, plane by plane, lines only": lambda: contourpy_traced(masks[4]),
        "fill 20 structures": lambda: [fill(area, geometry) for area in areas],
    }
    scale = {"  the same with contourpy, plane by plane, lines only": 20.0}
    if cv2 is not None:
        integer = [
            {
                k: [np.rint(np.array(p.exterior.coords) / 0.98).astype(np.int32) for p in a.geoms]
                for k, a in area.items()
            }
            for area in areas
        ]
        work["  trace with OpenCV, as rt-utils does"] = lambda: [opencv_traced(mask) for mask in masks]
        work["  fill with OpenCV, as rt-utils does"] = lambda: [opencv_filled(contours) for contours in integer]
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
    for _ in range(REPEATS):
        for name, job in work.items():
            times[name].append(timed(job))
    for name, values in times.items():
        report(name, values, scale.get(name, 1.0))
    if cv2 is None:
        print("  (OpenCV is not installed here; rt-utils itself is compared in bench_rtstruct)")


def operations(geometry: Geometry) -> None:
    """Each operation on one structure of 57 planes."""
    solid = trace_mask_volume(ball((400.0, 250.0, 250.0), 85.0), geometry)
    hollow = trace_mask_volume(ball((400.0, 250.0, 250.0), 60.0, 45.0), geometry)
    other = trace_mask_volume(ball((420.0, 280.0, 250.0), 60.0), geometry)
    middle = sorted(solid)[len(solid) // 2]
    sparse = {k: area for n, (k, area) in enumerate(sorted(solid.items())) if n % 5 == 0}
    rings = {k: [np.array(p.exterior.coords) for p in area.geoms] for k, area in solid.items()}
    tool = brush.stamp([[200.0, 250.0], [206.0, 252.0]], 12.0)
    low = Geometry.regular((0, 0, 0), np.eye(3), (1.96, 1.96, 3.0), (300, 256, 256))
    z, y, x = (np.arange(n, dtype=np.float32) * s for n, s in zip(low.shape, (3.0, 1.96, 1.96), strict=True))
    distance = np.sqrt((z - 400)[:, None, None] ** 2 + ((y - 250) ** 2)[None, :, None] + (x - 250) ** 2)
    probability = (1 / (1 + np.exp(np.clip(distance - 85, -20, 20)))).astype(np.float32)
    first, second = ball((400.0, 250.0, 250.0), 60.0), ball((403.0, 252.0, 250.0), 60.0)
    spacing = SPACING[::-1]
    margins = margin.Margins(left=5, right=3, anterior=7, posterior=2, superior=6, inferior=4)
    work: dict[str, Callable[[], object]] = {
        "brush: add a stroke on one plane": lambda: brush.add(solid[middle], tool),
        "section along a row, one structure": lambda: section.section(solid, geometry, "row", 255.0),
        "paint on a section": lambda: section.paint_section(
            solid, geometry, "row", 255.0, MultiPolygon([Point(250, 310).buffer(20)]), True
        ),
        "probability map of 2 mm → contours": lambda: trace_probability_volume(probability, low, geometry),
        "rings → areas": lambda: areas_from_rings(rings),
        "keyholes of a shell": lambda: [keyhole(p) for area in hollow.values() for p in area.geoms],
        "union": lambda: combine.combine(solid, other, geometry, combine.Operation.UNION),
        "margin 5 mm": lambda: margin.margin(solid, geometry, margin.Margins.uniform(5.0)),
        "margin of six distances": lambda: margin.margin(solid, geometry, margins),
        "margin −5 mm": lambda: margin.margin(solid, geometry, margin.Margins.uniform(-5.0)),
        "interpolate 4 of 5 planes": lambda: interpolate.interpolate(sparse, geometry),
        "smooth 4 mm": lambda: smooth.smooth(solid, geometry, 4.0),
        "simplify 0.2 mm": lambda: simplify.simplify(solid, geometry, 0.2),
        "largest piece only": lambda: islands.keep_largest(solid, geometry),
        "Dice of polygons": lambda: measure.dice(solid, other, geometry),
        "added path length": lambda: measure.added_path_length(solid, other, 1.0),
        "surface distances of masks": lambda: measure.surface_distances(first, second, spacing),
    }
    for name, job in work.items():
        report(name, [timed(job) for _ in range(REPEATS)])


def main() -> None:
    """Print medians and 95th percentiles by the clock, and medians of processor time."""
    geometry = Geometry.regular((0, 0, 0), np.eye(3), SPACING, SHAPE)
    print(f"{'':58}{'median':>10}{'p95':>10}{'processor':>10}  ms")
    whole_sets(geometry)
    operations(geometry)


if __name__ == "__main__":
    main()
