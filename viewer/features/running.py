"""Puts the engine into the window: the panel that runs models, and the review of what they drew."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QMainWindow

from engine.cards.roles import Traits
from engine.flags.table import flag_sentence
from engine.later import later
from engine.volume import Volume
from viewer.features.drawn_inputs import drawn_images
from viewer.features.opening import Opener
from viewer.jobs import EngineJobs, run_in_background
from viewer.session import View
from viewer.widgets.cards_panel import CardsPanel
from viewer.widgets.main_window import MainWindow, bring_to_front
from viewer.widgets.message_bar import Offer
from viewer.widgets.review_panel import ReviewPanel
from viewer.widgets.roles_form import Image

if TYPE_CHECKING:
    from engine import inputs
    from engine.cards import registry
    from engine.stored import read
else:
    inputs, registry, read = later("engine.inputs"), later("engine.cards.registry"), later("engine.stored.read")

#: How long after its first frame the window reads the cards, ms.
_READ_AFTER_MS = 200

CARDS, REVIEW = "Auto-contour", "Review"


def install(window: MainWindow) -> None:
    """Add the panels as tabs, read the cards, and start the engine's process ahead of need."""
    jobs = EngineJobs(parent=window)
    cards = CardsPanel(window.session, window.history, jobs, (), window, others=lambda: other_images(window))
    review = ReviewPanel(window.session, window.history, window)
    cards.message.connect(window.show_message)
    first = window.add_panel(CARDS, cards, "right", "F9")
    second = window.add_panel(REVIEW, review, "right", "F10")
    QMainWindow.tabifyDockWidget(window, first, second)
    first.raise_()

    def to_flags() -> None:
        bring_to_front(second)
        review.next_flag()

    review.watch.came.connect(
        lambda flags: window.tell_here(flag_sentence(flags), "warning", Offer("Review", to_flags))
    )

    def chosen() -> None:
        bring_to_front(first)
        cards.list.setFocus()

    window.add_action("Engine", "&Auto-contour…", chosen, shortcut="Ctrl+M", tip="Choose a model that draws contours")
    window.add_action(
        "Engine", "&Run the model", cards.run, shortcut="Ctrl+R", for_series=True, tip="Run the chosen model"
    )
    stop = window.add_action(
        "Engine", "&Cancel the run", cards.cancel, shortcut="Ctrl+K", tip="Stop the model that is running"
    )
    stop.setEnabled(False)
    cards.running_changed.connect(lambda: stop.setEnabled(cards.is_running))
    before: list[Callable[[], None]] = []
    cards.begins.connect(lambda: before.append(window.heights_of_panels()))

    def give_room_back() -> None:
        """The progress of a run takes room from the list above, which Qt would not give back."""
        if before and not cards.is_running:
            QTimer.singleShot(0, first, before.pop())

    cards.running_changed.connect(give_room_back)
    for action in review.actions():
        window.menu("Engine").addAction(action)
        window.list_action("Engine", action)

    def again() -> None:
        run_in_background(lambda progress: registry.find_cards(), finished=cards.show_cards, parent=cards)

    window.add_action("Engine", "&Look for models again", again, tip="Read the models' folders again")
    # Once the window is seen and answers, which reading would hold up.
    window.panes.planes[View.AXIAL].painted.connect(
        lambda: QTimer.singleShot(_READ_AFTER_MS, cards, again), Qt.ConnectionType.SingleShotConnection
    )
    opener = window.findChild(Opener)
    if opener is not None:
        opener.scanned.connect(cards.refresh)
    jobs.start_ahead()
    window.closing.connect(jobs.close)


def other_images(window: MainWindow) -> list[Image]:
    """What a model might look at besides the open series: the layers, what is drawn, other series of the study."""
    session, opener = window.session, window.findChild(Opener)
    volume = session.volume
    if volume is None:
        return []
    images = [_layer(layer.volume) for layer in session.layers[1:] if not layer.derived] + drawn_images(session)
    known = {volume.info.series_uid, *(layer.volume.info.series_uid for layer in session.layers)}
    for series in opener.tree.series if opener is not None else ():
        # A picture beside another shows something else, and there may be thousands of them.
        same_study = not series.handler.pages and series.info.study_uid == volume.info.study_uid
        if same_study and series.is_image and not series.problem and series.info.series_uid not in known:
            reader = partial(read.read_series, series)
            images.append(Image(read.name_of(series), inputs.traits_of(series), None, reader, series.info.series_uid))
    return images


def _layer(volume: Volume) -> Image:
    name = f"{volume.modality} {volume.info.description}"
    traits = Traits(volume.modality, volume.info.frame_of_reference_uid)
    return Image(name, traits, volume, lambda progress: volume, volume.info.series_uid)
