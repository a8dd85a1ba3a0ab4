"""A model is brought in from the menu, or by dropping it, and is then chosen in the panel."""

import json
import zipfile
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from pytestqt.qtbot import QtBot

from engine.cards.registry import SHIPPED, load_card
from engine.importing.client import export_model
from engine.importing.look import may_be_model
from viewer.features.application import build_window
from viewer.widgets.cards_panel import CardsPanel
from viewer.widgets.import_dialog import ImportDialog
from viewer.widgets.main_window import MainWindow


@pytest.fixture
def window(qtbot: QtBot, home: Path) -> MainWindow:
    window = build_window()
    qtbot.addWidget(window)
    window.show()
    return window


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    values = json.loads((SHIPPED / "external" / "card.json").read_text())
    values["provenance"] = {"imported_from": "nnU-Net v2", "notes": ["By name t1 is taken to be MR."]}
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "card.json").write_text(json.dumps(values))
    export_model(load_card(tmp_path / "card"), tmp_path / "model.zip")
    return tmp_path / "model.zip"


def drop(window: MainWindow, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    none = Qt.KeyboardModifier.NoModifier
    event = QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, none)
    window.dropEvent(event)


def dialog_of(window: MainWindow) -> ImportDialog:
    found = window.findChild(ImportDialog)
    assert found is not None
    return found


def test_a_dropped_model_is_imported_and_chosen(window: MainWindow, archive: Path, qtbot: QtBot, home: Path) -> None:
    drop(window, archive)
    dialog = dialog_of(window)
    assert dialog.path.text() == str(archive)
    dialog.name.setText("mine")
    dialog.start_button.click()
    panel = window.findChild(CardsPanel)
    assert panel is not None
    qtbot.waitUntil(lambda: panel.selected is not None and panel.selected.id == "mine", timeout=120_000)
    assert (home / "mine" / "card.json").exists()
    absent = "The licence of its weights is absent: ask who made it whether it may be used."
    told = window.messages.sentences[-1].splitlines()
    assert told[0].startswith("Body outline (mine) was imported: 1 structure")
    assert told[1:] == ["By name t1 is taken to be MR.", absent], "what the command line says, the window says too"
    assert "By name t1 is taken to be MR." in panel.details.text() and absent in panel.details.text()


def test_the_menu_asks_and_a_refusal_stays_in_the_dialog(
    window: MainWindow, tmp_path: Path, qtbot: QtBot, home: Path
) -> None:
    action = next(action for action in window.menu("Engine").actions() if "Import a model" in action.text())
    action.trigger()
    dialog = dialog_of(window)
    assert not dialog.start_button.isEnabled()
    (tmp_path / "no.zip").write_text("no zip")
    dialog.path.setText(str(tmp_path / "no.zip"))
    dialog.start_button.click()
    qtbot.waitUntil(lambda: not dialog.running, timeout=120_000)
    assert dialog.isVisible()
    assert "no zip file" in dialog.error.text()
    assert dialog.start_button.isEnabled()
    dialog.reject()


def test_a_long_refusal_takes_no_room_from_the_fields(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    drop(window, SHIPPED / "external")
    dialog = dialog_of(window)
    fields = (dialog.path, dialog.name, dialog.axes, dialog.task, dialog.start_button)
    before = [field.height() for field in fields]
    dialog.fail("This model lacks what a model has. " * 20)
    qtbot.wait(50)
    assert [field.height() for field in fields] == before
    assert dialog.error.height() >= dialog.error.heightForWidth(dialog.error.width())
    dialog.reject()


def test_images_are_no_models(tmp_path: Path, archive: Path) -> None:
    assert may_be_model(archive)
    assert may_be_model(SHIPPED / "external")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "0.dcm").write_bytes(b"x")
    assert not may_be_model(tmp_path / "images")
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as other:
        other.writestr("0.dcm", "x")
    assert not may_be_model(tmp_path / "images.zip")
    results = tmp_path / "Dataset001_A" / "T__P__2d"
    results.mkdir(parents=True)
    (results / "plans.json").write_text("{}")
    assert all(may_be_model(path) for path in (results, results.parent, tmp_path))
