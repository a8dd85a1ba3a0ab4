"""Live wire, splines and what a ball sweeps: pure geometry."""

import numpy as np
import pytest
import shapely
from shapely import LinearRing, MultiPolygon, Point, Polygon, box

from engine.contouring.ball import swept
from engine.contouring.levels import depth_in_range, grow, level_area, only
from engine.contouring.livewire import Wire
from engine.contouring.spline import closed_curve, handles_of, pulled, with_ring, without_handle
from engine.contouring.split import side_of
from tests.synthetic import make_geometry

RING = shapely.get_coordinates(Point(50, 50).buffer(20, quad_segs=64).exterior)


def disc_image(size: int = 121, radius: float = 40.0) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size] - size // 2
    noise = np.random.default_rng(5).normal(0, 0.02, (size, size))
    return 0.3 + 0.4 * np.clip(radius + 0.5 - np.hypot(rows, columns), 0, 1) + noise


def test_the_wire_follows_the_edge_to_a_third_of_a_voxel() -> None:
    wire = Wire(disc_image(), (1.0, 1.0))
    wire.start(60, 100)
    way = wire.way_to(20, 60)
    assert way[0].tolist() == [60, 100] and way[-1].tolist() == [20, 60]
    away = np.abs(np.hypot(*(way[3:-3] - 60).T) - 40)
    assert np.median(away) < 0.2 and away.max() < 0.7
    assert np.linalg.norm(np.diff(way, axis=0), axis=1).sum() < 1.1 * np.pi / 2 * 40


def test_the_wire_prefers_edges_like_those_before() -> None:
    """A strong edge beside a weak one: having followed the weak one, it stays on it."""
    image = np.zeros((60, 121))
    image[20:] += 0.2
    image[32:] += 0.8
    strong = Wire(image, (1.0, 1.0))
    typical = strong.steepness_along(np.array([[20.0, column] for column in range(20)]))
    for learned, row in ((None, 32), (typical, 20)):
        wire = Wire(image, (1.0, 1.0), learned)
        wire.start(26, 5)
        middle = np.median(wire.way_to(26, 115)[:, 0])
        assert abs(middle - row) < 2.5


def test_a_curve_goes_through_its_points_and_makes_no_loops() -> None:
    points = np.array([[0, 0], [10, 0], [11, 1], [12, 20], [0, 12]], dtype=float)
    curve = closed_curve(points)
    assert np.allclose(curve[::16], points)
    assert LinearRing(curve).is_simple


def test_a_pulled_ring_changes_between_the_neighbouring_handles_alone() -> None:
    handles = handles_of(RING, 2.0)
    index = 3
    to = handles[index] + [6.0, -2.0]
    now = pulled(RING, handles, index, to)
    assert np.abs(now - to).sum(axis=1).min() < 1e-9
    far = {tuple(point) for point in RING if np.linalg.norm(point - handles[index]) > 25}
    assert far and far <= {tuple(point) for point in now}, "the other side keeps every coordinate"
    before, after = handles[index - 1], handles[(index + 1) % len(handles)]
    assert min(LinearRing(now).distance(Point(before)), LinearRing(now).distance(Point(after))) < 1e-9


@pytest.mark.parametrize("index", range(4))
def test_any_handle_can_be_pulled_or_removed_also_where_the_ring_begins(index: int) -> None:
    handles = RING[[0, 60, 130, 200]]
    now = pulled(RING, handles, index, handles[index] + [1.0, 1.0])
    assert Polygon(now).is_valid and np.allclose(now[0], now[-1])
    assert Polygon(now).symmetric_difference(Polygon(RING)).area < 80
    less = without_handle(RING, handles, index)
    assert Polygon(less).is_valid and np.allclose(less[0], less[-1])


def test_a_ring_drawn_anew_joins_what_it_comes_to_touch_and_leaves_the_rest() -> None:
    far, near, own = box(100, 0, 110, 10), box(20, 0, 30, 10), box(0, 0, 10, 10)
    area = MultiPolygon([far, near, own])
    now = with_ring(area, 2, 0, shapely.get_coordinates(box(0, 0, 25, 10)))
    assert (len(now.geoms) == 2 and now.geoms[0] is far) or now.geoms[0].equals_exact(far, 0)
    assert now.area == pytest.approx(100 + 300)


