"""Layers over the base, pixel by pixel: order, windows, opacity, visibility, place; and what survives another base."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from engine.errors import GeometryError
from engine.transform import Transform
from engine.volume import Geometry, SeriesInfo, Volume
from tests.viewer.hand import at, pixels
from tests.viewer.see import CENTRE, TURNS, phantom
from viewer.layers import Layer, Window
from viewer.looks import layer_over
from viewer.render.colour_maps import colour_table
from viewer.session import Session, View
from viewer.widgets.layers_panel import LayersPanel
from viewer.widgets.main_window import MainWindow

FRAME = "1.3"


def block(uid: str, value: float, half_mm: float = 20, turn: NDArray[np.float64] = TURNS[0], at_lps=CENTRE) -> Volume:
    """A cube of one value about a point, on a grid of 4 mm that is larger than it."""
    half = 34.0
    geometry = Geometry.regular(at_lps - turn @ np.full(3, half), turn, (4.0, 4.0, 4.0), (18, 18, 18))
    offset = np.abs(geometry.lps_from_kji(np.indices((18,) * 3).reshape(3, -1).T) - at_lps).max(axis=1)
    voxels = np.where(offset < half_mm, value, 0).astype(np.float32).reshape(geometry.shape)
    info = SeriesInfo(series_uid=uid, frame_of_reference_uid=FRAME, modality="MR", description=f"Block {uid}")
    return Volume(voxels, geometry, "MR", "", info)


def layer(volume: Volume, window: Window, colours: str = "grey", **looks) -> Layer:
    return Layer(volume, volume, window, colours, transform=looks.pop("transform", Transform.identity(FRAME)), **looks)


def bare(window: MainWindow) -> None:
    for pane in window.panes.planes.values():
        pane.scene.set_crosshair(False)
        pane.scene.annotations.set_visible(False)


def colour(window: MainWindow, point_lps, view: View = View.AXIAL) -> NDArray[np.int64]:
    """(3,) what a view shows at a point."""
    pane = window.panes.planes[view]
    image = pixels(pane)  # first, as the pane may have its size only now
    x, y = (int(c) for c in pane.scene.pixel_from_lps(point_lps))
    return image[y, x].astype(int)


def mapped(name: str, window: Window, value: float) -> NDArray[np.float64]:
    share = np.clip((value - window.low) / window.width, 0, 1)
    return colour_table(name)[round(255 * share)].astype(float)


GREEN, HOT = Window.between(0, 200), Window.between(0, 50)


def test_layers_blend_from_the_base_up_each_with_its_window_and_opacity(seeing: MainWindow) -> None:
    session = seeing.session
    session.open(phantom())
    session.set_window(Window(100, 400))
    bare(seeing)
    session.move_cursor(CENTRE)
    session.add_layer(layer(block("2.1", 150, turn=TURNS[5]), GREEN, "green", opacity=0.5))
    session.add_layer(layer(block("2.2", 10, turn=TURNS[9]), HOT, "hot", opacity=0.25))
    base = mapped("grey", session.window, 0)
    green, hot = mapped("green", GREEN, 150), mapped("hot", HOT, 10)

    def seen(*over: tuple[NDArray[np.float64], float]) -> NDArray[np.float64]:
        out = base
        for rgb, opacity in over:
            out = (1 - opacity) * out + opacity * rgb
        return out

    for view in (View.AXIAL, View.SAGITTAL, View.CORONAL):
        # Two steps of 255: one for each rounding of a blend.
        assert np.abs(colour(seeing, CENTRE, view) - seen((green, 0.5), (hot, 0.25))).max() <= 3
    session.move_layer(2, 1)
    assert np.abs(colour(seeing, CENTRE) - seen((hot, 0.25), (green, 0.5))).max() <= 3
    session.change_layer(1, replace(session.layers[1], visible=False))
    assert np.abs(colour(seeing, CENTRE) - seen((green, 0.5))).max() <= 3
    session.change_layer(2, replace(session.layers[2], opacity=1.0, window=Window.between(0, 100)))
    assert np.abs(colour(seeing, CENTRE) - colour_table("green")[255]).max() <= 3
    session.remove_layer(2)
    assert np.abs(colour(seeing, CENTRE) - base).max() <= 3
    session.change_layer(0, replace(session.layers[0], opacity=0.5))
    assert np.abs(colour(seeing, CENTRE) - base / 2).max() <= 3
    session.change_layer(0, replace(session.layers[0], visible=False))
    assert colour(seeing, CENTRE).max() <= 3


def test_a_layer_leaves_what_is_below_as_it_is_outside_its_own_image(seeing: MainWindow) -> None:
    session = seeing.session
    session.open(phantom())
    session.set_window(Window(-500, 1000))
    bare(seeing)
    outside = CENTRE + np.array([38.0, 0, 0])
    before = colour(seeing, outside)
    session.add_layer(layer(block("2.1", 100), Window.between(-100, 300), "inverted grey", opacity=1.0))
    assert np.abs(colour(seeing, outside) - before).max() <= 1
    assert np.abs(colour(seeing, CENTRE) - before).max() > 50


@pytest.mark.parametrize("turned", [False, True])
def test_a_transform_moves_a_layer_by_what_it_says(seeing: MainWindow, turned: bool) -> None:
    session = seeing.session
    session.open(phantom())
    session.set_window(Window(1000, 100))  # all black but for the bright block
    bare(seeing)
    matrix = np.eye(4)
    matrix[:3, 3] = (12.0, -8.0, 6.0)
    if turned:
        matrix[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    own = CENTRE + np.array([-6.0, 2.0, 0.0])
    there = matrix[:3, :3] @ own + matrix[:3, 3] if not turned else None
    if there is None:
        # A turn about the origin carries far away; bring the block back to where the image is.
        matrix[:3, 3] += CENTRE - matrix[:3, :3] @ own - matrix[:3, 3] + np.array([12.0, -8.0, 6.0])
        there = matrix[:3, :3] @ own + matrix[:3, 3]
    moved = layer(block("2.1", 50, half_mm=8, at_lps=own), HOT, transform=Transform("9.9", FRAME, matrix), opacity=1.0)
    session.move_cursor(there)
    before = {view: pixels(pane).astype(int) for view, pane in seeing.panes.planes.items()}
    session.add_layer(moved)
    for view, pane in seeing.panes.planes.items():
        rows, columns = np.nonzero(np.abs(pixels(pane).astype(int) - before[view]).max(axis=2) > 100)
        middle = np.array([columns.mean(), rows.mean()]) + 0.5
        # Half a voxel of the base: the samples of the cut lie on its grid.
        assert np.linalg.norm(middle - pane.scene.pixel_from_lps(there)) * pane.scene.mm_per_pixel < 1.0
    assert session.layers[1].own_lps(there) == pytest.approx(tuple(own))


def test_a_transform_that_cannot_be_undone_is_refused() -> None:
    with pytest.raises(GeometryError, match="flat"):
        Transform("1", "2", np.diag([1.0, 1.0, 0.0, 1.0]))
    with pytest.raises(GeometryError, match="last row"):
        Transform("1", "2", np.ones((4, 4)))
    there = Transform("1", "2", [[0, -1, 0, 5], [1, 0, 0, 6], [0, 0, 2, 7], [0, 0, 0, 1]])
    assert there.apply((1, 2, 3)) == pytest.approx(np.array([[3, 7, 13]]))
    back = there.inverse()
    assert (back.from_frame, back.to_frame) == ("2", "1")
    assert back.apply(there.apply((1, 2, 3)))[0] == pytest.approx((1, 2, 3))


def test_the_status_line_tells_every_layer_that_is_seen(seeing: MainWindow) -> None:
    session, line = seeing.session, seeing.status_line
    volume = phantom()
    session.open(volume)
    session.add_layer(layer(block("2.1", 50), HOT))
    shift = np.eye(4)
    shift[0, 3] = 30.0
    session.add_layer(layer(block("2.2", 7, half_mm=10), HOT, transform=Transform("9.9", FRAME, shift)))
    pane = seeing.panes.planes[View.AXIAL]
    point = CENTRE + np.array([28.0, 0, 0])
    session.move_cursor(CENTRE)
    QTest.mouseMove(pane, at(pane, point))
    QTest.qWait(20)
    assert line.value.text() == "0 HU"
    assert line.over.text() == "MR 0   MR 7"
    session.change_layer(1, replace(session.layers[1], visible=False))
    assert line.over.text() == "MR 7"
    QTest.mouseMove(pane, at(pane, CENTRE + np.array([37.0, 0, 0])))
    QTest.qWait(20)
    session.change_layer(2, replace(session.layers[2], transform=Transform.identity(FRAME)))
    assert line.over.text() == "MR –"


def test_rows_change_their_own_layer(seeing: MainWindow) -> None:
    session = seeing.session
    session.open(phantom())
    for uid in ("2.1", "2.2"):
        session.add_layer(layer(block(uid, 100), Window(0, 1000), "hot", opacity=0.5))
    panel = seeing.findChild(LayersPanel)
    seeing.panel("Layers").show()
    seeing.panel("Layers").raise_()
    QTest.qWait(100)
    assert [row.name.toolTip() for row in panel.rows] == ["CT (HU)", "MR  Block 2.1", "MR  Block 2.2"]
    row = panel.rows[1]
    assert panel.rows[2].y() < row.y() < panel.rows[0].y()
    row.high.setFocus()
    row.high.selectAll()
    QTest.keyClicks(row.high, "900")
    QTest.keyClick(row.high, Qt.Key.Key_Return)
    row.opacity.setFocus()
    for _ in range(30):
        QTest.keyClick(row.opacity, Qt.Key.Key_Left)
    row.colours.setCurrentText("green")
    row.colours.textActivated.emit("green")
    changed, other = session.layers[1], session.layers[2]
    assert (changed.opacity, changed.window.high, changed.colour_map) == (0.2, 900, "green")
    assert (other.opacity, other.window, other.colour_map) == (0.5, Window(0, 1000), "hot")
    QTest.mouseClick(row.eye, Qt.MouseButton.LeftButton)
    assert [shown.visible for shown in session.layers] == [True, False, True]
    # The keys act on the row that was used last, and on the one that is pressed.
    pane = seeing.panes.planes[View.AXIAL]
    QTest.keyClick(pane, Qt.Key.Key_O)
    assert [shown.visible for shown in session.layers] == [True, True, True]
    QTest.mouseClick(panel.rows[2], Qt.MouseButton.LeftButton, pos=QPoint(8, 4))
    QTest.keyClick(pane, Qt.Key.Key_O)
    QTest.keyClick(pane, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    assert [shown.visible for shown in session.layers] == [True, True, False]
    assert [shown.opacity for shown in session.layers] == [1.0, 0.2, 0.6]
    QTest.mouseClick(panel.rows[1].up, Qt.MouseButton.LeftButton)
    assert [shown.volume.info.series_uid for shown in session.layers] == ["1.2", "2.2", "2.1"]
    QTest.mouseClick(panel.rows[2].remove, Qt.MouseButton.LeftButton)
    assert [shown.volume.info.series_uid for shown in session.layers] == ["1.2", "2.2"]
    assert not panel.rows[0].remove.isVisible() and not panel.rows[0].up.isVisible()


def test_layers_of_the_same_frame_stay_over_another_base_and_come_back() -> None:
    session = Session()
    ct, pet, mr = phantom(), block("2.1", 5), block("2.2", 100)
    session.open(ct)
    session.add_layer(replace(layer_over(pet, pet), opacity=0.9))
    session.add_layer(replace(layer_over(mr, mr), visible=False))
    before = session.layers
    again = block("2.1", 5)
    session.open(again)
    assert [shown.volume for shown in session.layers] == [again, mr]
    session.open(phantom())
    assert [shown.volume for shown in session.layers[1:]] == [again, mr]
    assert [replace(shown, volume=ct, display=ct) for shown in session.layers[1:]] == [
        replace(shown, volume=ct, display=ct) for shown in before[1:]
    ]
    elsewhere = replace(phantom(), info=SeriesInfo(series_uid="7", frame_of_reference_uid="8"))
    session.open(elsewhere)
    assert len(session.layers) == 1


def test_layers_and_window_outlast_structures_that_are_loaded_onto_the_series() -> None:
    session = Session()
    ct, pet = phantom(), block("2.1", 5)
    ct = replace(ct, info=replace(ct.info, frame_of_reference_uid=""))
    session.open(ct)
    session.set_window(Window(-600, 1500))
    session.set_colour_map("inverted grey")
    session.add_layer(layer_over(pet, pet))
    before = session.layers
    session.open(ct, None, session.display)
    assert session.layers == before


def test_layers_that_go_take_nothing_from_the_other_views(seeing: MainWindow) -> None:
    session = seeing.session
    session.open(phantom())
    session.set_window(Window(0, 400))
    bare(seeing)
    panes = list(seeing.panes.planes.values())
    alone = [pixels(pane) for pane in panes]
    for pane in panes:
        for number in range(3):
            session.add_layer(layer(block(f"2.{number}", 100), GREEN, "green"))
        for other in panes:
            assert not np.array_equal(pixels(other), alone[panes.index(other)])
        # Its context is the current one while the layers are taken away.
        pixels(pane)
        for _ in range(3):
            session.remove_layer(1)
        for other, before in zip(panes, alone, strict=True):
            assert np.array_equal(pixels(other), before)
