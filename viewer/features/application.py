"""Puts the application and its window together."""

import importlib
import sys

from PySide6.QtCore import QRect, QSize
from PySide6.QtWidgets import QApplication
from vtkmodules.vtkCommonCore import vtkSMPTools

from viewer.widgets.main_window import MainWindow
from viewer.widgets.theme import apply_theme
from viewer.widgets.vtk_pane import set_default_surface_format

#: Modules with `install(window)`, in the order of their panels and menu entries.
FEATURES: tuple[str, ...] = (
    "viewer.features.opening",
    "viewer.features.phases",
    "viewer.features.paging",
    "viewer.features.viewing",
    "viewer.features.layouts",
    "viewer.features.cine",
    "viewer.features.slabs",
    "viewer.features.turning",
    "viewer.features.mouse",
    "viewer.features.volumes",
    "viewer.features.units",
    "viewer.features.editing",
    "viewer.features.approving",
    "viewer.features.comparing",
    "viewer.features.between",
    "viewer.features.deriving",
    "viewer.features.templates",
    "viewer.features.findings",
    "viewer.features.reports",
    "viewer.features.measuring",
    "viewer.features.statistics",
    "viewer.features.styles",
    "viewer.features.groups",
    "viewer.features.menus",
    "viewer.features.companion_menu",
    "viewer.features.running",
    "viewer.features.saliency",
    "viewer.features.importing",
    "viewer.features.training",
    "viewer.features.training_set",
    "viewer.features.card_templates",
    "viewer.features.exporting",
    "viewer.features.windows",
    "viewer.features.sessions",
    "viewer.features.recovery",
    "viewer.features.look",
    "viewer.features.starting",
)


#: Side → groups of panels from top to bottom; panels of a group share a place as tabs.
LAYOUT = {
    "left": (("Studies",), ("Window", "Layers")),
    "right": (("Structures", "Measures", "Findings", "History"), ("Auto-contour", "Operations", "Review")),
}
WIDTHS = {"left": 250, "right": 370}
#: On a screen narrower than this, in pixels, all panels lie on one side, so that the views have room.
_NARROW = 1200
NARROW_LAYOUT = {
    "right": (
        ("Structures", "Studies", "Window", "Layers", "Findings", "Measures", "History"),
        ("Auto-contour", "Operations", "Review"),
    )
}
NARROW_WIDTHS = {"right": 350}


#: Room that a window's frame takes beside and above it.
_FRAME = QSize(8, 32)


def create_application() -> QApplication:
    """The QApplication, made once, with the theme and what VTK needs."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    # A pool of threads: starting threads anew for every filter makes several panes lag.
    vtkSMPTools.SetBackend("STDThread")
    set_default_surface_format()
    application = QApplication(sys.argv[:1])
    application.setApplicationName("Planimeter")
    application.setDesktopFileName("planimeter")
    apply_theme(application)
    return application


def room_on_screen() -> QSize:
    """The largest window that fits the screen with its frame."""
    return QApplication.primaryScreen().availableGeometry().size() - _FRAME


def build_window() -> MainWindow:
    """The main window with every feature installed."""
    create_application()
    window = MainWindow()
    for name in FEATURES:
        importlib.import_module(name).install(window)
    room = room_on_screen()
    if room.width() < _NARROW:
        window.arrange(NARROW_LAYOUT, NARROW_WIDTHS)
    else:
        window.arrange(LAYOUT, WIDTHS)
    # Images want room: a first window takes the screen.
    window.setGeometry(QRect(QApplication.primaryScreen().availableGeometry().topLeft(), room))
    window.restore()
    return window


__all__ = ["FEATURES", "build_window", "create_application"]
