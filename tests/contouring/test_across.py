"""Structures cut by planes of any direction, against shapes that are known and against SimpleITK's resampling."""

import numpy as np
import pytest
import SimpleITK as sitk
from shapely import MultiPolygon, Point, Polygon, get_parts, polygonize, unary_union
from shapely.geometry import LineString, MultiLineString

from engine.contouring.across import CutLines, PlaneCutter
from engine.contouring.fill import fill_plane
from engine.contouring.section import section
from engine.volume import Geometry
from tests.synthetic import make_geometry, random_rotation
from tests.viewer.see import ball

CENTRE = np.array([5.0, -8.0, 12.0])


def grid(turn=None, spacing=(0.8, 0.8, 2.5), shape=(33, 90, 96)) -> Geometry:
    axes = np.eye(3) if turn is None else turn
    half = (np.array(shape[::-1]) - 1) / 2 * spacing
    return Geometry.regular(CENTRE - axes @ half, axes, spacing, shape)


def areas_of(roi) -> dict[int, MultiPolygon]:
    return {plane: contours.area for plane, contours in roi.planes.items()}


def around(axis: np.ndarray, degrees: float) -> np.ndarray:
    """(3, 3) rotation about a unit axis (Rodrigues)."""
    angle = np.radians(degrees)
    k = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


def polygon(cut: CutLines, point: np.ndarray, right: np.ndarray, down: np.ndarray) -> Polygon:
    """What the lines enclose, mm from `point`."""
    flat = (cut.points_lps - point) @ np.stack([right, down], axis=1)
    lines = [LineString(flat[a:b]) for a, b in zip(cut.offsets[:-1], cut.offsets[1:], strict=True)]
    snapped = unary_union(lines, grid_size=1e-6)
    return unary_union(list(polygonize([snapped]).geoms))


@pytest.mark.parametrize("turned", [0.0, 37.0])
def test_a_cut_along_the_planes_is_the_polygon_of_the_slab_that_holds_it(turned: float) -> None:
    geometry = grid()
    areas = {16: MultiPolygon([Point(30, 30).buffer(9, quad_segs=8).difference(Point(30, 30).buffer(3))])}
    cutter = PlaneCutter([areas], geometry)
    turn = around(np.array([0, 0, 1.0]), turned)
    for height, there in ((-1.24, True), (0.0, True), (1.24, True), (1.26, False), (-1.26, False)):
        point = geometry.origins_lps[16] + height * geometry.normal + turn @ [3.0, 4.0, 0]
        cut = cutter.cut(point, turn[:, 2])
        assert (len(cut.offsets) - 1) == (2 if there else 0)
        if there:
            rings = [
                geometry.plane_from_lps(16, cut.points_lps[a:b])
                for a, b in zip(cut.offsets[:-1], cut.offsets[1:], strict=True)
            ]
            assert Polygon(rings[0], rings[1:]).equals_exact(areas[16].geoms[0], 1e-9)
            assert np.abs((cut.points_lps - point) @ geometry.normal).max() < 1e-9


@pytest.mark.parametrize("tilted", [False, True])
def test_a_cut_across_the_planes_is_the_section_of_the_other_views(tilted: bool) -> None:
    lean = np.arange(20)[:, None] * [0.0, 0.6, 0.0] if tilted else None
    geometry = make_geometry((20, 60, 64), (0.9, 1.1, 2.5), (-20, -40, 10), offsets=lean)
    roi = ball(geometry, (8.0, -8.0, 35.0), 15)
    row = 29.3
    own = section(areas_of(roi), geometry, "row", row)
    point = geometry.origins_lps[0] + row * 1.1 * geometry.column_direction
    cut = PlaneCutter([areas_of(roi)], geometry).cut(point, geometry.column_direction)
    seen = polygon(cut, point, geometry.row_direction, geometry.normal)
    assert seen.symmetric_difference(own).area < 1e-6 * own.area


@pytest.mark.parametrize("degrees", [2, 10, 30, 44, 46, 60, 80])
def test_an_oblique_cut_shows_the_shape_that_is_there(degrees: float) -> None:
    geometry = grid(random_rotation(3))
    axis = geometry.row_direction * 0.6 + geometry.column_direction * 0.8
    turn = around(axis, degrees)
    normal = turn @ geometry.normal
    centre, radius = CENTRE + np.array([2.0, -1.0, 3.0]), 16.0
    cutter = PlaneCutter([{}, areas_of(ball(geometry, centre, radius))], geometry)
    point = centre + 4.0 * normal
    cut = cutter.cut(point, normal)
    assert set(cut.owners.tolist()) == {1}
    assert np.abs((cut.points_lps - point) @ normal).max() < 1e-6
    seen = polygon(cut, point, turn @ geometry.row_direction, turn @ geometry.column_direction)
    true = Point(0, 0).buffer(np.sqrt(radius**2 - 16), quad_segs=64)
    # Half a plane of the image is what its own planes leave open, most where the surface runs along them.
    assert seen.symmetric_difference(true).area / true.length < 0.16
    assert seen.hausdorff_distance(true) < 1.4


