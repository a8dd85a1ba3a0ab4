"""Oblique planes: the crosshair's handles turn them; what is on them lies where it should, to half a pixel."""

import json
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from scipy import ndimage

from engine.measures.measure import Measure
from engine.slab import Projection, Slab
from engine.structures import RawContour, Roi
from engine.volume import Geometry, Volume
from tests.viewer.hand import LEFT, SHIFT, Hand, drag, pixels, wheel
from tests.viewer.see import CENTRE, ball, near, phantom, structures
from viewer.appearance import Style
from viewer.companions import Companion
from viewer.features.turning import Turning
from viewer.layers import Window
from viewer.looks import layer_over
from viewer.recording import Kept
from viewer.render.measure_marks import lies_on, turned_to
from viewer.session import Cut, View
from viewer.turning import from_json, turned_by

AXIAL, SAGITTAL, CORONAL = View.AXIAL, View.SAGITTAL, View.CORONAL
OFF = np.array([4.0, -6.0, 8.0])
RADIUS = 20.0
X, Y, Z = np.eye(3)


def waves(spacing=(2.0, 2.0, 3.0), shape=(32, 40, 40)) -> Volume:
    """Values that change smoothly everywhere, on voxels that are no cubes."""
    half = (np.array(shape[::-1]) - 1) / 2 * spacing
    geometry = Geometry.regular(CENTRE - half, np.eye(3), spacing, shape)
    k, j, i = np.indices(shape)
    values = 400 * np.sin(i / 6) * np.cos(j / 5) + 300 * np.sin(k / 4 + i / 9)
    return replace(phantom(), voxels=np.rint(values).astype(np.int16), geometry=geometry)


@pytest.fixture
def desk(window: Hand) -> Hand:
    """A ball, drawn on planes of 2 mm, the crosshair near its middle."""
    window.session.set_slab(None)
    window.window.panes.show_layout("four")
    volume = phantom()
    window.open(volume, structures(volume.geometry, ball(volume.geometry, CENTRE + OFF, RADIUS)))
    window.session.move_cursor(CENTRE + OFF)
    window.window.activateWindow()
    assert QTest.qWaitForWindowActive(window.window, 5000)
    return window


def move(pane: QWidget, here: QPoint, held: Qt.MouseButton, keys: Qt.KeyboardModifier) -> None:
    """Move the mouse with what is held; QTest moves without the keys."""
    place, none = QPointF(here), Qt.MouseButton.NoButton
    event = QMouseEvent(QMouseEvent.Type.MouseMove, place, pane.mapToGlobal(place), none, held, keys)
    QApplication.sendEvent(pane, event)


