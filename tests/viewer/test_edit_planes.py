"""Whole-plane edits and drawing on series whose planes are tilted, uneven, sagittal or upside down."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from PySide6.QtCore import Qt
from shapely import MultiPolygon, Point, box

from engine.opening import open_volume
from engine.structures import PlaneContours, Roi, StructureSet
from engine.volume import Geometry, Volume
from tests.viewer.hand import CTRL, Hand, own_data
from viewer.edits.operating import result_step
from viewer.edits.operations.table import OPERATIONS
from viewer.edits.planes import above_sign, centre_lps, copy_here, delete_here, gaps, moved_between
from viewer.edits.target import RefusedError
from viewer.history import History
from viewer.session import Cut, Session, View
from viewer.tools.canvas import combine
from viewer.tools.events import Button, EventKind, ViewEvent
from viewer.tools.toolbox import Toolbox

AXES = {
    "axial": ((1, 0, 0), (0, 1, 0)),
    "axial, feet first": ((1, 0, 0), (0, -1, 0)),
    "coronal": ((1, 0, 0), (0, 0, -1)),
    "sagittal": ((0, 1, 0), (0, 0, -1)),
}


def geometry(row: tuple, column: tuple, tilt: float = 0.0) -> Geometry:
    """Ten planes; `tilt` moves each by so many mm along the columns."""
    normal = np.cross(row, column)
    origins = np.arange(10)[:, None] * (3.0 * normal + tilt * np.array(column, dtype=float))
    return Geometry(origins, np.array(row, float), np.array(column, float), (1.0, 1.0), (10, 40, 40))


def desk(grid: Geometry, planes: dict[int, MultiPolygon], at: int) -> tuple[Session, History]:
    session = Session()
    history = History(session)
    roi = Roi(1, "Cord", planes={k: PlaneContours(area) for k, area in planes.items()})
    session.open(Volume(np.zeros(grid.shape, np.int16), grid), StructureSet(grid, (roi,)))
    session.move_cursor(grid.lps_from_plane(at, [20.0, 20.0])[0])
    assert session.plane == at
    return session, history


def square(corner: float) -> MultiPolygon:
    return MultiPolygon([box(corner, corner, corner + 8, corner + 8)])


@pytest.mark.parametrize("name", AXES)
def test_above_is_towards_the_head_the_right_or_the_front(name: str) -> None:
    grid = geometry(*AXES[name])
    session, history = desk(grid, {3: square(3), 7: square(7)}, 5)
    copy_here(session, history, above=True)
    copied = session.active_roi.area(5)
    source = 3 if copied.equals_exact(square(3), 0.0) else 7
    step = grid.origins_lps[source] - grid.origins_lps[5]
    axis = int(np.abs(step).argmax())
    assert step[axis] > 0 if axis == 2 else step[axis] < 0
    assert above_sign(grid) == np.sign(source - 5)


def test_the_nearest_drawn_plane_is_copied_and_none_is_refused() -> None:
    session, history = desk(geometry(*AXES["axial"]), {1: square(1), 2: square(2)}, 6)
    copy_here(session, history, above=False)
    assert session.active_roi.area(6).equals_exact(square(2), 0.0)
    assert history.undo_text == "Copy plane 3 to plane 7 of Cord"
    with pytest.raises(RefusedError, match="nothing above"):
        copy_here(session, history, above=True)
    delete_here(session, history)
    assert list(session.active_roi.planes) == [1, 2]


def test_with_a_tilted_gantry_a_copy_stays_where_it_was_in_the_patient() -> None:
    grid = geometry(*AXES["axial"], tilt=1.5)
    moved = moved_between(square(10), grid, 4, 6)
    before, after = (grid.lps_from_plane(k, shapely.get_coordinates(area)) for k, area in ((4, square(10)), (6, moved)))
    assert np.allclose((after - before)[:, :2], 0.0, atol=1e-9) and np.allclose((after - before)[:, 2], 6.0)
    straight = geometry(*AXES["axial"])
    area = square(10)
    assert moved_between(area, straight, 4, 6) is area


def test_gaps_are_the_empty_planes_between_drawn_ones() -> None:
    planes = {k: PlaneContours(square(1)) for k in (2, 3, 6, 8)}
    assert gaps(Roi(1, "A", planes=planes)) == [4, 5, 7]
    assert gaps(Roi(1, "A")) == []


def test_the_centre_lies_inside_also_of_a_ring() -> None:
    grid = geometry(*AXES["axial"])
    ring = MultiPolygon([Point(20, 20).buffer(15).difference(Point(20, 20).buffer(12))])
    roi = Roi(1, "A", planes={k: PlaneContours(ring) for k in (2, 3, 4)})
    point = centre_lps(roi, grid)
    plane = grid.nearest_plane(point)
    assert plane == 3 and ring.contains(Point(grid.plane_from_lps(plane, [point])[0]))
    assert centre_lps(Roi(1, "A"), grid) is None


def test_parts_that_a_stroke_does_not_reach_keep_every_coordinate() -> None:
    far = Point(100, 100).buffer(7)
    area = MultiPolygon([Point(0, 0).buffer(10), far])
    for adding in (True, False):
        changed = combine(area, Point(8, 0).buffer(4), adding)
        assert any(part.equals_exact(far, 0.0) for part in changed.geoms)
        assert changed.area != area.area
    assert combine(area, Point(50, 50).buffer(5), False) is area
    assert combine(area, Point(1, 1).buffer(2), True) is area
    inside_far = Point(100, 100).buffer(2)
    assert combine(area, inside_far, False).area == pytest.approx(area.area - inside_far.area)


@pytest.fixture(scope="module")
def tilted(shared_data: Path, tmp_path_factory: pytest.TempPathFactory, qapp: object) -> Iterator[Hand]:
    volume = open_volume(shared_data / "dicom" / "ge_tilted_gantry_ct")
    assert not volume.geometry.is_regular
    with own_data(tmp_path_factory.mktemp("data")):
        hand = Hand()
        hand.open(volume)
        yield hand
        hand.close()


def test_on_a_tilted_uneven_series_the_brush_draws_on_the_real_plane(tilted: Hand) -> None:
    grid = tilted.session.volume.geometry
    for plane in (5, 20):
        tilted.go_to(plane)
        assert tilted.session.plane == plane
        where = np.array([110.0, 120.0])
        tilted.key(Qt.Key.Key_B)
        tilted.drag(View.AXIAL, grid.lps_from_plane(plane, [where, where + 15]).tolist())
        drawn = tilted.session.active_roi.area(plane)
        stroke = shapely.LineString([where, where + 15]).buffer(5)
        assert shapely.hausdorff_distance(drawn, stroke) < 1.5 * tilted.pane(View.AXIAL).scene.mm_per_pixel + 0.1
    assert list(tilted.session.active_roi.planes) == [5, 20]


def test_on_a_tilted_uneven_series_the_side_views_draw_where_the_mouse_is(tilted: Hand) -> None:
    grid = tilted.session.volume.geometry
    while tilted.history.undo_text:
        tilted.history.undo()
    middle = grid.lps_from_plane(12, [120.0, 130.0])[0]
    tilted.session.move_cursor(middle)
    tilted.settle()
    ends = [middle + grid.normal * height for height in (-12.0, 12.0)]
    tilted.key(Qt.Key.Key_B)
    tilted.editing.toolbox.set_radius(3)
    tilted.drag(View.SAGITTAL, [ends[0].tolist(), middle.tolist(), ends[1].tolist()])
    roi = tilted.session.active_roi
    crossed = [k for k in range(grid.shape[0]) if abs(grid.positions[k] - middle @ grid.normal) < 11]
    assert len(crossed) > 2 and set(crossed) <= set(roi.planes)
    for k in crossed:
        at = grid.plane_from_lps(k, [middle])[0]
        assert roi.area(k).distance(Point(at)) < 2 * tilted.pane(View.SAGITTAL).scene.mm_per_pixel + 0.5
    tilted.key(Qt.Key.Key_Z, CTRL)
    assert tilted.session.structures.rois == ()


def test_a_stroke_that_geometry_cannot_join_is_told_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    session, history = desk(geometry(*AXES["axial"]), {1: square(1)}, 1)
    toolbox = Toolbox(session, history)
    said: list[str] = []
    toolbox.said.connect(said.append)
    toolbox.choose("brush")

    def impossible(*_: object) -> None:
        raise shapely.errors.GEOSException("TopologyException")

    monkeypatch.setattr("engine.contouring.brush.add", impossible)
    before = session.structures
    for kind in (EventKind.PRESS, EventKind.RELEASE):
        toolbox.handle(
            ViewEvent(kind, View.AXIAL, Cut.PLANE, 1.0, 1, (0.0, 0.0, 0.0), (1.0, 1.0), button=Button.LEFT)
        )  # fmt: skip
    assert session.structures is before and len(said) == 1 and "nothing was changed" in said[0]


def test_a_result_is_refused_by_a_locked_structure_and_where_nothing_would_change() -> None:
    session, _ = desk(geometry(*AXES["axial"]), {1: square(1), 2: square(2)}, 2)
    operation = OPERATIONS["margin"]
    locked = replace(session.structures[1], locked=True)
    with pytest.raises(RefusedError, match="locked"):
        result_step(session.structures, locked, {1: square(5)}, operation, "Margin")
    with pytest.raises(RefusedError, match="changes nothing"):
        result_step(session.structures, session.structures[1], {1: square(1)}, operation, "Margin")
    empty = {1: MultiPolygon(), 2: MultiPolygon()}
    with pytest.raises(RefusedError, match="leaves nothing"):
        result_step(session.structures, session.structures[1], empty, operation, "Margin", new_name="A")
