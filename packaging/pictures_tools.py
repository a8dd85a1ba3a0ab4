"""The pictures of docs/tools.md: a table, and the operations and ways to see among them, a function a picture."""

from collections.abc import Callable
from dataclasses import replace

from pictures_drawing import (
    around,
    ball,
    between,
    brush,
    freehand,
    hot_spot,
    live_wire,
    points,
    polygon_tool,
    push,
    region_grow,
    smart_brush,
    spline,
    split,
    threshold_brush,
)
from pictures_stage import LEFT, NONE, RIGHT, SHIFT, SIZE, Stage
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDockWidget, QInputDialog, QLabel, QMenu, QWidget
from shapely import MultiPolygon

from engine.dicom.rtstruct_write import export_rtstruct
from engine.structures import Roi
from engine.templates import shipped_templates
from viewer.appearance import Style
from viewer.features.approving import Approving
from viewer.features.comparing import Comparing
from viewer.features.templates import Templates
from viewer.layers import Window
from viewer.session import View

# Operations ----------------------------------------------------------------------------------------------------------


def _operation(name: str, structure: str = "Parotid_L", **values: float) -> Callable[[Stage], QWidget]:
    def scene(stage: Stage) -> QWidget:
        roi = stage.roi(structure)
        plane = stage.middle_plane(roi)
        centre = roi.area(plane).centroid
        stage.four("Operations")
        stage.view = View.AXIAL
        stage.session.move_cursor(stage.lps(plane, (centre.x, centre.y)))
        stage.operate(name, roi, **values)
        stage.session.move_cursor(stage.lps(plane, (centre.x, centre.y)))
        for pane in stage.window.panes.planes.values():
            pane.scene.zoom(2.0)
        return stage.window

    return scene


def threshold(stage: Stage) -> None:
    """Bone, in a window in which white lines are seen on it."""
    layer = stage.session.layers[0]
    stage.session.change_layer(0, replace(layer, window=Window(700.0, 3000.0)))
    stage.save(_operation("threshold", "Bone_Mandible", low=250.0)(stage), "threshold.png")
    stage.session.change_layer(0, layer)


def derived(stage: Stage) -> QWidget:
    """A margin whose source was changed since."""
    gland = stage.roi("Parotid_L")
    plane = stage.middle_plane(gland)
    stage.four("Structures", "Operations")
    stage.operate("margin", gland, left=5.0)
    stage.editing.operations.apply()
    stage.settle()
    area = gland.area(plane)
    stage.draw(gland, {plane: MultiPolygon([area.geoms[0].buffer(2)])})
    stage.show_panels("Structures")
    stage.session.move_cursor(stage.lps(plane, (area.centroid.x, area.centroid.y)))
    for pane in stage.window.panes.planes.values():
        pane.scene.zoom(2.0)
    return stage.window


def templates(stage: Stage) -> QWidget:
    """The structures of a site, added."""
    stage.four("Structures")
    feature = stage.window.findChild(Templates)
    assert isinstance(feature, Templates), "every window has its templates"
    feature.add(next(each for each in shipped_templates() if "ead" in each.title))
    return stage.window


def menu(stage: Stage) -> QWidget:
    """What the right button offers on a contour."""
    _, plane, polygon = around(stage, "Parotid_L", 2.0)
    # The menu is higher than half the window.
    stage.pane.scene.pan(-stage.pane.width() / 8, -0.4 * stage.pane.height())
    stage.settle()
    at = stage.spot(stage.lps(plane, polygon.centroid.coords[0]))
    QTest.mousePress(stage.pane, RIGHT, NONE, at)
    QTest.mouseRelease(stage.pane, RIGHT, NONE, at)
    stage.until(lambda: isinstance(QApplication.activePopupWidget(), QMenu), "the menu")
    return _over(stage.window, QApplication.activePopupWidget())


def style(stage: Stage) -> QWidget:
    """Lines, fill and opacity of one structure."""
    roi, _, _ = around(stage, "Parotid_L", 2.0)
    stage.session.appearance.set_own({roi.number: Style(width=3.0, fill=0.4)})
    stage.key(Qt.Key.Key_K, SHIFT)
    stage.until(lambda: QApplication.activePopupWidget() is not None, "the small window")
    return _over(stage.window, QApplication.activePopupWidget())


# Seeing --------------------------------------------------------------------------------------------------------------


def slab(stage: Stage) -> None:
    """MIP of 30 mm."""
    stage.four()
    gland = stage.roi("Bone_Mandible")
    plane = stage.middle_plane(gland)
    centre = gland.area(plane).centroid
    stage.session.move_cursor(stage.lps(plane, (centre.x, centre.y)))
    stage.key(Qt.Key.Key_Y)
    stage.save(stage.window, "slab.png")
    for _ in range(3):
        stage.key(Qt.Key.Key_Y)


def layout(stage: Stage) -> None:
    """One view large, the others beside it."""
    stage.four()
    stage.window.panes.show_layout("large")
    stage.settle()
    stage.save(stage.window, "layout.png")
    stage.window.panes.show_layout("four")


