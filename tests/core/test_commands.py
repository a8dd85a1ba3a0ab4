"""Undoable edits: what they change, what they leave alone, and the history."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, box

from engine.edits import Direction, Step, StructuresChanged
from engine.errors import WriteError
from engine.structures import Generation, PlaneContours, Provenance, RawContour, Roi, StructureSet
from engine.volume import Geometry, Volume
from viewer.history import History, add, change, delete, redraw
from viewer.session import Session


def square(size: float, at: float = 0.0) -> MultiPolygon:
    return MultiPolygon([box(at, at, at + size, at + size)])


def open_session() -> Session:
    geometry = Geometry.regular((0, 0, 0), np.eye(3), (1, 1, 2), (6, 40, 40))
    read = PlaneContours(square(5), (RawContour("0\\0\\2\\5\\0\\2\\5\\5\\2"),))
    drawn = Provenance(Generation.AUTOMATIC, algorithm="model", version="1")
    roi = Roi(1, "Brain", planes={1: read, 2: PlaneContours(square(6))}, provenance=drawn)
    session = Session()
    session.open(
        Volume(np.zeros(geometry.shape, np.int16), geometry), StructureSet(geometry, (roi, Roi(2, "Cord")), label="x")
    )
    return session


def step(session: Session, number: int, plane: int, area: MultiPolygon) -> Step:
    assert session.structures is not None
    made = redraw(session.structures[number], {plane: area}, text=f"Brush {plane}", tool="brush")
    assert made is not None
    return made


def test_an_edit_leaves_every_other_plane_the_same_object() -> None:
    session = open_session()
    before = session.structures[1]
    History(session).do(step(session, 1, 2, square(9)))
    assert session.structures[1].planes[1] is before.planes[1]
    assert session.structures[1].planes[2] is not before.planes[2]
    assert session.structures[2] is not None


def test_an_edited_model_contour_becomes_semi_automatic_and_undo_makes_it_automatic_again() -> None:
    session = open_session()
    history = History(session)
    history.do(step(session, 1, 2, square(9)))
    assert session.structures[1].provenance.generation is Generation.SEMIAUTOMATIC
    history.undo()
    assert session.structures[1].provenance.generation is Generation.AUTOMATIC


def test_only_what_changed_is_announced() -> None:
    session = open_session()
    heard: list[StructuresChanged] = []
    session.structures_changed.connect(heard.append)
    history = History(session)
    history.do(step(session, 1, 2, square(9)))
    history.do(change(session.structures, replace(session.structures[2], name="SpinalCord"), text="Rename"))
    assert heard[0] == StructuresChanged(frozenset({1}), frozenset({2}))
    assert heard[1] == StructuresChanged(frozenset({2}), None, areas=False)


def test_drawing_what_is_already_there_is_no_step() -> None:
    session = open_session()
    assert redraw(session.structures[1], {1: square(5), 4: MultiPolygon()}, text="", tool="brush") is None


def test_deleting_and_undoing_restores_order_and_objects() -> None:
    session = open_session()
    history = History(session)
    before = session.structures.rois
    history.do(delete(session.structures, frozenset({1, 2}), text="Delete"))
    assert session.structures.rois == ()
    assert session.active is None
    history.undo()
    assert all(a is b for a, b in zip(session.structures.rois, before, strict=True))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["draw", "add", "delete", "rename", "undo", "redo"]), st.integers(0, 5))))
def test_undoing_everything_gives_the_first_state_and_redoing_the_last(actions: list[tuple[str, int]]) -> None:
    session = open_session()
    history = History(session)
    first = session.structures
    for kind, n in actions:
        now = session.structures
        if kind == "undo":
            history.undo()
        elif kind == "redo":
            history.redo()
        elif kind == "add":
            history.do(
                add(now, (Roi(now.next_number(), f"R{n}", planes={n: PlaneContours(square(n + 1))}),), text="", tool="")
            )
        elif now.rois:
            roi = now.rois[n % len(now.rois)]
            if kind == "draw":
                made = redraw(roi, {n: square(n + 1, at=n)}, text="", tool="")
                if made is not None:
                    history.do(made)
            elif kind == "delete":
                history.do(delete(now, frozenset({roi.number}), text=""))
            else:
                history.do(change(now, replace(roi, name=f"N{n}"), text=""))
    last = session.structures
    count = 0
    while history._done:
        history.undo()
        count += 1
    assert describe(session.structures) == describe(first)
    for _ in range(count):
        history.redo()
    assert describe(session.structures) == describe(last)


def describe(structures: StructureSet) -> list:
    return [(r.number, r.name, r.provenance, {k: id(p.area) for k, p in r.planes.items()}) for r in structures.rois]


def test_history_is_bounded_by_bytes_and_keeps_at_least_one_step() -> None:
    session = open_session()
    history = History(session, limit_bytes=2000)
    for n in range(20):
        history.do(step(session, 1, 2, square(n + 10)))
    undone = 0
    while history.undo_text:
        history.undo()
        undone += 1
    assert 1 <= undone < 20


def test_a_failing_journal_is_told_and_the_edit_is_kept() -> None:
    session = open_session()
    history = History(session)
    told: list[str] = []
    history.record_failed.connect(told.append)

    def full(direction: Direction, step: Step) -> None:
        raise WriteError("The disk is full.")

    history.recorder = full
    history.do(step(session, 1, 2, square(9)))
    assert told == ["The disk is full."]
    assert session.structures[1].area(2).area == 81


def test_an_edit_makes_a_seen_contour_unseen() -> None:
    session = open_session()
    session.mark_seen(frozenset({(1, 1), (1, 2), (2, 2)}))
    History(session).do(step(session, 1, 2, square(9)))
    assert session.marked_seen == frozenset({(1, 1), (2, 2)})
