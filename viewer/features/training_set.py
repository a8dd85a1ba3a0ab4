"""Puts into the window how a corrected case becomes one to learn from."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from engine.later import later
from viewer.features.training import Training
from viewer.widgets.main_window import MainWindow
from viewer.widgets.message_bar import Offer

if TYPE_CHECKING:
    from engine import training_images, training_set
    from engine.training_set import Added
    from viewer.widgets import training_set_dialog
else:
    training_images, training_set = later("engine.training_images"), later("engine.training_set")
    training_set_dialog = later("viewer.widgets.training_set_dialog")

NOTHING_REVIEWED = (
    "No structure of this series has been reviewed, so there is nothing to learn from: Structures → Review → Mark as "
    "reviewed, or approve those that are right."
)


def install(window: MainWindow) -> None:
    """Add the entry to the Engine menu."""
    window.add_action(
        "Engine",
        "A&dd to a training set…",
        partial(ask, window),
        for_series=True,
        tip="Write this image, without the patient, and its reviewed structures as a case to learn from",
    )


def ask(window: MainWindow) -> None:
    """Open the dialog, where there is something to add."""
    structures, volume = window.session.structures, window.session.volume
    if volume is None or structures is None or all(training_set.why_left_out(roi) for roi in structures.rois):
        window.show_message(NOTHING_REVIEWED)
        return
    over = [
        (layer.name, training_images.FurtherImage(layer.volume, layer.transform))
        for layer in window.session.layers[1:]
        if not layer.derived and not training_images.why_not_added(layer.volume)
    ]
    dialog = training_set_dialog.TrainingSetDialog(structures, volume, over, window)
    dialog.added.connect(partial(_added, window))
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()


def _added(window: MainWindow, added: "Added", folder: Path, left_out: str) -> None:
    count = len(added.structures)
    told = f"{added.case} with {count} structure{'s' if count != 1 else ''} is in {folder} now."
    said = " ".join(part for part in (told, left_out, *added.notes) if part)
    training = window.findChild(Training)
    offer = Offer("Train", partial(training.show, str(folder))) if training is not None else None
    window.show_message(said, "warning" if left_out or added.notes else "info", offer)
