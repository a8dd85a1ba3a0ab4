"""Drawing every n-th plane: what lies between is shown dashed, and stored when it is accepted."""

import pytest
from PySide6.QtCore import Qt

from tests.viewer.hand import CTRL, SHIFT, Hand, area
from viewer.session import View

AXIAL = View.AXIAL


@pytest.fixture
def drawn(bare: Hand) -> Hand:
    """Discs on two planes, four apart."""
    bare.key(Qt.Key.Key_B)
    bare.editing.toolbox.set_radius(20.0)
    for plane, u in ((20, 250.0), (24, 258.0)):
        bare.go_to(plane)
        bare.click(AXIAL, bare.on_plane([(u, 250.0)])[0])
    return bare


def between(hand: Hand) -> list[int]:
    shown = hand.editing.live.between
    return sorted(shown.planes) if shown is not None else []


def test_the_planes_between_are_shown_while_a_tool_is_active_and_nothing_is_stored(drawn: Hand) -> None:
    drawn.wait_until(lambda: between(drawn) == [21, 22, 23])
    assert sorted(drawn.session.active_roi.planes) == [20, 24]
    drawn.go_to(22)
    colour = drawn.session.active_roi.colour
    picture = drawn.picture(AXIAL).astype(int)
    seen = int((abs(picture - colour).max(axis=2) < 40).sum())
    drawn.key(Qt.Key.Key_Escape)
    assert between(drawn) == []
    picture = drawn.picture(AXIAL).astype(int)
    assert seen > int((abs(picture - colour).max(axis=2) < 40).sum()) + 50, "dashes are on the screen"


def test_a_plane_that_is_drawn_is_no_longer_between_at_once(drawn: Hand) -> None:
    drawn.wait_until(lambda: between(drawn) == [21, 22, 23])
    drawn.go_to(22)
    drawn.click(AXIAL, drawn.on_plane([(280.0, 250.0)])[0])
    assert 22 not in between(drawn)
    drawn.wait_until(lambda: between(drawn) == [21, 23])


def test_one_plane_or_all_are_stored_as_they_were_shown(drawn: Hand) -> None:
    drawn.wait_until(lambda: between(drawn) == [21, 22, 23])
    shown = drawn.editing.live.between
    drawn.go_to(22)
    drawn.key(Qt.Key.Key_I, CTRL | SHIFT)
    assert area(drawn).equals_exact(shown.area(22), 0.0)
    assert drawn.history.undo_text.startswith("Interpolate plane 23")
    drawn.key(Qt.Key.Key_Z, CTRL)
    drawn.key(Qt.Key.Key_I, CTRL)
    drawn.wait_until(lambda: len(drawn.session.active_roi.planes) == 5)
    for plane in (21, 22, 23):
        assert area(drawn, plane).equals_exact(shown.area(plane), 0.0)
    drawn.wait_until(lambda: between(drawn) == [])
