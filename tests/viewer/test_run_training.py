"""A recipe is found, data are looked at, a network is trained, stopped, gone on with, and its card used."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PySide6.QtCore import QRect, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from safetensors.torch import save_file

from engine.cards.registry import user_models
from engine.cards.schema import Card
from engine.errors import EngineError
from engine.inference.networks import build_network
from engine.training.publish import params_of, publish
from engine.training_process import client, label_names, run_folder
from engine.training_process.run_folder import Curve, RunRecord
from tests.training.conftest import STRUCTURES, boxes  # noqa: F401
from tests.training.test_commands import CARD
from tests.viewer.hand import click_in_next_box, wait_until
from viewer.features.application import build_window
from viewer.features.training import Training
from viewer.jobs import EngineJobs
from viewer.widgets.cards_panel import CardsPanel
from viewer.widgets.main_window import MainWindow
from viewer.widgets.training_dialog import TrainingDialog
from viewer.widgets.training_page import TrainingPage

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def window(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    monkeypatch.setattr(EngineJobs, "start_ahead", lambda self: None)
    window = build_window()
    qtbot.addWidget(window)
    window.show()
    return window


@pytest.fixture
def dialog(window: MainWindow) -> TrainingDialog:
    """Opened from the menu."""
    next(action for action in window.menu("Engine").actions() if "Train a model" in action.text()).trigger()
    training = window.findChild(Training)
    assert training is not None and training.dialog is not None
    dialog = training.dialog
    wait_until(lambda: len(dialog.recipes.listed) > 0, 60)
    return dialog


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A model of boxes among the user's, with random weights and a short recipe."""
    recipe = {**CARD["provenance"]["recipe"], "steps": 600, "average": 0.5}  # type: ignore[index]
    card = Card.model_validate({**CARD, "provenance": {"recipe": recipe}})
    torch.manual_seed(0)
    save_file(build_network(params_of(card.graph[0]).network.arguments).state_dict(), tmp_path / "random.safetensors")
    publish(card, [tmp_path / "random.safetensors"], user_models() / "boxes", name="boxes")
    return "boxes"


def drawn(page: TrainingPage, name: str) -> int:
    """How many points a curve has; pyqtgraph has none at all for a curve without any."""
    points = page.curves.lines[name].xData
    return 0 if points is None else len(points)


def click(part: Any) -> None:
    assert part.isEnabled() and part.isVisible()
    QTest.mouseClick(part, LEFT)


def test_all_recipes_are_listed_and_found_by_what_they_look_at(dialog: TrainingDialog) -> None:
    from engine.cards.published import find_recipes

    assert {loaded.id for loaded in find_recipes()} <= set(dialog.recipes.listed)
    QTest.keyClicks(dialog.recipes.field, "liver segment MR")
    assert dialog.recipes.listed[0] == "liver-tumour-mr" and "liver-oar-residual" not in dialog.recipes.listed
    dialog.recipes.select("liver-tumour-mr")
    shown = dialog.page.text.text()
    assert "label GTV" in shown and "Keeps" in shown and "inspired" in shown
    QTest.keyClick(dialog.recipes.field, Qt.Key.Key_Escape)
    assert len(dialog.recipes.listed) > 33
    images = {
        item.data(0, Qt.ItemDataRole.UserRole).rpartition("/")[2]: item.text(2) for item in dialog.recipes._items()
    }
    assert (images["liver-tumour-mr"], images["glioma-two-path"], images["lymphoma-petct-w"]) == (
        "MR",
        "4 MR",
        "CT, PET",
    )
    dialog.recipes.select("liver-oar-residual")
    assert "70 patients: Dice .94 heart" in dialog.page.text.text()
    dialog.tabs.setCurrentWidget(dialog.training)
    assert not dialog.training.start_button.isEnabled()
    assert "Data" in dialog.training.title.text()


def test_titles_are_read_to_their_end_however_narrow_the_list(dialog: TrainingDialog) -> None:
    tree = dialog.recipes.tree
    heights = []
    for width in (900, 300):
        dialog.recipes.setFixedWidth(width)
        wait_until(lambda width=width: tree.columnWidth(0) < width)  # type: ignore[misc]
        rows = [(item.text(0), tree.visualItemRect(item)) for item in dialog.recipes._items()]
        for title, row in rows:
            column = row.intersected(QRect(0, row.top(), tree.columnWidth(0), row.height()))
            needed = tree.fontMetrics().boundingRect(
                QRect(0, 0, column.width() - 2, 1000), Qt.TextFlag.TextWordWrap, title
            )
            assert needed.height() <= row.height()
        heights.append(sum(row.height() for _, row in rows))
    assert heights[1] > heights[0] >= len(rows) * tree.fontMetrics().height()


