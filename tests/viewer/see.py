"""What the tests of seeing share: phantoms, real mouse events, and pixels of panes."""

import time
from collections.abc import Callable
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from shapely import MultiPolygon, Point

from engine.structures import PlaneContours, Roi, StructureSet
from engine.volume import Geometry, SeriesInfo, Volume
from viewer.widgets.panes import PlanePane
from viewer.widgets.vtk_pane import VtkPane

NO_KEY = Qt.KeyboardModifier.NoModifier
CENTRE = np.array([12.0, -30.0, 55.0])

#: The 24 right-handed ways to lay array axes along the patient's axes.
TURNS = [
    axes
    for order in permutations(range(3))
    for signs in np.ndindex(2, 2, 2)
    if np.linalg.det(axes := np.eye(3)[:, list(order)] * (1 - 2 * np.array(signs))) > 0
]


def phantom(directions: ArrayLike | None = None, size: int = 40, spacing: float = 2.0, modality: str = "CT") -> Volume:
    """A cube of soft tissue about `CENTRE`, in air, with a bright block towards the patient's left, back and head."""
    axes = np.eye(3) if directions is None else np.asarray(directions, dtype=np.float64)
    half = (size - 1) / 2 * spacing
    origin = CENTRE - axes @ np.full(3, half)
    geometry = Geometry.regular(origin, axes, (spacing,) * 3, (size,) * 3)
    index = np.indices((size,) * 3).reshape(3, -1).T
    offset = geometry.lps_from_kji(index) - CENTRE
    values = np.full(len(index), -1000, dtype=np.int16)
    values[(np.abs(offset) < 0.8 * half).all(axis=1)] = 0
    values[((offset > 0.3 * half) & (offset < 0.6 * half)).all(axis=1)] = 1000
    units = "HU" if modality == "CT" else ""
    info = SeriesInfo(series_uid="1.2", frame_of_reference_uid="1.3", modality=modality, patient_name="Doe^Jane")
    return Volume(values.reshape((size,) * 3), geometry, modality, units, info)


def ball(geometry: Geometry, centre_lps: ArrayLike, radius: float, number: int = 1, colour=(0, 255, 0)) -> Roi:
    """A structure that is a ball, drawn on the acquired planes."""
    centre = np.asarray(centre_lps, dtype=np.float64)
    planes = {}
    for k in range(geometry.shape[0]):
        away = float((centre - geometry.origins_lps[k]) @ geometry.normal)
        if abs(away) < radius:
            u, v = geometry.plane_from_lps(k, centre)[0]
            disc = Point(u, v).buffer(np.sqrt(radius**2 - away**2), quad_segs=32)
            planes[k] = PlaneContours(MultiPolygon([disc]))
    return Roi(number, f"Ball {number}", colour=colour, planes=planes)


def structures(geometry: Geometry, *rois: Roi) -> StructureSet:
    return StructureSet(geometry, rois)


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
    image = pane.draw().convertToFormat(QImage.Format.Format_RGB888)
    flat = np.frombuffer(image.constBits(), dtype=np.uint8)
    return (
        flat.reshape(image.height(), image.bytesPerLine())[:, : 3 * image.width()].reshape(image.height(), -1, 3).copy()
    )


def at(pane: PlanePane, point_lps: ArrayLike) -> QPoint:
    """The pixel of a pane over a point of the patient."""
    x, y = pane.scene.pixel_from_lps(point_lps)
    return QPoint(round(x), round(y))


def wheel(pane: QWidget, notches: int, position: QPoint | None = None, keys: Qt.KeyboardModifier = NO_KEY) -> None:
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
    QTest.mousePress(pane, button, NO_KEY, start)
    for step in range(1, steps + 1):
        here = QPointF(start + (stop - start) * (step / steps))
        move = QMouseEvent(
            QMouseEvent.Type.MouseMove, here, pane.mapToGlobal(here), Qt.MouseButton.NoButton, button, NO_KEY
        )
        QApplication.sendEvent(pane, move)
    QTest.mouseRelease(pane, button, NO_KEY, stop)


def near(image: NDArray[np.uint8], colour: tuple[int, int, int], tolerance: int = 40) -> NDArray[np.int64]:
    """(n, 2) x, y of the pixels that have about this colour."""
    rows, columns = np.nonzero((np.abs(image.astype(int) - colour) <= tolerance).all(axis=2))
    return np.stack([columns, rows], axis=1)


def wait_until(happened: Callable[[], bool], seconds: float = 20.0) -> None:
    """Let the window work until something has happened; fails where it does not."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "waited in vain"
        QTest.qWait(10)
