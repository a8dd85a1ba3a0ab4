"""Contours that are no areas: what they are called, and the planes that they are shown on."""

import numpy as np
import pytest

from engine.loose import LooseKind, loose_contours, loose_text, slab_edges
from engine.structures import RawContour
from tests.contouring.shapes import uneven

#: Planes at 0, 2, 4, 8, 12 mm.
UNEVEN = uneven([0, 2, 4, 8, 12], (20, 20))


def raw(points: list[tuple[float, float, float]], kind: str = "CLOSED_PLANAR") -> RawContour:
    """At so many mm along rows, columns and the normal from the first voxel of plane 0."""
    local = np.array(points, dtype=float)
    lps = UNEVEN.origins_lps[0] + local @ UNEVEN.directions.T
    return RawContour("\\".join(f"{value:.6f}" for value in lps.ravel()), kind)


def square(height: float) -> RawContour:
    return raw([(2.0, 2.0, height), (8.0, 2.0, height), (8.0, 8.0, height), (2.0, 8.0, height)])


def test_each_plane_owns_the_half_to_its_neighbours() -> None:
    assert slab_edges(UNEVEN) - UNEVEN.positions[0] == pytest.approx([-1, 1, 3, 6, 10, 14])


def test_a_contour_between_two_planes_is_shown_on_the_nearest_alone() -> None:
    placed = loose_contours([square(2.9), square(3.1), square(5.9), square(6.2)], UNEVEN)
    assert [contour.planes for contour in placed] == [(1,), (2,), (2,), (3,)]
    assert [contour.apart_mm for contour in placed] == pytest.approx([0.9, 0.9, 1.9, 1.8])
    assert loose_text(placed) == "4 off-plane contours"


def test_what_is_more_than_half_a_plane_outside_is_shown_nowhere_and_counted() -> None:
    placed = loose_contours([square(-0.9), square(-1.2), square(13.9), square(14.1)], UNEVEN)
    assert [contour.planes for contour in placed] == [(0,), (), (4,), ()]
    assert loose_text(placed) == "4 off-plane contours (2 beyond the planes: not shown)"


def test_a_line_through_the_planes_is_shown_on_every_plane_that_it_passes() -> None:
    (needle,) = loose_contours([raw([(5.0, 5.0, 1.5), (6.0, 6.0, 9.0)], "OPEN_NONPLANAR")], UNEVEN)
    assert needle.kind is LooseKind.OPEN and needle.planes == (1, 2, 3)
    (longer,) = loose_contours([raw([(5.0, 5.0, -30.0), (6.0, 6.0, 40.0)], "OPEN_NONPLANAR")], UNEVEN)
    assert longer.planes == (0, 1, 2, 3, 4)


def test_kinds_are_named_and_damaged_text_is_passed_over() -> None:
    contours = [
        raw([(1.0, 1.0, 0.0)], "POINT"),
        raw([(1.0, 1.0, 0.0)]),
        raw([(1.0, 1.0, 0.0), (3.0, 3.0, 0.0)]),
        raw([(1.0, 1.0, 0.0), (3.0, 3.0, 0.0), (4.0, 9.0, 0.0)], "OPEN_PLANAR"),
        square(1.0 - 0.01),
        RawContour("1\\2\\x"),
        RawContour(""),
    ]
    assert loose_text(loose_contours(contours, UNEVEN)) == "2 points, 2 open contours, 1 off-plane contour"
    assert loose_text([]) == ""