def menu_3d(stage: Stage) -> QWidget:
    """What the right button offers on a surface."""
    stage.show_panels()
    if stage.window.panes.enlarged is not View.THREE_D:
        stage.window.panes.toggle_enlarged(View.THREE_D)
    stage.settle()
    view = stage.window.panes.three_d
    places = [
        QPoint(x, y) for y in range(view.height() // 3, view.height(), 12) for x in range(40, view.width(), 12)
    ]  # fmt: skip
    ratio = view.devicePixelRatioF()
    at = next(place for place in places if view.scene.at(place.x() * ratio, place.y() * ratio)[0] is not None)
    QTest.mousePress(view, RIGHT, NONE, at)
    QTest.mouseRelease(view, RIGHT, NONE, at)
    stage.until(lambda: isinstance(QApplication.activePopupWidget(), QMenu), "the menu")
    return _over(stage.window, QApplication.activePopupWidget())


# Two sets, and signing -----------------------------------------------------------------------------------------------


def comparison(stage: Stage) -> None:
    """The model's structures against those of a file."""
    stage.four("Structures")
    volume = stage.session.volume
    assert volume is not None, "a series is open"
    gland = stage.roi("Parotid_L")
    shifted = {plane: MultiPolygon([area.geoms[0].buffer(1.5)]) for plane, area in _areas(gland).items()}
    stage.draw(gland, shifted)
    path = stage.scratch / "reader_2.dcm"
    export_rtstruct(stage.structures, volume, path)
    while stage.history.undo_text == "Draw":
        stage.history.undo()
    comparing = stage.window.findChild(Comparing)
    assert isinstance(comparing, Comparing), "every window compares"
    comparing.compare_with(path)
    stage.until(lambda: comparing.dialog.isVisible() and comparing.dialog.table.rowCount() > 0, "the comparison")
    stage.settle()
    stage.save(comparing.dialog, "comparison.png")
    comparing.dialog.hide()
    stage.session.set_companions(())


def _areas(roi: Roi) -> dict[int, MultiPolygon]:
    return {plane: contours.area for plane, contours in roi.planes.items() if not contours.area.is_empty}


def approval(stage: Stage) -> QWidget:
    """A structure that is signed, and the question before the next one is."""
    stage.four("Structures")
    approving = stage.window.findChild(Approving)
    assert isinstance(approving, Approving), "every window approves"

    def sign() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, QInputDialog), "the question"
        dialog.setTextValue("Dr. A. Reader")
        dialog.accept()

    for name in ("Brainstem", "SpinalCord"):
        QTimer.singleShot(200, sign)
        approving.ask_approval([stage.roi(name).number])
    stage.settle()
    return stage.window


def _over(window: QWidget, popup: QWidget | None) -> QWidget:
    """A picture of a window with what is open over it."""
    picture = window.grab()
    if popup is not None:
        painter = QPainter(picture)
        painter.drawPixmap(popup.pos() - window.mapToGlobal(QPoint(0, 0)), popup.grab())
        painter.end()
    label = QLabel()
    label.setPixmap(picture)
    label.resize(picture.size())
    return label


#: Name of the picture → what draws it, and gives what is to be seen on it, or saves that itself.
PICTURES: dict[str, Callable[[Stage], QWidget | None]] = {
    "brush": brush,
    "push": push,
    "ball": ball,
    "threshold-brush": threshold_brush,
    "smart-brush": smart_brush,
    "freehand": freehand,
    "polygon": polygon_tool,
    "live-wire": live_wire,
    "spline": spline,
    "region-grow": region_grow,
    "hot-spot": hot_spot,
    "between": between,
    "split": split,
    "points": points,
    "threshold": threshold,
    "margin": _operation("margin", left=6.0),
    "ring": _operation("ring", to=5.0),
    "derived": derived,
    "templates": templates,
    "menu": menu,
    "style": style,
    "slab": slab,
    "layout": layout,
    "menu-3d": menu_3d,
    "comparison": comparison,
}


def draw_tools(stage: Stage) -> None:
    """Every picture of the table, each on the structures as the model left them."""
    window, history = stage.window, stage.history
    was = window.size()
    window.resize(*SIZE)
    base = len(history.steps[0])
    for name, scene in PICTURES.items():
        window.messages.dismiss_all()
        shown = scene(stage)
        stage.settle()
        if isinstance(shown, QWidget):
            stage.save(shown, f"{name}.png")
        # As it was.
        for popup in (QApplication.activePopupWidget(), QApplication.activeModalWidget()):
            if popup is not None:
                popup.close()
        stage.box.escape()
        stage.box.choose("")
        QTest.mouseRelease(stage.pane, LEFT)
        stage.editing.operations.want(False)
        while len(history.steps[0]) > base:
            history.undo()
        window.session.appearance.set_usual(Style())
        window.messages.dismiss_all()
    if window.panes.enlarged is not None:
        window.panes.toggle_enlarged(window.panes.enlarged)
    for dock in window.findChildren(QDockWidget):
        dock.setVisible(True)
    window.resize(was)
    window.panes.fit()
