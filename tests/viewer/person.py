"""A person at the window: opens, scrolls, draws, runs models and exports, by real mouse and keys."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.cards.registry import SHIPPED
from engine.contouring.fill import fill
from engine.structures import StructureSet
from engine.volume import Geometry
from tests.synthetic import write_series
from tests.viewer.hand import at, wait_until, wheel
from viewer.features.opening import Opener
from viewer.session import View
from viewer.widgets.cards_panel import CardsPanel
from viewer.widgets.certificate_view import CertificateView
from viewer.widgets.export_dialog import ExportDialog
from viewer.widgets.main_window import MainWindow

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton


class Person:
    """Does in the window what a person would do."""

    def __init__(self, qtbot: QtBot, window: MainWindow) -> None:
        self.qtbot, self.window, self.session = qtbot, window, window.session
        self.axial = window.panes.planes[View.AXIAL]

    def key(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        # Where there is no window manager nobody gives the focus back when a dialog closes.
        self.window.activateWindow()
        self.until(self.window.isActiveWindow)
        QTest.keyClick(self.axial, key, modifier)

    def ctrl(self, key: Qt.Key) -> None:
        self.key(key, Qt.KeyboardModifier.ControlModifier)

    def open(self, *paths: Path, structures: Path | None = None) -> None:
        opener = self.window.findChild(Opener)
        assert opener is not None
        with self.qtbot.waitSignal(opener.opened, timeout=30_000):
            opener.open_paths(list(paths), structures, show=True)

    def export(self, file: Path) -> CertificateView:
        """Export by the keyboard; the certificate that the program then shows."""
        self.ctrl(Qt.Key.Key_E)
        dialog = self.window.findChild(ExportDialog)
        assert dialog is not None
        dialog.path.setText(str(file))
        with self.qtbot.waitSignal(dialog.exported, timeout=60_000):
            QTest.keyClick(dialog, Qt.Key.Key_Return)
        view = self.window.findChild(CertificateView)
        assert view is not None
        return view

    def at(self, u: float, v: float, plane: int | None = None) -> QPoint:
        """Where (u, v) mm of an acquired plane is on the axial pane."""
        volume = self.session.volume
        assert volume is not None
        point = volume.geometry.lps_from_plane(self.session.plane if plane is None else plane, [[u, v]])[0]
        return at(self.axial, point)

    def go_to(self, plane: int) -> None:
        geometry = self.session.volume.geometry  # type: ignore[union-attr]
        middle = (geometry.shape[1] // 2, geometry.shape[2] // 2)
        self.session.move_cursor(geometry.lps_from_kji([[plane, *middle]])[0])
        assert self.session.plane == plane

    def drag(self, points: list[QPoint], button: Qt.MouseButton = LEFT) -> None:
        QTest.mousePress(self.axial, button, Qt.KeyboardModifier.NoModifier, points[0])
        for point in points[1:]:
            QTest.mouseMove(self.axial, point)
            QApplication.processEvents()
        QTest.mouseRelease(self.axial, button, Qt.KeyboardModifier.NoModifier, points[-1])

    def wheel(self, notches: int) -> None:
        wheel(self.axial, notches)

    def run(self, card: str) -> CardsPanel:
        panel = self.window.findChild(CardsPanel)
        assert panel is not None
        self.until(lambda: panel.list.count() > 0)
        panel.select(card)
        assert panel.selected is not None
        assert panel.selected.id == card
        self.until(panel.run_button.isEnabled)
        self.ctrl(Qt.Key.Key_R)
        assert panel.is_running
        return panel

    def until(self, reached: Callable[[], bool], seconds: float = 20) -> None:
        wait_until(reached, seconds)

    def filled(self, number: int) -> NDArray[np.bool_]:
        """A structure as a mask on the grid of the series."""
        roi = self.structures[number]
        return fill({plane: roi.area(plane) for plane in roi.planes}, self.structures.geometry)

    @property
    def structures(self) -> StructureSet:
        assert self.session.structures is not None
        return self.session.structures

    @property
    def names(self) -> list[str]:
        return [roi.name for roi in self.structures.rois]


def draw_by_hand(person: Person) -> None:
    """A structure on planes 8 and 12, by brush, and on those between."""
    person.ctrl(Qt.Key.Key_N)
    assert len(person.structures.rois) == 1
    person.key(Qt.Key.Key_Escape)
    person.key(Qt.Key.Key_B)
    for plane, width in ((8, 20), (12, 30)):
        person.go_to(plane)
        person.drag([person.at(x, 125) for x in range(125 - width, 126 + width, 5)])
    person.ctrl(Qt.Key.Key_I)
    person.until(lambda: len(person.structures.rois[0].planes) == 5)


def coarse_study(folder: Path) -> Path:
    """The built-in study with every third voxel each way, 80 × 59 × 109 of 4.5 mm, as a CT series in `folder`."""
    image = sitk.ReadImage(str(SHIPPED.parent / "demo" / "average.nii.gz"))
    voxels = sitk.GetArrayFromImage(image)[::3, ::3, ::3]
    spacing = [3 * value for value in image.GetSpacing()]
    write_series(folder, voxels, Geometry.regular(image.GetOrigin(), np.eye(3), spacing, voxels.shape))
    return folder
