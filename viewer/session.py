"""What is open: the layers from the base up, the cursor, the structures and the active one. No Qt.

The session is the one owner of this state. Widgets, scenes and tools are given it, read it, call its methods, and
listen to its signals; nothing else keeps a copy. Answers change through `viewer.history.History` alone.
"""

from dataclasses import replace
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from psygnal import Signal

from engine.answers import Document, FiledFindings, Finding, FindingKey, key_of
from engine.edits import Difference, StructuresChanged
from engine.resample import onto_regular_grid
from engine.slab import Slab
from engine.structures import Roi, StructureSet
from engine.volume import Volume
from viewer.appearance import Appearance
from viewer.companions import Companion
from viewer.layers import Layer, LayersChanged, Lifted, Window, on_base
from viewer.left import Left
from viewer.looks import base_layer
from viewer.turning import Turned


class View(StrEnum):
    """The panes of the 2×2 layout. The names of the planes hold for the nearest anatomical plane of oblique series."""

    AXIAL = "axial"
    SAGITTAL = "sagittal"
    CORONAL = "coronal"
    THREE_D = "3d"


class Cut(StrEnum):
    """How a view cuts the series: an acquired plane itself, across all planes at one row or column, or obliquely."""

    PLANE = "plane"
    ROW = "row"
    COLUMN = "column"
    TURNED = "turned"


