"""Outlines on cuts across the planes agree with the contour kernel's sections."""

import numpy as np
import pytest
import shapely
from shapely import MultiPolygon, Point, Polygon, box

from engine.contouring.section import section
from engine.structures import PlaneContours, Roi, StructureSet
from engine.volume import Geometry
from tests.synthetic import make_geometry
from viewer.render.orientation import view_frame
from viewer.render.outlines import OutlineCache, Outlines, ring_lines
from viewer.session import Cut, View

REGULAR = make_geometry((9, 60, 70), (1.0, 1.2, 3.0))
TILTED = make_geometry((9, 60, 70), (1.0, 1.2, 3.0), offsets=np.outer(np.arange(9), [0.0, 1.1, 0.4]))
UNEVEN = make_geometry((9, 60, 70), (1.0, 1.2, 3.0), offsets=np.outer(np.arange(9) ** 1.2, [0.0, 0.0, 1.0]))


def areas(geometry: Geometry) -> dict[int, MultiPolygon]:
    """A ball with a hole, a second piece on some planes, and a gap."""
    out = {}
    for k in (1, 2, 3, 4, 6, 7):
        ball = Point(30 + k, 33.1).buffer(14 - abs(k - 4) * 1.7)
        parts = shapely.get_parts(ball.difference(Point(30.3, 33.1).buffer(4)))
        more = [box(50.2, 25.2, 60.4, 44.4)] if k in (2, 3) else []
        out[k] = MultiPolygon([*parts, *more])
    return out


def segments(found: Outlines, owner: int) -> shapely.Geometry:
    ends = found.lines.points.reshape(-1, 2, 2)[found.owners == owner]
    return shapely.union_all(shapely.linestrings(ends))


def cache(geometry: Geometry, view: View) -> OutlineCache:
    # The display grid is the acquired one here; only its shifts matter, and they are kept.
    return OutlineCache(view_frame(view, geometry, geometry))


@pytest.mark.parametrize("geometry", [REGULAR, TILTED, UNEVEN], ids=["regular", "tilted", "uneven"])
@pytest.mark.parametrize("view", [View.CORONAL, View.SAGITTAL])
@pytest.mark.parametrize("index", [27.0, 30.4, 41.0])
def test_cut_outline_is_the_boundary_of_the_kernels_section(geometry: Geometry, view: View, index: float) -> None:
    held = cache(geometry, view)
    drawn = areas(geometry)
    rois = [
        Roi(1, "empty"),
        Roi(2, "ball", planes={k: PlaneContours(area) for k, area in drawn.items()}),
        Roi(5, "box", planes={4: PlaneContours(MultiPolygon([box(20, 20, 50, 50)]))}),
    ]
    found = held.outlines(rois, index, 0)
    axis = "row" if held.frame.cut is Cut.ROW else "column"
    for owner, roi in enumerate(rois):
        expected = section({k: c.area for k, c in roi.planes.items()}, geometry, axis, index)
        ours = segments(found, owner)
        if expected.is_empty:
            assert ours.is_empty
            continue
        # Where pieces branch the kernel joins them differently by less than a plane's thickness.
        assert ours.hausdorff_distance(expected.boundary) < 4.0
        assert abs(ours.length / expected.boundary.length - 1) < 0.15
        polygons = shapely.union_all(list(shapely.get_parts(shapely.polygonize(list(shapely.get_parts(ours))))))
        assert polygons.area == pytest.approx(expected.area, rel=0.08)


def test_one_piece_without_branches_is_the_same_line_as_the_kernels() -> None:
    planes = {k: MultiPolygon([Point(30 + k, 30).buffer(12 - abs(k - 4))]) for k in range(1, 8)}
    roi = Roi(1, "ball", planes={k: PlaneContours(area) for k, area in planes.items()})
    ours = segments(cache(TILTED, View.CORONAL).outlines([roi], 25.0, 0), 0)
    expected = section(planes, TILTED, "row", 25.0).boundary
    assert ours.hausdorff_distance(expected) < 1e-6
    assert ours.length == pytest.approx(expected.length)


def test_rings_of_a_plane_keep_holes_and_pieces() -> None:
    ring = Polygon([(0, 0), (9, 0), (9, 9), (0, 9)], [[(3, 3), (6, 3), (6, 6), (3, 6)]])
    lines = ring_lines(MultiPolygon([ring, box(20, 0, 22, 2)]))
    assert lines.count == 3
    for start, stop in zip(lines.offsets[:-1], lines.offsets[1:], strict=True):
        assert np.array_equal(lines.points[start], lines.points[stop - 1])


def test_an_edited_plane_is_drawn_anew_and_a_deleted_structure_forgotten() -> None:
    held = cache(REGULAR, View.CORONAL)
    roi = Roi(1, "a", planes={3: PlaneContours(MultiPolygon([box(10, 10, 20, 40)]))})
    before = held.outlines([roi], 20.0, 0).lines.points[:, 0].max()
    wider = roi.with_areas({3: MultiPolygon([box(10, 10, 30, 40)])})
    assert held.outlines([wider], 20.0, 0).lines.points[:, 0].max() == before + 10
    held.forget(StructureSet(REGULAR))
    assert held.outlines([], 20.0, 0).lines.count == 0
