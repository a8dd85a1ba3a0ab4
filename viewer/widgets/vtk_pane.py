"""A Qt widget that shows what VTK draws: off the screen, in an OpenGL context of Qt's, then painted as a picture.

An OpenGL widget would have Qt compose the whole window through OpenGL at every frame of every pane, text and panels
included. Without a graphics card that costs more than all the drawing.
"""

import logging
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QGuiApplication,
    QImage,
    QOffscreenSurface,
    QOpenGLContext,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QSurfaceFormat,
)
from PySide6.QtWidgets import QWidget
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkUnsignedCharArray
from vtkmodules.vtkRenderingCore import vtkRenderer
from vtkmodules.vtkRenderingOpenGL2 import vtkGenericOpenGLRenderWindow

log = logging.getLogger("planimeter")

#: How long after a first frame without anything in it OpenGL is made ready for one with something, ms.
_READY_AFTER_MS = 500

NO_OPENGL = "This computer offers no OpenGL 3.2, which the views need; update its graphics driver."


def set_default_surface_format() -> None:
    """What VTK needs of every OpenGL context; call before the QApplication exists."""
    surface = QSurfaceFormat()
    surface.setVersion(3, 2)
    surface.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
    surface.setDepthBufferSize(24)
    QSurfaceFormat.setDefaultFormat(surface)


class VtkPane(QWidget):
    """Draws one renderer; `frames` counts the frames that were painted."""

    #: A frame is on its way to the screen.
    painted = Signal()

    def __init__(self, renderer: vtkRenderer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.frames = 0
        #: What VTK held in the context is gone, and nothing is drawn any more.
        self.released = False
        self.renderer = renderer
        self.render_window = vtkGenericOpenGLRenderWindow()
        self.render_window.SetOwnContext(0)
        self.render_window.SetMultiSamples(0)
        self.render_window.AddRenderer(renderer)
        self._context: QOpenGLContext | None = None
        self._pixels = vtkUnsignedCharArray()
        self._rows: NDArray[np.uint8] = np.zeros((1, 1, 4), dtype=np.uint8)

    def prepare(self) -> None:
        """For panes: bring the scene up to date, with the context current, before a frame is drawn."""

    def resized(self, width: int, height: int, pixel_ratio: float) -> None:
        """For panes: the widget is so many device pixels large now."""

    @property
    def is_blank(self) -> bool:
        """For panes: there is nothing to draw but the background."""
        return False

    def draw(self) -> QImage:
        """Draw one frame; empty where there is no OpenGL, or none any more."""
        if self.released or not self._make_current():
            return QImage()
        width, height = self._device_size()
        self.prepare()
        window = self.render_window
        if tuple(window.GetSize()) != (width, height):
            window.SetSize(width, height)
        window.SetIsCurrent(True)
        state = window.GetState()
        state.Reset()
        state.Push()
        window.Render()
        window.GetRGBACharPixelData(0, 0, width - 1, height - 1, 0, self._pixels)
        state.Pop()
        # OpenGL counts rows from the bottom. The memory must outlive the picture, which stands on it.
        upside_down = vtk_to_numpy(self._pixels).reshape(height, width, 4)  # type: ignore[no-untyped-call]
        self._rows = np.ascontiguousarray(upside_down[::-1])
        picture = QImage(self._rows.data, width, height, 4 * width, QImage.Format.Format_RGBX8888)
        picture.setDevicePixelRatio(self.devicePixelRatioF())
        return picture

    def release(self) -> None:
        """Free what VTK holds in the context; the pane stays blank from then on."""
        if self.released:
            return
        if self._context is not None and self._make_current():
            self.render_window.Finalize()
            self._context.doneCurrent()
        self.released = True

    # Qt's events ----------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Tell the pane."""
        super().resizeEvent(event)
        self.resized(*self._device_size(), self.devicePixelRatioF())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw one frame and paint it."""
        # A window that has just been started is there before OpenGL is.
        blank = self.is_blank and not self.released
        if blank and not self.frames:
            QTimer.singleShot(_READY_AFTER_MS, self, self._get_ready)
        picture = QImage() if blank else self.draw()
        painter = QPainter(self)
        if blank:
            painter.fillRect(self.rect(), QColor.fromRgbF(*self.renderer.GetBackground()))
        elif picture.isNull():
            painter.fillRect(self.rect(), Qt.GlobalColor.black)
            if not self.released:
                painter.setPen(Qt.GlobalColor.lightGray)
                flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
                painter.drawText(self.rect(), flags, NO_OPENGL)
        else:
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
            painter.drawImage(QRect(0, 0, self.width(), self.height()), picture)
        painter.end()
        self.frames += 1
        self.painted.emit()

    def _device_size(self) -> tuple[int, int]:
        ratio = self.devicePixelRatioF()
        return max(round(self.width() * ratio), 1), max(round(self.height() * ratio), 1)

    def _get_ready(self) -> None:
        if self._context is None:
            self.draw()

    def _make_current(self) -> bool:
        if self._context is None:
            self._context = QOpenGLContext()
            if not self._context.create() or not self._context.makeCurrent(_surface()):
                log.error("no OpenGL context for the views")
                return False
            window = self.render_window
            window.SetReadyForRendering(True)
            window.SetMapped(1)
            window.SetIsCurrent(True)
            window.InitializeFromCurrentContext()
            window.SetFrameBlitModeToNoBlit()
            return True
        return self._context.isValid() and self._context.makeCurrent(_surface())


@cache
def _surface() -> QOffscreenSurface:
    """What all contexts are current on: none of them draws on it."""
    surface = QOffscreenSurface(None, QGuiApplication.instance())
    surface.setFormat(QSurfaceFormat.defaultFormat())
    surface.create()
    return surface
