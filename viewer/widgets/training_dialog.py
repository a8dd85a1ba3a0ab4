"""The window in which a recipe is chosen, data are looked at, and networks are trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QPushButton,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from engine.later import later
from viewer.jobs import run_in_background
from viewer.widgets.card_page import CardPage
from viewer.widgets.data_page import DataPage
from viewer.widgets.recipe_list import RecipeList
from viewer.widgets.recipe_text import recipe_html
from viewer.widgets.training_page import TrainingPage

if TYPE_CHECKING:
    from engine.cards import published, registry
    from engine.cards.registry import LoadedCard
    from engine.training_process import layouts, run_folder
else:
    published, registry = later("engine.cards.published"), later("engine.cards.registry")
    run_folder = later("engine.training_process.run_folder")
    layouts = later("engine.training_process.layouts")

_WIDTH, _HEIGHT, _LIST_WIDTH = 1220, 720, 480


class TrainingDialog(QDialog):
    """Does not block the main window; closing it stops nothing."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Train a model – Planimeter")
        room = self.screen().availableGeometry().size()
        self.resize(min(_WIDTH, room.width() - 40), min(_HEIGHT, room.height() - 60))
        self.recipes = RecipeList(self)
        self.page = CardPage(self)
        self.data = DataPage(self)
        self.training = TrainingPage(self)
        self.tabs = QTabWidget(self)
        about = QWidget(self)
        QHBoxLayout(about).addWidget(self.page)
        for title, page in (("&1 Recipe", about), ("&2 Data", self.data), ("&3 Training", self.training)):
            self.tabs.addTab(page, title)
        parts = QSplitter(Qt.Orientation.Horizontal, self)
        parts.addWidget(self.recipes)
        parts.addWidget(self.tabs)
        parts.setStretchFactor(1, 1)
        parts.setSizes([_LIST_WIDTH, self.width() - _LIST_WIDTH])
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.button(QDialogButtonBox.StandardButton.Close).setToolTip("Close; what is being trained goes on (Esc)")
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(parts, 1)
        layout.addWidget(buttons)
        self.recipes.chosen.connect(self._choose)
        self.data.changed.connect(self._offer)
        self._choose()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Return is for what has the focus; Qt would press some button of another page with it."""
        is_return = event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}
        if not is_return or isinstance(self.focusWidget(), QPushButton):
            super().keyPressEvent(event)

    def show_up(self) -> None:
        """Come to the front, with the recipes, models and runs that there are now."""
        run_in_background(lambda progress: _trainable(), finished=self._list, parent=self)
        self.training.refresh()
        self.show()
        self.raise_()
        self.activateWindow()

    def _list(self, found: tuple[Sequence[LoadedCard], Sequence[LoadedCard]]) -> None:
        self.recipes.show_cards(*found)
        if self.recipes.selected is None and self.recipes.listed:
            self.recipes.select(self.recipes.listed[0])

    def _choose(self) -> None:
        loaded = self.recipes.selected
        self.page.text.setText(recipe_html(loaded) if loaded is not None else "Choose a recipe on the left.")
        if loaded is None:
            self.data.set_recipe("")
        else:
            self.data.set_recipe(run_folder.argument_of(loaded), layouts.layouts_for(loaded.card))
        self._offer()

    def _offer(self) -> None:
        loaded, (data, validation) = self.recipes.selected, self.data.folders
        check = self.data.check
        if loaded is None:
            why_not = "Choose a recipe on the left."
        elif not data:
            why_not = "Choose the folder of a data set on the page Data."
        elif check is None:
            why_not = "Look at the data first, on the page Data."
        elif check.faults:
            why_not = check.faults[0]
        elif check.leaks and not self.data.admitted:
            why_not = f"{check.leaks[0]} Divide the data anew, or allow it on the page Data."
        else:
            why_not = ""
        self.training.offer(loaded, data, validation, why_not, self.data.admitted)


def _trainable() -> tuple[Sequence[LoadedCard], Sequence[LoadedCard]]:
    """The recipes of published systems, and the models that have a recipe."""
    known = registry.find_cards()
    models = [each for each in known if each.is_readable and each.card.provenance.recipe and each.card.files]
    return [loaded for loaded in published.find_recipes() if loaded.is_readable], models
