"""Which button does what in the views, and which way the wheel goes: chosen once, remembered."""

from functools import partial

from PySide6.QtCore import QObject
from PySide6.QtGui import QActionGroup

from viewer.widgets.main_window import MainWindow
from viewer.widgets.mouse import MOUSE_STYLES, MouseStyle
from viewer.widgets.settings import settings


def install(window: MainWindow) -> None:
    """Add the choices to the View menu."""
    MouseSettings(window)


class MouseSettings(QObject):
    """A child of the window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._mouse = window.panes.mouse
        stored = str(settings().value("mouse/style", ""))
        self._mouse.style = next((style for style in MOUSE_STYLES if style.key == stored), MOUSE_STYLES[0])
        self._mouse.reversed_wheel = str(settings().value("mouse/wheel", "")) == "reversed"
        menu, group = window.menu("View").addMenu("Mouse"), QActionGroup(self)
        menu.setToolTipsVisible(True)
        for style in MOUSE_STYLES:
            action = menu.addAction(style.title, partial(self.choose, style))
            action.setToolTip(style.tip)
            action.setCheckable(True)
            action.setChecked(style is self._mouse.style)
            group.addAction(action)
        menu.addSeparator()
        self.wheel = menu.addAction("Wheel the other way round")
        self.wheel.setToolTip("Away from you goes towards the feet, the left or the back")
        self.wheel.setCheckable(True)
        self.wheel.setChecked(self._mouse.reversed_wheel)
        self.wheel.toggled.connect(self.reverse_wheel)

    def choose(self, style: MouseStyle) -> None:
        """Use the mouse so from now on."""
        self._mouse.style = style
        settings().setValue("mouse/style", style.key)

    def reverse_wheel(self, turned: bool) -> None:
        """Let the wheel go the other way, or as at first."""
        self._mouse.reversed_wheel = turned
        settings().setValue("mouse/wheel", "reversed" if turned else "")