class Session:
    """The state of one window."""

    #: Before what is open goes, for another series or none.
    leaving = Signal()

    volume_changed = Signal()
    layers_changed = Signal(LayersChanged)
    cursor_moved = Signal()
    #: (n, 3) LPS mm that every view is to have on the screen.
    revealed = Signal(np.ndarray)
    structures_changed = Signal(StructuresChanged)
    companions_changed = Signal()
    findings_changed = Signal()
    findings_filed = Signal()
    active_changed = Signal()
    active_finding_changed = Signal()
    display_changed = Signal()
    turned_changed = Signal()
    seen_changed = Signal()

    def __init__(self) -> None:
        self._layers: tuple[Layer, ...] = ()
        self._lifted: Lifted | None = None
        self._cursor: NDArray[np.float64] = np.zeros(3)
        self._interpolate = True
        self.appearance = Appearance()  # of the structures
        self._slab: Slab | None = None
        self._turned: Turned | None = None
        self._document: Document | None = None
        self._filed: StructureSet | None = None
        self.filed_findings = FiledFindings()  # of the open series, as files hold them
        self._companions: tuple[Companion, ...] = ()
        self._active: int | None = None
        self.drawing = False  # a person is in the middle of a stroke or a line
        self._active_finding: FindingKey | None = None
        self._seen: frozenset[tuple[int, int]] = frozenset()

    # What is open ---------------------------------------------------------------------------------------------------

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The images that are shown, from the base up; empty when nothing is open."""
        return self._layers

    @property
    def base(self) -> Layer | None:
        """The open series as a layer; None when nothing is open."""
        return self._layers[0] if self._layers else None

    @property
    def volume(self) -> Volume | None:
        """The open series on its planes as acquired; None when nothing is open."""
        return self._layers[0].volume if self._layers else None

    @property
    def display(self) -> Volume | None:
        """The open series on a rectangular grid: the same object as `volume` where that is regular."""
        return self._layers[0].display if self._layers else None

    @property
    def document(self) -> Document | None:
        """All answers about the open series; None when nothing is open."""
        return self._document

    @property
    def structures(self) -> StructureSet | None:
        """The structures on the open series; None when nothing is open."""
        return self._document.structures if self._document is not None else None

    @property
    def filed(self) -> StructureSet | None:
        """The structures of the open series as files hold them: as they were opened or last exported."""
        return self._filed

    def set_filed(self, structures: StructureSet) -> None:
        """`structures` are in a file now."""
        self._filed = structures

    def set_filed_findings(self, filed: FiledFindings) -> None:
        """A file holds the findings so."""
        self.filed_findings = filed
        self.findings_filed.emit()

    def left(self) -> Left | None:
        """All that is needed to show the open series as it is now; None when nothing is open."""
        volume = self.volume
        if self._document is None or self._filed is None or volume is None:
            return None
        place = (self._active, tuple(self._cursor.tolist()), self.window, volume.units, self.filed_findings)
        return Left(self._document, self._filed, self._seen, *place)

    def open(
        self,
        volume: Volume,
        structures: StructureSet | None = None,
        display: Volume | None = None,
        left: Left | None = None,
    ) -> None:
        """Show `volume`, the cursor in its middle, looking as its kind does; drop the structures that were open.

        Layers that lie over the old base stay where the new one shares its frame of reference.

        Args:
            volume: of the series.
            structures: that a file has on it.
            display: `onto_regular_grid(volume)` where that was made beforehand, on a thread.
            left: how the series was left; it is shown so, with those structures.
        """
        self.leaving.emit()
        display = display if display is not None else onto_regular_grid(volume)
        base = base_layer(volume, display)
        if self._layers and self._layers[0].volume is volume:
            base = replace(self._layers[0], display=display)
        self._layers, self._lifted = on_base(base, self._layers, self._lifted)
        if left is None:
            structures = structures if structures is not None else StructureSet(volume.geometry)
            left = Left(Document(structures), structures)
        elif left.window is not None and left.units in ("", volume.units):
            self._layers = (replace(self._layers[0], window=left.window), *self._layers[1:])
        rois = left.document.structures.rois
        self._document, self._filed, self._seen = left.document, left.filed, left.seen
        self._companions, self.filed_findings = (), left.filed_findings
        known = left.active is not None and left.active in left.document.structures
        self._active = left.active if known else rois[0].number if rois else None
        self._active_finding, self._turned = None, None
        geometry = display.geometry
        last = np.array(geometry.shape, dtype=np.float64) - 1
        self._cursor = geometry.lps_from_kji(last // 2)[0]
        if left.cursor_lps is not None:
            self._cursor = geometry.lps_from_kji(np.clip(geometry.kji_from_lps(left.cursor_lps)[0], 0, last))[0]
        self.volume_changed.emit()

    def close(self) -> None:
        """Show nothing."""
        self.leaving.emit()
        self._layers, self._companions, self.filed_findings, self._seen = (), (), FiledFindings(), frozenset()
        self._lifted = self._document = self._filed = self._active = self._active_finding = self._turned = None
        self.volume_changed.emit()

    # Cursor and appearance ------------------------------------------------------------------------------------------

    @property
    def cursor_lps(self) -> NDArray[np.float64]:
        """(3,) the crosshair, LPS mm."""
        return self._cursor

    @property
    def plane(self) -> int:
        """Index of the acquired plane nearest to the cursor; 0 when nothing is open."""
        return self.volume.geometry.nearest_plane(self._cursor) if self.volume is not None else 0

    def move_cursor(self, point_lps: ArrayLike) -> None:
        """Put the crosshair at an LPS point (mm), kept within the displayed grid."""
        if self.display is None:
            return
        geometry = self.display.geometry
        last = np.array(geometry.shape, dtype=np.float64) - 1
        index = np.clip(geometry.kji_from_lps(np.asarray(point_lps, dtype=np.float64))[0], 0, last)
        point = geometry.lps_from_kji(index)[0]
        if not np.array_equal(point, self._cursor):
            self._cursor = point
            self.cursor_moved.emit()

    def reveal(self, point_lps: ArrayLike, around_lps: ArrayLike = ()) -> None:
        """Put the crosshair at a point, and let every view bring it and (n, 3) others around it onto the screen."""
        if self.display is not None:
            self.move_cursor(point_lps)
            around = np.asarray(around_lps, dtype=np.float64).reshape(-1, 3)
            self.revealed.emit(np.concatenate([self._cursor[None], around]))

    @property
    def window(self) -> Window:
        """The grey-level window of the open series; any when nothing is open."""
        return self._layers[0].window if self._layers else Window(40.0, 400.0)

    def set_window(self, window: Window) -> None:
        """Change the grey-level window of the open series."""
        if self._layers:
            self.change_layer(0, replace(self._layers[0], window=window))

    @property
    def colour_map(self) -> str:
        """Name of the colour map of the open series."""
        return self._layers[0].colour_map if self._layers else "grey"

    def set_colour_map(self, name: str) -> None:
        """Change the colour map of the open series."""
        if self._layers:
            self.change_layer(0, replace(self._layers[0], colour_map=name))

    @property
    def interpolate(self) -> bool:
        """Whether voxels are shown smoothed (linear) or as squares."""
        return self._interpolate

    @property
    def slab(self) -> Slab | None:
        """What the plane views show of several planes at once; None for the plane itself."""
        return self._slab

    def set_slab(self, slab: Slab | None) -> None:
        """Show a slab, or the planes themselves."""
        if slab != self._slab:
            self._slab = slab
            self.display_changed.emit()

    @property
    def turned(self) -> Turned | None:
        """How the plane views are turned about the crosshair; None while they show the planes of the grid."""
        return self._turned

    @property
    def can_turn(self) -> bool:
        """Whether there is anything to see obliquely: not in pictures, single planes and colours."""
        display = self.display
        if display is None or display.is_colour:
            return False
        return display.geometry.in_patient and min(display.geometry.shape) > 1

    def turn(self, turned: Turned | None) -> None:
        """Turn the plane views, or turn them back."""
        if self.can_turn and turned is not self._turned:
            self._turned = turned
            self.turned_changed.emit()

    def set_interpolate(self, on: bool) -> None:
        """Switch interpolation of the display."""
        if on != self._interpolate:
            self._interpolate = on
            self.display_changed.emit()

    # Layers ---------------------------------------------------------------------------------------------------------

    def add_layer(self, layer: Layer) -> None:
        """Lay an image over all that is shown; a series must be open."""
        assert self._layers, "a layer lies over an open series"
        self._restack((*self._layers, layer))

    def remove_layer(self, index: int) -> None:
        """Take a layer away; the base, 0, stays for as long as it is open."""
        assert 0 < index < len(self._layers), f"no layer {index} over the base"
        self._restack((*self._layers[:index], *self._layers[index + 1 :]))

    def exchange_layer(self, index: int, layer: Layer) -> None:
        """Show another image in the place of a layer over the base."""
        assert 0 < index < len(self._layers), f"no layer {index} over the base"
        self._restack((*self._layers[:index], layer, *self._layers[index + 1 :]))

    def move_layer(self, index: int, to: int) -> None:
        """Put a layer over the base in another place, counted as in `layers`."""
        assert 0 < index < len(self._layers) and 0 < to < len(self._layers), f"no place {to} over the base for {index}"
        rest = [*self._layers[:index], *self._layers[index + 1 :]]
        rest.insert(to, self._layers[index])
        if index != to:
            self._restack(tuple(rest))

    def change_layer(self, index: int, layer: Layer) -> None:
        """Change how a layer looks; its image and place stay."""
        before = self._layers[index]
        if layer != before:
            assert (layer.volume, layer.display) == (before.volume, before.display), "another image is another layer"
            self._layers = (*self._layers[:index], layer, *self._layers[index + 1 :])
            self.layers_changed.emit(LayersChanged(frozenset({index})))

    def _restack(self, layers: tuple[Layer, ...]) -> None:
        self._layers = layers
        self.layers_changed.emit(LayersChanged())

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
        """Choose the ROI that tools edit; one that is not there, because it was refused, changes nothing."""
        there = number is None or (self.structures is not None and number in self.structures)
        if there and number != self._active:
            self._active = number
            self.active_changed.emit()

    @property
    def companions(self) -> tuple[Companion, ...]:
        """Structures of other series of the same frame of reference, which are seen on this one."""
        return self._companions

    def set_companions(self, companions: tuple[Companion, ...]) -> None:
        """See the structures of these series as well, or show others of them."""
        if companions != self._companions:
            self._companions = companions
            self.companions_changed.emit()

    @property
    def active_finding(self) -> Finding | None:
        """The finding that is looked at, as it is now; None where there is none."""
        findings = self._document.findings if self._document is not None else ()
        return next((finding for finding in findings if key_of(finding) == self._active_finding), None)

    def set_active_finding(self, key: FindingKey | None) -> None:
        """Choose the finding that is looked at; that judges nothing."""
        if key != self._active_finding:
            self._active_finding = key
            self.active_finding_changed.emit()

    def replace_document(self, document: Document, difference: Difference) -> None:
        """For `viewer.history` alone: show other answers and tell what differs."""
        self._document = document
        change = difference.structures
        if change is not None:
            if change.areas:
                self._forget_seen(change)
            self.structures_changed.emit(change)
            rois = document.structures.rois
            if self._active is not None and self._active not in document.structures:
                self.set_active(rois[-1].number if rois else None)
            elif self._active is None and rois and not self.drawing:
                # What came, as from a model, is there to be worked on: no stroke is to begin another beside it unasked.
                came = [roi for roi in rois if roi.number in change.numbers and roi.visible]
                self.set_active((came or rois)[0].number)
        if difference.findings:
            self.findings_changed.emit()

    # Review ---------------------------------------------------------------------------------------------------------

    @property
    def marked_seen(self) -> frozenset[tuple[int, int]]:
        """(ROI number, plane index) of contours marked as seen by a person; which count, `History.seen` tells."""
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
