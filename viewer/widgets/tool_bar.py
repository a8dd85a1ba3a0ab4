"""The bar of drawing tools: a button a tool or a group of tools, which structure they draw into, and what is set."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QDoubleSpinBox, QMenu, QToolBar, QToolButton

from viewer.tools.table import TOOLS
from viewer.tools.toolbox import LARGEST_MM, SMALLEST_MM, Toolbox
from viewer.widgets.main_window import MainWindow
from viewer.widgets.target_label import TargetLabel
from viewer.widgets.tool_settings import ToolSettings


class ToolActions:
    """Menu entries and buttons of the tools, kept in step with the toolbox."""

    def __init__(self, window: MainWindow, toolbox: Toolbox) -> None:
        self._window, self._toolbox = window, toolbox
        bar = window.tool_bar("Tools")
        self._group = QActionGroup(window)
        self._actions: dict[str, QAction] = {}
        #: Group of tools → its button, which shows the one that was used last.
        self.buttons: dict[str, QToolButton] = {}
        self._add("", "Navigate", "Esc", "Move the crosshair, scroll and zoom; drops what is being drawn")
        bar.addAction(self._actions[""])
        for name, tool in TOOLS.items():
            self._add(name, tool.title, tool.shortcut, tool.tip, tool.menu)
            self._put(bar, tool.group, self._actions[name])
        # A row of their own: beside the tools they would fall off a narrow window. It is there whatever tool is active,
        # so that the views don't move under the mouse when another is taken up.
        window.addToolBarBreak()
        row = window.tool_bar("Tool settings")
        self.target = TargetLabel(toolbox)
        row.addWidget(self.target)
        self.settings = ToolSettings(toolbox)
        self.size = QDoubleSpinBox(minimum=2 * SMALLEST_MM, maximum=2 * LARGEST_MM, decimals=1, singleStep=1.0)
        self.size.setPrefix("Disc ")
        self.size.setKeyboardTracking(False)
        self.size.setToolTip("Diameter of the disc: [ smaller, ] larger, Shift+wheel")
        self.size.setAccessibleName("Diameter of the disc")
        self.size.valueChanged.connect(lambda diameter: toolbox.set_radius(diameter / 2))
        self._size_action = row.addWidget(self.size)
        row.addWidget(self.settings)
        # As high as its highest field, which not every tool has.
        row.setMinimumHeight(row.sizeHint().height())
        window.menu("Edit").addSeparator()
        window.add_action("Edit", "Smaller Disc", lambda: toolbox.resize(-1), shortcut="[")
        window.add_action("Edit", "Larger Disc", lambda: toolbox.resize(1), shortcut="]")
        toolbox.changed.connect(self._show)
        window.session.volume_changed.connect(self._show)
        self._show()

    def _add(self, name: str, title: str, shortcut: str, tip: str, menu: str = "Edit") -> None:
        action = self._window.add_action(menu, title, lambda: self._choose(name), shortcut=shortcut, tip=tip)
        action.setCheckable(True)
        self._group.addAction(action)
        self._actions[name] = action

    def _put(self, bar: QToolBar, group: str, action: QAction) -> None:
        """A tool of a group goes into the menu of the group's button."""
        if not group:
            bar.addAction(action)
            return
        button = self.buttons.get(group)
        if button is None:
            button = self.buttons[group] = QToolButton(bar)
            button.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            menu = QMenu(button)
            menu.setToolTipsVisible(True)
            button.setMenu(menu)
            button.setDefaultAction(action)
            bar.addWidget(button)
        button.menu().addAction(action)

    def _choose(self, name: str) -> None:
        if name:
            self._toolbox.choose(name)
        elif not self._toolbox.escape():
            self._window.messages.dismiss_shown()
        self._show()

    def _show(self) -> None:
        active = self._toolbox.active_tool
        action = self._actions[self._toolbox.active]
        action.setChecked(True)
        if active is not None and active.group:
            self.buttons[active.group].setDefaultAction(action)
        opened = self._window.session.volume is not None
        for name, held in self._actions.items():
            held.setEnabled(opened or not name)
        self.size.setEnabled(opened)
        self._size_action.setVisible(active is None or active.has_disc)
        self.size.blockSignals(True)
        self.size.setSuffix(f" {self._toolbox.unit}")
        self.size.setMaximum(2 * self._toolbox.largest)
        self.size.setValue(2 * self._toolbox.radius_mm)
        self.size.blockSignals(False)