@pytest.mark.parametrize("tilted", [False, True])
@pytest.mark.parametrize("degrees", [3, 25, 50, 80])
def test_an_oblique_cut_of_an_ellipsoid_is_its_ellipse_to_half_a_pixel(degrees: float, tilted: bool) -> None:
    lean = np.arange(33)[:, None] * [0.0, 0.5, 0.0] if tilted else None
    geometry = make_geometry((33, 90, 96), (0.8, 0.8, 2.5), (-20, -40, 10), offsets=lean)
    half = np.array([24.0, 17.0, 30.0])
    centre = geometry.origins_lps[0] + [37.0, 43.0, 40.3]
    areas = {}
    for plane, origin in enumerate(geometry.origins_lps):
        share = 1 - ((origin[2] - centre[2]) / half[2]) ** 2
        if share > 0:
            ring = np.linspace(0, 2 * np.pi, 120, endpoint=False)
            flat = centre[:2] + np.sqrt(share) * half[:2] * np.stack([np.cos(ring), np.sin(ring)], axis=1)
            areas[plane] = MultiPolygon([Polygon(flat - origin[:2])])
    turn = around(np.array([0.6, 0.8, 0.0]), degrees)
    point = centre + turn @ [1.0, 2.0, 3.0]
    cut = PlaneCutter([areas], geometry).cut(point, turn[:, 2])
    middles = (cut.points_lps[0::2] + cut.points_lps[1::2]) / 2
    reached = np.abs(middles[:, 2] - centre[2]) < 0.85 * half[2]
    # How far a point is from an ellipsoid, to first order, within the cut: its equation over the slope of that.
    scaled = (middles[reached] - centre) / half
    slope = (2 * scaled / half) @ turn[:, :2]
    away = np.abs((scaled**2).sum(axis=1) - 1) / np.linalg.norm(slope, axis=1)
    assert len(away) > 60 and away.max() < 0.25
    # Nor is any of it missing.
    seen = polygon(cut, point, turn[:, 0], turn[:, 1])
    spots = np.random.default_rng(2).uniform(-30, 30, (4000, 2))
    inside = (((point + spots @ turn[:, :2].T - centre) / half) ** 2).sum(axis=1) < 1
    from_line = np.array([seen.boundary.distance(Point(spot)) for spot in spots])
    within = np.array([seen.contains(Point(spot)) for spot in spots])
    # Beyond the last plane half a plane stands for what nobody drew.
    assert from_line[inside != within].max(initial=0.0) < 1.25
    assert (inside != within).mean() < 0.01


def test_cuts_run_into_those_along_the_planes_and_along_their_normal() -> None:
    geometry = grid()
    ring = Point(30, 30).buffer(12).difference(Point(33, 30).buffer(4))
    forked = {
        14: MultiPolygon([Point(30, 30).buffer(13)]),
        15: MultiPolygon([ring]),
        16: MultiPolygon([Point(22, 30).buffer(5), Point(41, 30).buffer(4)]),
        18: MultiPolygon([Point(22, 30).buffer(5)]),
    }
    cutter = PlaneCutter([forked], geometry)
    for plane, area in forked.items():
        point = geometry.origins_lps[plane] + 30.0 * geometry.row_direction + 30.0 * geometry.column_direction
        turn = around(geometry.row_direction, 0.01)
        cut = cutter.cut(point, turn @ geometry.normal)
        lines = MultiLineString(list(geometry.plane_from_lps(plane, cut.points_lps).reshape(-1, 2, 2)))
        assert lines.hausdorff_distance(area.boundary) < 0.25
    # Where nothing forks, it comes to the same as upright.
    whole = {k: MultiPolygon([Point(30 + k / 3, 31 - k / 4).buffer(13 - abs(k - 15))]) for k in range(9, 22)}
    point = geometry.origins_lps[0] + 37 * 0.8 * geometry.column_direction
    own = section(whole, geometry, "row", 37)
    cut = PlaneCutter([whole], geometry).cut(point, around(geometry.row_direction, 0.01) @ geometry.column_direction)
    seen = polygon(cut, point, geometry.row_direction, geometry.normal)
    assert seen.symmetric_difference(own).area < 0.1 * own.length


@pytest.mark.parametrize("degrees", [0, 7])
def test_a_cut_has_the_voxels_that_simpleitk_resamples(degrees: float) -> None:
    geometry = grid()
    roi = ball(geometry, CENTRE + np.array([1.0, 2.0, 0.4]), 17.0)
    mask = np.zeros(geometry.shape, dtype=np.uint8)
    for plane, area in areas_of(roi).items():
        mask[plane] = fill_plane(area, geometry.shape[1:], geometry.spacing_uv)
    image = sitk.GetImageFromArray(mask)
    image.SetOrigin(geometry.origins_lps[0].tolist())
    image.SetSpacing(geometry.spacing_xyz)
    turn = around(np.array([0.6, 0.8, 0.0]), degrees) @ around(np.array([0, 0, 1.0]), 21)
    other = grid(turn, (1.0, 1.0, 3.0), (3, 80, 80))
    target = sitk.Image([80, 80, 3], sitk.sitkUInt8)
    target.SetOrigin(other.origins_lps[0].tolist())
    target.SetSpacing(other.spacing_xyz)
    target.SetDirection(turn.ravel().tolist())
    theirs = sitk.GetArrayFromImage(sitk.Resample(image, target, sitk.Transform(), sitk.sitkNearestNeighbor))
    cutter = PlaneCutter([areas_of(roi)], geometry)
    for plane in range(3):
        cut = cutter.cut(other.origins_lps[plane], other.normal)
        seen = polygon(cut, other.origins_lps[plane], other.row_direction, other.column_direction)
        ours = fill_plane(MultiPolygon(list(get_parts(seen))), other.shape[1:], other.spacing_uv).astype(bool)
        # They sample a mask of 0.8 mm voxels; only pixels within half a voxel's diagonal of the line may differ.
        wrong = np.argwhere(ours != theirs[plane].astype(bool))
        assert len(wrong) < 0.06 * ours.sum()
        assert all(seen.boundary.distance(Point(column, row)) < 0.57 + 0.01 for row, column in wrong)
