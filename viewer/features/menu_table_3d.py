"""What the right button offers in the 3D view: on the structure under the mouse, and of how all is seen there."""

from functools import partial

from PySide6.QtGui import QAction

from viewer.edits import structures as steps
from viewer.features.menu_table import ENTRIES, Spot
from viewer.render.surface_scene import USUAL
from viewer.render.volume_looks import VOLUME_LOOKS, VolumeLook
from viewer.widgets.context_menu import DIVIDER, Entry

#: Lines that are the same on contours in the views.
_BY_TEXT = {entry.text: entry for entry in ENTRIES if entry is not None and not entry.under}

#: Whence one looks, LPS.
_SIDES = {
    "The front": (0.0, -1.0, 0.0),
    "The back": (0.0, 1.0, 0.0),
    "The patient's left": (1.0, 0.0, 0.0),
    "The patient's right": (-1.0, 0.0, 0.0),
    "The head": (0.0, 0.0, 1.0),
    "The feet": (0.0, 0.0, -1.0),
    "Front, left and above": USUAL,
}
_FROM, _VOLUME = "Look from", "Image in 3D"


def _has_point(spot: Spot) -> bool:
    return spot.point_lps is not None


def _go(spot: Spot) -> None:
    assert spot.point_lps is not None, "offered where something was hit"
    spot.desk.session.reveal(spot.point_lps)


def _hide(spot: Spot) -> None:
    steps.set_visible(spot.desk.session, spot.desk.history, spot.numbers, False)


def _show_only(spot: Spot) -> None:
    steps.show_only(spot.desk.session, spot.desk.history, frozenset(spot.numbers))


def _others_shown(spot: Spot) -> bool:
    return spot.is_one and any(roi.visible and roi.number not in spot.numbers for roi in spot.structures.rois)


def _some_hidden(spot: Spot) -> bool:
    return any(not roi.visible for roi in spot.structures.rois)


def _show_all(spot: Spot) -> None:
    steps.set_visible(spot.desk.session, spot.desk.history, [roi.number for roi in spot.structures.rois], True)


def _look_from(direction: tuple[float, float, float], spot: Spot) -> None:
    spot.desk.window.panes.three_d.scene.reset_camera(direction)


def _choose(look: VolumeLook | None, spot: Spot) -> None:
    spot.desk.volumes.choose(look)


def _suits(look: VolumeLook, spot: Spot) -> bool:
    return look in spot.desk.volumes.looks


def _is_chosen(look: VolumeLook | None, spot: Spot) -> bool:
    return spot.desk.volumes.look is look


def _planes(spot: Spot) -> QAction:
    return next(action for _, action in spot.desk.window.listed_actions if action.text() == "Planes in 3D")


#: A line an entry, in the order of the menu.
SPACE_ENTRIES: tuple[Entry[Spot] | None, ...] = (
    _BY_TEXT["Make active"],
    Entry("Hide", _hide, lambda spot: spot.is_one, "Show or hide"),
    Entry("Show only this", _show_only, _others_shown, "Show only these, or all"),
    Entry("Show all", _show_all, _some_hidden),
    _BY_TEXT["Lines, fill and opacity…"],
    DIVIDER,
    Entry("Go to this point", _go, _has_point),
    *(_BY_TEXT[text] for text in ("Zoom to", "Go to centre", "Statistics…")),
    DIVIDER,
    *(
        Entry(text, partial(_look_from, direction), lambda _: True, under=_FROM)
        for text, direction in _SIDES.items()
    ),
    Entry(
        "Surfaces alone", partial(_choose, None), lambda spot: bool(spot.desk.volumes.looks), under=_VOLUME,
        is_on=partial(_is_chosen, None),
    ),
    *(
        Entry(look.name, partial(_choose, look), partial(_suits, look), under=_VOLUME, is_on=partial(_is_chosen, look))
        for look in VOLUME_LOOKS
    ),
    Entry(
        "Planes", lambda spot: _planes(spot).trigger(), lambda _: True, "Planes in 3D",
        is_on=lambda spot: _planes(spot).isChecked(),
    ),
)  # fmt: skip
