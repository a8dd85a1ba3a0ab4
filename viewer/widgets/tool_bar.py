"""The bar of drawing tools: one button a tool, the size of the disc, undo and redo."""

from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QDoubleSpinBox, QLabel

from viewer.tools.registry import TOOLS
from viewer.tools.toolbox import LARGEST_MM, SMALLEST_MM, Toolbox
from viewer.widgets.main_window import MainWindow


class ToolActions:
    """Menu entries and buttons of the tools, kept in step with the toolbox."""

    def __init__(self, window: MainWindow, toolbox: Toolbox) -> None:
        self._window, self._toolbox = window, toolbox
        bar = window.tool_bar("Tools")
        self._group = QActionGroup(window)
        self._actions: dict[str, QAction] = {}
        self._add("", "Navigate", "Esc", "Move the crosshair, scroll and zoom; drops what is being drawn")
        for name, tool in TOOLS.items():
            self._add(name, tool.title, tool.shortcut, tool.tip)
        for action in self._actions.values():
            bar.addAction(action)
        bar.addSeparator()
        bar.addWidget(QLabel(" Disc "))
        self.size = QDoubleSpinBox(minimum=2 * SMALLEST_MM, maximum=2 * LARGEST_MM, decimals=1, singleStep=1.0)
        self.size.setSuffix(" mm")
        self.size.setKeyboardTracking(False)
        self.size.setToolTip("Diameter of brush, eraser and push: [ smaller, ] larger, Shift+wheel")
        self.size.setAccessibleName("Diameter of the disc")
        self.size.valueChanged.connect(lambda diameter: toolbox.set_radius(diameter / 2))
        bar.addWidget(self.size)
        window.menu("Edit").addSeparator()
        window.add_action("Edit", "Smaller Disc", lambda: toolbox.resize(-1), shortcut="[")
        window.add_action("Edit", "Larger Disc", lambda: toolbox.resize(1), shortcut="]")
        toolbox.changed.connect(self._show)
        window.session.volume_changed.connect(self._show)
        self._show()

    def _add(self, name: str, title: str, shortcut: str, tip: str) -> None:
        action = self._window.add_action("Edit", title, lambda: self._choose(name), shortcut=shortcut, tip=tip)
        action.setCheckable(True)
        self._group.addAction(action)
        self._actions[name] = action

    def _choose(self, name: str) -> None:
        if name:
            self._toolbox.choose(name)
        elif not self._toolbox.escape():
            self._window.messages.dismiss_all()
        self._show()

    def _show(self) -> None:
        self._actions[self._toolbox.active].setChecked(True)
        opened = self._window.session.volume is not None
        for name, action in self._actions.items():
            action.setEnabled(opened or not name)
        self.size.setEnabled(opened)
        self.size.blockSignals(True)
        self.size.setValue(2 * self._toolbox.radius_mm)
        self.size.blockSignals(False)