def test_keys_alone_choose_a_recipe_and_look_at_the_data(dialog: TrainingDialog, tmp_path: Path) -> None:
    QTest.keyClicks(dialog.recipes.field, "skin")
    assert dialog.recipes.selected is None
    QTest.keyClick(dialog.recipes.field, Qt.Key.Key_Return)
    assert dialog.recipes.selected is not None and dialog.recipes.selected.id == dialog.recipes.listed[0]
    QTest.keyClick(dialog.recipes.field, Qt.Key.Key_Down)
    QTest.keyClick(dialog.recipes.tree, Qt.Key.Key_Down)
    assert dialog.recipes.selected.id == dialog.recipes.listed[1]
    QTest.keyClick(dialog, Qt.Key.Key_2, Qt.KeyboardModifier.AltModifier)
    QTest.keyClicks(dialog.data.data, str(tmp_path))
    QTest.keyClick(dialog.data.data, Qt.Key.Key_Return)
    # Nothing else was pressed: neither a question for a folder nor Close.
    assert dialog.data.is_looking and dialog.isVisible()
    dialog.data.stop()
    wait_until(lambda: not dialog.data.is_looking, 60)


def test_the_whole_job(model: str, boxes: Path, dialog: TrainingDialog, window: MainWindow) -> None:  # noqa: F811
    dialog.recipes.select(model)
    dialog.tabs.setCurrentWidget(dialog.data)
    QTest.keyClicks(dialog.data.data, str(boxes))
    click(dialog.data.look_button)
    assert dialog.data.is_looking
    wait_until(lambda: not dialog.data.is_looking, 120)
    table = dialog.data.view.table
    told = [[table.item(row, column).text() for column in range(5)] for row in range(table.rowCount())]
    assert [row[0] for row in told] == STRUCTURES
    assert sum(int(cell) for cell in told[0][1:3]) == 3 and told[1][3] == "1"
    assert "Box_L is missing in 1 of 3: b." in dialog.data.view.page.text.text()
    training = dialog.training
    dialog.tabs.setCurrentWidget(training)
    click(training.start_button)
    wait_until(lambda: "step" in training.bar.format(), 120)
    assert training.runs.item(0, 2).text() == "going on"
    click(training.stop_button)
    wait_until(lambda: not training.is_going, 120)
    wait_until(lambda: training.runs.rowCount() == 1 and training.resume_button.isEnabled())
    assert training.runs.item(0, 2).text() == "stopped"
    # Closing the dialog stops nothing.
    click(training.resume_button)
    dialog.close()
    wait_until(lambda: not training.is_going, 120)
    window.findChild(Training).show()  # type: ignore[union-attr]
    wait_until(training.use_button.isEnabled)
    assert "on what was held out" in window.messages.sentences[-1]
    assert training.runs.item(0, 2).text() == "finished" and 0 < float(training.runs.item(0, 3).text()) <= 1
    wait_until(lambda: drawn(training, "losses") > 0)
    assert drawn(training, "scores") > 0 and drawn(training, "rates") > 0
    # The user has a model of that id already.
    assert training.name.text() == "boxes-2"
    click(training.use_button)
    wait_until(lambda: "among the models now" in training.left.text())
    panel = window.findChild(CardsPanel)
    assert panel is not None
    wait_until(lambda: panel.selected is not None and panel.selected.id == "boxes-2", 120)
    assert not panel.selected.problem  # type: ignore[union-attr]
    assert sorted(path.name for path in (user_models() / "boxes-2").iterdir()) == [
        "README.md", "card.json", "learned.safetensors", "weights.safetensors",
    ]  # fmt: skip


def endless(folder: Path, record: RunRecord, *, progress: Callable[[float, str], None], curves: Any) -> RunRecord:
    """A run that only waits to be stopped."""
    run_folder.write_record(folder, record.model_copy(update={"state": "stopped"}))
    (folder / run_folder.CHECKPOINT_FILE).touch()
    curves([Curve("", ((0.0, 1.0), (0.1, 0.5)))])
    while True:
        progress(0.4, "step 7, loss 0.5")
        time.sleep(0.01)


