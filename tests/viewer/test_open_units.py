"""A PET whose values the file gives in several units: the window says which is shown, and shows another that is asked
for; what was drawn and can be undone stays."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QToolButton
from shapely import MultiPolygon, box

from engine.journal import recent
from engine.progress import silent
from engine.stored.read import read_series
from engine.stored.scan import scan
from engine.structures import Roi
from tests.synthetic import make_geometry, write_series
from tests.viewer.hand import Hand, wait_until
from viewer import history
from viewer.features.opening import Opener
from viewer.features.units import Units
from viewer.layers import Window
from viewer.looks import layer_over
from viewer.recording import Recording
from viewer.reopening import reopen
from viewer.session import Session
from viewer.widgets.layers_panel import LayersPanel

SHAPE = (5, 24, 24)


@pytest.fixture
def pet(window: Hand, tmp_path: Path) -> Iterator[Hand]:
    stored = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    write_series(tmp_path / "pet", stored, make_geometry(SHAPE), "PT")
    opener = window.window.findChild(Opener)
    opener.open_paths([tmp_path / "pet"], show=True)
    wait_until(lambda: not opener.busy and window.session.volume is not None)
    yield window
    window.session.close()
    opener.tree.forget()


def unit_button(window: Hand, row: int) -> QToolButton:
    panel = window.window.findChild(LayersPanel)
    return panel.rows[row].unit


def choose(window: Hand, row: int, units: str) -> None:
    menu = unit_button(window, row).menu()
    next(action for action in menu.actions() if action.text() == units).trigger()


def test_another_unit_is_chosen_in_the_row_of_the_layer_and_the_work_stays(pet: Hand) -> None:
    session, before = pet.session, pet.session.volume
    assert before.units == "SUVbw" and unit_button(pet, 0).text().startswith("SUVbw")
    area = {2: MultiPolygon([box(2, 2, 9, 9)])}
    pet.history.do(history.add(session.structures, (Roi(1, "GTV"),), text="Add", tool="test"))
    pet.history.do(history.redraw(session.structures[1], area, text="Draw", tool="test"))
    journal = pet.window.recording.session_id
    choose(pet, 0, "BQML")
    wait_until(lambda: session.volume.units == "BQML")
    assert unit_button(pet, 0).text().startswith("BQML")
    assert session.window.high > 1000  # its own, not 0 to 10
    assert session.structures[1].area(2).equals(area[2]) and pet.history.undo_text
    assert pet.window.recording.session_id == journal
    menu = pet.window.findChild(Units).menu
    next(action for action in menu.actions() if action.text() == "SUVbw").trigger()
    wait_until(lambda: session.volume.units == "SUVbw")
    assert np.array_equal(session.volume.voxels, before.voxels) and session.window.high == 10


def test_a_layer_changes_its_unit_in_its_place(pet: Hand) -> None:
    session, volume = pet.session, pet.session.volume
    over = replace(volume)
    session.add_layer(layer_over(over, over))
    choose(pet, 1, "BQML")
    wait_until(lambda: session.layers[1].volume.units == "BQML")
    assert session.layers[0].volume is volume and len(session.layers) == 2
    assert session.layers[1].colour_map == "hot" and session.layers[1].window.high > 1000


def test_a_unit_that_is_alone_is_named_without_a_choice(bare: Hand) -> None:
    assert unit_button(bare, 0).text() == "HU" and unit_button(bare, 0).menu() is None
    assert not bare.window.findChild(Units).menu.isEnabled()


def test_the_chosen_unit_comes_back_with_the_series(pet: Hand, tmp_path: Path) -> None:
    session, opener = pet.session, pet.window.findChild(Opener)
    choose(pet, 0, "BQML")
    wait_until(lambda: session.volume.units == "BQML")
    session.set_window(Window(4000.0, 900.0))
    uid = session.volume.info.series_uid
    write_series(tmp_path / "ct", np.zeros(SHAPE), make_geometry(SHAPE), "CT")
    opener.open_paths([tmp_path / "ct"], show=True)
    wait_until(lambda: not opener.busy and session.volume.modality == "CT")
    opener.open_series(next(series for series in opener.tree.series if series.uid == uid))
    wait_until(lambda: not opener.busy and session.volume.modality == "PT")
    assert session.volume.units == "BQML" and session.window == Window(4000.0, 900.0)


def test_a_session_is_gone_on_with_in_the_unit_in_which_it_was_left(tmp_path: Path) -> None:
    write_series(tmp_path / "pet", np.arange(np.prod(SHAPE)).reshape(SHAPE), make_geometry(SHAPE), "PT")
    (series,) = scan([tmp_path / "pet"]).images()
    volume = read_series(series, units="BQML")
    session = Session()
    done = history.History(session)
    recording = Recording(session, done)
    session.open(volume)
    done.do(history.add(session.structures, (Roi(1, "GTV"),), text="Add", tool="test"))
    recording.end()
    (record,) = recent()
    reopened = reopen(record, silent)
    reopened.journal.abandon()
    assert read_series(series).units == "SUVbw"
    assert reopened.volume.units == "BQML" and np.array_equal(reopened.volume.voxels, volume.voxels)
