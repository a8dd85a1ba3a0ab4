"""The menu of the right button, as a hand uses it."""

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QWidget

from tests.viewer.hand import LEFT, NONE, wait_until

RIGHT = Qt.MouseButton.RightButton


def right_click(widget: QWidget, at: QPoint) -> QMenu:
    """Press and release the right button; the menu that opens."""
    QTest.mouseMove(widget, at)
    QTest.mousePress(widget, RIGHT, NONE, at)
    QTest.mouseRelease(widget, RIGHT, NONE, at)
    return opened()


def opened() -> QMenu:
    """The menu that is open, once it is."""
    wait_until(lambda: isinstance(QApplication.activePopupWidget(), QMenu), 5)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def said(action: QAction) -> str:
    """The text of a line without its key."""
    return action.text().split("\t")[0].replace("&&", "&")


def lines(menu: QMenu) -> list[str]:
    """What it offers, without keys; of a menu in it what that offers, behind its title."""
    out = []
    for action in menu.actions():
        under = action.menu()
        if isinstance(under, QMenu):
            out += [f"{action.text()} > {text}" for text in lines(under)]
        elif not action.isSeparator():
            out.append(said(action))
    return out


def choose(menu: QMenu, text: str) -> None:
    """Click a line of the menu, or with "A > B" one in it."""
    title, _, rest = text.partition(" > ")
    action = next(action for action in menu.actions() if said(action) == title)
    if rest:
        menu.setActiveAction(action)
        QTest.keyClick(menu, Qt.Key.Key_Right)
        choose(next(under for under in menu.findChildren(QMenu) if under.menuAction() is action), rest)
    else:
        QTest.mouseClick(menu, LEFT, NONE, menu.actionGeometry(action).center())
    QApplication.processEvents()


def dismiss(menu: QMenu) -> None:
    """Give it up."""
    menu.close()
    QApplication.processEvents()
