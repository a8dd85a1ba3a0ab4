"""Undoable steps as values that hold the patch, not the volume, and what they do to a document.

The same values are done and undone in the window, and written to the journal.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import TypeVar

import shapely
from shapely import MultiPolygon

from engine.answers import Answer, Document
from engine.structures import PlaneContours, Provenance, Roi

AnyStep = TypeVar("AnyStep")
PlanePatch = Mapping[int, tuple[PlaneContours | None, PlaneContours | None]]


@dataclass(frozen=True)
class AreaChange:
    """Planes of one ROI redrawn: plane index → (before, after), None for an empty plane."""

    number: int
    planes: PlanePatch
    provenance: tuple[Provenance, Provenance]


@dataclass(frozen=True)
class AnswerChange:
    """An answer added (`before` None), deleted (`after` None), or changed in anything but a ROI's areas.

    `before` and `after` are of one kind and number; `index` is the place among the answers of that kind.
    """

    before: Answer | None
    after: Answer | None
    index: int

    @property
    def kind(self) -> type[Answer]:
        """The kind of answer."""
        return type(self.after if self.after is not None else self.before)  # type: ignore[return-value]


Change = AreaChange | AnswerChange


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
    """How a step was applied; a row of the journal says which.

    A step that is joined was done as the continuation of the one before it: both are one from then on.
    """

    DO = "do"
    JOIN = "join"
    UNDO = "undo"
    REDO = "redo"


@dataclass(frozen=True)
class StructuresChanged:
    """What an edit touched, so that only that is drawn again.

    Args:
        numbers: of the ROIs that changed.
        planes: indices of the planes whose areas changed; None when every plane may have.
        areas: False when only names, colours, visibility or the like changed.
    """

    numbers: frozenset[int]
    planes: frozenset[int] | None = None
    areas: bool = True


@dataclass(frozen=True)
class Difference:
    """What differs between two documents.

    Args:
        structures: what differs in the ROIs; None when nothing does.
        findings: whether scores, boxes or measures differ.
    """

    structures: StructuresChanged | None
    findings: bool = False


def apply(document: Document, step: Step, *, forward: bool = True) -> tuple[Document, Difference]:
    """`document` with `step` done (or undone), and what differs. The inputs stay as they are."""
    numbers: set[int] = set()
    planes: set[int] | None = set()
    areas = findings = False
    for change in step.changes if forward else reversed(step.changes):
        if isinstance(change, AreaChange):
            side = 1 if forward else 0
            structures = document.structures
            roi = structures[change.number].with_planes({k: patch[side] for k, patch in change.planes.items()})
            structures = structures.with_roi(replace(roi, provenance=change.provenance[side]))
            document = replace(document, structures=structures)
            numbers.add(change.number)
            areas = True
            if planes is not None:
                planes.update(change.planes)
            continue
        before, after = (change.before, change.after) if forward else (change.after, change.before)
        document = document.with_answers(change.kind, _replaced(document, change, before, after))
        if change.kind is not Roi:
            findings = True
            continue
        numbers.update(answer.number for answer in (before, after) if answer is not None)
        if not (isinstance(before, Roi) and isinstance(after, Roi) and before.planes == after.planes):
            areas, planes = True, None
    touched = StructuresChanged(
        frozenset(numbers), frozenset(planes) if planes is not None and areas else None, areas
    )  # fmt: skip
    return document, Difference(touched if numbers else None, findings)


def _replaced(document: Document, change: AnswerChange, before: Answer | None, after: Answer | None) -> list[Answer]:
    answers = list(document.every(change.kind))
    if before is not None:
        answers = [answer for answer in answers if answer.number != before.number]
    if after is not None:
        answers.insert(change.index, after)
    return answers


def replay(
    base: Document, steps: Iterable[tuple[Direction, Step]]
) -> tuple[Document, tuple[Step, ...], tuple[Step, ...]]:
    """`base` after recorded steps, and the steps to undo and to redo from there, oldest first."""
    document = base
    done: list[Step] = []
    undone: list[Step] = []
    for direction, step in steps:
        document, _ = apply(document, step, forward=direction is not Direction.UNDO)
        follow(direction, step, done, undone, joined_step)
    return document, tuple(done), tuple(undone)


def follow(
    direction: Direction,
    step: AnyStep,
    done: list[AnyStep],
    undone: list[AnyStep],
    join: Callable[[AnyStep, AnyStep], AnyStep],
) -> None:
    """Move `step` between what is done and what can be done again, as the undo and redo of a window do.

    `join` makes one of the last step and the one that continues it; where the last is not known it stands alone.
    """
    if direction is Direction.UNDO:
        done[-1:] = []
        undone.append(step)
        return
    undone[:] = undone[:-1] if direction is Direction.REDO else []
    if direction is Direction.JOIN and done:
        step = join(done.pop(), step)
    done.append(step)


def joined_step(before: Step, step: Step) -> Step:
    """Two steps, done one after the other, as one; it is called as the second.

    Of a second that only shows or hides, what is about structures of the first alone: the others stay as they are shown
    when the whole is undone.
    """
    tools, weights = (
        dict.fromkeys(each) for each in ((before.tool, step.tool), (before.weights_sha256, step.weights_sha256))
    )
    changes = step.changes
    if shows_or_hides(step):
        own = roi_numbers(before)
        changes = tuple(change for change in changes if roi_numbers(replace(step, changes=(change,))) <= own)
    return Step(step.text, ", ".join(tools), (*before.changes, *changes), " ".join(filter(None, weights)))


def roi_numbers(step: Step) -> frozenset[int]:
    """Numbers of the ROIs that a step adds, deletes or changes."""
    areas = {change.number for change in step.changes if isinstance(change, AreaChange)}
    answers = [change.after or change.before for change in step.changes if isinstance(change, AnswerChange)]
    return frozenset(areas | {answer.number for answer in answers if isinstance(answer, Roi)})


def shows_or_hides(step: Step) -> bool:
    """Whether a step changes nothing but which structures are shown."""
    return changes_only(step, "visible")


def changes_only(step: Step, *parts: str) -> bool:
    """Whether a step changes nothing but these fields of ROIs."""
    return all(
        isinstance(change, AnswerChange)
        and isinstance(change.before, Roi)
        and isinstance(change.after, Roi)
        and all(
            getattr(change.before, part.name) == getattr(change.after, part.name)
            for part in fields(Roi)
            if part.name not in parts
        )
        for change in step.changes
    )


def size_bytes(step: Step) -> int:
    """About how much memory only this step keeps alive, bytes."""
    areas: list[MultiPolygon] = []
    for change in step.changes:
        if isinstance(change, AreaChange):
            areas += [side.area for patch in change.planes.values() for side in patch if side is not None]
        elif change.before is None or change.after is None:
            answer = change.before or change.after
            areas += [contours.area for contours in answer.planes.values()] if isinstance(answer, Roi) else []
    return 512 + 16 * int(shapely.get_num_coordinates(areas).sum()) if areas else 512