def turn(hand: Hand, view: View, degrees: float, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Drag the first handle of a view about the crosshair."""
    pane = hand.pane(view)
    middle = np.array(pane.scene.pixel_from_lps(hand.session.cursor_lps))
    move(pane, QPoint(*(middle + 25).astype(int).tolist()), Qt.MouseButton.NoButton, keys)
    hand.wait_until(lambda: len(pane.scene.handles) == 4)
    start = np.array(pane.scene.handles[0])
    for part in (0.0, 0.5, 1.0):
        angle = np.radians(degrees * part)
        away = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ (start - middle)
        here = QPoint(*np.rint(middle + away).astype(int).tolist())
        if part == 0.0:
            QTest.mousePress(pane, LEFT, keys, here)
        move(pane, here, LEFT, keys)
        hand.settle()
    QTest.mouseRelease(pane, LEFT, keys, here)
    hand.settle()


def oblique(hand: Hand) -> None:
    """All three views lean by tens of degrees, about more than one axis."""
    views = [AXIAL, SAGITTAL, CORONAL]
    turned = turned_by(None, views, np.array([0.48, 0.6, 0.64]), 0.6, hand.session.cursor_lps)
    hand.session.turn(turned_by(turned, views[:1], X, -0.3, hand.session.cursor_lps))
    hand.window.panes.set_crosshair(False)
    hand.settle(50)


def test_a_handle_turns_the_two_other_planes_about_the_crosshair_and_nothing_else(desk: Hand) -> None:
    cursor = desk.session.cursor_lps
    frames = {view: desk.pane(view).scene.frame for view in (AXIAL, SAGITTAL, CORONAL)}
    before = {view: desk.pane(view).scene.pixel_from_lps(cursor) for view in frames}
    sizes = {view: desk.pane(view).scene.mm_per_pixel for view in frames}
    turn(desk, AXIAL, 30.0)
    assert desk.pane(AXIAL).scene.frame is frames[AXIAL] and np.array_equal(desk.session.cursor_lps, cursor)
    # A turn from right to down on the axial screen is one about the patient's long axis.
    expected = [[np.cos(np.pi / 6), np.sin(np.pi / 6), 0], [-np.sin(np.pi / 6), np.cos(np.pi / 6), 0]]
    for view, normal in zip((SAGITTAL, CORONAL), expected, strict=True):
        scene = desk.pane(view).scene
        assert scene.frame.geometry.directions[:, scene.frame.across] == pytest.approx(normal, abs=0.02)
        assert scene.frame.cut is Cut.TURNED and "oblique, 30°" in scene.annotations.title
        assert scene.frame.index_from_lps(cursor) == scene.index
        assert scene.pixel_from_lps(cursor) == pytest.approx(before[view], abs=1e-6)
        assert scene.mm_per_pixel == pytest.approx(sizes[view])
        shown = scene.frame.grid_from_lps(cursor)[scene.frame.across] / scene.frame.spacing[scene.frame.across]
        assert shown == pytest.approx(scene.index, abs=1e-6), "the plane goes through the crosshair"
    turn(desk, SAGITTAL, -20.0)
    assert desk.pane(AXIAL).scene.frame.cut is Cut.TURNED
    normals = np.array([desk.pane(v).scene.frame.geometry.directions[:, frames[v].across] for v in frames])
    assert np.abs(normals @ normals.T) == pytest.approx(np.eye(3), abs=1e-9)
    assert np.linalg.norm(normals[0] - Z) > 0.3
    desk.key(Qt.Key.Key_T, SHIFT)
    assert desk.session.turned is None
    for view, frame in frames.items():
        scene = desk.pane(view).scene
        assert scene.frame.unturned is None and scene.frame.geometry is frame.geometry
        assert scene.pixel_from_lps(cursor) == pytest.approx(before[view], abs=1e-6)


def test_a_measure_of_an_oblique_plane_is_seen_again_when_it_is_chosen(desk: Hand) -> None:
    straight = Measure(1, "distance", ((0.0, 0.0, 0.0), (5.0, 0.0, 0.0)), (0.0, 0.0, 1.0))
    leaning = Measure(2, "distance", ((1.0, 2.0, 3.0), (1.0, 2.8, 3.6)), (0.0, -0.6, 0.8))
    middles = [measure.points + CENTRE for measure in (straight, leaning)]
    straight, leaning = straight.with_points(middles[0]), leaning.with_points(middles[1])
    for measure in (straight, leaning, straight):
        desk.session.turn(turned_to(measure, desk.session))
        desk.session.reveal(measure.points.mean(axis=0), measure.points)
        frames = {view: desk.pane(view).scene for view in (AXIAL, SAGITTAL, CORONAL)}
        on = [v for v, scene in frames.items() if lies_on(measure, scene.frame, scene.index, desk.session.plane)]
        assert on == [AXIAL]
        assert (desk.session.turned is None) == (measure is straight)
        assert frames[SAGITTAL].frame.unturned is None, "it would turn within its own plane"
        assert turned_to(measure, desk.session) is desk.session.turned, "it is seen already"


def test_shift_turns_in_steps_and_a_hand_that_trembles_turns_nothing(desk: Hand) -> None:
    turn(desk, AXIAL, 0.6)
    assert desk.session.turned is None
    turn(desk, AXIAL, 13.0, SHIFT)
    assert desk.pane(CORONAL).scene.frame.degrees == pytest.approx(15.0, abs=1e-6)
    assert desk.window.findChild(Turning).action.isEnabled()


def test_letters_name_the_directions_that_the_edges_have(desk: Hand) -> None:
    turn(desk, AXIAL, 40.0)
    turn(desk, CORONAL, 25.0)
    letters = {"L": X, "R": -X, "P": Y, "A": -Y, "H": Z, "F": -Z}
    for view in (AXIAL, SAGITTAL, CORONAL):
        scene = desk.pane(view).scene
        width, height = scene.size
        middle = scene.frame.lps_from_grid(scene.grid_from_pixel(width / 2, height / 2))
        edges = [(0, height / 2), (width, height / 2), (width / 2, 0), (width / 2, height)]
        for pixel, named in zip(edges, scene.annotations.letters, strict=True):
            way = scene.frame.lps_from_grid(scene.grid_from_pixel(*pixel)) - middle
            way = way / np.linalg.norm(way)
            assert named[0] == max(letters, key=lambda letter: float(letters[letter] @ way))
            assert set(named) == {letter for letter, axis in letters.items() if axis @ way > 0.17}


@pytest.mark.parametrize("slab", [None, Slab(Projection.MAXIMUM, 12.0), Slab(Projection.MEAN, 12.0)])
def test_pixels_are_what_simpleitk_resamples_on_the_same_oblique_grid(desk: Hand, slab: Slab | None) -> None:
    volume = waves()
    desk.open(volume)
    desk.session.set_companions(())
    desk.session.set_window(Window(0.0, 1600.0))
    desk.session.move_cursor(CENTRE + np.array([3.0, -4.0, 5.0]))
    oblique(desk)
    desk.session.set_slab(slab)
    desk.settle(50)
    image = sitk.GetImageFromArray(volume.voxels.astype(np.float32))
    image.SetOrigin(volume.geometry.origins_lps[0].tolist())
    image.SetSpacing(volume.geometry.spacing_xyz)
    for view in (AXIAL, SAGITTAL, CORONAL):
        pane = desk.pane(view)
        scene, frame = pane.scene, pane.scene.frame
        shown = pixels(pane)[..., 0].astype(float)
        height, width = shown.shape
        right, down = frame.direction_lps("right"), frame.direction_lps("down")
        into = np.cross(right, down)
        step = 2.0  # mm: the smallest spacing of the image
        reach = int(slab.thickness_mm / 2 / step) if slab is not None else 0
        stack = []
        for layer in range(-reach, reach + 1):
            target = sitk.Image([width, height, 1], sitk.sitkFloat32)
            first = frame.lps_from_grid(scene.grid_from_pixel(0.5, 0.5)) + layer * step * into
            target.SetOrigin(first.tolist())
            target.SetSpacing([scene.mm_per_pixel, scene.mm_per_pixel, 1.0])
            target.SetDirection(np.stack([right, down, into], axis=1).ravel().tolist())
            values = sitk.Resample(image, target, sitk.Transform(), sitk.sitkLinear, -9999.0)
            stack.append(sitk.GetArrayFromImage(values)[0])
        theirs = (
            np.max(stack, axis=0) if slab is None or slab.projection is Projection.MAXIMUM else np.mean(stack, axis=0)
        )
        whole = np.min(stack, axis=0) > -9000
        # Off the texts at the edges, and two samples within the image.
        whole = ndimage.binary_erosion(whole, iterations=int(4.0 / scene.mm_per_pixel) + 1)
        inner = np.zeros_like(whole)
        inner[60:-60, 60:-60] = whole[60:-60, 60:-60]
        assert inner.sum() > 3000
        wanted = np.clip((theirs + 800) / 1600 * 255, 0, 255)
        # What is between samples 2 mm apart is drawn by another linear step: 4 of 255 is 25 of values over 1400.
        assert np.abs(shown - wanted)[inner].max() < 8 and np.abs(shown - wanted)[inner].mean() < 1.6
    desk.session.set_slab(None)


@pytest.mark.parametrize("own", [True, False], ids=["own", "of another series"])
def test_a_ball_is_a_circle_on_every_oblique_plane(desk: Hand, own: bool) -> None:
    if not own:
        finer = phantom(size=64, spacing=1.25)
        set_there = structures(finer.geometry, ball(finer.geometry, CENTRE + OFF, RADIUS))
        desk.open(phantom())
        desk.session.set_companions((Companion(finer.info, set_there),))
    desk.session.move_cursor(CENTRE + OFF + np.array([2.0, 3.0, 1.0]))
    oblique(desk)
    for view in (AXIAL, SAGITTAL, CORONAL):
        pane = desk.pane(view)
        scene, frame = pane.scene, pane.scene.frame
        normal = frame.geometry.directions[:, frame.across]
        point = frame.lps_from_grid(scene.grid_from_pixel(0, 0))
        radius = np.sqrt(RADIUS**2 - float((CENTRE + OFF - point) @ normal) ** 2)
        seen = near(pixels(pane), (0, 255, 0), 60)
        middle = np.array(scene.pixel_from_lps(CENTRE + OFF))
        away = np.linalg.norm(seen + 0.5 - middle, axis=1) * scene.mm_per_pixel - radius
        # A line is 2.5 pixels wide, and half a voxel is a millimetre.
        slack = 1.25 * scene.mm_per_pixel
        assert len(seen) > 150
        assert np.abs(np.median(away)) < 0.3
        assert np.quantile(np.abs(away), 0.97) < 1.0 + slack
        angles = np.degrees(np.arctan2(*(seen - middle).T))
        assert len(np.unique(angles // 10)) == 36, "all round"


def test_filled_structures_are_filled_within_their_lines(desk: Hand) -> None:
    desk.session.appearance.set_own({1: Style(fill=0.8)})
    desk.session.move_cursor(CENTRE + OFF)
    oblique(desk)
    for view in (AXIAL, SAGITTAL, CORONAL):
        pane = desk.pane(view)
        green = pixels(pane).astype(int)[..., 1] - pixels(pane).astype(int)[..., 0] > 60
        middle = np.array(pane.scene.pixel_from_lps(CENTRE + OFF))
        rows, columns = np.indices(green.shape)
        away = np.hypot(columns + 0.5 - middle[0], rows + 0.5 - middle[1]) * pane.scene.mm_per_pixel
        assert green[away < RADIUS - 1.5].mean() > 0.99 and green[away > RADIUS + 1.5].mean() < 0.001
    desk.session.appearance.set_own({1: None})


def test_points_and_open_contours_lie_on_the_oblique_plane_that_they_are_on(desk: Hand) -> None:
    volume = desk.session.volume
    turned = turned_by(None, [CORONAL], Z, 0.5, CENTRE)
    along, across = np.array([np.cos(0.5), np.sin(0.5), 0.0]), np.array([-np.sin(0.5), np.cos(0.5), 0.0])
    spot, off = CENTRE + 12 * along + 7 * Z, CENTRE + 12 * along + 7 * Z + 6 * across
    raw = [RawContour("\\".join(f"{value:.6f}" for value in point), "POINT") for point in (spot, off)]
    marker = Roi(2, "Marker", colour=(255, 0, 255), loose=tuple(raw))
    desk.open(volume, structures(volume.geometry, marker))
    desk.session.move_cursor(CENTRE)
    desk.session.turn(turned)
    desk.window.panes.set_crosshair(False)
    scene = desk.pane(CORONAL).scene
    seen = near(pixels(desk.pane(CORONAL)), (255, 0, 255), 60)
    assert len(seen) and (seen.mean(axis=0) + 0.5) == pytest.approx(scene.pixel_from_lps(spot), abs=1.0)
    assert np.ptp(seen, axis=0).max() < 20, "the other lies 6 mm before the plane"


def test_tools_that_draw_say_that_they_do_not_and_measures_measure(desk: Hand) -> None:
    oblique(desk)
    before = desk.session.structures
    desk.editing.toolbox.choose("brush")
    said: list[str] = []
    desk.editing.toolbox.said.connect(said.append)
    middle = desk.pane(AXIAL).rect().center()
    drag(desk.pane(AXIAL), middle, middle + QPoint(30, 10), LEFT)
    assert desk.session.structures is before and len(said) == 1 and "oblique" in said[0]
    desk.editing.toolbox.choose("measure distance")
    scene = desk.pane(AXIAL).scene
    drag(desk.pane(AXIAL), middle, middle + QPoint(40, 30), LEFT)
    (measure,) = desk.session.document.measures
    first, last = measure.points
    assert np.linalg.norm(last - first) == pytest.approx(50 * scene.mm_per_pixel, rel=0.03)
    normal = scene.frame.geometry.directions[:, scene.frame.across]
    assert abs(float((last - first) @ normal)) < 1e-6 and measure.normal_lps == pytest.approx(normal)
    pixels(desk.pane(AXIAL)), pixels(desk.pane(CORONAL))
    assert len(scene.measures.labels) == 1 and not desk.pane(CORONAL).scene.measures.labels
    desk.editing.toolbox.choose("")
    desk.session.turn(None)
    pixels(desk.pane(AXIAL))
    assert not scene.measures.labels, "it lies on no plane of the series"


def test_the_wheel_goes_along_the_oblique_normal_and_stops_at_the_edge_of_the_image(desk: Hand) -> None:
    oblique(desk)
    scene = desk.pane(AXIAL).scene
    normal = scene.frame.geometry.directions[:, scene.frame.across]
    start = desk.session.cursor_lps
    wheel(desk.pane(AXIAL), -1)
    step = desk.session.cursor_lps - start
    assert step == pytest.approx(normal * scene.frame.spacing[scene.frame.across] * scene.frame.onward, abs=1e-6)
    assert step[2] < 0, "towards the feet"
    for key, ahead in ((Qt.Key.Key_End, 1), (Qt.Key.Key_Home, -1)):
        QTest.keyClick(desk.pane(AXIAL), key)
        moved = desk.session.cursor_lps - start
        assert np.linalg.norm(np.cross(moved, normal)) < 1e-6, "the crosshair never slides along a border"
        assert abs(float(moved @ normal)) > 20 and float(moved @ step) * ahead > 0
    # A click in the dark beside the image stays on the plane that is shown.
    wheel(desk.pane(AXIAL), -5)
    index = scene.index
    QTest.mouseClick(desk.pane(AXIAL), LEFT, pos=QPoint(3, 3))
    assert scene.index == index


def test_the_mouse_tells_the_value_of_the_place_that_is_shown(desk: Hand) -> None:
    volume = waves()
    desk.open(volume)
    desk.session.move_cursor(CENTRE)
    oblique(desk)
    pane = desk.pane(CORONAL)
    here = pane.rect().center() + QPoint(17, -11)
    QTest.mouseMove(pane, here)
    desk.settle()
    point = pane.scene.frame.lps_from_grid(pane.scene.grid_from_pixel(here.x(), here.y()))
    k, j, i = np.rint(volume.geometry.kji_from_lps(point)[0]).astype(int)
    assert desk.window.status_line.value.text().replace("−", "-").startswith(str(volume.voxels[k, j, i]))


def test_an_image_over_it_lies_in_its_place_on_oblique_planes(desk: Hand) -> None:
    spot = phantom(modality="PT")
    voxels = np.zeros_like(spot.voxels)
    voxels[20:23, 24:27, 27:30] = 1000
    spot = replace(spot, voxels=voxels)
    desk.session.add_layer(replace(layer_over(spot, spot), window=Window(500, 1000), opacity=1.0))
    where = spot.geometry.lps_from_kji([[21, 25, 28]])[0]
    desk.session.move_cursor(where)
    oblique(desk)
    for view in (AXIAL, SAGITTAL, CORONAL):
        pane = desk.pane(view)
        x, y = pane.scene.pixel_from_lps(where)
        seen = pixels(pane).astype(int)
        assert seen[round(y), round(x)].max() > 200
        far = seen[round(y) - 45 : round(y) - 40, round(x)]
        assert far.max() < 200


def test_how_planes_were_turned_comes_back_with_the_session(desk: Hand) -> None:
    turn(desk, AXIAL, 30.0)
    turn(desk, SAGITTAL, 20.0)
    kept = desk.window.recording.current()
    assert kept is not None
    frames = {view: desk.pane(view).scene.frame.geometry for view in (AXIAL, SAGITTAL, CORONAL)}
    pixel = desk.pane(CORONAL).scene.pixel_from_lps(CENTRE)
    volume = desk.session.volume
    desk.open(phantom(size=30))
    assert desk.session.turned is None
    look = json.loads(json.dumps(kept.look))
    desk.window.recording.open(volume, volume, Kept(kept.info, kept.geometry, kept.left, look=look))
    for view, geometry in frames.items():
        assert desk.pane(view).scene.frame.geometry.same_grid(geometry, 1e-6)
    assert desk.pane(CORONAL).scene.pixel_from_lps(CENTRE) == pytest.approx(pixel, abs=0.5)
    for damaged in (None, 3, {"rotations": {"axial": [1] * 9}, "about_lps": [0, 0, 0]}, {"rotations": {"axial": "x"}}):
        assert from_json(damaged, [AXIAL]) is None


def test_the_3d_view_shows_the_planes_where_they_are(desk: Hand) -> None:
    oblique(desk)
    scene = desk.window.panes.three_d.scene
    scene.prepare()
    frame = desk.pane(AXIAL).scene.frame
    normal = frame.geometry.directions[:, frame.across]
    borders = np.array([scene._planes._borders.GetPoint(n) for n in range(scene._planes._borders.GetNumberOfPoints())])
    image = desk.session.display.geometry
    corners = image.origins_lps[0] + borders @ image.directions.T
    level = (corners - frame.lps_from_grid(desk.pane(AXIAL).scene.grid_from_pixel(0, 0))) @ normal
    first = int(np.flatnonzero(np.abs(level) > 1e-3)[0])
    assert first >= 4, "the border of the axial plane runs around what it shows"
    last = (np.array(image.shape[::-1]) - 0.5) * image.spacing_xyz
    assert (borders >= -1.0 - 1e-6).all() and (borders <= last + 1e-6).all()


def test_a_picture_and_a_single_plane_have_no_handles(desk: Hand) -> None:
    volume, pane = phantom(), desk.pane(AXIAL)
    for offset in (QPoint(5, 5), QPoint(9, 9)):
        QTest.mouseMove(pane, pane.rect().center() + offset)
        desk.settle()
    assert pane.scene.handles
    geometry = Geometry.regular(CENTRE, np.eye(3), (2, 2, 2), (1, 40, 40))
    desk.open(replace(volume, voxels=volume.voxels[:1], geometry=geometry))
    assert not pane.scene.handles, "the mouse has not moved since"
    QTest.mouseMove(pane, pane.rect().center() + QPoint(5, 5))
    desk.settle()
    assert not pane.scene.handles
    desk.session.turn(turned_by(None, [SAGITTAL], Z, 0.5, CENTRE))
    assert desk.session.turned is None
