"""Structures moved, turned, scaled and mirrored."""

import numpy as np
import pytest
from shapely import MultiPolygon, Point, box

from engine.contouring.measure import centroid_lps, dice, volume_cm3
from engine.contouring.place import mirrored, moved, scaled, turned
from engine.errors import PlanimeterError
from engine.volume import Geometry
from tests.synthetic import make_geometry

GEOMETRY = make_geometry((30, 100, 100), spacing=(1.0, 1.0, 3.0))


def ball(centre_kji: tuple[float, float, float], radius: float, geometry: Geometry = GEOMETRY) -> dict:
    k, v, u = centre_kji
    areas = {}
    for plane in range(geometry.shape[0]):
        left = radius**2 - ((plane - k) * 3.0) ** 2
        if left > 0:
            areas[plane] = MultiPolygon([Point(u, v).buffer(np.sqrt(left), quad_segs=24)])
    return areas


def after(areas: dict, changes: dict) -> dict:
    return {k: area for k, area in {**areas, **changes}.items() if not area.is_empty}


@pytest.mark.parametrize("step", [(7.0, -3.0, 0.0), (0.0, 0.0, 6.0), (4.0, 2.0, 4.2)])
def test_a_structure_is_moved_in_space_and_keeps_its_volume(step: tuple[float, float, float]) -> None:
    areas = ball((14, 50, 50), 20)
    now = after(areas, moved(areas, GEOMETRY, step))
    # The first or last plane, which a ball hardly touches, may come or go.
    assert centroid_lps(now, GEOMETRY) - centroid_lps(areas, GEOMETRY) == pytest.approx(step, abs=0.4)
    # Between planes a ball is blended: its top and bottom lose or gain part of a plane.
    assert volume_cm3(now, GEOMETRY) == pytest.approx(volume_cm3(areas, GEOMETRY), rel=0.02)


def test_a_move_in_the_plane_is_exact() -> None:
    areas = {5: MultiPolygon([box(10, 10, 20, 30)])}
    now = after(areas, moved(areas, GEOMETRY, (2.5, 1.0, 0.0)))
    assert list(now) == [5] and now[5].symmetric_difference(box(12.5, 11, 22.5, 31)).area < 1e-9


def test_a_turn_is_about_the_centre_and_clockwise_on_the_screen() -> None:
    areas = {5: MultiPolygon([box(40, 48, 60, 52)])}
    now = after(areas, turned(areas, GEOMETRY, 90))
    assert now[5].symmetric_difference(box(48, 40, 52, 60)).area < 1e-9
    corner = {5: MultiPolygon([box(40, 40, 60, 60), box(56, 38, 60, 40)])}
    moved_corner = after(corner, turned(corner, GEOMETRY, 90))[5]
    assert max(point[0] for point in moved_corner.convex_hull.exterior.coords) > 61, "what was on top is on the right"


def test_scaling_changes_the_volume_by_the_product_of_the_factors() -> None:
    areas = ball((14, 50, 50), 20)
    now = after(areas, scaled(areas, GEOMETRY, 1.2, 1.5))
    assert volume_cm3(now, GEOMETRY) == pytest.approx(1.2**2 * 1.5 * volume_cm3(areas, GEOMETRY), rel=0.03)
    assert centroid_lps(now, GEOMETRY) == pytest.approx(centroid_lps(areas, GEOMETRY), abs=0.3)
    with pytest.raises(PlanimeterError):
        scaled(areas, GEOMETRY, 0, 1)


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_mirroring_is_from_left_to_right_on_any_planes_and_twice_is_nothing(axes: tuple[int, int, int]) -> None:
    directions = np.eye(3)[:, list(axes)]
    geometry = Geometry.regular(np.zeros(3), directions, (1.0, 1.0, 3.0), (30, 100, 100))
    areas = ball((12, 40, 60), 15, geometry)
    centre = centroid_lps(areas, geometry)
    # Half-way between two planes, so that mirrored planes come to lie on planes.
    at = np.array([centre[0] + 15.0, 0.0, 0.0])
    now = after(areas, mirrored(areas, geometry, at))
    assert centroid_lps(now, geometry) == pytest.approx([2 * at[0] - centre[0], *centre[1:]], abs=0.1)
    again = after(now, mirrored(now, geometry, at))
    assert dice(areas, again, geometry) > 0.999
