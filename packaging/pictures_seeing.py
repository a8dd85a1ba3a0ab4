"""Pictures of ways to see: measures, layouts, a slab, and the image as a volume."""

from collections.abc import Callable

from pictures_stage import LEFT, NONE, SHIFT
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from viewer.features.volumes import Volumes
from viewer.session import View
from viewer.widgets.main_window import MainWindow


def draw_seeing(window: MainWindow, save: Callable[[QWidget, str], None], settle: Callable[[], None]) -> None:
    """Save the window in each way, and leave it as it was but for the measures, which are undone."""
    pane = window.panes.planes[View.AXIAL]

    def key(which: Qt.Key, modifiers: Qt.KeyboardModifier = NONE) -> None:
        QTest.keyClick(pane if pane.isVisible() else window, which, modifiers)
        settle()

    def drag(start: QPoint, stop: QPoint) -> None:
        QTest.mousePress(pane, LEFT, NONE, start)
        QTest.mouseMove(pane, (start + stop) / 2)
        QTest.mouseRelease(pane, LEFT, NONE, stop)
        settle()

    middle = QPoint(pane.width() // 2, pane.height() // 2)
    key(Qt.Key.Key_E, SHIFT)
    drag(middle + QPoint(20, 20), middle + QPoint(50, 45))
    key(Qt.Key.Key_M)
    drag(middle + QPoint(-90, -30), middle + QPoint(-20, -60))
    key(Qt.Key.Key_P, SHIFT)
    drag(middle + QPoint(-110, 60), middle + QPoint(90, 60))
    key(Qt.Key.Key_Escape)
    window.panel("Measures").raise_()
    settle()
    save(window, "measures.png")
    while window.session.document is not None and window.session.document.measures:
        window.history.undo()
    window.panel("Structures").raise_()

    place = QPoint(middle.x() + 40, middle.y() + 40)
    QTest.mouseMove(pane, place)
    settle()
    x, y = pane.scene.handles[0]
    handle = QPoint(round(x), round(y))
    drag(handle, handle + QPoint(round(abs(y - middle.y()) * 0.6), 0))
    QTest.mouseMove(pane, place)
    settle()
    save(window, "oblique.png")
    window.session.turn(None)

    window.panes.show_layout("tiles")
    settle()
    save(window, "planes.png")
    window.panes.show_layout("four")

    volumes = window.findChild(Volumes)
    assert isinstance(volumes, Volumes)
    volumes.choose(volumes.looks[0])
    window.panes.toggle_enlarged(View.THREE_D)
    settle()
    save(window, "volume.png")
    window.panes.toggle_enlarged(View.THREE_D)
    volumes.choose(None)
    settle()
