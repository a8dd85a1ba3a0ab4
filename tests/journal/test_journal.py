"""The journal holds every step bit for bit, refuses to forget, and hands back what a crash left."""

import dataclasses
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import shapely
from shapely import MultiPolygon, Polygon

from engine.answers import Document
from engine.edits import AnswerChange, AreaChange, Direction, Step
from engine.errors import MismatchError, ReadError, WriteError
from engine.journal import Journal, Kind, Subject, discard, unfinished
from engine.journal.database import connect
from engine.structures import Code, Generation, PlaneContours, Provenance, RawContour, Roi, StructureSet
from engine.volume import Geometry

SUBJECT = Subject("1.2.3", "1.2", "CT · 20200101 · Neck", ("/images/neck",))


@pytest.fixture
def geometry() -> Geometry:
    return Geometry.regular((-100.0, -100.0, -50.0), np.eye(3), (0.9, 0.9, 3.0), (10, 64, 64))


def wobbly(seed: int, hole: bool = True) -> MultiPolygon:
    """Polygons whose coordinates use all bits of their doubles, with a hole and an island."""
    random = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radius = 10 + random.random(60)
    ring = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]) + 20 * random.random(2)
    inner = [ring * 0.3 + ring.mean(axis=0) * 0.7] if hole else []
    return MultiPolygon([Polygon(ring, inner), Polygon(ring[:20] + 50.1)])


def full_roi(number: int = 1) -> Roi:
    raw = RawContour(
        "1.50\\2\\-0.0\\3.1\\4\\0", "CLOSED_PLANAR", 4, (("1.2", "3.4", None), ("1.2", "3.5", 7)), '{"a": 1}'
    )
    return Roi(
        number,
        "Größe 腮腺",
        (1, 2, 3),
        "PTV",
        {2: PlaneContours(wobbly(1), (raw, raw)), 5: PlaneContours(wobbly(2))},
        (RawContour("1\\2\\3", "POINT"),),
        Provenance(Generation.AUTOMATIC, "by a model", "net", "1.0", "ab" * 32, False),
        Code("123", "SCT", "Parotid"),
        False,
        True,
        "1.2.840.1",
        '{"x": []}',
        {2: 0.1 + 0.2},
    )


def same_contours(one: PlaneContours | None, two: PlaneContours | None) -> bool:
    if one is None or two is None:
        return one is two
    return shapely.to_wkb(one.area) == shapely.to_wkb(two.area) and one.source == two.source


def assert_same_roi(one: Roi, two: Roi) -> None:
    for field in dataclasses.fields(Roi):
        if field.name != "planes":
            assert getattr(one, field.name) == getattr(two, field.name), field.name
    assert list(one.planes) == list(two.planes)
    assert all(same_contours(one.planes[k], two.planes[k]) for k in one.planes)


def redrawn(before: PlaneContours | None, after: PlaneContours | None, plane: int = 2) -> Step:
    provenance = (Provenance(Generation.AUTOMATIC), Provenance(Generation.SEMIAUTOMATIC, edited=True))
    return Step("Brush on plane 3", "brush", (AreaChange(1, {plane: (before, after)}, provenance),))


def test_everything_comes_back_bit_for_bit(tmp_path: Path, geometry: Geometry) -> None:
    roi = full_roi()
    base = StructureSet(geometry, (roi,), "Label", "Description", "1.9", ("a note",), '{"y": 2}')
    after = PlaneContours(wobbly(3))
    renamed = dataclasses.replace(roi, name="Parotid_L")
    steps = (
        (Direction.DO, redrawn(roi.planes[2], after)),
        (Direction.UNDO, redrawn(roi.planes[2], after)),
        (Direction.DO, Step("Rename", "properties", (AnswerChange(roi, renamed, 0),), "cd" * 32)),
        (Direction.DO, Step("Add", "net 1.0", (AnswerChange(None, full_roi(2), 1), AnswerChange(renamed, None, 0)))),
    )
    journal = Journal.start(SUBJECT, geometry, tmp_path)
    journal.record_base(Document(base))
    for kind, step in steps:
        journal.record(kind, step)
    journal.abandon()

    replay = Journal.resume(journal.id, tmp_path).replay(geometry)
    for field in ("label", "description", "sop_instance_uid", "notes", "attachments"):
        assert getattr(replay.base.structures, field) == getattr(base, field)
    assert_same_roi(replay.base.structures.rois[0], roi)
    assert [kind for kind, _ in replay.steps] == [kind for kind, _ in steps]
    for (_, found), (_, step) in zip(replay.steps, steps, strict=True):
        assert (found.text, found.tool, found.weights_sha256) == (step.text, step.tool, step.weights_sha256)
        for one, two in zip(found.changes, step.changes, strict=True):
            if isinstance(two, AreaChange):
                assert isinstance(one, AreaChange) and one.provenance == two.provenance
                assert all(same_contours(one.planes[k][i], two.planes[k][i]) for k in two.planes for i in (0, 1))
            else:
                assert isinstance(one, AnswerChange) and one.index == two.index
                for left, right in ((one.before, two.before), (one.after, two.after)):
                    assert (left is None) == (right is None)
                    if left is not None and right is not None:
                        assert_same_roi(left, right)
    rename = replay.steps[2][1].changes[0]
    assert isinstance(rename, AnswerChange) and rename.before is not None and rename.after is not None
    assert rename.after.planes[5] is replay.base.structures.rois[0].planes[5], "untouched planes are the same objects"


