"""Every step of a session is in its journal; when it can't be, the user is told once and edits go on."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from shapely import MultiPolygon, box

from engine.edits import replay
from engine.errors import MismatchError, WriteError
from engine.journal import About, Journal, Kind, unfinished
from engine.structures import PlaneContours, RawContour, Roi, StructureSet
from engine.volume import Geometry, SeriesInfo, Volume
from viewer.history import History, add, redraw
from viewer.recording import Recording
from viewer.reopening import brought_up, kept_in
from viewer.session import Session
from viewer.unexported import unexported


def make_volume(planes: int = 8, **info: str) -> Volume:
    geometry = Geometry.regular((0.0, 0.0, 0.0), np.eye(3), (1.0, 1.0, 3.0), (planes, 32, 32))
    voxels = np.zeros(geometry.shape, dtype=np.int16)
    return Volume(voxels, geometry, "CT", "HU", SeriesInfo(series_uid="1.2", study_uid="1", **info))


def square(corner: float, size: float = 5.0) -> MultiPolygon:
    return MultiPolygon([box(corner, corner, corner + size, corner + size)])


class Desk:
    """A session with its history and journal."""

    def __init__(self, folder: Path, structures: bool = True, **info: str) -> None:
        self.session = Session()
        self.history = History(self.session)
        self.recording = Recording(self.session, self.history, folder)
        self.said: list[str] = []
        self.recording.failed.connect(self.said.append)
        volume = make_volume(**info)
        raw = (RawContour("1.0\\2.00\\3"),)
        roi = Roi(3, "Cord", planes={k: PlaneContours(square(22 + k), raw) for k in range(4)})
        self.session.open(volume, StructureSet(volume.geometry, (roi,) if structures else (), "Label"))

    def draw(self, plane: int, corner: float) -> None:
        step = redraw(self.session.structures[3], {plane: square(corner)}, text=f"Draw {corner}", tool="brush")
        self.history.do(step)


def put_back(desk: Desk, session_id: str, folder: Path) -> None:
    volume = desk.session.volume
    journal = Journal.resume(session_id, folder)
    desk.recording.open(volume, volume, kept_in(journal, volume, About()), journal)


def same(one: StructureSet, two: StructureSet) -> bool:
    def flat(structures: StructureSet) -> list:
        return [
            (roi.number, roi.name, roi.provenance, [(k, c.area.wkb, c.source) for k, c in roi.planes.items()])
            for roi in structures.rois
        ]

    return flat(one) == flat(two) and one.label == two.label


def test_a_session_comes_back_with_undo_redo_and_marks(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.draw(1, 10)
    desk.draw(6, 11)
    desk.history.do(
        add(desk.session.structures, (Roi(9, "New", planes={2: PlaneContours(square(1))}),), text="Add", tool="a")
    )
    desk.session.mark_seen(frozenset({(3, 0), (3, 1)}))
    desk.draw(1, 12)
    desk.history.undo()
    desk.history.undo()
    desk.history.redo()
    states = [desk.session.structures]
    while desk.history.undo_text:
        desk.history.undo()
        states.append(desk.session.structures)
    for _ in range(3):
        desk.history.redo()
    assert desk.session.marked_seen == {(3, 0)}, "an edit forgets that its plane was seen"

    (found,) = _let_go(desk, tmp_path)
    again = Desk(tmp_path)
    put_back(again, found, tmp_path)
    assert same(again.session.structures, states[0]) and again.session.marked_seen == {(3, 0)}
    assert again.history.redo_text == "Draw 12"
    for state in states[1:]:
        again.history.undo()
        assert same(again.session.structures, state)
    for state in reversed(states[:-1]):
        again.history.redo()
        assert same(again.session.structures, state)
    again.history.redo()
    again.draw(7, 20)
    last = again.session.structures
    (found,) = _let_go(again, tmp_path)
    third = Desk(tmp_path)
    put_back(third, found, tmp_path)
    assert same(third.session.structures, last), "the session goes on in the same journal"
    third.recording.end()
    assert unfinished(tmp_path) == []


def _let_go(desk: Desk, folder: Path) -> list[str]:
    """As when the process dies."""
    journal = desk.recording._ready()
    assert journal is not None
    journal.abandon()
    return [record.id for record in unfinished(folder)]


def test_untouched_planes_come_back_as_the_file_had_them(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    before = desk.session.structures[3]
    desk.draw(1, 10)
    (found,) = _let_go(desk, tmp_path)
    again = Desk(tmp_path)
    put_back(again, found, tmp_path)
    after = again.session.structures[3]
    assert after.planes[0].source == before.planes[0].source and after.planes[1].source == ()
    again.history.undo()
    assert again.session.structures[3].planes[1].source == before.planes[1].source


def test_the_journal_names_no_patient(tmp_path: Path) -> None:
    desk = Desk(tmp_path, patient_name="DOE^JANE", patient_id="4711", patient_birth_date="19500101", description="Neck")
    desk.draw(1, 10)
    journal = desk.recording._ready()
    assert journal is not None
    assert journal.describe().subject.label == "CT · Neck"
    _let_go(desk, tmp_path)
    journals = list(tmp_path.rglob("*.sqlite*"))
    content = b"".join(path.read_bytes() for path in journals)
    assert b"Neck" in content
    assert not any(secret in content for secret in (b"DOE", b"JANE", b"4711", b"19500101"))


def test_a_folder_that_cannot_be_written_is_told_once_and_edits_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.write_text("a file where the folder should be")
    desk = Desk(folder)
    for corner in (1, 2, 3):
        desk.draw(1, corner)
    assert shapely.equals(desk.session.structures[3].area(1), square(3))
    assert len(desk.said) == 1 and "cannot be written" in desk.said[0]
    desk.history.undo()
    folder.unlink()
    desk.draw(2, 9)
    desk.draw(2, 10)
    assert len(desk.said) == 1
    state = desk.session.structures
    (found,) = _let_go(desk, folder)
    again = Desk(folder)
    put_back(again, found, folder)
    assert same(again.session.structures, state), "once it can be written again, nothing is missing"


def test_after_a_step_that_could_not_be_stored_the_journal_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path)
    desk.draw(1, 1)
    with monkeypatch.context() as patch:

        def full(*_: object) -> None:
            raise WriteError("The disk is full.")

        patch.setattr(Journal, "record", full)
        patch.setattr(Journal, "record_base", full)
        desk.draw(1, 2)
        desk.draw(2, 3)
    assert desk.said == ["The disk is full."]
    desk.draw(3, 4)
    state = desk.session.structures
    (found,) = _let_go(desk, tmp_path)
    again = Desk(tmp_path)
    put_back(again, found, tmp_path)
    assert same(again.session.structures, state)
    again.history.undo()
    assert again.history.undo_text == "", "what was before the gap can't be taken back any more"


def test_a_session_of_another_series_is_refused_and_can_still_be_put_back_elsewhere(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.draw(1, 1)
    (found,) = _let_go(desk, tmp_path)
    journal = Journal.resume(found, tmp_path)
    with pytest.raises(MismatchError):
        kept_in(journal, make_volume(planes=5), About())
    journal.abandon()
    assert [record.id for record in unfinished(tmp_path)] == [found]


def test_putting_a_session_back_is_one_change_of_what_is_shown(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.draw(1, 1)
    (found,) = _let_go(desk, tmp_path)
    again = Desk(tmp_path)
    heard: list[str] = []
    for name in ("volume_changed", "structures_changed", "active_changed", "cursor_moved", "seen_changed"):
        getattr(again.session, name).connect(lambda *_, name=name: heard.append(name), check_nargs=False)
    put_back(again, found, tmp_path)
    assert heard == ["volume_changed"]


def test_a_series_that_is_opened_again_has_its_structures_its_undo_and_its_journal(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.draw(1, 1)
    desk.draw(2, 2)
    desk.history.undo()
    desk.session.mark_seen(frozenset({(3, 0)}))
    first, left = desk.recording.session_id, desk.session.left()
    ct, pet = desk.session.volume, make_volume(planes=5, description="PET")
    desk.session.open(pet)
    assert desk.recording.kept_of(pet) is None and desk.session.structures.rois == ()
    desk.recording.open(ct, ct, desk.recording.kept_of(ct))
    assert desk.session.left() == left
    assert (desk.history.undo_text, desk.history.redo_text) == ("Draw 1", "Draw 2")
    assert desk.recording.session_id == first
    desk.history.redo()
    assert [entry.kind for entry in desk.recording.entries()][-3:] == [Kind.CLOSED, Kind.RESUMED, Kind.REDO]


def test_what_another_window_did_meanwhile_is_there_when_a_series_is_opened_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.draw(1, 1)
    ct = desk.session.volume
    desk.session.open(make_volume(planes=5))
    kept = desk.recording.kept_of(ct)
    desk.recording.entries()  # waits for what the disk is behind with
    assert brought_up(kept, ct, tmp_path) is kept
    other = Desk(tmp_path)
    put_back(other, kept.session_id, tmp_path)
    other.draw(2, 9)
    assert brought_up(kept, ct, tmp_path) is kept, "the other window holds it"
    state = other.session.structures
    other.recording.end()
    newer = brought_up(kept, ct, tmp_path)
    assert same(newer.left.document.structures, state)
    desk.recording.open(ct, ct, newer)
    assert desk.recording.session_id == kept.session_id and desk.history.undo_text == "Draw 9"


def test_a_series_without_a_step_keeps_its_structures_and_begins_a_journal(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    ct, structures = desk.session.volume, desk.session.structures
    desk.session.open(make_volume(planes=5))
    desk.recording.open(ct, ct, desk.recording.kept_of(ct))
    assert desk.session.structures is structures
    desk.draw(1, 5)
    state = desk.session.structures
    (found,) = _let_go(desk, tmp_path)
    again = Desk(tmp_path / "other")
    put_back(again, found, tmp_path)
    assert same(again.session.structures, state)


def test_what_was_exported_stays_so_when_a_session_is_put_back(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.draw(1, 1)
    desk.session.set_filed(desk.session.structures)
    desk.recording.exported(tmp_path / "rt.dcm", "ab" * 32, 1, [3])
    desk.draw(2, 2)
    desk.history.undo()
    (found,) = _let_go(desk, tmp_path)
    again = Desk(tmp_path)
    put_back(again, found, tmp_path)
    assert unexported(again.session.structures, again.session.filed) == []
    again.draw(2, 4)
    assert unexported(again.session.structures, again.session.filed) == ["Cord"]


def test_structures_of_a_file_begin_the_session_and_come_back_with_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path, structures=False)
    volume = desk.session.volume
    desk.session.move_cursor((3.0, 4.0, 6.0))
    roi = Roi(3, "Cord", planes={k: PlaneContours(square(22 + k)) for k in range(4)})
    desk.recording.begin_with(StructureSet(volume.geometry, (roi,), "Label"))
    assert desk.history.undo_text == "" and desk.session.active == 3
    assert desk.session.cursor_lps.tolist() == [3.0, 4.0, 6.0]
    assert unexported(desk.session.structures, desk.session.filed) == []
    desk.draw(1, 7)
    state = desk.session.structures
    (found,) = _let_go(desk, tmp_path)
    again = Desk(tmp_path)
    put_back(again, found, tmp_path)
    assert same(again.session.structures, state)
    again.history.undo()
    assert again.history.undo_text == ""


def test_opening_another_series_closes_the_journal(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.draw(1, 1)
    first = desk.recording.session_id
    desk.session.open(make_volume())
    assert desk.recording.session_id != first and desk.history.undo_text == ""
    desk.recording.entries()  # waits for what the disk is behind with
    assert [path.stem for path in (tmp_path / "closed").iterdir()] == [first]
    journal = Journal.resume(first, tmp_path)
    assert journal.entries()[-1].kind is Kind.CLOSED
    saved = journal.replay(make_volume().geometry)
    assert same(replay(saved.base, saved.steps)[0].structures, _drawn(tmp_path / "elsewhere"))


def _drawn(folder: Path) -> StructureSet:
    desk = Desk(folder)
    desk.draw(1, 1)
    assert desk.session.structures is not None
    return desk.session.structures
