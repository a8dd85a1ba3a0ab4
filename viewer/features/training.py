"""Puts training into the window: recipes, a look at data, and runs that go on while their window is closed."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from engine.later import later
from engine.progress import Progress
from viewer.features.importing import imported
from viewer.jobs import run_in_background
from viewer.widgets.main_window import MainWindow
from viewer.widgets.message_bar import Offer
from viewer.widgets.question import Question

if TYPE_CHECKING:
    from engine.cards.registry import LoadedCard
    from engine.importing import client
    from viewer.widgets import training_dialog
else:
    client, training_dialog = later("engine.importing.client"), later("viewer.widgets.training_dialog")


def install(window: MainWindow) -> None:
    """Add the entry to the Engine menu."""
    Training(window)


class Training(QObject):
    """A child of the window; its dialog is made when it is first asked for."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.dialog: training_dialog.TrainingDialog | None = None
        window.add_action(
            "Engine",
            "&Train a model…",
            self.show,
            tip="Choose a recipe of a published system, look at your data, train it, and use its card",
        )
        window.closing_guards.append(self.may_close)
        window.closing.connect(self._leave)

    def show(self, data: str = "") -> None:
        """Bring the dialog to the front, with a folder of data where one is given."""
        if self.dialog is None:
            self.dialog = training_dialog.TrainingDialog(self._window)
            self.dialog.training.told.connect(self._tell)
            self.dialog.training.wanted.connect(self._use)
        if data:
            self.dialog.data.data.setText(data)
            self.dialog.tabs.setCurrentWidget(self.dialog.data)
        self.dialog.show_up()

    def may_close(self) -> bool:
        """Ask before a window closes that trains."""
        if self.dialog is None or not self.dialog.training.is_going:
            return True
        asked = f"{self.dialog.training.going_title} is being trained. Stop it and close?"
        more = "A checkpoint is written, so nothing that was learned is lost: Engine → Train a model… → Resume goes on."
        return Question(asked, more, "Stop and close", "Keep it going").is_wanted(self._window)

    def _leave(self) -> None:
        if self.dialog is not None:
            self.dialog.data.stop()
            self.dialog.training.leave()

    def _tell(self, sentence: str, error: bool) -> None:
        self._window.show_message(sentence, "error" if error else "info", Offer("Show", self.show))

    def _use(self, folder: Path, card_id: str) -> None:
        def work(progress: Progress) -> object:
            return client.import_model(folder, card_id=card_id, progress=progress)

        run_in_background(work, finished=self._used, failed=self._refused, parent=self)

    def _used(self, loaded: "LoadedCard") -> None:
        imported(self._window, loaded)
        assert self.dialog is not None, "asked there"
        # The window's own messages may lie behind the dialog.
        self.dialog.training.say_used(loaded.id)

    def _refused(self, sentence: str) -> None:
        assert self.dialog is not None, "asked there"
        self.dialog.training.fail(sentence)
