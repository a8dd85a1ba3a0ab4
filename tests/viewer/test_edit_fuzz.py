"""Whatever a hand does, contours stay valid, nothing raises, all of it can be undone, and the journal has it all."""

from pathlib import Path

import numpy as np
import pytest
import shapely

from engine.edits import replay
from engine.errors import PlanimeterError
from engine.journal import Journal, unfinished
from engine.structures import StructureSet
from engine.volume import Geometry, Volume
from viewer.edits import planes, structures
from viewer.history import History
from viewer.recording import Recording
from viewer.session import Cut, Session, View
from viewer.tools.events import Button, EventKind, Modifier, ViewEvent
from viewer.tools.table import TOOLS
from viewer.tools.toolbox import Toolbox

CUTS = {View.AXIAL: Cut.PLANE, View.SAGITTAL: Cut.COLUMN, View.CORONAL: Cut.ROW}


class Monkey:
    """Does anything at all, with everything that a pane could send."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.random = np.random.default_rng(seed)
        self.session = Session()
        self.history = History(self.session)
        self.recording = Recording(self.session, self.history, folder)
        self.toolbox = Toolbox(self.session, self.history)
        tilt = 0.7 if seed % 2 else 0.0
        origins = np.arange(8)[:, None] * np.array([0.0, tilt, 2.5 + 0.0])
        geometry = Geometry(origins, np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), (1.0, 1.2), (8, 40, 40))
        self.session.open(Volume(np.zeros(geometry.shape, np.int16), geometry))

    def event(self, kind: EventKind, view: View, **extra: object) -> None:
        cut = CUTS[view]
        plane = self.session.plane
        u, v = self.random.uniform(-5, 50, 2)
        if self.random.random() < 0.3:
            u, v = np.round([u, v])
        if cut is not Cut.PLANE:
            v = self.random.uniform(-3, 22)
        held = frozenset(m for m in Modifier if self.random.random() < 0.15)
        self.toolbox.handle(
            ViewEvent(
                kind=kind,
                view=view,
                cut=cut,
                index=float(plane) if cut is Cut.PLANE else float(self.random.uniform(0, 39)),
                plane=plane,
                point_lps=(u, v, 0.0),
                point_cut=(float(u), float(v)),
                **{"modifiers": held, "button": Button.LEFT, "pixel_mm": 0.5, **extra},
            )
        )
        for one in CUTS:
            self.toolbox.preview(one)
            self.toolbox.cursor_name(one)

    def act(self) -> None:
        random, session, history = self.random, self.session, self.history
        view = list(CUTS)[random.integers(3)]
        choice = random.integers(14)
        numbers = [roi.number for roi in session.structures.rois]
        one = int(random.choice(numbers)) if numbers else None
        if choice < 6:
            self.toolbox.choose(["", *TOOLS][random.integers(len(TOOLS) + 1)])
            self.event(EventKind.PRESS, view)
            for _ in range(random.integers(1, 9)):
                kinds = (EventKind.MOVE, EventKind.MOVE, EventKind.MOVE, EventKind.PRESS, EventKind.LEAVE)
                self.event(kinds[random.integers(5)], view)
            self.event(EventKind.RELEASE, view)
            self.event(EventKind.KEY, view, key=["Return", "Backspace", "A"][random.integers(3)], button=Button.NONE)
        elif choice == 6:
            self.event(EventKind.WHEEL, view, steps=float(random.uniform(-3, 3)), button=Button.NONE)
        elif choice == 7:
            self.toolbox.escape()
        elif choice == 8:
            for _ in range(random.integers(1, 5)):
                (history.undo if random.random() < 0.6 else history.redo)()
        elif choice == 9:
            session.move_cursor(session.volume.geometry.lps_from_plane(int(random.integers(8)), [20.0, 20.0])[0])
        elif choice == 10 and one is not None:
            session.set_active(one)
        else:
            self._whole(int(random.integers(7)), one)

    def _whole(self, choice: int, one: int | None) -> None:
        session, history = self.session, self.history
        try:
            if choice == 0:
                planes.delete_here(session, history)
            elif choice == 1:
                planes.copy_here(session, history, above=bool(self.random.integers(2)))
            elif choice == 2:
                structures.add_empty(session, history)
            elif one is not None:
                if choice == 3:
                    structures.set_locked(session, history, [one], bool(self.random.integers(2)))
                elif choice == 4:
                    structures.set_visible(session, history, [one], bool(self.random.integers(2)))
                elif choice == 5:
                    structures.duplicate(session, history, one)
                elif len(session.structures.rois) > 2:
                    structures.delete_all(session, history, frozenset({one}))
        except PlanimeterError as error:
            assert str(error).endswith((".", ")"))


def flat(found: StructureSet) -> list:
    return [
        (roi.number, roi.name, roi.visible, roi.locked, roi.provenance, {k: c.area.wkb for k, c in roi.planes.items()})
        for roi in found.rois
    ]


@pytest.mark.parametrize("seed", range(6))
def test_anything_at_all(seed: int, tmp_path: Path) -> None:
    monkey = Monkey(seed, tmp_path)
    session, history = monkey.session, monkey.history
    steps = 0
    for _ in range(180):
        before = session.structures
        monkey.act()
        if session.structures is before:
            continue
        steps += 1
        for roi in session.structures.rois:
            old = before[roi.number].planes if roi.number in before else {}
            for plane, contours in roi.planes.items():
                if contours is not old.get(plane):
                    assert contours.area.is_valid and not contours.area.is_empty
                    assert {part.geom_type for part in contours.area.geoms} == {"Polygon"}
    assert steps > 20
    end = flat(session.structures)

    journal = monkey.recording._ready()
    assert journal is not None
    journal.abandon()
    (record,) = unfinished(tmp_path)
    again = Journal.resume(record.id, tmp_path)
    saved = again.replay(session.volume.geometry)
    document, done, undone = replay(saved.base, saved.steps)
    put_back = document.structures
    again.close()
    assert flat(put_back) == end
    assert (done[-1].text if done else "") == history.undo_text
    assert (undone[-1].text if undone else "") == history.redo_text

    history.recorder = None
    while history.undo_text:
        history.undo()
    assert session.structures.rois == ()
    while history.redo_text:
        history.redo()
    for _ in undone:
        history.undo()
    assert flat(session.structures) == end
    assert shapely.is_valid([c.area for roi in session.structures.rois for c in roi.planes.values()]).all()
