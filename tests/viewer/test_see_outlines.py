"""Outlines on cuts across the planes agree with the contour kernel's sections."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import MultiPolygon, Point, Polygon, box

from engine.contouring.section import paint_section, section
from engine.structures import PlaneContours, Roi, StructureSet
from engine.volume import Geometry
from tests.contouring.shapes import stacks
from tests.synthetic import make_geometry
from viewer.render.orientation import view_frame
from viewer.render.outlines import OutlineCache, Outlines, ring_lines
from viewer.session import Cut, View
from viewer.tools.canvas import Place, area_at

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


def place_of(held: OutlineCache, index: float) -> Place:
    return Place(held.frame.cut, round(index))


def segments(outlines: Outlines, owner: int) -> shapely.Geometry:
    ends = outlines.lines.points.reshape(-1, 2, 2)[outlines.owners == owner]
    return shapely.union_all(shapely.linestrings(ends))


def cache(geometry: Geometry, view: View) -> OutlineCache:
    # The display grid is the acquired one here; only its shifts matter, and they are kept.
    return OutlineCache(view_frame(view, geometry, geometry))


def agree(drawn: shapely.Geometry, edited: MultiPolygon, within_mm: float) -> None:
    """No point of the one line is farther than that from the other, either way."""
    assert drawn.is_empty == edited.is_empty
    if not edited.is_empty:
        assert drawn.hausdorff_distance(edited.boundary) < within_mm


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
    outlines = held.outlines(rois, index, 0)
    axis = "row" if held.frame.cut is Cut.ROW else "column"
    for owner, roi in enumerate(rois):
        edited = section({k: c.area for k, c in roi.planes.items()}, geometry, axis, index)
        ours = segments(outlines, owner)
        agree(ours, edited, 1e-6)
        assert ours.length == pytest.approx(edited.boundary.length)


@given(stacks(), st.sampled_from([View.CORONAL, View.SAGITTAL]), st.floats(0, 39) | st.integers(0, 39))
def test_what_is_shown_on_a_cut_is_what_is_edited_there(
    stack: tuple[Geometry, dict[int, MultiPolygon]], view: View, index: float
) -> None:
    geometry, drawn = stack
    held = cache(geometry, view)
    roi = Roi(3, "any", planes={k: PlaneContours(area) for k, area in drawn.items()})
    other = Roi(4, "other", planes={0: PlaneContours(MultiPolygon([box(2, 2, 30, 30)]))})
    place = Place(held.frame.cut, index)
    outlines = held.outlines([other, roi], index, 0)
    edited = area_at(roi, StructureSet(geometry, (roi,)), place)
    # Both are made of the same numbers; half a pixel would be 250 times the bound at the smallest spacing.
    agree(segments(outlines, 1), edited, 1e-3)
    # What a stroke shows while it lasts begins as the line that it replaces, and ends as the planes that it changed.
    stroke = Point(20.0, float(np.mean(geometry.positions)) + 0.3).buffer(6)
    for adding in (True, False):
        changed = paint_section(drawn, geometry, place.axis, round(index), stroke, adding)
        painted = Roi(3, "any", planes=roi.with_areas(changed).planes)
        shown = held.outlines([painted], round(index), 0)
        agree(segments(shown, 0), area_at(painted, StructureSet(geometry, (painted,)), place_of(held, index)), 1e-3)


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


def test_many_structures_are_drawn_as_each_is_alone_and_only_what_changed_is_gathered_anew() -> None:
    held = cache(REGULAR, View.SAGITTAL)
    rois = [
        Roi(number, f"R{number}", planes={k: PlaneContours(area) for k, area in areas(REGULAR).items()})
        for number in range(1, 40, 3)
    ]
    index = 30.4
    drawn = held.outlines(rois, index, 0)
    alone = cache(REGULAR, View.SAGITTAL).outlines(rois[:1], index, 0).lines.points
    for owner in range(len(rois)):
        points = drawn.lines.points.reshape(-1, 2, 2)[drawn.owners == owner].reshape(-1, 2)
        assert np.array_equal(points, alone)
    before = {key: edges for key, (_, edges) in held._edges.items()}
    held.outlines(rois[:5] + rois[6:], index, 0)
    held.outlines(rois[5:6], index, 0)
    same = [key for key, (_, edges) in held._edges.items() if before.get(key) is edges]
    assert len(same) == len(before), "another active structure leaves all the others as they are"
    held.forget(StructureSet(REGULAR, tuple(rois[:5] + rois[6:])))
    assert not any(rois[5].number in key for key in held._edges)
