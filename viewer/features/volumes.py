"""The open image as a volume in the 3D view."""

from functools import partial

from PySide6.QtCore import QObject
from PySide6.QtGui import QActionGroup

from viewer.render.volume_looks import VolumeLook, looks_of
from viewer.widgets.main_window import MainWindow


def install(window: MainWindow) -> None:
    """Add the looks to the View menu."""
    Volumes(window)


class Volumes(QObject):
    """Offers the looks that suit what is open. A child of the window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._menu = window.menu("View").addMenu("Volume in 3D")
        self._group = QActionGroup(self)
        self._look: VolumeLook | None = None
        window.add_action(
            "View",
            "Next look of the volume",
            self.cycle,
            shortcut="Shift+O",
            for_series=True,
            tip="Show the image itself in 3D, one look after the other; after the last the surfaces alone",
        )
        window.session.volume_changed.connect(self._fill)
        self._fill()

    @property
    def looks(self) -> tuple[VolumeLook, ...]:
        """Those that suit what is open."""
        display = self._window.session.display
        return looks_of(display) if display is not None else ()

    @property
    def look(self) -> VolumeLook | None:
        """The one that is shown; None for the surfaces alone."""
        return self._look

    def cycle(self) -> None:
        """The next look, or none after the last."""
        looks = [None, *self.looks]
        if len(looks) == 1:
            self._window.show_message("This image is no volume to be seen in 3D.")
            return
        self.choose(looks[(looks.index(self._look) + 1) % len(looks)])

    def choose(self, look: VolumeLook | None) -> None:
        """Show the volume so; None for the surfaces alone."""
        self._look = look
        for action in self._menu.actions():
            action.setChecked(action.text() == _text(look))
        self._window.panes.three_d.scene.show_volume(look)

    def _fill(self) -> None:
        looks = self.looks
        self._menu.clear()
        for look in (None, *looks):
            action = self._menu.addAction(_text(look), partial(self.choose, look))
            action.setCheckable(True)
            self._group.addAction(action)
        self.choose(self._look if self._look in looks else None)


def _text(look: VolumeLook | None) -> str:
    return look.name if look is not None else "Surfaces alone"
