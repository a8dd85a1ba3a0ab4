"""A Qt widget whose OpenGL context a VTK render window borrows."""

from PySide6.QtGui import QSurfaceFormat
from PySide6.QtOpenGLWidgets import QOpenGLWidget
from PySide6.QtWidgets import QWidget
from vtkmodules.vtkRenderingCore import vtkRenderer
from vtkmodules.vtkRenderingOpenGL2 import vtkGenericOpenGLRenderWindow


def set_default_surface_format() -> None:
    """What VTK needs of every OpenGL context; call before the QApplication exists."""
    surface = QSurfaceFormat()
    surface.setVersion(3, 2)
    surface.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
    surface.setDepthBufferSize(24)
    surface.setAlphaBufferSize(0)  # otherwise grabs come out transparent
    surface.setSwapInterval(0)  # waiting for the screen once per pane would add up
    QSurfaceFormat.setDefaultFormat(surface)


class VtkPane(QOpenGLWidget):
    """Draws one renderer; `frames` counts the frames that were painted."""

    def __init__(self, renderer: vtkRenderer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.frames = 0
        #: What VTK held in the context is gone, and nothing is drawn any more.
        self.released = False
        self.render_window = vtkGenericOpenGLRenderWindow()
        self.render_window.SetOwnContext(0)
        self.render_window.SetMultiSamples(0)
        self.render_window.AddRenderer(renderer)
        self.renderer = renderer

    def initializeGL(self) -> None:  # noqa: N802
        """Qt made the context current for the first time."""
        window = self.render_window
        window.SetReadyForRendering(True)
        window.SetMapped(1)
        window.SetIsCurrent(True)
        window.InitializeFromCurrentContext()
        window.SetFrameBlitModeToBlitToCurrent()
        self.context().aboutToBeDestroyed.connect(self.release)

    def resizeGL(self, width: int, height: int) -> None:  # noqa: N802
        """The widget has another size; Qt gives logical pixels."""
        ratio = self.devicePixelRatioF()
        self.render_window.SetSize(round(width * ratio), round(height * ratio))

    def paintGL(self) -> None:  # noqa: N802
        """Draw one frame."""
        if self.released:
            return
        self.render_window.SetIsCurrent(True)
        state = self.render_window.GetState()
        state.Reset()
        state.Push()
        self.render_window.Render()
        state.Pop()
        self.frames += 1

    def release(self) -> None:
        """Free what VTK holds in the context; the pane stays blank from then on."""
        if not self.released:
            self.released = True
            self.makeCurrent()
            self.render_window.Finalize()
            self.doneCurrent()