def test_contours_are_stored_once(tmp_path: Path, geometry: Geometry) -> None:
    roi = full_roi()
    journal = Journal.start(SUBJECT, geometry, tmp_path)
    journal.record_base(Document(StructureSet(geometry, (roi,))))
    for visible in (True, False) * 20:
        change = AnswerChange(roi, dataclasses.replace(roi, visible=visible), 0)
        journal.record(Direction.DO, Step("Show", "p", (change,)))
    journal.abandon()
    with sqlite3.connect(journal.path) as connection:
        assert connection.execute("SELECT count(*) FROM contours").fetchone() == (2,)


def test_rows_can_be_neither_changed_nor_deleted(tmp_path: Path, geometry: Geometry) -> None:
    journal = Journal.start(SUBJECT, geometry, tmp_path)
    journal.record_base(Document(StructureSet(geometry, (full_roi(),))))
    journal.abandon()
    with sqlite3.connect(journal.path) as connection:
        for table, column in (("entries", "text"), ("contours", "area"), ("session", "user")):
            for statement in (f"UPDATE {table} SET {column} = 'x'", f"DELETE FROM {table}"):
                with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                    connection.execute(statement)


def test_entries_say_who_did_what_when(tmp_path: Path, geometry: Geometry) -> None:
    journal = Journal.start(SUBJECT, geometry, tmp_path)
    journal.record_base(Document(StructureSet(geometry)))
    journal.record(Direction.DO, Step("Head and neck (7 structures)", "head-neck-oar 1.2", (), "ef" * 32))
    journal.record_seen(frozenset({(1, 2), (1, 3)}))
    journal.record_export(Path("/out/RT.dcm"), "12" * 32, 7)
    entries = journal.entries()
    assert [entry.kind for entry in entries] == [Kind.BASE, Direction.DO, Kind.SEEN, Kind.EXPORT]
    step = entries[1]
    assert (step.text, step.tool, step.weights_sha256) == (
        "Head and neck (7 structures)", "head-neck-oar 1.2", "ef" * 32,
    )  # fmt: skip
    assert step.user and step.at.tzinfo is not None


def test_seen_marks_come_back(tmp_path: Path, geometry: Geometry) -> None:
    journal = Journal.start(SUBJECT, geometry, tmp_path)
    journal.record_base(Document(StructureSet(geometry)))
    journal.record_seen(frozenset({(1, 2), (1, 3), (2, 3)}))
    journal.record_seen(frozenset({(1, 3)}), seen=False)
    assert journal.replay(geometry).seen == {(1, 2), (2, 3)}


def test_each_structure_counts_as_it_was_last_exported(tmp_path: Path, geometry: Geometry) -> None:
    journal = Journal.start(SUBJECT, geometry, tmp_path)
    first, second, third = full_roi(1), full_roi(2), full_roi(3)
    journal.record_base(Document(StructureSet(geometry, (first, second, third))))
    new = {number: PlaneContours(wobbly(10 + number)) for number in (1, 2)}
    last, by = PlaneContours(wobbly(20)), (first.provenance, first.provenance)
    journal.record_export(Path("/out/one.dcm"), "12" * 32, 1, (3,))
    for number, contours in new.items():
        change = AreaChange(number, {7: (None, contours)}, by)
        journal.record(Direction.DO, Step(f"Brush {number}", "brush", (change,)))
        journal.record_export(Path(f"/out/{number}.dcm"), "12" * 32, 1, (number,))
    journal.record(Direction.DO, Step("Brush", "brush", (AreaChange(1, {8: (None, last)}, by),)))
    filed = journal.replay(geometry).filed()
    assert sorted(roi.number for roi in filed.rois) == [1, 2, 3]
    assert [sorted(filed[number].planes) for number in (1, 2, 3)] == [[2, 5, 7], [2, 5, 7], [2, 5]]


