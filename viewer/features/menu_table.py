"""What the right button offers on a contour in the views and on a row of the list: a line an entry.

`SPACE_ENTRIES`, of the 3D view, are in `menu_table_3d`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from engine.structures import ReviewState, Roi, StructureSet
from viewer.edits import structures as steps
from viewer.edits.clipboard import Clipboard
from viewer.edits.operations.form import Operation
from viewer.edits.operations.table import OPERATIONS
from viewer.edits.pieces import piece_of, piece_step, polygon_at
from viewer.edits.planes import delete_on, drawn_planes
from viewer.edits.target import may_change
from viewer.features.approving import Approving
from viewer.features.editing import Editing
from viewer.features.groups import Groups
from viewer.features.layouts import Layouts
from viewer.features.statistics import Statistics
from viewer.features.styles import Styles
from viewer.features.volumes import Volumes
from viewer.history import History
from viewer.session import Session
from viewer.widgets.context_menu import DIVIDER, Entry
from viewer.widgets.main_window import MainWindow


@dataclass(frozen=True, eq=False)
class Desk:
    """The parts of a window that the entries work with."""

    window: MainWindow
    editing: Editing
    approving: Approving
    layouts: Layouts
    statistics: Statistics
    styles: Styles
    groups: Groups
    volumes: Volumes
    clipboard: Clipboard

    @property
    def session(self) -> Session:
        """Of the window."""
        return self.window.session

    @property
    def history(self) -> History:
        """Of the window."""
        return self.window.history


@dataclass(frozen=True, eq=False)
class Spot:
    """What a menu is about.

    Args:
        desk: the window's parts.
        numbers: of the structures.
        plane: index of the acquired plane that is meant.
        point_lps: under the mouse, mm; None in the list.
    """

    desk: Desk
    numbers: tuple[int, ...]
    plane: int
    point_lps: tuple[float, float, float] | None = None

    @property
    def structures(self) -> StructureSet:
        """All that are there."""
        structures = self.desk.session.structures
        assert structures is not None, "a menu opens on an open series"
        return structures

    @property
    def rois(self) -> list[Roi]:
        """The structures that the menu is about."""
        return [roi for roi in self.structures.rois if roi.number in self.numbers]

    @property
    def roi(self) -> Roi:
        """The structure, where there is one alone."""
        return self.structures[self.numbers[0]]

    @property
    def polygon(self) -> int | None:
        """Index of the polygon of the structure under the mouse."""
        if self.point_lps is None:
            return None
        return polygon_at(self.structures, self.roi, self.plane, self.point_lps)

    @property
    def is_one(self) -> bool:
        """Whether it is about one structure."""
        return len(self.rois) == 1

    @property
    def is_writable(self) -> bool:
        """Whether anything but what is shown may be changed in this window."""
        return not self.desk.history.refusal()


# Where an entry works ------------------------------------------------------------------------------------------------


def _one(spot: Spot) -> bool:
    return spot.is_one and spot.is_writable


def _not_active(spot: Spot) -> bool:
    return spot.is_one and spot.numbers[0] != spot.desk.session.active


def _free(spot: Spot) -> bool:
    return _one(spot) and may_change(spot.roi)


def _unlocked(spot: Spot) -> bool:
    return bool(spot.rois) and spot.is_writable and not any(roi.locked for roi in spot.rois)


def _one_unlocked(spot: Spot) -> bool:
    return spot.is_one and _unlocked(spot)


def _some_hidden(spot: Spot) -> bool:
    return any(not roi.visible for roi in spot.rois)


def _some_shown(spot: Spot) -> bool:
    return any(roi.visible for roi in spot.rois)


def _others_shown(spot: Spot) -> bool:
    return bool(spot.rois) and any(roi.visible and roi.number not in spot.numbers for roi in spot.structures.rois)


def _others_hidden(spot: Spot) -> bool:
    return any(not roi.visible and roi.number not in spot.numbers for roi in spot.structures.rois)


def _in_own_group(spot: Spot) -> bool:
    return any(number in spot.desk.session.appearance.groups for number in spot.numbers)


def _lockable(spot: Spot) -> bool:
    return spot.is_writable and any(not roi.locked for roi in spot.rois)


def _unlockable(spot: Spot) -> bool:
    return spot.is_writable and not _signed(spot) and any(roi.locked for roi in spot.rois)


def _here(spot: Spot) -> bool:
    return spot.is_one and not spot.roi.area(spot.plane).is_empty


def _free_here(spot: Spot) -> bool:
    return _free(spot) and _here(spot)


def _pastable(spot: Spot) -> bool:
    return _free(spot) and spot.desk.clipboard.clip is not None


def _on_piece(spot: Spot) -> bool:
    return _free(spot) and spot.polygon is not None


def _on_one_of_pieces(spot: Spot) -> bool:
    return _on_piece(spot) and len(spot.roi.area(spot.plane).geoms) > 1


def _drawn(spot: Spot) -> bool:
    return spot.is_one and not spot.roi.is_empty


def _has_centre(spot: Spot) -> bool:
    return spot.is_one and (not spot.roi.is_empty or bool(spot.roi.loose))


def _unsigned(spot: Spot) -> bool:
    states = {roi.provenance.review.state for roi in spot.rois}
    drawn = all(not roi.is_empty or roi.loose for roi in spot.rois)
    return bool(states - {ReviewState.APPROVED}) and drawn and spot.is_writable


def _signed(spot: Spot) -> bool:
    return spot.is_writable and any(roi.provenance.review.state is ReviewState.APPROVED for roi in spot.rois)


def _operable(operation: Operation, spot: Spot) -> bool:
    if not _one(spot) or (spot.roi.is_empty and not operation.takes_empty):
        return False
    lonely = bool(operation.other) and not operation.other_optional and len(spot.structures.rois) < 2
    return not lonely and (operation.derives or not spot.roi.locked)


# What an entry is called ---------------------------------------------------------------------------------------------


def _only_text(spot: Spot) -> str:
    return "Show only this" if spot.is_one else "Show only these"


def _paste_text(spot: Spot) -> str:
    clip = spot.desk.clipboard.clip
    assert clip is not None, "offered where something was copied"
    return f"Paste plane {clip.plane + 1} of {clip.name} on plane {spot.plane + 1}"


def _end_text(word: str, end: int, spot: Spot) -> str:
    return f"Go to {word} plane, {drawn_planes(spot.roi)[end] + 1}"


def _delete_text(spot: Spot) -> str:
    return f"Delete {spot.roi.name}" if spot.is_one else f"Delete {len(spot.rois)} structures"


def _on_plane(text: str) -> Callable[[Spot], str]:
    return lambda spot: f"{text} {spot.plane + 1}"


# What an entry does --------------------------------------------------------------------------------------------------


def _choose(spot: Spot) -> None:
    spot.desk.session.set_active(spot.numbers[0])


def _set(setter: Callable[[Session, History, Iterable[int], bool], None], value: bool) -> Callable[[Spot], None]:
    return lambda spot: setter(spot.desk.session, spot.desk.history, spot.numbers, value)


def _show_only(spot: Spot) -> None:
    steps.show_only(spot.desk.session, spot.desk.history, frozenset(spot.numbers))


def _show_all(spot: Spot) -> None:
    steps.set_visible(spot.desk.session, spot.desk.history, [roi.number for roi in spot.structures.rois], True)


def copy_contour(spot: Spot) -> None:
    """Take what its structure has on its plane."""
    spot.desk.clipboard.copy(spot.roi, spot.plane)
    spot.desk.window.show_message(f"Copied {spot.roi.name} of plane {spot.plane + 1}; Ctrl+V adds it to another plane.")


def paste_contour(spot: Spot) -> None:
    """Add what was copied to its structure on its plane."""
    spot.desk.clipboard.paste(spot.roi, spot.plane)


def _clear_plane(spot: Spot) -> None:
    delete_on(spot.desk.history, spot.roi, spot.plane)


def _piece(spot: Spot, *, keep: bool, in_space: bool) -> None:
    polygon = spot.polygon
    if polygon is not None:
        piece = piece_of(spot.structures, spot.roi, spot.plane, polygon, in_space=in_space)
        step = piece_step(spot.roi, piece, keep=keep, tool="pieces")
        if step is not None:
            spot.desk.history.do(step)


def _go_to_end(end: int, spot: Spot) -> None:
    plane = drawn_planes(spot.roi)[end]
    point = spot.roi.area(plane).representative_point()
    spot.desk.session.reveal(spot.structures.geometry.lps_from_plane(plane, [point.x, point.y])[0])


def _rename(spot: Spot) -> None:
    spot.desk.editing.rename(spot.numbers[0])


def _choose_colour(spot: Spot) -> None:
    spot.desk.editing.structures.choose_colour(spot.numbers[0])


def _ask_style(spot: Spot) -> None:
    spot.desk.styles.ask(spot.numbers)


def _ask_group(spot: Spot) -> None:
    spot.desk.groups.ask(spot.numbers)


def _take_out(spot: Spot) -> None:
    spot.desk.groups.take_out(spot.numbers)


def _zoom(spot: Spot) -> None:
    spot.desk.layouts.zoom_to_structure(spot.numbers[0])


def _go_to_centre(spot: Spot) -> None:
    spot.desk.editing.structures.go_to_centre(spot.numbers[0])


def _measure(spot: Spot) -> None:
    spot.desk.statistics.show(spot.numbers[0])


def _mark_reviewed(spot: Spot) -> None:
    spot.desk.approving.review(spot.numbers)


def _approve(spot: Spot) -> None:
    spot.desk.approving.ask_approval(spot.numbers)


def _reopen(spot: Spot) -> None:
    spot.desk.approving.ask_reason(spot.numbers)


def _add(spot: Spot) -> None:
    spot.desk.editing.add()


def _operate(name: str, spot: Spot) -> None:
    _choose(spot)
    spot.desk.editing.show_operation(name)


def _duplicate(spot: Spot) -> None:
    steps.duplicate(spot.desk.session, spot.desk.history, spot.numbers[0])


def _delete(spot: Spot) -> None:
    steps.delete_all(spot.desk.session, spot.desk.history, frozenset(spot.numbers))


_DELETE_PIECE, _KEEP_PIECE = partial(_piece, keep=False), partial(_piece, keep=True)
_PIECE, _DERIVE, _REVIEW = "Piece under the mouse", "Derive or change", "Review"

#: A line an entry, in the order of the menu.
ENTRIES: tuple[Entry[Spot] | None, ...] = (
    Entry("Make active", _choose, _not_active),
    Entry("Rename", _rename, _one_unlocked, "Rename"),
    Entry("Colour…", _choose_colour, _one, "Colour…"),
    Entry("Lines, fill and opacity…", _ask_style, lambda spot: bool(spot.rois), "Lines, fill and opacity…"),
    Entry("Put into a group…", _ask_group, lambda spot: bool(spot.rois)),
    Entry("Take out of its group", _take_out, _in_own_group),
    DIVIDER,
    Entry("Show", _set(steps.set_visible, True), _some_hidden, "Show or hide"),
    Entry("Hide", _set(steps.set_visible, False), _some_shown, "Show or hide"),
    Entry(_only_text, _show_only, _others_shown, "Show only these, or all"),
    Entry("Show all", _show_all, _others_hidden),
    Entry("Lock", _set(steps.set_locked, True), _lockable, "Lock or unlock"),
    Entry("Unlock", _set(steps.set_locked, False), _unlockable, "Lock or unlock"),
    DIVIDER,
    Entry(_on_plane("Copy contour of plane"), copy_contour, _here, "Copy the contour of this plane"),
    Entry(_paste_text, paste_contour, _pastable, "Paste onto this plane"),
    Entry(_on_plane("Delete on plane"), _clear_plane, _free_here, "Delete on this plane"),
    Entry(_on_plane("Delete it on plane"), partial(_DELETE_PIECE, in_space=False), _on_one_of_pieces, under=_PIECE),
    Entry(_on_plane("Keep it alone on plane"), partial(_KEEP_PIECE, in_space=False), _on_one_of_pieces, under=_PIECE),
    Entry("Delete it in space", partial(_DELETE_PIECE, in_space=True), _on_piece, under=_PIECE),
    Entry("Keep it alone in space", partial(_KEEP_PIECE, in_space=True), _on_piece, under=_PIECE),
    DIVIDER,
    Entry("Zoom to", _zoom, _drawn, "Zoom to structure"),
    Entry("Go to centre", _go_to_centre, _has_centre, "Go to centre"),
    Entry(partial(_end_text, "first", 0), partial(_go_to_end, 0), _drawn),
    Entry(partial(_end_text, "last", -1), partial(_go_to_end, -1), _drawn),
    DIVIDER,
    *(
        Entry(f"{operation.title}…", partial(_operate, name), partial(_operable, operation), under=_DERIVE)
        for name, operation in OPERATIONS.items()
    ),
    Entry("Statistics…", _measure, _drawn, "Statistics…"),
    Entry("Mark as reviewed", _mark_reviewed, _unsigned, "Mark as reviewed", _REVIEW),
    Entry("Approve…", _approve, _unsigned, "Approve…", _REVIEW),
    Entry("Reopen…", _reopen, _signed, under=_REVIEW),
    DIVIDER,
    Entry("Add a structure", _add, lambda spot: spot.is_writable, "Add"),
    Entry("Duplicate", _duplicate, _one, "Duplicate"),
    Entry(_delete_text, _delete, _unlocked, "Delete"),
)  # fmt: skip
