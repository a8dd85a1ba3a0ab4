"""What is open: the series, the cursor, the window, the structures and the active one. No Qt.

The session is the one owner of this state. Widgets, scenes and tools are given it, read it, call its methods, and
listen to its signals; nothing else keeps a copy. Answers change through `viewer.history.History` alone.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from psygnal import Signal

from engine.answers import Document
from engine.edits import Difference, StructuresChanged
from engine.resample import onto_regular_grid
from engine.structures import Roi, StructureSet
from engine.volume import Volume


class View(StrEnum):
    """The panes of the 2×2 layout. The names of the planes hold for the nearest anatomical plane of oblique series."""

    AXIAL = "axial"
    SAGITTAL = "sagittal"
    CORONAL = "coronal"
    THREE_D = "3d"


class Cut(StrEnum):
    """How a view cuts the series: an acquired plane itself, or across all planes at one row or one column."""

    PLANE = "plane"
    ROW = "row"
    COLUMN = "column"


@dataclass(frozen=True)
class Window:
    """Grey-level window: values at `centre` ± `width` / 2 span the colour map."""

    centre: float
    width: float

    @classmethod
    def between(cls, low: float, high: float) -> "Window":
        """The window from `low` to `high`."""
        return cls((low + high) / 2, max(high - low, 1e-6))

    @property
    def low(self) -> float:
        """Value shown as the first colour."""
        return self.centre - self.width / 2

    @property
    def high(self) -> float:
        """Value shown as the last colour."""
        return self.centre + self.width / 2


@dataclass(frozen=True)
class Overlay:
    """A second volume drawn over the first, in patient space.

    `opacity` is 0..1; `colour_map` is a name known to `viewer.render`.
    """

    volume: Volume
    display: Volume
    window: Window
    colour_map: str = "hot"
    opacity: float = 0.5
    visible: bool = True


class Session:
    """The state of one window."""

    volume_changed = Signal()
    overlay_changed = Signal()
    cursor_moved = Signal()
    window_changed = Signal()
    structures_changed = Signal(StructuresChanged)
    findings_changed = Signal()
    active_changed = Signal()
    display_changed = Signal()
    seen_changed = Signal()

    def __init__(self) -> None:
        self._volume: Volume | None = None
        self._display: Volume | None = None
        self._overlay: Overlay | None = None
        self._cursor: NDArray[np.float64] = np.zeros(3)
        self._window = Window(40.0, 400.0)
        self._colour_map = "grey"
        self._interpolate = True
        self._document: Document | None = None
        self._active: int | None = None
        self._seen: frozenset[tuple[int, int]] = frozenset()

    # What is open ---------------------------------------------------------------------------------------------------

    @property
    def volume(self) -> Volume | None:
        """The open series on its planes as acquired; None when nothing is open."""
        return self._volume

    @property
    def display(self) -> Volume | None:
        """The open series on a rectangular grid: the same object as `volume` where that is regular."""
        return self._display

    @property
    def document(self) -> Document | None:
        """All answers about the open series; None when nothing is open."""
        return self._document

    @property
    def structures(self) -> StructureSet | None:
        """The structures on the open series; None when nothing is open."""
        return self._document.structures if self._document is not None else None

    def open(self, volume: Volume, structures: StructureSet | None = None, display: Volume | None = None) -> None:
        """Show `volume`, the cursor in its middle, the window by its modality; drop the overlay and what was open.

        `display` is `onto_regular_grid(volume)` where that was made beforehand, on a thread.
        """
        display = display if display is not None else onto_regular_grid(volume)
        self._volume, self._display, self._overlay = volume, display, None
        structures = structures if structures is not None else StructureSet(volume.geometry)
        self._document = Document(structures)
        self._active = structures.rois[0].number if structures.rois else None
        self._seen = frozenset()
        middle = (np.array(display.geometry.shape) - 1) // 2
        self._cursor = display.geometry.lps_from_kji(middle)[0]
        self._window = default_window(volume)
        dark_is_high = volume.info.attributes.get("PhotometricInterpretation") == "MONOCHROME1"
        self._colour_map = "inverted grey" if volume.modality == "PT" or dark_is_high else "grey"
        self.volume_changed.emit()

    def close(self) -> None:
        """Show nothing."""
        self._volume = self._display = self._overlay = self._document = self._active = None
        self.volume_changed.emit()

    # Cursor and appearance ------------------------------------------------------------------------------------------

    @property
    def cursor_lps(self) -> NDArray[np.float64]:
        """(3,) the crosshair, LPS mm."""
        return self._cursor

    @property
    def plane(self) -> int:
        """Index of the acquired plane nearest to the cursor; 0 when nothing is open."""
        return self._volume.geometry.nearest_plane(self._cursor) if self._volume is not None else 0

    def move_cursor(self, point_lps: ArrayLike) -> None:
        """Put the crosshair at an LPS point (mm), kept within the displayed grid."""
        if self._display is None:
            return
        geometry = self._display.geometry
        last = np.array(geometry.shape, dtype=np.float64) - 1
        index = np.clip(geometry.kji_from_lps(np.asarray(point_lps, dtype=np.float64))[0], 0, last)
        point = geometry.lps_from_kji(index)[0]
        if not np.array_equal(point, self._cursor):
            self._cursor = point
            self.cursor_moved.emit()

    @property
    def window(self) -> Window:
        """The grey-level window of the open series."""
        return self._window

    def set_window(self, window: Window) -> None:
        """Change the grey-level window."""
        if window != self._window:
            self._window = window
            self.window_changed.emit()

    @property
    def colour_map(self) -> str:
        """Name of the colour map of the open series."""
        return self._colour_map

    def set_colour_map(self, name: str) -> None:
        """Change the colour map of the open series."""
        if name != self._colour_map:
            self._colour_map = name
            self.window_changed.emit()

    @property
    def interpolate(self) -> bool:
        """Whether voxels are shown smoothed (linear) or as squares."""
        return self._interpolate

    def set_interpolate(self, on: bool) -> None:
        """Switch interpolation of the display."""
        if on != self._interpolate:
            self._interpolate = on
            self.display_changed.emit()

    @property
    def overlay(self) -> Overlay | None:
        """The second volume, such as PET over CT; None where there is none."""
        return self._overlay

    def set_overlay(self, overlay: Overlay | None) -> None:
        """Draw a second volume over the first, or none."""
        if overlay is not self._overlay:
            self._overlay = overlay
            self.overlay_changed.emit()

    # Structures -----------------------------------------------------------------------------------------------------

    @property
    def active(self) -> int | None:
        """Number of the ROI that tools edit."""
        return self._active

    @property
    def active_roi(self) -> Roi | None:
        """The ROI that tools edit; None where there is none."""
        structures = self.structures
        if structures is None or self._active is None or self._active not in structures:
            return None
        return structures[self._active]

    def set_active(self, number: int | None) -> None:
        """Choose the ROI that tools edit."""
        if number != self._active:
            self._active = number
            self.active_changed.emit()

    def replace_document(self, document: Document, difference: Difference) -> None:
        """For `viewer.history` alone: show other answers and tell what differs."""
        self._document = document
        change = difference.structures
        if change is not None:
            if change.areas:
                self._forget_seen(change)
            self.structures_changed.emit(change)
            if self._active is not None and self._active not in document.structures:
                rois = document.structures.rois
                self.set_active(rois[-1].number if rois else None)
        if difference.findings:
            self.findings_changed.emit()

    # Review ---------------------------------------------------------------------------------------------------------

    @property
    def seen(self) -> frozenset[tuple[int, int]]:
        """(ROI number, plane index) of the contours that a person has marked as seen."""
        return self._seen

    def mark_seen(self, contours: frozenset[tuple[int, int]], seen: bool = True) -> None:
        """Mark contours as seen by a person, or as not seen."""
        marked = self._seen | contours if seen else self._seen - contours
        if marked != self._seen:
            self._seen = marked
            self.seen_changed.emit()

    def _forget_seen(self, change: StructuresChanged) -> None:
        kept = frozenset(
            (number, plane)
            for number, plane in self._seen
            if number not in change.numbers or (change.planes is not None and plane not in change.planes)
        )
        if kept != self._seen:
            self._seen = kept
            self.seen_changed.emit()


def default_window(volume: Volume) -> Window:
    """The window that a reader expects first: soft tissue for CT, 0 to 10 for SUV, else 1st to 99th percentile.

    Percentiles are taken over a sample of at most about a million voxels above the lowest value, which leaves the air
    around an MR out.
    """
    if volume.modality == "CT" and volume.units == "HU":
        return Window(40.0, 400.0)
    if volume.units == "SUVbw":
        return Window.between(0.0, 10.0)
    step = max(1, round((volume.voxels.size / 1e6) ** (1 / 3)))
    sample = np.asarray(volume.voxels[::step, ::step, ::step], dtype=np.float32).ravel()
    sample = sample[np.isfinite(sample)]
    above = sample[sample > sample.min()] if sample.size else sample
    if not above.size:
        return Window(float(sample[0]) if sample.size else 0.0, 1.0)
    low, high = np.percentile(above, [1.0, 99.0])
    return Window.between(float(low), float(high))