def test_only_sessions_with_steps_that_nobody_holds_are_offered(tmp_path: Path, geometry: Geometry) -> None:
    def begin(steps: int) -> Journal:
        journal = Journal.start(SUBJECT, geometry, tmp_path)
        journal.record_base(Document(StructureSet(geometry)))
        for _ in range(steps):
            journal.record(Direction.DO, redrawn(None, PlaneContours(wobbly(1))))
        return journal

    lost, closed, held, empty = begin(2), begin(1), begin(1), begin(0)
    lost.abandon()
    closed.close()
    empty.abandon()
    found = unfinished(tmp_path)
    assert [(record.id, record.steps, record.subject) for record in found] == [(lost.id, 2, SUBJECT)]
    held.record(Direction.DO, redrawn(None, PlaneContours(wobbly(2))))
    discard(lost.id, tmp_path)
    assert unfinished(tmp_path) == []
    assert len(Journal.resume(lost.id, tmp_path).replay(geometry).steps) == 2, "what was declined is still on disk"


def test_a_session_in_another_window_is_refused(tmp_path: Path, geometry: Geometry) -> None:
    journal = Journal.start(SUBJECT, geometry, tmp_path)
    journal.record_base(Document(StructureSet(geometry)))
    code = (
        "import sys, pathlib; from engine.journal import Journal\n"
        "try: Journal.resume(sys.argv[1], pathlib.Path(sys.argv[2]))\n"
        "except Exception as error: print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, journal.id, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "open in another window" in run.stdout
    journal.record(Direction.DO, redrawn(None, PlaneContours(wobbly(2))))


def test_a_file_that_another_window_looks_at_while_it_is_made_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "new.sqlite"
    path.touch()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    leaving = threading.Timer(0.2, other.close)
    leaving.start()
    connect(path).close()
    leaving.join()


def test_a_session_that_is_closed_while_another_window_looks_can_be_gone_on_with(
    tmp_path: Path, geometry: Geometry, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal.start(SUBJECT, geometry, tmp_path)
    journal.record_base(Document(StructureSet(geometry)))
    journal.record(Direction.DO, redrawn(None, PlaneContours(wobbly(2))))

    def closed_before(path: Path, wait_s: float) -> sqlite3.Connection:
        journal.close()
        return connect(path, wait_s)

    told: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr("engine.journal.database.connect", closed_before)
        assert unfinished(tmp_path, told.append) == [] and told == []
    again = Journal.resume(journal.id, tmp_path)
    assert again.describe().steps == 1
    again.abandon()


WRITER = """
import sys, pathlib, numpy as np, shapely
from engine.answers import Document
from engine.edits import AreaChange, Direction, Step
from engine.journal import *
from engine.structures import *
from engine.volume import Geometry
geometry = Geometry.regular((-100.0, -100.0, -50.0), np.eye(3), (0.9, 0.9, 3.0), (10, 64, 64))
journal = Journal.start(Subject("1", "2", "CT", ()), geometry, pathlib.Path(sys.argv[1]))
journal.record_base(Document(StructureSet(geometry)))
for i in range(int(sys.argv[2])):
    area = shapely.MultiPolygon([shapely.box(i, 0, i + 1, 1)])
    change = AreaChange(1, {0: (None, PlaneContours(area))}, (Provenance(), Provenance()))
    journal.record(Direction.DO, Step(str(i), "brush", (change,)))
    print(journal.id, i, flush=True)
"""


def test_windows_that_write_at_the_same_time_do_not_disturb_each_other(tmp_path: Path, geometry: Geometry) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), "60"], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    ids = set()
    while any(writer.poll() is None for writer in writers):
        unfinished(tmp_path)
    for writer in writers:
        assert writer.stdout is not None and writer.returncode == 0
        lines = writer.stdout.read().splitlines()
        assert len(lines) == 60
        ids.add(lines[0].split()[0])
    assert {record.id for record in unfinished(tmp_path)} == ids and len(ids) == 3
    for session_id in ids:
        journal = Journal.resume(session_id, tmp_path)
        assert [step.text for _, step in journal.replay(geometry).steps] == [str(i) for i in range(60)]
        journal.close()


