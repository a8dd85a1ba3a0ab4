"""What the plane views show, pixel by pixel: sides of the patient, letters, outlines, a layer, window."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.resample import onto_regular_grid
from engine.volume import Geometry, SeriesInfo, Volume
from tests.viewer.hand import pixels, settle, wait_until
from tests.viewer.see import CENTRE, TURNS, ball, near, phantom, structures
from viewer.layers import Layer, Window
from viewer.render.image_data import image_data
from viewer.render.orientation import letters
from viewer.session import View
from viewer.widgets.main_window import MainWindow
from viewer.widgets.plane_pane import PlanePane

PLANES = (View.AXIAL, View.SAGITTAL, View.CORONAL)

#: View → which side of the screen (x, y: −1 left or top, 1 right or bottom) the left, back, head corner is on.
CORNER = {View.AXIAL: (1, 1), View.SAGITTAL: (1, -1), View.CORONAL: (1, -1)}
SIDES = {View.AXIAL: "RLAP", View.SAGITTAL: "APHF", View.CORONAL: "RLHF"}


def shown_letters(pane: PlanePane) -> str:
    return "".join(pane.scene.annotations.letters)


def bare(window: MainWindow) -> None:
    """Nothing but the image and the outlines."""
    for pane in window.panes.planes.values():
        pane.scene.set_crosshair(False)
        pane.scene.annotations.set_visible(False)


def test_sides_and_letters_are_right_however_the_series_was_stored(seeing: MainWindow) -> None:
    for turn in TURNS:
        seeing.session.open(phantom(turn))
        seeing.session.move_cursor(CENTRE + 18)
        bare(seeing)
        for view, pane in seeing.panes.planes.items():
            image = pixels(pane)
            bright = near(image, (255, 255, 255), 5).mean(axis=0) - np.array([image.shape[1], image.shape[0]]) / 2
            assert tuple(np.sign(bright)) == CORNER[view]
            assert shown_letters(pane) == SIDES[view]


def test_letters_of_an_oblique_series_name_both_directions(seeing: MainWindow) -> None:
    angle = np.radians(30)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    seeing.session.open(phantom(turn))
    axial = seeing.panes.planes[View.AXIAL].scene.annotations.letters
    assert axial == ("RA", "LP", "AL", "PR")
    assert seeing.panes.planes[View.SAGITTAL].scene.annotations.title.startswith("Sagittal (oblique)")


@pytest.mark.parametrize(
    ("direction", "expected"),
    [((1, 0, 0), "L"), ((0, -1, 0), "A"), ((0, 0, -1), "F"), ((1, -0.9, 0), "LA"), ((0.99, 0.1, 0), "L")],
)
def test_letters_leave_out_what_is_nearly_perpendicular(direction: tuple[float, ...], expected: str) -> None:
    assert letters(direction) == expected


def _tilted() -> Volume:
    size, count = 48, 16
    offsets = np.outer(np.arange(count), [0.0, 1.3, 0.0])
    regular = Geometry.regular(CENTRE - 45, np.eye(3), (2.0, 2.0, 6.0), (count, size, size))
    geometry = Geometry(
        regular.origins_lps + offsets, regular.row_direction, regular.column_direction, (2.0, 2.0), regular.shape, 6.0
    )
    voxels = np.full(geometry.shape, -1000, dtype=np.int16)
    return Volume(voxels, geometry, "CT", "HU", SeriesInfo(modality="CT"))


def _distances(found: NDArray[np.int64], pane: PlanePane, centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """mm of each pixel from the centre, within the view."""
    middle = np.array(pane.scene.pixel_from_lps(centre))
    return np.asarray(np.linalg.norm(found + 0.5 - middle, axis=1) * pane.scene.mm_per_pixel)


@pytest.mark.parametrize("kind", ["regular", "turned", "tilted"])
@pytest.mark.parametrize("active", [True, False])
def test_outline_lies_where_the_structure_is(seeing: MainWindow, kind: str, active: bool) -> None:
    volume = {"regular": phantom, "turned": lambda: phantom(TURNS[7]), "tilted": _tilted}[kind]()
    radius, centre = 17.0, CENTRE + np.array([4.0, -3.0, 2.0])
    # A grid that is not on the cut still has the plane through the nearest voxels.
    centre = onto_regular_grid(volume).geometry.lps_from_kji(
        np.rint(onto_regular_grid(volume).geometry.kji_from_lps(centre))
    )[0]
    seeing.session.open(volume, structures(volume.geometry, ball(volume.geometry, centre, radius)))
    seeing.session.set_active(1 if active else None)
    seeing.session.move_cursor(centre)
    bare(seeing)
    coarse = volume.geometry.plane_spacing
    for pane in seeing.panes.planes.values():
        found = near(pixels(pane), (0, 255, 0))
        assert len(found) > 100
        away = _distances(found, pane, centre)
        # Between planes the outline is straight, so a cut across them may be off by a share of their distance.
        slack = 2.5 * pane.scene.mm_per_pixel + (0.5 * coarse if pane.scene.frame.across != 2 else 0)
        off_plane = min(abs(volume.geometry.positions - float(centre @ volume.geometry.normal)))
        assert away.max() < radius + slack
        assert away.min() > np.sqrt(radius**2 - off_plane**2) - slack
        angles = np.arctan2(*(found + 0.5 - pane.scene.pixel_from_lps(centre)).T)
        assert np.diff(np.sort(angles)).max() < 0.3


def test_surfaces_that_go_take_nothing_from_the_other_views(seeing: MainWindow) -> None:
    volume = phantom()
    rois = [ball(volume.geometry, CENTRE, 16 + n, n, (0, 255, 0)) for n in range(1, 7)]
    three_d = seeing.panes.three_d
    for pane in seeing.panes.planes.values():
        seeing.session.open(volume, structures(volume.geometry, *rois))
        wait_until(lambda: not three_d.scene.busy)
        settle(three_d)
        # Its context is the current one while the surfaces are taken away.
        pixels(pane)
        seeing.session.close()
        seeing.session.open(volume, structures(volume.geometry, *rois))
        for other in seeing.panes.planes.values():
            assert len(near(pixels(other), (0, 255, 0))) > 100


def test_hidden_structures_are_not_drawn(seeing: MainWindow) -> None:
    volume = phantom()
    roi = ball(volume.geometry, CENTRE, 20)
    seeing.session.open(volume, structures(volume.geometry, replace(roi, visible=False)))
    assert not len(near(pixels(seeing.panes.planes[View.AXIAL]), (0, 255, 0)))


def test_live_outline_replaces_the_stored_one_in_its_view(seeing: MainWindow) -> None:
    volume = phantom()
    seeing.session.open(volume, structures(volume.geometry, ball(volume.geometry, CENTRE, 20)))
    bare(seeing)
    pane = seeing.panes.planes[View.AXIAL]
    settle(pane)
    square = np.array([[30.0, 30.0], [50.0, 30.0], [50.0, 50.0], [30.0, 50.0], [30.0, 30.0]])
    pane.scene.set_preview([square], (255, 0, 255), replaces=1)
    image = pixels(pane)
    assert not len(near(image, (0, 255, 0)))
    found = near(image, (255, 0, 255))
    corner = pane.scene.pixel_from_lps(volume.geometry.lps_from_plane(0, [[30.0, 30.0]])[0])
    assert np.abs(found.min(axis=0) - corner).max() < 3
    pane.scene.set_preview(())
    assert len(near(pixels(pane), (0, 255, 0)))


def test_window_sets_black_and_white(seeing: MainWindow) -> None:
    volume = phantom()
    seeing.session.open(volume)
    bare(seeing)
    pane = seeing.panes.planes[View.AXIAL]
    x, y = (round(c) for c in pane.scene.pixel_from_lps(CENTRE))
    for window, grey in ((Window(0, 200), 128), (Window(-200, 200), 255), (Window(500, 200), 0), (Window(50, 400), 96)):
        seeing.session.set_window(window)
        assert abs(int(pixels(pane)[y, x, 0]) - grey) <= 3
    seeing.session.set_window(Window(50, 400))
    seeing.session.set_colour_map("inverted grey")
    assert abs(int(pixels(pane)[y, x, 0]) - (255 - 96)) <= 3


def test_interpolation_smooths_and_can_be_switched_off(seeing: MainWindow) -> None:
    volume = phantom(size=12, spacing=6.0)
    seeing.session.open(volume)
    seeing.session.set_window(Window(-500, 1000))
    bare(seeing)
    pane = seeing.panes.planes[View.AXIAL]
    smooth = len(np.unique(pixels(pane)[:, :, 0]))
    seeing.session.set_interpolate(False)
    squares = len(np.unique(pixels(pane)[:, :, 0]))
    assert squares <= 3 < smooth


def test_a_layer_lies_in_patient_space_and_clear_where_it_has_no_signal(seeing: MainWindow) -> None:
    base = phantom()
    # A PET of another grid, turned and coarser, with one hot spot at a known place.
    hot = CENTRE + np.array([14.0, 6.0, 10.0])
    geometry = Geometry.regular(CENTRE - TURNS[5] @ np.full(3, 30.0), TURNS[5], (4.0, 4.0, 4.0), (16, 16, 16))
    voxels = np.zeros(geometry.shape, dtype=np.float32)
    near_hot = np.linalg.norm(geometry.lps_from_kji(np.indices((16,) * 3).reshape(3, -1).T) - hot, axis=1) < 7
    voxels[near_hot.reshape(geometry.shape)] = 8.0
    pet = Volume(voxels, geometry, "PT", "SUVbw", SeriesInfo(frame_of_reference_uid="1.3"))
    seeing.session.open(base)
    bare(seeing)
    seeing.session.move_cursor(hot)
    before = {view: pixels(pane).astype(int) for view, pane in seeing.panes.planes.items()}
    seeing.session.add_layer(Layer(pet, pet, Window.between(0, 8), "hot", 0.6))
    for view, pane in seeing.panes.planes.items():
        changed = np.abs(pixels(pane).astype(int) - before[view]).max(axis=2) > 12
        rows, columns = np.nonzero(changed)
        middle = np.array([columns.mean(), rows.mean()]) + 0.5
        assert np.linalg.norm(middle - pane.scene.pixel_from_lps(hot)) * pane.scene.mm_per_pixel < 2.5
        assert changed.mean() < 0.2
    seeing.session.change_layer(1, replace(seeing.session.layers[1], visible=False))
    for view, pane in seeing.panes.planes.items():
        assert np.array_equal(pixels(pane), before[view])


def test_crosshair_marks_the_cursor_in_every_view(seeing: MainWindow) -> None:
    seeing.session.open(phantom())
    point = CENTRE + np.array([10.0, -14.0, 20.0])
    seeing.session.move_cursor(point)
    for pane in seeing.panes.planes.values():
        pane.scene.annotations.set_visible(False)
        with_lines = pixels(pane).astype(int)
        pane.scene.set_crosshair(False)
        rows, columns = np.nonzero(np.abs(pixels(pane).astype(int) - with_lines).max(axis=2) > 10)
        x, y = pane.scene.pixel_from_lps(seeing.session.cursor_lps)
        assert abs(np.median(columns[np.abs(rows - y) > 20]) - x) <= 1.5
        assert abs(np.median(rows[np.abs(columns - x) > 20]) - y) <= 1.5


def test_scale_bar_is_as_long_as_it_says(seeing: MainWindow) -> None:
    seeing.session.open(phantom())
    pane = seeing.panes.planes[View.AXIAL]
    image = pixels(pane)
    bottom = image[image.shape[0] - 9].astype(int).max(axis=1)
    run = np.flatnonzero(bottom[image.shape[1] // 2 + 20 :] > 150)
    assert abs(len(run) * pane.scene.mm_per_pixel - pane.scene.annotations.scale_mm) < 3 * pane.scene.mm_per_pixel


def test_voxels_are_shared_with_vtk_not_copied(seeing: MainWindow) -> None:
    volume = phantom()
    seeing.session.open(volume)
    pixels(seeing.panes.planes[View.AXIAL])
    image = image_data(volume)
    assert image.GetScalarTypeAsString() == "short"
    volume.voxels[0, 0, 0] = 1234
    assert image.GetScalarComponentAsDouble(0, 0, 0, 0) == 1234


def test_a_large_image_is_seen_in_3d_as_it_opens(seeing: MainWindow) -> None:
    # A metre and more from the camera, which is where trunk and arms are.
    seeing.session.open(phantom(spacing=16.0))
    pane = seeing.panes.three_d
    assert len(near(pixels(pane), (128, 128, 128), 100)) > 500
