"""The steps that edits are made of, and the history that does, undoes and redoes them. No Qt."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from psygnal import Signal
from shapely import MultiPolygon

from engine.answers import Answer, Document, Result, Score
from engine.approval import forbidden
from engine.edits import (
    AnswerChange,
    AreaChange,
    Change,
    Direction,
    Step,
    apply,
    changes_only,
    joined_step,
    roi_numbers,
    shows_or_hides,
    size_bytes,
)
from engine.errors import PlanimeterError
from engine.findings.steps import findings_changed
from engine.structures import Generation, PlaneContours, Review, Roi, StructureSet
from engine.unseen import Seen
from viewer.session import Session

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
    # Whoever reviewed it has not seen this.
    after = replace(was, generation=generation, edited=True, review=Review())
    return Step(text, tool, (AreaChange(roi.number, planes, (was, after)),))


def add(structures: StructureSet, rois: tuple[Roi, ...], *, text: str, tool: str, weights_sha256: str = "") -> Step:
    """The step that appends `rois`; their numbers must be free."""
    start = len(structures.rois)
    changes = tuple(AnswerChange(None, roi, start + offset) for offset, roi in enumerate(rois))
    return Step(text, tool, changes, weights_sha256)


def adopt(
    document: Document,
    result: Result,
    *,
    replaced: Mapping[str, int],
    text: str,
    tool: str,
    weights_sha256: str = "",
) -> Step:
    """The step by which a model's answers enter the document, numbered anew.

    Args:
        result: as it came; the numbers of its answers mean nothing here.
        replaced: name of one of its ROIs → number of the ROI whose place, number, colour, type and UID it takes. A name
            that is taken by any other ROI gets the qualifier "^AI" (TG-263 sets custom qualifiers off with a caret).
    """
    structures = document.structures
    taken = {roi.name for roi in structures.rois}
    free = structures.next_number()
    end = len(structures.rois)
    changes: list[Change] = []
    numbers: dict[int, int] = {}
    for roi in result.rois:
        if roi.name in replaced:
            index = next(i for i, old in enumerate(structures.rois) if old.number == replaced[roi.name])
            old = structures.rois[index]
            kind = old.roi_type or roi.roi_type
            after = replace(roi, number=old.number, colour=old.colour, roi_type=kind, uid=old.uid)
            numbers[roi.number] = old.number
            changes.append(AnswerChange(old, after, index))
            continue
        name, repeat = roi.name, 1
        while name in taken:
            name, repeat = f"{roi.name}^AI{repeat if repeat > 1 else ''}", repeat + 1
        taken.add(name)
        numbers[roi.number] = free
        changes.append(AnswerChange(None, replace(roi, number=free, name=name), end))
        free, end = free + 1, end + 1
    scores = [_renumbered(score, numbers) for score in result.scores]
    changes += findings_changed(document, (*scores, *result.boxes))
    return Step(text, tool, tuple(changes), weights_sha256)


def _renumbered(score: Score, numbers: Mapping[int, int]) -> Score:
    """A score whose structure has the number that it got in the document."""
    number = score.evidence.roi_number
    if number is None:
        return score
    return replace(score, evidence=replace(score.evidence, roi_number=numbers.get(number)))


def join(structures: StructureSet, rois: Sequence[Roi], *, text: str, tool: str = "rtstruct") -> Step:
    """The step by which the structures of another file are appended, numbered anew; names may repeat, as in files."""
    first = structures.next_number()
    return add(structures, tuple(replace(roi, number=first + i) for i, roi in enumerate(rois)), text=text, tool=tool)


def delete(structures: StructureSet, numbers: frozenset[int], *, text: str) -> Step:
    """The step that deletes the ROIs of these numbers."""
    doomed = [(index, roi) for index, roi in enumerate(structures.rois) if roi.number in numbers]
    return Step(text, "delete", tuple(AnswerChange(roi, None, index) for index, roi in reversed(doomed)))


def change(structures: StructureSet, after: Roi, *, text: str, tool: str = "properties") -> Step:
    """The step that gives a ROI other properties (name, type, colour, lock, visibility)."""
    index = next(i for i, roi in enumerate(structures.rois) if roi.number == after.number)
    return Step(text, tool, (AnswerChange(structures.rois[index], after, index),))


def corrected(steps: Iterable[Step]) -> Seen:
    """Contours that a person drew or redrew by steps about one plane, unless a later step drew them otherwise.

    A step about many planes makes contours that nobody need have looked at.
    """
    by_hand: set[tuple[int, int]] = set()
    for step in steps:
        for change in step.changes:
            if isinstance(change, AreaChange):
                planes = {(change.number, plane) for plane in change.planes}
                if len(planes) == 1:
                    by_hand |= planes
                else:
                    by_hand -= planes
            elif _planes(change.before) != _planes(change.after):
                answer = change.after or change.before
                by_hand = {key for key in by_hand if answer is not None and key[0] != answer.number}
    return frozenset(by_hand)


def _planes(answer: Answer | None) -> Mapping[int, PlaneContours]:
    return answer.planes if isinstance(answer, Roi) else {}


class History:
    """Does, undoes and redoes steps on a session; bounded by bytes, not by a number of steps."""

    changed = Signal()
    #: A step was taken back.
    undone = Signal(Step)
    record_failed = Signal(str)
    #: A step was not applied; the sentence says why.
    refused = Signal(str)

    def __init__(self, session: Session, limit_bytes: int = 512 * 1024 * 1024) -> None:
        self._session = session
        self._limit = limit_bytes
        self._done: list[Step] = []
        self._undone: list[Step] = []
        self._bytes = 0
        self._corrected: Seen | None = None
        self.recorder: Recorder | None = None
        #: Why nothing may be changed now, in a sentence; "" where it may.
        self.refusal: Callable[[], str] = str

    @property
    def undo_text(self) -> str:
        """What undo would take back; "" when nothing."""
        return self._done[-1].text if self._done else ""

    @property
    def next_redo(self) -> Step | None:
        """The step that redo would do again."""
        return self._undone[-1] if self._undone else None

    @property
    def redo_text(self) -> str:
        """What redo would do again; "" when nothing."""
        return self._undone[-1].text if self._undone else ""

    @property
    def steps(self) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
        """The steps that undo and redo would go through, oldest first."""
        return tuple(self._done), tuple(self._undone)

    @property
    def marked_seen(self) -> Seen:
        """Contours that a person has marked as seen, as they are drawn now."""
        return self._session.marked_seen

    @property
    def corrected(self) -> Seen:
        """Contours that a person has drawn or redrawn on their plane."""
        if self._corrected is None:
            self._corrected = corrected(self._done)
        return self._corrected

    @property
    def seen(self) -> Seen:
        """Contours that count as looked at, in the review, at an approval, and in what is written.

        They are those that a person has marked as seen, and those that a person has corrected on their plane.
        """
        return self.marked_seen | self.corrected

    def begin(self, done: Sequence[Step] = (), undone: Sequence[Step] = ()) -> None:
        """The history of what is open now: the steps that led to its structures, and those undone since, oldest first.

        The structures stay as they are, and nothing is recorded.
        """
        self._done, self._undone = list(done), list(undone)
        self._bytes = sum(map(size_bytes, self._done))
        self._trim()
        self._tell()

    def do(self, step: Step) -> None:
        """Apply a new step, unless it is refused; what was undone before it can no longer be redone."""
        if not shows_or_hides(step) and self._refuses(step):
            return
        self._undone.clear()
        self._apply(step, Direction.DO)
        self._done.append(step)
        self._bytes += size_bytes(step)
        self._trim()
        self._tell()

    def can_continue(self, onto: Step) -> bool:
        """Whether `join` takes this step.

        It is the last, but for steps that show or hide structures, or give those that it drew another name or colour.
        """
        since = self._since(onto)
        return since is not None and all(
            step.changes
            and (
                shows_or_hides(step)
                or (changes_only(step, "name", "colour", "visible") and roi_numbers(step) <= roi_numbers(onto))
            )
            for step in since
        )

    def join(self, step: Step, onto: Step) -> Step | None:
        """Apply a step as the continuation of an earlier one, unless it is refused: undo takes both back.

        What was shown or hidden since is no step of its own from then on: it stays so when both are undone.

        Args:
            step: its text is that of both.
            onto: a step that `can_continue`.

        Returns:
            What undo would take back now; None where it was refused.
        """
        assert self.can_continue(onto), "something else was done since"
        if self._refuses(step):
            return None
        self._undone.clear()
        since = self._since(onto) or ()
        # The document is the same before and behind these rows.
        for look in reversed(since):
            self._record(Direction.UNDO, look)
        for look in since:
            self._record(Direction.JOIN, look)
        self._apply(step, Direction.JOIN)
        whole = onto
        for part in (*since, step):
            whole = joined_step(whole, part)
        before = self._done[-1 - len(since) :]
        self._done[-1 - len(since) :] = [whole]
        self._bytes += size_bytes(whole) - sum(map(size_bytes, before))
        self._trim()
        self._tell()
        return whole

    def _since(self, onto: Step) -> Sequence[Step] | None:
        """What was done since a step, oldest first; None where that was undone or is forgotten."""
        for index in range(len(self._done) - 1, -1, -1):
            if self._done[index] is onto:
                return self._done[index + 1 :]
        return None

    def name_of(self, number: int) -> str:
        """What the structure of a number is called; "" where there is none."""
        structures = self._session.structures
        return structures[number].name if structures is not None and number in structures else ""

    @property
    def last(self) -> Step | None:
        """What undo would take back; None when nothing."""
        return self._done[-1] if self._done else None

    def undo(self) -> None:
        """Take the last step back; nothing happens when there is none."""
        if self._done and not self._refuses(self._done[-1], forward=False):
            step = self._done.pop()
            self._bytes -= size_bytes(step)
            self._apply(step, Direction.UNDO)
            self._undone.append(step)
            self._tell()
            self.undone.emit(step)

    def redo(self) -> None:
        """Do the last undone step again; nothing happens when there is none."""
        if self._undone and not self._refuses(self._undone[-1]):
            step = self._undone.pop()
            self._apply(step, Direction.REDO)
            self._done.append(step)
            self._bytes += size_bytes(step)
            self._tell()

    def _refuses(self, step: Step, *, forward: bool = True) -> bool:
        document = self._session.document
        sentence = self.refusal() or (forbidden(document, step, forward=forward) if document is not None else "")
        if sentence:
            self.refused.emit(sentence)
        return bool(sentence)

    def _apply(self, step: Step, direction: Direction) -> None:
        document = self._session.document
        assert document is not None, "steps are applied to an open series"
        self._record(direction, step)
        self._session.replace_document(*apply(document, step, forward=direction is not Direction.UNDO))

    def _record(self, direction: Direction, step: Step) -> None:
        if self.recorder is not None:
            try:
                self.recorder(direction, step)
            except (PlanimeterError, OSError) as error:
                # The edit itself must not be lost because the disk is full; the user is told instead.
                self.record_failed.emit(str(error))

    def _tell(self) -> None:
        self._corrected = None
        self.changed.emit()

    def _trim(self) -> None:
        while self._bytes > self._limit and len(self._done) > 1:
            self._bytes -= size_bytes(self._done.pop(0))
