"""A hand at the mouse and the keys of a window: real events, at pixels and at places in the patient."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QImage, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QInputDialog, QMessageBox, QWidget
from shapely import MultiPolygon

from engine.contouring.trace import trace_mask_volume
from engine.opening import open_volume
from engine.structures import Generation, PlaneContours, Provenance, Roi, StructureSet
from engine.volume import Volume
from viewer.features.application import build_window
from viewer.features.editing import Editing
from viewer.session import View
from viewer.widgets.main_window import MainWindow
from viewer.widgets.plane_pane import PlanePane
from viewer.widgets.vtk_pane import VtkPane

LEFT = Qt.MouseButton.LeftButton
NONE = Qt.KeyboardModifier.NoModifier
CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
#: Number of the left parotid gland in `open_kbp`.
PAROTID_L = 4
#: A kind of dialog.
Question = TypeVar("Question", bound=QDialog)
COLOURS = ((255, 60, 60), (60, 220, 60), (80, 140, 255), (255, 220, 0), (255, 0, 255), (0, 230, 230), (255, 140, 0))


def open_kbp(shared_data: Path, case: str = "") -> tuple[Volume, StructureSet]:
    """A head-and-neck CT with its organs as structures that a model drew."""
    folder = shared_data / "openkbp" / "train"
    image = sorted((folder / "imagesTr").glob(f"{case}*.nii.gz"))[0]
    volume = open_volume(image)
    labels = open_volume(folder / "labelsTr" / image.name.replace("_0000", "")).voxels
    names = ("Brainstem", "SpinalCord", "Parotid_R", "Parotid_L", "Esophagus", "Larynx", "Bone_Mandible")
    rois = []
    for value, name in enumerate(names, start=1):
        areas = trace_mask_volume(labels == value, volume.geometry)
        if areas:
            model = Provenance(Generation.AUTOMATIC, algorithm="a-model", version="1.0", weights_sha256="ab" * 32)
            planes = {plane: PlaneContours(area) for plane, area in areas.items()}
            rois.append(Roi(value, name, COLOURS[value - 1], planes=planes, provenance=model))
    return volume, StructureSet(volume.geometry, tuple(rois))


def settle(*panes: VtkPane) -> None:
    """Let pending frames be drawn."""
    for _ in range(3):
        QApplication.processEvents()
    for pane in panes:
        pane.update()
    QApplication.processEvents()


def pixels(pane: VtkPane) -> NDArray[np.uint8]:
    """(height, width, 3) what the pane shows."""
    settle(pane)
    return rgb(pane.draw())


def rgb(picture: QImage) -> NDArray[np.uint8]:
    """(height, width, 3) of a picture."""
    image = picture.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3).copy()


def at(pane: PlanePane, point_lps: ArrayLike) -> QPoint:
    """The pixel of a pane over a point of the patient."""
    x, y = pane.scene.pixel_from_lps(point_lps)
    return QPoint(round(x), round(y))


def wheel(pane: QWidget, notches: int, position: QPoint | None = None, keys: Qt.KeyboardModifier = NONE) -> None:
    """Turn the wheel, away from the user when positive."""
    here = QPointF(position if position is not None else pane.rect().center())
    event = QWheelEvent(
        here,
        pane.mapToGlobal(here),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        keys,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(pane, event)


def drag(pane: QWidget, start: QPoint, stop: QPoint, button: Qt.MouseButton, steps: int = 4) -> None:
    """Press, move in steps, release."""
    QTest.mousePress(pane, button, NONE, start)
    for step in range(1, steps + 1):
        here = QPointF(start + (stop - start) * (step / steps))
        move = QMouseEvent(
            QMouseEvent.Type.MouseMove, here, pane.mapToGlobal(here), Qt.MouseButton.NoButton, button, NONE
        )
        QApplication.sendEvent(pane, move)
    QTest.mouseRelease(pane, button, NONE, stop)


def wait_until(happened: Callable[[], bool], seconds: float = 20.0) -> None:
    """Let the window work until something has happened; fails where it does not."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "waited in vain"
        QTest.qWait(10)


