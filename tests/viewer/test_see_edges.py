"""Lines keep apart from the image under them by a dark edge, whatever their colour and that of the image."""

from dataclasses import replace

import numpy as np

from tests.viewer.hand import pixels
from tests.viewer.see import CENTRE, ball, phantom, structures
from viewer.appearance import Style
from viewer.layers import Window
from viewer.session import View
from viewer.widgets.main_window import MainWindow
from viewer.widgets.plane_pane import PlanePane

PLANES = (View.AXIAL, View.SAGITTAL, View.CORONAL)
RADIUS = 20.0


def open_red_ball(window: MainWindow) -> None:
    volume = phantom()
    window.session.open(volume, structures(volume.geometry, ball(volume.geometry, CENTRE, RADIUS, colour=(255, 0, 0))))
    window.session.move_cursor(CENTRE)
    window.session.set_active(None)
    # The ball's tissue is as red as its line.
    window.session.set_window(Window.between(-37.5, 62.5))
    window.session.set_colour_map("hot")
    for pane in window.panes.planes.values():
        pane.scene.set_crosshair(False)
        pane.scene.annotations.set_visible(False)


def dark_runs(pane: PlanePane) -> int:
    """How often the way from the middle of the ball to outside its line gets dark, towards the right or upward."""
    image = pixels(pane)
    x, y = (round(c) for c in pane.scene.pixel_from_lps(CENTRE))
    reach = round(1.3 * RADIUS / pane.scene.mm_per_pixel)
    ways = (image[y, x : x + reach], image[y, x - reach : x][::-1])
    counts = []
    for way in ways:
        dark = (way < 8).all(axis=1)
        counts.append(int(dark[0]) + int((np.diff(dark.astype(int)) > 0).sum()))
    assert len(set(counts)) == 1
    return counts[0]


def test_a_red_line_on_a_red_map_is_dark_on_both_sides(seeing: MainWindow) -> None:
    open_red_ball(seeing)
    for active in (None, 1):
        seeing.session.set_active(active)
        assert [dark_runs(seeing.panes.planes[view]) for view in PLANES] == [2, 2, 2]


def test_the_active_line_alone_has_an_edge_on_grey(seeing: MainWindow) -> None:
    open_red_ball(seeing)
    seeing.session.set_colour_map("grey")
    assert dark_runs(seeing.panes.planes[View.AXIAL]) == 0
    seeing.session.set_active(1)
    assert dark_runs(seeing.panes.planes[View.AXIAL]) == 2


def test_a_translucent_line_and_a_hidden_one_leave_no_edge(seeing: MainWindow) -> None:
    open_red_ball(seeing)
    seeing.session.appearance.set_own({1: Style(width=2.0, opacity=0.5)})
    assert dark_runs(seeing.panes.planes[View.AXIAL]) == 0
    seeing.session.appearance.set_own({1: Style(width=3.0)})
    assert dark_runs(seeing.panes.planes[View.AXIAL]) == 2
    held = seeing.session.structures
    assert held is not None
    seeing.session.open(seeing.session.volume, structures(held.geometry, replace(held.rois[0], visible=False)))
    assert dark_runs(seeing.panes.planes[View.AXIAL]) == 0


def test_what_a_tool_draws_has_an_edge(seeing: MainWindow) -> None:
    open_red_ball(seeing)
    seeing.session.set_colour_map("grey")
    seeing.session.set_window(Window.between(-100, -50))
    pane = seeing.panes.planes[View.AXIAL]
    angle = np.linspace(0, 2 * np.pi, 90)
    middle = seeing.session.volume.geometry.plane_from_lps(0, CENTRE)[0]
    ring = middle + 12 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    # What is drawn live is asked for anew when a window comes to the screen.
    pixels(pane)
    pane.scene.set_preview([ring], (255, 255, 255))
    assert dark_runs(pane) == 2
    pane.scene.set_preview(())
    assert dark_runs(pane) == 0
