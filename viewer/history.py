"""Undoable edits: small values that hold the patch, not the volume, and the history that applies them. No Qt."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import shapely
from psygnal import Signal
from shapely import MultiPolygon

from engine.errors import PlanimeterError
from engine.structures import Generation, PlaneContours, Provenance, Roi, StructureSet
from viewer.session import Session, StructuresChanged

PlanePatch = Mapping[int, tuple[PlaneContours | None, PlaneContours | None]]


@dataclass(frozen=True)
class AreaChange:
    """Planes of one ROI redrawn: plane index → (before, after), None for an empty plane."""

    number: int
    planes: PlanePatch
    provenance: tuple[Provenance, Provenance]


@dataclass(frozen=True)
class RoiChange:
    """A ROI added (`before` None), deleted (`after` None), or changed in anything but its areas.

    `index` is its place in the list of structures.
    """

    before: Roi | None
    after: Roi | None
    index: int


Change = AreaChange | RoiChange


@dataclass(frozen=True)
class Step:
    """One undoable step.

    Args:
        text: what the user did, as shown in the menu and the history: "Brush on plane 12 of Parotid_L".
        tool: the tool, or the model with its version, that did it; goes to the journal.
        changes: applied in order, undone in reverse.
        weights_sha256: of the model that drew it, else "".
    """

    text: str
    tool: str
    changes: tuple[Change, ...]
    weights_sha256: str = ""


class Direction(StrEnum):
    """How a step was applied; a row of the journal says which."""

    DO = "do"
    UNDO = "undo"
    REDO = "redo"


#: Called with each step as it is applied, before anything else can happen. May raise PlanimeterError.
Recorder = Callable[[Direction, Step], None]


def redraw(roi: Roi, areas: Mapping[int, MultiPolygon], *, text: str, tool: str) -> Step | None:
    """The step by which a person redraws planes of `roi`; None when nothing would change.

    A structure that a model drew becomes semi-automatic by the first edit (PS3.3 C.8.8.5, ROI Generation Algorithm).
    """
    planes = {}
    for plane, area in areas.items():
        before = roi.planes.get(plane)
        old = before.area if before is not None else MultiPolygon()
        if area.equals_exact(old, 0.0) or (area.is_empty and old.is_empty):
            continue
        planes[plane] = (before, None if area.is_empty else PlaneContours(area))
    if not planes:
        return None
    was = roi.provenance
    generation = Generation.SEMIAUTOMATIC if was.generation is Generation.AUTOMATIC else was.generation
    return Step(text, tool, (AreaChange(roi.number, planes, (was, replace(was, generation=generation, edited=True))),))


def add(structures: StructureSet, rois: tuple[Roi, ...], *, text: str, tool: str, weights_sha256: str = "") -> Step:
    """The step that appends `rois`; their numbers must be free."""
    start = len(structures.rois)
    changes = tuple(RoiChange(None, roi, start + offset) for offset, roi in enumerate(rois))
    return Step(text, tool, changes, weights_sha256)


def adopt(
    structures: StructureSet,
    rois: tuple[Roi, ...],
    *,
    replaced: Mapping[str, int],
    text: str,
    tool: str,
    weights_sha256: str = "",
) -> Step:
    """The step by which what a model drew enters the structures, numbered anew.

    Args:
        rois: as they came; their numbers mean nothing here.
        replaced: name of one of `rois` → number of the ROI whose place, number, colour and UID it takes. A name that is
            taken by any other ROI gets the qualifier "^AI" (TG-263 sets custom qualifiers off with a caret).
    """
    taken = {roi.name for roi in structures.rois}
    free = structures.next_number()
    end = len(structures.rois)
    changes: list[Change] = []
    for roi in rois:
        if roi.name in replaced:
            index = next(i for i, old in enumerate(structures.rois) if old.number == replaced[roi.name])
            old = structures.rois[index]
            after = replace(roi, number=old.number, colour=old.colour, uid=old.uid)
            changes.append(RoiChange(old, after, index))
            continue
        name, repeat = roi.name, 1
        while name in taken:
            name, repeat = f"{roi.name}^AI{repeat if repeat > 1 else ''}", repeat + 1
        taken.add(name)
        changes.append(RoiChange(None, replace(roi, number=free, name=name), end))
        free, end = free + 1, end + 1
    return Step(text, tool, tuple(changes), weights_sha256)


def join(structures: StructureSet, rois: Sequence[Roi], *, text: str, tool: str = "rtstruct") -> Step:
    """The step by which the structures of another file are appended, numbered anew; names may repeat, as in files."""
    first = structures.next_number()
    return add(structures, tuple(replace(roi, number=first + i) for i, roi in enumerate(rois)), text=text, tool=tool)


def delete(structures: StructureSet, numbers: frozenset[int], *, text: str) -> Step:
    """The step that deletes the ROIs of these numbers."""
    doomed = [(index, roi) for index, roi in enumerate(structures.rois) if roi.number in numbers]
    return Step(text, "delete", tuple(RoiChange(roi, None, index) for index, roi in reversed(doomed)))


def change(structures: StructureSet, after: Roi, *, text: str, tool: str = "properties") -> Step:
    """The step that gives a ROI other properties (name, type, colour, lock, visibility)."""
    index = next(i for i, roi in enumerate(structures.rois) if roi.number == after.number)
    return Step(text, tool, (RoiChange(structures.rois[index], after, index),))


def apply(structures: StructureSet, step: Step, *, forward: bool = True) -> tuple[StructureSet, StructuresChanged]:
    """`structures` with `step` done (or undone), and what differs. The inputs stay as they are."""
    numbers: set[int] = set()
    planes: set[int] | None = set()
    areas = False
    for one in step.changes if forward else reversed(step.changes):
        if isinstance(one, AreaChange):
            side = 1 if forward else 0
            roi = structures[one.number].with_planes({k: patch[side] for k, patch in one.planes.items()})
            structures = structures.with_roi(replace(roi, provenance=one.provenance[side]))
            numbers.add(one.number)
            areas = True
            if planes is not None:
                planes.update(one.planes)
            continue
        before, after = (one.before, one.after) if forward else (one.after, one.before)
        rois = list(structures.rois)
        if before is not None:
            rois = [roi for roi in rois if roi.number != before.number]
            numbers.add(before.number)
        if after is not None:
            rois.insert(one.index, after)
            numbers.add(after.number)
        structures = replace(structures, rois=tuple(rois))
        if before is None or after is None or before.planes != after.planes:
            areas, planes = True, None
    return structures, StructuresChanged(
        frozenset(numbers), frozenset(planes) if planes is not None and areas else None, areas
    )


def size_bytes(step: Step) -> int:
    """About how much memory only this step keeps alive, bytes."""
    areas: list[MultiPolygon] = []
    for one in step.changes:
        if isinstance(one, AreaChange):
            areas += [side.area for patch in one.planes.values() for side in patch if side is not None]
        elif one.before is None or one.after is None:
            roi = one.before or one.after
            areas += [contours.area for contours in roi.planes.values()] if roi is not None else []
    return 512 + 16 * int(shapely.get_num_coordinates(areas).sum()) if areas else 512


class History:
    """Does, undoes and redoes steps on a session; bounded by bytes, not by a number of steps."""

    changed = Signal()
    record_failed = Signal(str)

    def __init__(self, session: Session, limit_bytes: int = 512 * 1024 * 1024) -> None:
        self._session = session
        self._limit = limit_bytes
        self._done: list[Step] = []
        self._undone: list[Step] = []
        self._bytes = 0
        self.recorder: Recorder | None = None

    @property
    def undo_text(self) -> str:
        """What undo would take back; "" when nothing."""
        return self._done[-1].text if self._done else ""

    @property
    def redo_text(self) -> str:
        """What redo would do again; "" when nothing."""
        return self._undone[-1].text if self._undone else ""

    def clear(self) -> None:
        """Forget all steps; the structures stay as they are."""
        self._done.clear()
        self._undone.clear()
        self._bytes = 0
        self.changed.emit()

    def resume(self, structures: StructureSet, done: Sequence[Step], undone: Sequence[Step]) -> None:
        """Put back `structures` with the steps that led to them and those undone since, oldest first; not recorded."""
        self._done, self._undone = list(done), list(undone)
        self._bytes = sum(map(size_bytes, self._done))
        self._session.replace_structures(structures, StructuresChanged(frozenset(r.number for r in structures.rois)))
        if self._session.active is None and structures.rois:
            self._session.set_active(structures.rois[0].number)
        self._trim()
        self.changed.emit()

    def do(self, step: Step) -> None:
        """Apply a new step; what was undone before it can no longer be redone."""
        self._undone.clear()
        self._apply(step, Direction.DO)
        self._done.append(step)
        self._bytes += size_bytes(step)
        self._trim()
        self.changed.emit()

    def undo(self) -> None:
        """Take the last step back; nothing happens when there is none."""
        if self._done:
            step = self._done.pop()
            self._bytes -= size_bytes(step)
            self._apply(step, Direction.UNDO)
            self._undone.append(step)
            self.changed.emit()

    def redo(self) -> None:
        """Do the last undone step again; nothing happens when there is none."""
        if self._undone:
            step = self._undone.pop()
            self._apply(step, Direction.REDO)
            self._done.append(step)
            self._bytes += size_bytes(step)
            self.changed.emit()

    def _apply(self, step: Step, direction: Direction) -> None:
        structures = self._session.structures
        assert structures is not None, "steps are applied to an open series"
        if self.recorder is not None:
            try:
                self.recorder(direction, step)
            except (PlanimeterError, OSError) as error:
                # The edit itself must not be lost because the disk is full; the user is told instead.
                self.record_failed.emit(str(error))
        self._session.replace_structures(*apply(structures, step, forward=direction is not Direction.UNDO))

    def _trim(self) -> None:
        while self._bytes > self._limit and len(self._done) > 1:
            self._bytes -= size_bytes(self._done.pop(0))
