"""How things are seen: the View menu with windows and layout, the Window and Layers panels, help, screenshots."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt

from engine.errors import WriteError
from viewer.session import View
from viewer.widgets.file_places import ask_save_file
from viewer.widgets.histogram import HistogramPanel
from viewer.widgets.layers_panel import LayersPanel
from viewer.widgets.main_window import MainWindow
from viewer.widgets.shortcuts import ShortcutsPage

_PRESET_KEYS = 9


def install(window: MainWindow) -> None:
    """Add all of it to the window."""
    histogram = HistogramPanel(window.session)
    layers = LayersPanel(window.session)
    _layout_actions(window)
    _window_actions(window, histogram)
    _layer_actions(window, layers)
    window.add_panel("Window", histogram, "left", "F3")
    window.add_panel("Layers", layers, "left", "F4")
    add = window.add_action
    add(
        "File",
        "Save screenshot…",
        lambda: ask_screenshot(window),
        shortcut="Ctrl+Shift+S",
        tip="Save the window as PNG",
    )
    add("Help", "Keyboard shortcuts", lambda: show_shortcuts(window), shortcut="F1", tip="All keys on one page")


def _layout_actions(window: MainWindow) -> None:
    panes, add = window.panes, window.add_action
    for key, view in (("F5", View.AXIAL), ("F6", View.SAGITTAL), ("F7", View.CORONAL), ("F8", View.THREE_D)):
        name = "3D" if view is View.THREE_D else view.value
        add(
            "View",
            f"Enlarge {name}",
            partial(panes.toggle_enlarged, view),
            shortcut=key,
            for_series=True,
            tip=f"Let the {name} view fill the window, or show all four again",
        )
    add("View", "Fit", panes.fit, shortcut="Ctrl+0", for_series=True, tip="Show the whole body in every view")
    window.menu("View").addSeparator()
    crosshair = add(
        "View",
        "Crosshair",
        lambda: panes.set_crosshair(crosshair.isChecked()),
        shortcut="H",
        checkable=True,
        tip="Show the lines that mark the other two planes",
    )
    crosshair.setChecked(True)
    planes = add(
        "View",
        "Planes in 3D",
        lambda: panes.three_d.scene.set_planes_visible(planes.isChecked()),
        shortcut="Shift+H",
        checkable=True,
        tip="Show the three planes among the surfaces",
    )
    planes.setChecked(True)


def _window_actions(window: MainWindow, histogram: HistogramPanel) -> None:
    session, add = window.session, window.add_action
    smooth = add(
        "View",
        "Interpolate",
        lambda: session.set_interpolate(smooth.isChecked()),
        shortcut="Shift+I",
        checkable=True,
        tip="Show voxels smoothed, or as they are",
    )
    smooth.setChecked(session.interpolate)

    def invert() -> None:
        session.set_colour_map("grey" if session.colour_map == "inverted grey" else "inverted grey")

    add("View", "Invert", invert, shortcut="I", for_series=True, tip="Dark for bright")
    presets = window.menu("View").addMenu("Window presets")
    presets.setToolTipsVisible(True)
    for index in range(_PRESET_KEYS):
        action = presets.addAction(f"Preset {index + 1}")
        action.setShortcut(Qt.Key(Qt.Key.Key_1 + index))
        action.setToolTip(f"Window preset {index + 1} of the open series ({index + 1})")
        action.triggered.connect(lambda _=False, index=index: histogram.apply_preset(index))
        window.list_action("Windows", action)

    def rename() -> None:
        for index, action in enumerate(presets.actions()):
            name = histogram.preset_names[index] if index < len(histogram.preset_names) else ""
            action.setText(f"Window {name}" if name else f"Preset {index + 1}")
            action.setEnabled(bool(name))

    session.volume_changed.connect(rename)
    rename()


def _layer_actions(window: MainWindow, layers: LayersPanel) -> None:
    add = window.add_action
    add(
        "View",
        "Show layer",
        layers.toggle,
        shortcut="O",
        for_series=True,
        tip="Show or hide the chosen layer, such as PET over CT",
    )
    add(
        "View",
        "More of the layer",
        lambda: layers.change_opacity(0.1),
        shortcut="Shift+Up",
        for_series=True,
        tip="Make the chosen layer more opaque",
    )
    add(
        "View",
        "Less of the layer",
        lambda: layers.change_opacity(-0.1),
        shortcut="Shift+Down",
        for_series=True,
        tip="Make the chosen layer less opaque",
    )


def show_shortcuts(window: MainWindow) -> None:
    """Open the shortcuts page."""
    ShortcutsPage(window.listed_actions, window).show()


def ask_screenshot(window: MainWindow) -> None:
    """Ask for a file and save the window into it."""
    chosen, _ = ask_save_file(window, "Save screenshot", "planimeter.png", "PNG (*.png)")
    if chosen is not None:
        try:
            save_screenshot(window, chosen)
        except WriteError as error:
            window.show_message(str(error), "error")
        else:
            window.show_message(f"Saved {chosen}.")


def save_screenshot(window: MainWindow, path: Path) -> None:
    """Write the window as it looks into a PNG file.

    Raises:
        WriteError: the file cannot be written.
    """
    if not window.grab().save(str(path), "PNG"):
        raise WriteError(f"The screenshot could not be written to {path}; choose a folder that can be written to.")