def test_a_killed_writer_loses_nothing_that_record_returned_for(tmp_path: Path, geometry: Geometry) -> None:
    for after in (1, 17, 60):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), "100000"], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        for _ in range(after):
            line = writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        line = ([line, *writer.stdout.readlines()])[-1]
        writer.wait()
        session_id, last = line.split()
        journal = Journal.resume(session_id, tmp_path)
        steps = journal.replay(geometry).steps
        assert [step.text for _, step in steps[: int(last) + 1]] == [str(i) for i in range(int(last) + 1)]
        assert len(steps) - int(last) - 1 in (0, 1), "at most the step that was on its way besides"
        journal.close()


def test_another_series_is_refused(tmp_path: Path, geometry: Geometry) -> None:
    journal = Journal.start(SUBJECT, geometry, tmp_path)
    journal.record_base(Document(StructureSet(geometry)))
    other = Geometry.regular((-100.0, -100.0, -50.0), np.eye(3), (0.9, 0.9, 3.5), (10, 64, 64))
    with pytest.raises(MismatchError, match="other planes"):
        journal.replay(other)


@pytest.mark.parametrize("damage", ["text", "flipped", "cut"])
def test_a_damaged_journal_is_one_sentence(tmp_path: Path, geometry: Geometry, damage: str) -> None:
    journal = Journal.start(SUBJECT, geometry, tmp_path)
    journal.record_base(Document(StructureSet(geometry, (full_roi(),))))
    journal.record(Direction.DO, redrawn(None, PlaneContours(wobbly(2))))
    journal.abandon()
    content = bytearray(journal.path.read_bytes())
    if damage == "text":
        content = bytearray(b"this is no journal")
    elif damage == "cut":
        content = content[: len(content) // 3]
    else:
        for position in range(100, len(content), 97):
            content[position] ^= 0x55
    journal.path.write_bytes(content)
    told: list[str] = []
    assert unfinished(tmp_path, told.append) == []
    assert len(told) == 1 and str(journal.path) in told[0]
    with pytest.raises(ReadError):
        Journal.resume(journal.id, tmp_path).replay(geometry)


def test_a_file_that_was_never_written_is_cleared_away_in_time(tmp_path: Path) -> None:
    blank = tmp_path / "open" / "abc.sqlite"
    blank.parent.mkdir()
    blank.touch()
    told: list[str] = []
    assert unfinished(tmp_path, told.append) == [] and told == []
    assert blank.exists(), "a window may be about to write it"
    os.utime(blank, (0, 0))
    assert unfinished(tmp_path, told.append) == [] and told == []
    assert not blank.exists()


def test_a_full_disk_is_one_sentence_and_leaves_the_journal_whole(tmp_path: Path, geometry: Geometry) -> None:
    journal = Journal.start(SUBJECT, geometry, tmp_path)
    journal.record_base(Document(StructureSet(geometry)))
    journal.record(Direction.DO, redrawn(None, PlaneContours(wobbly(1))))
    pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
    journal._connection.execute(f"PRAGMA max_page_count = {pages}")
    step = redrawn(None, PlaneContours(MultiPolygon([shapely.Point(0, 0).buffer(9, quad_segs=2000)])))
    with pytest.raises(WriteError, match="full"):
        journal.record(Direction.DO, step)
    journal._connection.execute("PRAGMA max_page_count = 1000000")
    journal.record(Direction.DO, step)
    replay = journal.replay(geometry)
    assert [len(one.changes) for _, one in replay.steps] == [1, 1]


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path, geometry: Geometry) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(WriteError, match="cannot be written"):
        Journal.start(SUBJECT, geometry, blocked)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_files_are_readable_by_their_owner_only(tmp_path: Path, geometry: Geometry) -> None:
    journal = Journal.start(SUBJECT, geometry, tmp_path / "journal")
    journal.record_base(Document(StructureSet(geometry)))
    for path in (tmp_path / "journal" / "open").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_session_without_steps_leaves_no_file(tmp_path: Path, geometry: Geometry) -> None:
    journal = Journal.start(SUBJECT, geometry, tmp_path)
    journal.record_base(Document(StructureSet(geometry)))
    journal.close()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.journal import journal_folder

    monkeypatch.setenv("PLANIMETER_DATA", str(tmp_path))
    assert journal_folder() == tmp_path / "journal"