def when_asked(kind: type[Question], answer: Callable[[Question], object]) -> None:
    """Answer the next question of that kind, whenever it comes; a busy machine may take its time to ask."""
    timer = QTimer(QApplication.instance(), interval=20)
    deadline = time.monotonic() + 20

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        asked = isinstance(dialog, kind) and dialog.isVisible()
        if not asked and time.monotonic() < deadline:
            return
        timer.stop()
        timer.deleteLater()
        if asked:
            answer(cast(Question, dialog))
        elif isinstance(dialog, QDialog):
            # Better a test that fails than one that waits for ever.
            dialog.reject()

    timer.timeout.connect(look)
    timer.start()


def click_in_next_box(text: str) -> list[str]:
    """Press the button of that text in the message box that is about to open; gives what it says, once it did."""
    said: list[str] = []

    def click(box: QMessageBox) -> None:
        said.append(box.text())
        next(button for button in box.buttons() if button.text().replace("&", "") == text).click()

    when_asked(QMessageBox, click)
    return said


@contextmanager
def own_data(folder: Path) -> Iterator[None]:
    """Journals and settings go to `folder`, for windows that live longer than one test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLANIMETER_DATA", str(folder))
        patch.setenv("PLANIMETER_SETTINGS", str(folder / "settings.ini"))
        yield


class Hand:
    """Works a window that shows a study."""

    def __init__(self) -> None:
        self.window: MainWindow = build_window()
        # Nobody is there to answer whether unexported work may be given up.
        self.window.guards.clear()
        self.window.resize(1500, 950)
        self.window.show()
        self.window.activateWindow()
        assert QTest.qWaitForWindowActive(self.window, 5000)
        found = self.window.findChild(Editing)
        assert found is not None
        self.editing = found
        self.session, self.history = self.window.session, self.window.history

    def open(self, volume: Volume, structures: StructureSet | None = None) -> None:
        """Show a study as in a fresh window: no tool, nothing said."""
        self.editing.toolbox.choose("")
        self.editing.toolbox.set_radius(5.0)
        self.window.messages.dismiss_all()
        self.session.open(volume, structures)
        for pane in self.window.panes.planes.values():
            pane.scene.set_crosshair(True)
            pane.scene.fit()
        self.pane(View.AXIAL).setFocus()
        self.settle()

    def close(self) -> None:
        """Close the window."""
        self.window.close()
        self.window.deleteLater()
        self.settle()

    def settle(self, milliseconds: int = 0) -> None:
        """Let everything that waits happen."""
        QTest.qWait(milliseconds) if milliseconds else QApplication.processEvents()

    def wait_until(self, condition: Callable[[], bool], seconds: float = 15.0) -> None:
        """Wait for what happens on threads."""
        wait_until(condition, seconds)

    def pane(self, view: View) -> PlanePane:
        """The pane of a view."""
        return self.window.panes.planes[view]

    def pixel(self, view: View, point_lps: Sequence[float]) -> QPoint:
        """Where a point of the patient is in a pane, logical pixels."""
        pane = self.pane(view)
        x, y = pane.scene.pixel_from_lps(point_lps)
        return QPointF(x / pane.devicePixelRatioF(), y / pane.devicePixelRatioF()).toPoint()

    def on_plane(self, points_uv: Iterable[Sequence[float]], plane: int | None = None) -> list[list[float]]:
        """`(u, v)` mm on an acquired plane → LPS points."""
        geometry = self.session.volume.geometry
        where = self.session.plane if plane is None else plane
        return geometry.lps_from_plane(where, np.asarray(list(points_uv), dtype=float)).tolist()

    def go_to(self, plane: int) -> None:
        """Show an acquired plane, with the crosshair in its middle."""
        geometry = self.session.volume.geometry
        middle = (np.array(geometry.shape[::-1][:2]) - 1) / 2 * geometry.spacing_uv
        self.session.move_cursor(geometry.lps_from_plane(plane, middle)[0])
        self.settle()

    def key(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE) -> None:
        """Type into whatever has the focus."""
        QTest.keyClick(QApplication.focusWidget() or self.window, key, modifiers)
        self.settle()

    def move(self, view: View, point_lps: Sequence[float]) -> None:
        """Move the mouse."""
        QTest.mouseMove(self.pane(view), self.pixel(view, point_lps))
        self.settle()

    def press(self, view: View, point_lps: Sequence[float], modifiers: Qt.KeyboardModifier = NONE) -> None:
        """Press the left button."""
        self.move(view, point_lps)
        QTest.mousePress(self.pane(view), LEFT, modifiers, self.pixel(view, point_lps))
        self.settle()

    def release(self, view: View, point_lps: Sequence[float], modifiers: Qt.KeyboardModifier = NONE) -> None:
        """Release it."""
        QTest.mouseRelease(self.pane(view), LEFT, modifiers, self.pixel(view, point_lps))
        self.settle()

    def drag(
        self, view: View, points_lps: Sequence[Sequence[float]], modifiers: Qt.KeyboardModifier = NONE
    ) -> list[QPoint]:
        """Press, move along the points, release; returns the pixels that were visited."""
        self.press(view, points_lps[0], modifiers)
        for point in points_lps[1:]:
            self.move(view, point)
        self.release(view, points_lps[-1], modifiers)
        return [self.pixel(view, point) for point in points_lps]

    def click(self, view: View, point_lps: Sequence[float], modifiers: Qt.KeyboardModifier = NONE) -> None:
        """A single click; slow enough not to be taken for half of a double click."""
        self.press(view, point_lps, modifiers)
        self.release(view, point_lps, modifiers)

    def wheel(
        self, view: View, point_lps: Sequence[float], notches: int, modifiers: Qt.KeyboardModifier = NONE
    ) -> None:
        """Turn the wheel."""
        wheel(self.pane(view), notches, self.pixel(view, point_lps), modifiers)
        self.settle()

    def picture(self, view: View) -> np.ndarray:
        """(rows, columns, 3) of what the pane shows, logical pixels."""
        self.settle(30)
        return rgb(self.pane(view).grab().toImage().scaled(self.pane(view).size()))


def circle(centre: Sequence[float], radius: float, count: int = 40, turns: float = 1.0) -> np.ndarray:
    """(n, 2) points on a circle, closed."""
    angle = np.linspace(0, 2 * np.pi * turns, count)
    return np.column_stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)])


def has_colour(picture: np.ndarray, at: QPoint, colour: tuple[int, int, int], reach: int = 3) -> bool:
    """Whether a colour is found within a few pixels of a place, whatever is blended with it."""
    part = picture[max(at.y() - reach, 0) : at.y() + reach + 1, max(at.x() - reach, 0) : at.x() + reach + 1]
    if not part.size:
        return False
    wanted = np.array(colour, dtype=float)
    pixels = part.reshape(-1, 3).astype(float)
    near = np.abs(pixels - wanted).max(axis=1) < 70
    return bool(near.any())


def middle(hand: Hand) -> np.ndarray:
    """(2,) mm: somewhere in the active structure on the shown plane."""
    roi = hand.session.active_roi
    assert roi is not None
    point = max(roi.area(hand.session.plane).geoms, key=lambda part: part.area).representative_point()
    return np.array([point.x, point.y])


def beside(point: np.ndarray, u: float, v: float = 0.0) -> np.ndarray:
    """(2,) so many mm from a point of a plane."""
    return point + np.array([u, v])


def area(hand: Hand, plane: int | None = None) -> MultiPolygon:
    """What the active structure has on a plane; on the shown one by default."""
    roi = hand.session.active_roi
    assert roi is not None
    return roi.area(hand.session.plane if plane is None else plane)


def answer(text: str) -> None:
    """Type into the question that is about to be asked, and press Return."""

    def type_it(dialog: QInputDialog) -> None:
        dialog.setTextValue(text)
        dialog.accept()

    when_asked(QInputDialog, type_it)
