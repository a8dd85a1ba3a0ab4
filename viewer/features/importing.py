"""Puts the import of models into the window: an entry of the menu, and models that are dropped."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from engine.later import later
from viewer.features.upkeep import Upkeep, told_of
from viewer.jobs import run_in_background
from viewer.widgets import import_dialog
from viewer.widgets.cards_panel import CardsPanel
from viewer.widgets.main_window import MainWindow

if TYPE_CHECKING:
    from engine.cards import registry
    from engine.importing import look
else:
    registry, look = later("engine.cards.registry"), later("engine.importing.look")


def install(window: MainWindow) -> None:
    """Add the entry, and take what is dropped where it is a model."""
    window.add_action(
        "Engine",
        "&Import a model…",
        partial(ask, window, None),
        tip="Bring in a model of nnU-Net, TotalSegmentator or MONAI, or one exported here",
    )
    window.drop_takers.append(partial(_take, window))
    panel = window.findChild(CardsPanel)
    if panel is not None:
        Upkeep(window, panel)


def ask(window: MainWindow, path: Path | None) -> import_dialog.ImportDialog:
    """Open the dialog."""
    return import_dialog.asked(path, partial(imported, window), window)


def _take(window: MainWindow, paths: Sequence[str]) -> bool:
    """Whether what was dropped is one model, which is then asked about."""
    if len(paths) != 1 or not look.may_be_model(Path(paths[0])):
        return False
    ask(window, Path(paths[0]))
    return True


def imported(window: MainWindow, loaded: "registry.LoadedCard") -> None:
    """Say what was imported, and choose it."""
    card, panel = loaded.card, window.findChild(CardsPanel)
    window.show_message(*told_of(card, "was imported"))
    if panel is None:
        return

    def show(cards: Sequence[registry.LoadedCard]) -> None:
        panel.show_cards(cards)
        panel.select(loaded.id)

    run_in_background(lambda progress: registry.find_cards(), finished=show, parent=panel)
