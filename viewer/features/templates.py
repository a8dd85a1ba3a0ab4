"""The structures of a site in one go, from a template."""

from functools import partial

from PySide6.QtWidgets import QMenu

from engine.errors import PlanimeterError
from engine.templates import Template, shipped_templates
from viewer.edits.templates import template_step
from viewer.widgets.main_window import MainWindow


def install(window: MainWindow) -> None:
    """Add the menu; the templates are read when it is first opened."""
    menu = QMenu("Add from a template", window)
    menu.setToolTipsVisible(True)
    window.menu("Structures").addMenu(menu)
    menu.aboutToShow.connect(partial(_fill, window, menu))
    menu.menuAction().setEnabled(False)
    window.session.volume_changed.connect(
        lambda: menu.menuAction().setEnabled(window.session.structures is not None)
    )  # fmt: skip


def _fill(window: MainWindow, menu: QMenu) -> None:
    if not menu.isEmpty():
        return
    try:
        templates = shipped_templates()
    except PlanimeterError as error:
        window.show_message(str(error))
        return
    for template in templates:
        action = menu.addAction(template.title, partial(_add, window, template))
        action.setToolTip(", ".join(template.structures))


def _add(window: MainWindow, template: Template) -> None:
    structures = window.session.structures
    if structures is None:
        return
    try:
        window.history.do(template_step(structures, template))
    except PlanimeterError as error:
        window.show_message(str(error))