@pytest.fixture
def going(dialog: TrainingDialog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> TrainingDialog:
    """The dialog while it trains."""
    monkeypatch.setattr(client, "train", endless)
    folder = run_folder.new_folder("liver")
    run_folder.write_record(folder, RunRecord(recipe="liver-mr", title="Liver", data=str(tmp_path)))
    dialog.tabs.setCurrentWidget(dialog.training)
    dialog.training.refresh()
    wait_until(lambda: dialog.training.runs.rowCount() == 1)
    dialog.training.runs.selectRow(0)
    click(dialog.training.resume_button)
    wait_until(lambda: "step 7" in dialog.training.bar.format())
    return dialog


def test_a_window_that_trains_asks_before_it_closes(going: TrainingDialog, window: MainWindow) -> None:
    asked = click_in_next_box("Keep it going")
    assert not window.close()
    assert asked == ["Liver is being trained. Stop it and close?"]
    assert going.training.is_going
    click_in_next_box("Stop and close")
    assert window.close()
    wait_until(lambda: not going.training.is_going)


def test_the_curves_are_drawn_while_it_trains(going: TrainingDialog) -> None:
    wait_until(lambda: drawn(going.training, "losses") == 2)
    assert list(going.training.curves.lines["losses"].yData) == [1.0, 0.5]
    click(going.training.stop_button)
    wait_until(lambda: not going.training.is_going)
    assert "Resume goes on" in going.training.left.text()


def test_a_run_that_was_stopped_before_its_first_checkpoint_does_not_promise_one(going: TrainingDialog) -> None:
    next(run_folder.find_runs()[0].folder.glob(run_folder.CHECKPOINT_FILE)).unlink()
    click(going.training.stop_button)
    wait_until(lambda: not going.training.is_going)
    assert "Resume begins anew" in going.training.left.text()


def test_a_failure_is_one_sentence_and_the_run_can_be_gone_on_with(
    going: TrainingDialog, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    click(going.training.stop_button)
    wait_until(lambda: not going.training.is_going and going.training.resume_button.isEnabled())

    def failing(folder: Path, record: RunRecord, **rest: Any) -> RunRecord:
        raise EngineError("Memory ran out; close other programs.")

    monkeypatch.setattr(client, "train", failing)
    click(going.training.resume_button)
    wait_until(lambda: not going.training.is_going)
    assert going.training.error.text() == (
        "Training of Liver failed: Memory ran out; close other programs. Nothing of its last checkpoint is lost, and "
        "Resume goes on from there."
    )
    assert going.training.error.isVisible()
    wait_until(going.training.resume_button.isEnabled)


def test_what_was_found_is_forgotten_with_the_folder(dialog: TrainingDialog, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.training_process.checked import DataCheck

    monkeypatch.setattr(
        client,
        "check_data",
        lambda recipe, data, validation, progress: DataCheck(recipe=recipe, data=str(data), refusals=("It is empty.",)),
    )
    dialog.recipes.select("liver-tumour-mr")
    dialog.tabs.setCurrentWidget(dialog.data)
    QTest.keyClicks(dialog.data.data, "/nowhere")
    click(dialog.data.look_button)
    wait_until(lambda: dialog.data.check is not None)
    assert "It is empty." in dialog.data.view.page.text.text()
    assert dialog.training.start_button.toolTip() == "It is empty."
    QTest.keyClicks(dialog.data.data, "x")
    assert dialog.data.check is None and dialog.data.view.page.text.text() == ""


def leaking(recipe: str, data: Path, validation: Path | None, progress: Any) -> Any:
    """A look that finds a patient on both sides, and labels whose names were guessed."""
    from engine.training_process.checked import DataCheck, Item, SetCheck

    items = [
        Item(name=name, patient="p", side=side, holds={"GTV": 2.0}) for name, side in (("a", "learn"), ("b", "choose"))
    ]
    numbers, named_by = label_names.read_names(data)
    told = SetCheck(
        kind="cases",
        layout="volumes",
        wanted=("GTV",),
        items=tuple(items),
        numbers=numbers or {1: "GTV"},
        named_by=named_by,
    )
    return DataCheck(recipe=recipe, data=str(data), sets=(told,))


def test_a_patient_on_both_sides_bars_the_start_until_it_is_allowed(
    dialog: TrainingDialog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[RunRecord] = []
    monkeypatch.setattr(client, "check_data", leaking)
    monkeypatch.setattr(client, "train", lambda folder, record, **rest: asked.append(record) or record)
    dialog.recipes.select("liver-tumour-mr")
    dialog.tabs.setCurrentWidget(dialog.data)
    QTest.keyClicks(dialog.data.data, str(tmp_path))
    assert not dialog.data.allow.isVisible()
    click(dialog.data.look_button)
    wait_until(lambda: dialog.data.check is not None)
    assert not dialog.training.start_button.isEnabled()
    assert "allow it on the page Data" in dialog.training.title.text()
    click(dialog.data.allow)
    dialog.tabs.setCurrentWidget(dialog.training)
    click(dialog.training.start_button)
    wait_until(lambda: bool(asked) and not dialog.training.is_going)
    assert asked[0].admitted.startswith("1 patient stood on both sides of the split")
    # Other data are to be allowed anew.
    dialog.tabs.setCurrentWidget(dialog.data)
    QTest.keyClicks(dialog.data.data, "x")
    assert not dialog.training.start_button.isEnabled() and not dialog.data.allow.isChecked()


def test_names_of_labels_are_typed_and_kept_beside_the_data(
    dialog: TrainingDialog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(client, "check_data", leaking)
    dialog.recipes.select("liver-tumour-mr")
    dialog.tabs.setCurrentWidget(dialog.data)
    QTest.keyClicks(dialog.data.data, str(tmp_path))
    click(dialog.data.look_button)
    wait_until(dialog.data.names.isVisible)
    assert dialog.data.names.field.text() == "1 = GTV"
    dialog.data.names.field.selectAll()
    QTest.keyClicks(dialog.data.names.field, "GTV")
    click(dialog.data.names.save_button)
    assert dialog.data.error.text() == '"GTV" is no number with a name, such as 1 = Liver.'
    dialog.data.names.field.selectAll()
    QTest.keyClicks(dialog.data.names.field, "3 = GTV, 1 = Liver")
    QTest.keyClick(dialog.data.names.field, Qt.Key.Key_Return)
    wait_until(lambda: "By labels.json: 1 = Liver, 3 = GTV." in dialog.data.view.page.text.text())
    assert label_names.read_names(tmp_path)[0] == {1: "Liver", 3: "GTV"}


def test_curves_that_arrive_once_another_run_is_chosen_are_not_drawn(dialog: TrainingDialog, tmp_path: Path) -> None:
    for name in ("first", "second"):
        run_folder.write_record(run_folder.new_folder(name), RunRecord(recipe=name, title=name, data=str(tmp_path)))
    page = dialog.training
    dialog.tabs.setCurrentWidget(page)
    page.refresh()
    wait_until(lambda: page.runs.rowCount() == 2)
    page.runs.selectRow(0)
    assert page.chosen is not None
    page._draw(page.chosen.folder, [Curve("", ((0.0, 1.0),), (), ((0.4, 0.7),))])
    assert drawn(page, "scores") == 1
    for plot in page.curves.plots.values():
        # A score alone stands at its minute, and no minute is before the first.
        left, right = plot.getViewBox().viewRange()[0]
        assert -0.05 < left <= 0 and 0.4 < right < 0.5
    page._draw(page._runs[1].folder, [Curve("", ((0.0, 1.0), (1.0, 2.0)))])
    assert drawn(page, "losses") == 1


def test_other_names_of_rois_are_typed_and_kept_beside_the_studies(
    dialog: TrainingDialog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from engine.training_process.checked import DataCheck, SetCheck

    def named(recipe: str, data: Path, validation: Path | None, progress: Any) -> DataCheck:
        others = label_names.read_other_names(data)
        told = SetCheck(kind="cases", layout="DICOM studies", wanted=("GTV",), other_names=others)
        return DataCheck(recipe=recipe, data=str(data), sets=(told,))

    monkeypatch.setattr(client, "check_data", named)
    dialog.recipes.select("liver-tumour-mr")
    dialog.tabs.setCurrentWidget(dialog.data)
    QTest.keyClicks(dialog.data.data, str(tmp_path))
    click(dialog.data.look_button)
    wait_until(dialog.data.names.isVisible)
    QTest.keyClicks(dialog.data.names.field, "GTV = Tumour, GTV = GTV_old")
    click(dialog.data.names.save_button)
    wait_until(lambda: "names.json" in dialog.data.view.page.text.text())
    assert label_names.read_other_names(tmp_path) == {"GTV": ("Tumour", "GTV_old")}
