"""Messages over the views: what stays, what gives way, and how much of the views they cover."""

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QToolButton, QWidget

from viewer.session import View
from viewer.widgets.main_window import MainWindow
from viewer.widgets.message_bar import Offer


def test_errors_stay_until_dismissed_and_are_not_repeated(seeing: MainWindow) -> None:
    for _ in range(3):
        seeing.show_message("One file is broken.", "error")
    for number in range(6):
        seeing.show_message(f"Note {number}.")
    assert seeing.messages.sentences[0] == "One file is broken."
    assert len(seeing.messages.sentences) == 4
    seeing.messages.dismiss_all()
    assert seeing.messages.sentences == []


def test_a_note_that_was_read_gives_way_to_the_next_and_a_fresh_one_an_offer_or_a_warning_does_not(
    seeing: MainWindow,
) -> None:
    seeing.messages.dismiss_all()
    seeing.show_message("Old.")
    seeing.show_message("A warning.", "warning")
    seeing.show_message("With an offer.", offer=Offer("Redo", lambda: None))
    for message in seeing.messages._messages():
        message.since -= 5
    seeing.show_message("Fresh.")
    assert seeing.messages.sentences == ["A warning.", "With an offer.", "Fresh."]
    seeing.show_message("Another.")
    assert seeing.messages.sentences[-2:] == ["Fresh.", "Another."]


def test_messages_lie_over_the_views_and_move_nothing(seeing: MainWindow) -> None:
    pane = seeing.panes.planes[View.AXIAL]
    before = (pane.mapToGlobal(pane.rect().topLeft()), pane.size())
    seeing.show_message("A sentence so long that it takes more than a line. " * 6, "warning")
    seeing.show_message("Another.", "error")
    QApplication.processEvents()
    assert (pane.mapToGlobal(pane.rect().topLeft()), pane.size()) == before
    bar, views = seeing.messages, seeing.panes
    assert bar.isVisible() and views.rect().contains(bar.geometry())
    assert views.height() - bar.geometry().bottom() < 20, "at the lower edge"
    assert views.childAt(bar.geometry().center()) in bar.findChildren(QWidget), "before the views"
    seeing.resize(seeing.width() - 200, seeing.height() - 100)
    QApplication.processEvents()
    assert views.rect().contains(bar.geometry()), "they follow the edge"
    seeing.resize(seeing.width() + 200, seeing.height() + 100)
    seeing.messages.dismiss_all()
    assert not bar.isVisible()


def test_no_error_makes_room_for_what_comes_later(seeing: MainWindow) -> None:
    errors = [f"File {number} is broken." for number in range(7)]
    for sentence in errors:
        seeing.show_message(sentence, "error")
    for number in range(6):
        seeing.show_message(f"Note {number}.")
    assert seeing.messages.sentences[:7] == errors
    QApplication.processEvents()
    assert errors[0] not in shown_messages(seeing)
    waiting = len(seeing.messages.sentences) - len(shown_messages(seeing))
    (more,) = [button for button in seeing.messages.findChildren(QPushButton) if button.isVisible()]
    assert more.text() == f"{waiting} more ▴"
    QTest.mouseClick(more, Qt.MouseButton.LeftButton)
    assert shown_messages(seeing) == seeing.messages.sentences and more.text() == "Fold ▾"
    seeing.messages.dismiss_all()


def shown_messages(window: MainWindow) -> list[str]:
    QApplication.processEvents()
    return [label.text() for label in window.messages.findChildren(QLabel) if label.isVisible()]


def test_messages_cover_a_fifth_of_the_views_and_time_passes_only_for_those_that_are_seen(seeing: MainWindow) -> None:
    seeing.resize(1280, 800)
    QApplication.processEvents()
    bar, views = seeing.messages, seeing.panes
    warnings = [f"Warning {number}: {'something is to be told of the series. ' * 4}" for number in range(5)]
    for sentence in warnings:
        seeing.show_message(sentence, "warning")
    assert warnings[-1] in shown_messages(seeing) and warnings[0] not in shown_messages(seeing)
    assert bar.height() <= views.height() * 0.2
    assert [message._time.isActive() for message in bar._messages()] == [
        message.isVisible() for message in bar._messages()
    ], "what is pushed out of sight does not run out there"
    bar.leave_room(60)
    assert bar.height() <= views.height() * 0.2 - 60
    bar.leave_room(0)
    bar.dismiss_all()
    long = "A sentence that is longer than the room that there is for it. " * 30
    seeing.show_message(long, "warning")
    assert shown_messages(seeing) == [long] and bar.height() <= views.height() * 0.2
    (message,) = bar._messages()
    assert not message._time.isActive(), "it is not read as long as it is cut"
    bar.dismiss_shown()
    assert bar.sentences == [long] and bar.height() > views.height() * 0.2 and message._time.isActive()
    bar.dismiss_shown()
    assert bar.sentences == []


def test_of_many_warnings_at_once_none_is_lost_unread(seeing: MainWindow) -> None:
    warnings = [f"Warning {number}." for number in range(6)]
    for sentence in warnings:
        seeing.show_message(sentence, "warning")
    seeing.show_message("A note.")
    assert set(warnings) < set(seeing.messages.sentences)
    QApplication.processEvents()
    bar = seeing.messages
    for _ in range(3):
        shown = {label.text() for label in bar.findChildren(QLabel) if label.isVisible()}
        warnings = [sentence for sentence in warnings if sentence not in shown]
        bar.dismiss_shown()
        QApplication.processEvents()
    assert warnings == [] and bar.sentences == [], "each was on the screen"


def test_a_message_offers_a_button(seeing: MainWindow) -> None:
    taken: list[str] = []
    seeing.show_message("Undone.", offer=Offer("Redo", lambda: taken.append("first")))
    seeing.show_message("Undone.", offer=Offer("Redo", lambda: taken.append("second")))
    QApplication.processEvents()
    button = next(one for one in seeing.messages.findChildren(QToolButton) if one.text() == "Redo" and one.isVisible())
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert taken == ["second"] and seeing.messages.sentences == []
