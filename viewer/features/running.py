"""Puts the engine into the window: the panel that runs models, and the review of what they drew."""

from PySide6.QtWidgets import QMainWindow

from engine.cards.registry import find_cards
from viewer.jobs import EngineJobs, run_in_background
from viewer.widgets.cards_panel import CardsPanel
from viewer.widgets.findings_panel import FindingsPanel
from viewer.widgets.main_window import MainWindow
from viewer.widgets.review_panel import ReviewPanel

CARDS, REVIEW, FINDINGS = "Auto-contour", "Review", "Findings"


def install(window: MainWindow) -> None:
    """Add the panels as tabs, read the cards, and start the engine's process ahead of need."""
    jobs = EngineJobs(parent=window)
    cards = CardsPanel(window.session, window.history, jobs, (), window)
    review = ReviewPanel(window.session, window)
    cards.message.connect(window.show_message)
    first = window.add_panel(CARDS, cards, "right", "F9")
    second = window.add_panel(REVIEW, review, "right", "F10")
    third = window.add_panel(FINDINGS, FindingsPanel(window.session, window), "right")
    QMainWindow.tabifyDockWidget(window, first, second)
    QMainWindow.tabifyDockWidget(window, second, third)
    window.session.findings_changed.connect(third.raise_, check_nargs=False)
    first.raise_()

    def chosen() -> None:
        first.show()
        first.raise_()
        cards.list.setFocus()

    window.add_action("Engine", "&Auto-contour…", chosen, shortcut="Ctrl+M", tip="Choose a model that draws contours")
    window.add_action("Engine", "&Draw contours", cards.run, shortcut="Ctrl+R", tip="Run the chosen model")
    window.add_action(
        "Engine", "&Cancel the run", cards.cancel, shortcut="Ctrl+K", tip="Stop the model that is running"
    )
    for action in review.actions():
        window.menu("Engine").addAction(action)
        window.list_action("Engine", action)

    def again() -> None:
        run_in_background(lambda progress: find_cards(), finished=cards.show_cards, parent=cards)

    window.add_action("Engine", "&Look for models again", again, tip="Read the models' folders again")
    again()
    jobs.start_ahead()
    window.closing.connect(jobs.close)
