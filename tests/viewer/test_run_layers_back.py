"""What lay over a series when it was left lies there again, as it looked."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from engine.structures import Roi
from tests.synthetic import make_geometry, make_voxels, write_series
from tests.viewer.person import Person
from viewer.features.opening import Opener
from viewer.features.recovery import RecoveryBar
from viewer.features.sessions import Sessions
from viewer.history import add
from viewer.layers import Window
from viewer.widgets.start_screen import StartScreen

PET_WINDOW = Window(3.0, 5.0)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A CT and an MR of one frame of reference, in two folders."""
    for modality, folder in (("CT", "ct"), ("MR", "mr")):
        geometry = make_geometry((5, 16, 20))
        write_series(tmp_path / "study" / folder, make_voxels(geometry.shape), geometry, modality,
                     FrameOfReferenceUID="1.2.3", SeriesDescription=modality)  # fmt: skip
    return tmp_path / "study"


def lay_mr_over_ct(person: Person, study: Path) -> None:
    person.open(study)
    opener = person.window.findChild(Opener)
    assert person.session.volume.modality == "CT"
    (mr,) = (series for series in opener.tree.series if series.modality == "MR")
    opener.add_layer(mr)
    person.until(lambda: len(person.session.layers) == 2)
    layer = person.session.layers[1]
    looks = {"window": PET_WINDOW, "colour_map": "ice", "opacity": 0.35}
    person.session.change_layer(1, replace(layer, **looks))
    person.session.change_layer(0, replace(person.session.layers[0], colour_map="inverted grey"))


def leave(person: Person) -> None:
    """As another start of the program finds it, with one step."""
    person.window.history.do(add(person.structures, (Roi(1, "Liver"),), text="Add", tool="list"))
    identity = person.window.recording.session_id
    person.ctrl(Qt.Key.Key_W)
    person.window.recording.forget(identity)
    person.window.findChild(Opener).tree.forget()
    sessions = person.window.findChild(Sessions)
    sessions.refresh()
    person.until(lambda: [record.id for record in sessions.records] == [identity])


def test_a_session_goes_on_with_the_layers_that_were_on(person: Person, study: Path) -> None:
    lay_mr_over_ct(person, study)
    leave(person)
    sessions = person.window.findChild(Sessions)
    json.dumps(sessions.records[0].about.look)
    sessions.choose(sessions.records[0])
    person.until(lambda: len(person.session.layers) == 2)
    base, layer = person.session.layers
    assert (base.volume.modality, base.colour_map) == ("CT", "inverted grey")
    assert (layer.volume.modality, layer.window, layer.colour_map, layer.opacity) == ("MR", PET_WINDOW, "ice", 0.35)
    listed = {series.modality for series in person.window.findChild(Opener).tree.series}
    assert listed == {"CT", "MR"}, "its unit can be chosen, and it can be opened"


def test_a_layer_whose_files_are_gone_is_told_and_the_rest_goes_on(person: Person, study: Path) -> None:
    lay_mr_over_ct(person, study)
    leave(person)
    shutil.rmtree(study / "mr")
    sessions = person.window.findChild(Sessions)
    sessions.choose(sessions.records[0])
    person.until(lambda: any("MR, which lay over" in said for said in person.window.messages.sentences))
    assert person.session.volume.modality == "CT" and len(person.session.layers) == 1


def test_a_series_that_is_closed_and_opened_again_has_its_layers(person: Person, study: Path) -> None:
    lay_mr_over_ct(person, study)
    opener = person.window.findChild(Opener)
    (ct,) = (series for series in opener.tree.series if series.modality == "CT")
    person.ctrl(Qt.Key.Key_W)
    opener.open_series(ct)
    person.until(lambda: len(person.session.layers) == 2)
    assert person.session.layers[1].opacity == 0.35
    person.session.remove_layer(1)
    person.ctrl(Qt.Key.Key_W)
    with person.qtbot.waitSignal(opener.opened):
        opener.open_series(ct)
    QTest.qWait(200)
    assert len(person.session.layers) == 1, "what was taken away stays away"


def test_what_offers_a_session_covers_neither_captions_nor_the_start_screen(person: Person, study: Path) -> None:
    person.open(study)
    leave(person)
    bar, screen = person.window.findChild(RecoveryBar), person.window.findChild(StartScreen)
    (heading,) = (label for label in screen.findChildren(QLabel) if label.text() == "Planimeter")
    person.open(study)
    person.until(bar.isVisible)
    # Captions are of 12 px, 8 px from the edge.
    assert bar.y() >= 20 and bar.geometry().bottom() < person.window.panes.height() // 3
    person.window.session.close()
    assert heading.mapTo(bar.parentWidget(), heading.rect().topLeft()).y() >= bar.height()
