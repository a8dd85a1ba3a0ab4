"""Slabs in the plane views: the highest, lowest or mean value of several planes, as thick as one wishes."""

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QObject
from PySide6.QtGui import QActionGroup

from engine.slab import Projection, Slab
from viewer.widgets.main_window import MainWindow

#: mm.
USUAL_MM, STEP_MM, THINNEST_MM, THICKEST_MM = 30.0, 5.0, 5.0, 200.0

_TITLES = {
    None: ("Planes as they are", "Show each plane alone"),
    Projection.MAXIMUM: ("Slab: highest value (MIP)", "Of each line across the slab show the highest value"),
    Projection.MINIMUM: ("Slab: lowest value (MinIP)", "Of each line across the slab show the lowest value"),
    Projection.MEAN: ("Slab: mean", "Of each line across the slab show the mean"),
}


def install(window: MainWindow) -> None:
    """Add slabs to the View menu."""
    Slabs(window)


class Slabs(QObject):
    """Remembers the thickness while planes are shown as they are. A child of the window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._was_slab = False
        self._thickness = USUAL_MM
        menu = window.menu("View").addMenu("Slab")
        menu.setToolTipsVisible(True)
        group = QActionGroup(self)
        self._choices = {}
        for projection, (title, tip) in _TITLES.items():
            action = menu.addAction(title)
            action.setToolTip(tip)
            action.setCheckable(True)
            action.triggered.connect(partial(self._choose, projection))
            group.addAction(action)
            self._choices[projection] = action
        add = window.add_action
        add("View", "Next kind of slab", self.cycle, shortcut="Y", for_series=True,
            tip="Planes as they are, then MIP, MinIP and mean of a slab about them; contours, values under the mouse "
            "and measures stay those of the plane itself")  # fmt: skip
        add("View", "Thicker slab", partial(self.thicken, STEP_MM), shortcut="Shift+Y", for_series=True,
            tip=f"{STEP_MM:.0f} mm more")  # fmt: skip
        add("View", "Thinner slab", partial(self.thicken, -STEP_MM), shortcut="Ctrl+Shift+Y", for_series=True,
            tip=f"{STEP_MM:.0f} mm less")  # fmt: skip
        window.session.display_changed.connect(self._show)
        self._show()

    def cycle(self) -> None:
        """The next kind of slab, or the planes themselves after the last."""
        kinds = list(_TITLES)
        slab = self._window.session.slab
        now = slab.projection if slab is not None else None
        self._choose(kinds[(kinds.index(now) + 1) % len(kinds)])

    def thicken(self, step_mm: float) -> None:
        """Make the slab thicker, or thinner where negative; planes as they are become a MIP."""
        session = self._window.session
        if session.slab is None:
            self._choose(Projection.MAXIMUM)
            return
        self._thickness = min(max(self._thickness + step_mm, THINNEST_MM), THICKEST_MM)
        session.set_slab(replace(session.slab, thickness_mm=self._thickness))

    def _choose(self, projection: Projection | None, _: bool = False) -> None:
        self._window.session.set_slab(Slab(projection, self._thickness) if projection is not None else None)

    def _show(self) -> None:
        slab = self._window.session.slab
        self._choices[slab.projection if slab is not None else None].setChecked(True)
        if slab is not None and not self._was_slab:
            self._window.show_message("Slabs are for seeing: what is drawn lies on the plane in their middle alone.")
        self._was_slab = slab is not None