def test_a_line_parts_an_area_and_what_it_misses_stays() -> None:
    left, right, missed = box(0, 0, 40, 10), box(50, 0, 90, 10), box(60, 50, 70, 60)
    one, other = side_of(MultiPolygon([left, right, missed]), [[20, -5], [20, 15]])
    assert one.area + other.area == pytest.approx(900)
    assert {round(one.area), round(other.area)} == {200, 700}
    assert any(part.equals_exact(missed, 0) for part in (*one.geoms, *other.geoms))


def test_a_ball_is_a_ball_and_sweeps_a_capsule() -> None:
    geometry = make_geometry((20, 80, 80), spacing=(1.0, 1.0, 2.0))
    centre = geometry.lps_from_kji([[10, 40, 40]])
    areas = swept(centre, np.array([9.0]), geometry)
    volume = sum(area.area for area in areas.values()) * 2
    # Planes 2 mm apart sample a ball of 18 mm well; the polygon of each is within 0.2 %.
    assert volume == pytest.approx(4 / 3 * np.pi * 9**3, rel=0.02)
    path = geometry.lps_from_kji([[10, 40, 25], [10, 40, 55]])
    long = sum(area.area for area in swept(path, np.array([9.0, 9.0]), geometry).values()) * 2
    assert long == pytest.approx(4 / 3 * np.pi * 9**3 + np.pi * 81 * 30, rel=0.02)


def test_a_ball_that_changes_its_size_or_leaves_the_planes_sweeps_what_its_places_do() -> None:
    """Compared with balls that are set down very closely along the way, each cut by the plane."""
    geometry = make_geometry((20, 80, 80), spacing=(1.0, 1.0, 2.0))
    path = geometry.lps_from_kji([[10, 30, 20], [10, 30, 40], [10, 45, 50], [10, 45, 60], [13, 45, 60], [13, 45, 30]])
    radii = np.array([6.0, 6.0, 6.0, 9.0, 9.0, 9.0])
    share = np.linspace(0, 1, 60)[:, None]
    balls = [
        (a + (b - a) * share, radius) for a, b, radius in zip(path[:-1], path[1:], radii[1:], strict=True)
    ]  # fmt: skip
    areas = swept(path, radii, geometry)
    for plane in (6, 10, 12, 16):
        discs = []
        for points, radius in balls:
            away = (points - geometry.origins_lps[plane]) @ geometry.normal
            half = np.sqrt(np.maximum(radius**2 - away**2, 0))
            discs += list(shapely.buffer(shapely.points(geometry.plane_from_lps(plane, points)), half, quad_segs=48))
        true = shapely.union_all(discs)
        assert areas[plane].symmetric_difference(true).area < 0.012 * true.area


def test_levels_agree_where_patches_overlap_and_hold_the_voxels_of_the_range() -> None:
    values = np.random.default_rng(2).normal(0, 50, (40, 40)).astype(np.int16)
    depth = depth_in_range(values, -20, 30)
    whole = level_area(depth, (1.0, 1.0), (0.0, 0.0))
    part = level_area(depth[10:30, 10:30], (1.0, 1.0), (10.0, 10.0))
    inner = box(12, 12, 27, 27)
    assert (whole & inner).symmetric_difference(part & inner).area < 1e-6
    rows, columns = np.mgrid[:40, :40]
    inside = shapely.contains_xy(whole, columns, rows)
    assert np.array_equal(inside, (values >= -20) & (values <= 30))


def test_a_region_stops_at_its_reach_and_at_a_neck() -> None:
    mask = np.zeros((1, 60, 120), dtype=bool)
    mask[0, 10:50, 10:50] = True
    mask[0, 28:31, 50:70] = True
    mask[0, 10:50, 70:110] = True
    seed = (0, 30, 30)
    free = grow(mask, seed, (3.0, 1.0, 1.0), 200)
    assert free.mask.sum() == mask.sum() and not free.stopped
    assert grow(mask, seed, (3.0, 1.0, 1.0), 50).stopped
    necked = grow(mask, seed, (3.0, 1.0, 1.0), 200, neck_mm=8)
    assert not necked.mask[0, :, 60:].any(), "what hangs on by a narrow passage is left out"
    assert necked.mask[0, 10:50, 10:50].mean() > 0.98
    assert not (only(np.ones((2, 2)), np.array([[True, False], [True, True]])) >= 0)[0, 1]
