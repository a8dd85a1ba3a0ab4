"""What is done with models that a person added, from the list of the models: removed, replaced, passed on."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction

from engine.errors import PlanimeterError
from engine.later import later
from viewer.jobs import run_in_background
from viewer.widgets import import_dialog
from viewer.widgets.cards_panel import CardsPanel
from viewer.widgets.file_places import ask_save_file
from viewer.widgets.main_window import MainWindow
from viewer.widgets.message_bar import Level
from viewer.widgets.question import Question

if TYPE_CHECKING:
    from engine.cards import registry
    from engine.cards.registry import LoadedCard
    from engine.cards.schema import Card
    from engine.importing import client
else:
    registry, client = later("engine.cards.registry"), later("engine.importing.client")

#: Of more notes on an import the first are told in the message.
_MOST_NOTES = 6


class Upkeep(QObject):
    """Entries of the list's menu."""

    def __init__(self, window: MainWindow, panel: CardsPanel) -> None:
        super().__init__(window)
        self._window, self._panel = window, panel
        self.replace = self._action("Replace the model…", "Convert a newer one into its place", self._replace)
        self.export = self._action("Export the model…", "A zip that another seat can import", self._export)
        self.remove = self._action("Remove the model…", "Delete the model with its weights", self._ask_remove)
        panel.list.currentRowChanged.connect(lambda _: self._show())
        panel.running_changed.connect(self._show)
        panel.over.connect(lambda _: self._drop_gone())
        self._show()

    def _action(self, text: str, tip: str, slot: Callable[[], object]) -> QAction:
        action = QAction(text, self)
        action.setToolTip(tip)
        action.triggered.connect(slot)
        self._panel.list.addAction(action)
        return action

    def _show(self) -> None:
        loaded = self._panel.selected
        added = loaded is not None and loaded.folder.parent == registry.user_models()
        for action in (self.replace, self.remove):
            action.setEnabled(added and not self._panel.is_running)
        self.export.setEnabled(loaded is not None and not loaded.problem)

    def _replace(self) -> None:
        loaded = self._panel.selected
        if loaded is not None:
            import_dialog.asked(None, self._replaced, self._window, loaded.id)

    def _replaced(self, loaded: "LoadedCard") -> None:
        self._window.show_message(*told_of(loaded.card, f"took the place of the model '{loaded.id}'"))
        self._again(loaded.id)

    def _export(self) -> None:
        loaded = self._panel.selected
        if loaded is None:
            return
        chosen, _ = ask_save_file(self._window, "Export the model", f"{loaded.id}.zip", "Zip (*.zip)")
        if chosen is None:
            return
        run_in_background(
            lambda progress: client.export_model(loaded, chosen),
            finished=lambda _: self._window.show_message(f"{loaded.title} was written to {chosen}."),
            failed=lambda sentence: self._window.show_message(sentence, "error"),
            parent=self,
        )

    def _ask_remove(self) -> None:
        loaded = self._panel.selected
        if loaded is None:
            return
        question = Question(
            f"Remove {loaded.title} ({loaded.id})?",
            "The model and its weights are deleted. What it drew stays.",
            "Remove",
            "Keep",
            "Remove a model",
            destroys=True,
        )
        question.ask(self._window, lambda wanted: self._remove(loaded) if wanted else None)

    def _remove(self, loaded: "LoadedCard") -> None:
        try:
            # The folder has the name that the model is removed by, also where its card can't be read.
            client.remove_model(loaded.folder.name)
        except PlanimeterError as error:
            self._window.show_message(str(error), "error")
            self._drop_gone()
            return
        self._window.show_message(f"{loaded.title} was removed.")
        self._again("")

    def _drop_gone(self) -> None:
        """List the models anew where another window, or the command line, has removed one."""
        if not all(loaded.folder.exists() for loaded in self._panel.cards):
            self._again("")

    def _again(self, card_id: str) -> None:
        run_in_background(
            lambda progress: registry.find_cards(), finished=partial(self._list, card_id), parent=self._panel
        )

    def _list(self, card_id: str, cards: "Sequence[LoadedCard]") -> None:
        self._panel.show_cards(cards)
        if card_id:
            self._panel.select(card_id)


def told_of(card: "Card", done: str) -> tuple[str, Level]:
    """What is said of a model that was brought in: what it gives, under which licence, and what was assumed; its level.

    All of it stands on the page of the model as well.
    """
    notes = card.provenance.notes
    # What is absent is among the notes.
    known = card.licence.weights not in {"", "absent"}
    licence = f"; the licence of its weights: {card.licence.weights}" if known else ""
    more = [f"and {len(notes) - _MOST_NOTES} more notes, on its page"] if len(notes) > _MOST_NOTES else []
    lines = [f"{card.title} {done}: {card.gives}{licence}.", *notes[:_MOST_NOTES], *more]
    return "\n".join(lines), "warning" if notes else "info"
