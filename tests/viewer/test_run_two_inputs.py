"""A model that looks at two images, in the panel: what is offered for each role, what is chosen, and handed over."""

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from engine.cards.roles import Traits
from engine.progress import Progress
from engine.volume import Volume
from tests.engine.models import write_card
from tests.engine.test_two_inputs import HOT, INPUTS, ct, pet
from tests.viewer.cards_bench import FakeJobs
from viewer.history import History
from viewer.session import Session
from viewer.widgets.cards_panel import CardsPanel
from viewer.widgets.roles_form import Image


class Bench:
    """A panel over an open CT, with images that are yet to be read."""

    def __init__(self, qtbot: QtBot, folder: Path, *others: Volume) -> None:
        outputs = [{"kind": "mask", "label": "Hot", "name": "GTV", "node": "both"}]
        card = write_card(folder, HOT, list(outputs), inputs=INPUTS)
        self.others, self.read = list(others), []
        self.session, self.jobs = Session(), FakeJobs()
        self.panel = CardsPanel(self.session, History(self.session), self.jobs, [card], others=self._offer)  # type: ignore[arg-type]
        qtbot.addWidget(self.panel)
        self.panel.show()
        self.open(named(ct(), "planning"))

    def open(self, volume: Volume) -> None:
        self.session.open(volume)

    def _offer(self) -> list[Image]:
        return [self._image(volume) for volume in self.others]

    def _image(self, volume: Volume) -> Image:
        def read(progress: Progress) -> Volume:
            self.read.append(volume.info.series_uid)
            return volume

        traits = Traits(volume.modality, volume.info.frame_of_reference_uid)
        return Image(volume.info.series_uid, traits, None, read, volume.info.series_uid)

    def choose(self, role: str, name: str) -> None:
        field = self.panel.roles.fields[role]
        field.setFocus()
        while field.currentText() != name:
            before = field.currentIndex()
            QTest.keyClick(field, Qt.Key.Key_Down)
            assert field.currentIndex() != before, f"{name} is not offered"

    def chosen(self, role: str) -> str:
        return self.panel.roles.fields[role].currentText()


def named(volume: Volume, uid: str) -> Volume:
    return replace(volume, info=replace(volume.info, series_uid=uid))


@pytest.fixture
def two_pets(qtbot: QtBot, tmp_path: Path) -> Bench:
    return Bench(qtbot, tmp_path / "m", named(pet(), "early"), named(pet(), "late"))


def test_of_two_images_of_a_kind_the_chosen_one_is_read_and_run_on(qtbot: QtBot, two_pets: Bench) -> None:
    panel = two_pets.panel
    assert not panel.run_button.isEnabled() and two_pets.chosen("pet") == "Choose …"
    assert "there is none" not in panel.details.text()
    two_pets.choose("pet", "late")
    assert panel.run_button.isEnabled()
    panel.run_button.click()
    qtbot.waitUntil(lambda: bool(two_pets.jobs.runs), timeout=10000)
    assert two_pets.read == ["late"]
    assert two_pets.jobs.inputs["ct"] is two_pets.session.volume and two_pets.jobs.inputs["pet"] is two_pets.others[1]


def test_a_choice_stays_when_the_images_are_looked_up_again(two_pets: Bench) -> None:
    two_pets.choose("pet", "late")
    two_pets.panel.refresh()
    assert two_pets.chosen("pet") == "late" and two_pets.panel.run_button.isEnabled()
    two_pets.others.pop()
    two_pets.panel.refresh()
    assert two_pets.chosen("pet") == "early", "the only one that is left"


def test_a_choice_ends_with_the_series_that_it_was_made_for(two_pets: Bench) -> None:
    two_pets.choose("pet", "late")
    two_pets.open(named(ct(), "another"))
    assert two_pets.chosen("pet") == "Choose …" and not two_pets.panel.run_button.isEnabled()


def test_taking_a_choice_back_asks_for_one_instead_of_saying_that_there_is_none(two_pets: Bench) -> None:
    two_pets.choose("pet", "early")
    field = two_pets.panel.roles.fields["pet"]
    QTest.keyClick(field, Qt.Key.Key_Up)
    assert two_pets.chosen("pet") == "Choose …" and not two_pets.panel.run_button.isEnabled()
    assert "there is none" not in two_pets.panel.details.text()


def test_the_image_that_is_drawn_on_must_be_open(two_pets: Bench) -> None:
    two_pets.others.append(named(ct(), "old"))
    two_pets.panel.refresh()
    two_pets.choose("pet", "late")
    two_pets.choose("ct", "old")
    assert not two_pets.panel.run_button.isEnabled() and "open old first" in two_pets.panel.details.text()


def test_a_run_is_stopped_when_the_series_changes_while_another_is_read(qtbot: QtBot, two_pets: Bench) -> None:
    two_pets.choose("pet", "late")
    two_pets.panel.run_button.click()
    two_pets.session.close()
    qtbot.waitUntil(lambda: not two_pets.panel.is_running, timeout=10000)
    assert not two_pets.jobs.runs and "stopped" in two_pets.panel.notice.text()


def test_an_image_of_another_frame_of_reference_is_refused_before_it_is_read(qtbot: QtBot, tmp_path: Path) -> None:
    bench = Bench(qtbot, tmp_path / "m", named(pet("2.2"), "elsewhere"))
    bench.panel.select(bench.panel.cards[0].id)
    assert bench.chosen("pet") == "elsewhere (another frame of reference)"
    assert "different frames of reference" in bench.panel.details.text()
    assert not bench.panel.run_button.isEnabled() and bench.panel.override.isHidden()
    assert not bench.read and not bench.jobs.runs
    # The one that suits goes before it.
    bench.others.append(named(pet(), "here"))
    bench.panel.refresh()
    assert bench.chosen("pet") == "here" and bench.panel.run_button.isEnabled()
