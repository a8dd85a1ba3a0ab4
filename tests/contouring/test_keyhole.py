"""Areas with very many holes become single rings by the shortest channels, and come back as they were."""

import numpy as np
import pytest
import shapely
from scipy.ndimage import gaussian_filter
from scipy.sparse.csgraph import minimum_spanning_tree
from shapely import MultiPoint, Polygon

from engine.contouring.keyhole import keyhole
from engine.contouring.rings import area_from_rings
from engine.contouring.trace import trace_mask
from engine.dicom.certificate import largest_distance
from tests.contouring.shapes import rectangle


@pytest.fixture(scope="module")
def sponge() -> Polygon:
    """What a network without a clue draws: one area with a great many holes."""
    noise = gaussian_filter(np.random.default_rng(0).normal(size=(150, 150)), 1.2)
    mask = np.zeros(noise.shape, dtype=bool)
    mask[8:-8, 8:-8] = (noise > -noise.std())[8:-8, 8:-8]
    mask[8:-8, [8, -9]] = mask[[8, -9], 8:-8] = True
    return max(trace_mask(mask, (0.8, 0.8)).geoms, key=lambda polygon: len(polygon.interiors))


def channels(walk: np.ndarray, polygon: Polygon) -> list[shapely.LineString]:
    """The steps of a walk that aren't edges of the polygon, each once."""
    edges = {
        frozenset(map(tuple, edge))
        for ring in (polygon.exterior, *polygon.interiors)
        for edge in zip(ring.coords[:-1], ring.coords[1:], strict=True)
    }
    following = np.roll(walk, -1, axis=0)
    steps = {frozenset(map(tuple, step)) for step in zip(walk.tolist(), following.tolist(), strict=True)}
    return [shapely.LineString(list(step)) for step in steps - edges]


def test_a_great_many_holes_are_joined_by_the_shortest_channels_and_come_back(sponge: Polygon) -> None:
    assert len(sponge.interiors) > 150
    walk = keyhole(sponge)
    area, overlapped = area_from_rings([walk])
    assert not overlapped
    assert shapely.equals_identical(shapely.normalize(area), shapely.normalize(shapely.MultiPolygon([sponge])))
    links = channels(walk, sponge)
    assert len(links) == len(sponge.interiors)
    assert sponge.covers(shapely.MultiLineString(links))
    points = np.array([MultiPoint(ring.coords) for ring in (sponge.exterior, *sponge.interiors)], dtype=object)
    shortest = minimum_spanning_tree(shapely.distance(points[:, None], points)).sum()
    assert sum(link.length for link in links) == pytest.approx(shortest)


def test_channels_of_many_holes_keep_off_voxel_centres(sponge: Polygon) -> None:
    links = channels(keyhole(sponge, (0.8, 0.8)), sponge)
    centres = shapely.points(np.stack(np.meshgrid(*2 * [np.arange(150) * 0.8]), axis=-1).reshape(-1, 2))
    assert len(links) == len(sponge.interiors) and sponge.covers(shapely.MultiLineString(links))
    assert shapely.distance(shapely.MultiLineString(links), centres).min() > 0.007


def test_a_hole_that_touches_its_outline_or_another_is_joined_where_it_touches() -> None:
    first = [(0, 5), (3, 7), (3, 3)]
    polygon = Polygon([(0, 0), (10, 0), (10, 10), (0, 10), (0, 5)], [first, [(3, 7), (6, 8), (6, 6)]])
    assert polygon.is_valid
    walk = keyhole(polygon)
    assert not channels(walk, polygon)
    area, _ = area_from_rings([walk])
    assert shapely.equals(area, polygon)


def test_lines_with_other_points_are_as_far_apart_as_their_hausdorff_distance(sponge: Polygon) -> None:
    area = shapely.MultiPolygon([sponge])
    thin = shapely.MultiPolygon([sponge.simplify(0.05)])
    assert largest_distance(area, thin) == pytest.approx(shapely.hausdorff_distance(area.boundary, thin.boundary))
    moved = shapely.MultiPolygon([*thin.geoms, rectangle(300, 0, 310, 10).geoms[0]])
    assert largest_distance(area, moved) == pytest.approx(shapely.hausdorff_distance(area.boundary, moved.boundary))
