"""The banner of patient and series, and the status line under the mouse."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from engine import person_name
from engine.contouring.stack import uneven_gaps
from engine.volume import Geometry, Volume
from viewer.layers import Layer
from viewer.session import Session
from viewer.tools.events import ViewEvent


def value_at(volume: Volume, point_lps: tuple[float, float, float]) -> float | None:
    """Value of the voxel whose centre is nearest to a point; None outside the volume, and where the file has none."""
    index = np.rint(volume.geometry.kji_from_lps(point_lps)[0]).astype(int)
    if (index < 0).any() or (index >= volume.geometry.shape).any():
        return None
    if not volume.is_measured(index[None])[0]:
        return None
    # Of a colour its lightness; what is shown has all three parts.
    return float(np.mean(volume.voxels[tuple(index)]))


def colour_text(volume: Volume, point_lps: tuple[float, float, float]) -> str:
    """The colour of the pixel nearest to a point: "R 120  G 80  B 60"; "–" outside the picture."""
    index = np.rint(volume.geometry.kji_from_lps(point_lps)[0]).astype(int)
    if (index < 0).any() or (index >= volume.geometry.shape).any():
        return "–"
    return "  ".join(f"{name} {part}" for name, part in zip("RGB", volume.voxels[tuple(index)], strict=True))


def value_text(volume: Volume, value: float | None) -> str:
    """A value with its unit: "−57 HU", "3.21 SUVbw"; "–" outside."""
    if value is None:
        return "–"
    number = f"{value:.0f}" if np.issubdtype(volume.voxels.dtype, np.integer) else f"{value:.3g}"
    return f"{number.replace('-', '−')} {volume.units}".strip()


def layer_text(layer: Layer, point_lps: tuple[float, float, float]) -> str:
    """A layer's value with its unit at an LPS point (mm) of the base's frame of reference."""
    if layer.display.is_colour:
        return colour_text(layer.display, layer.own_lps(point_lps))
    return value_text(layer.display, value_at(layer.display, layer.own_lps(point_lps)))


def position_text(point_lps: tuple[float, float, float], geometry: Geometry | None = None) -> str:
    """A position in patient terms: "L 12.0  P 3.4  H 101.5 mm"; on a picture from its first pixel: "x 310  y 41 px"."""
    if geometry is not None and not geometry.in_patient:
        decimals = 0 if geometry.unit == "px" else 1
        x, y, _ = point_lps
        return f"x {x:.{decimals}f}  y {y:.{decimals}f} {geometry.unit} {geometry.measured}".rstrip()
    names = (("L", "R"), ("P", "A"), ("H", "F"))
    parts = [f"{pair[int(value < 0)]} {abs(value):.1f}" for pair, value in zip(names, point_lps, strict=True)]
    return "  ".join(parts) + " mm"


def window_text(centre: float, width: float) -> str:
    """Centre and width of a grey window, with as many decimals as the width needs: "C −600  W 1500"."""
    decimals = 0 if width >= 20 else max(2, 1 - math.floor(math.log10(width))) if width > 0 else 2
    # Added to zero, what is rounded to nothing has no sign.
    return f"C {round(centre, decimals) + 0.0:.{decimals}f}  W {width:.{decimals}f}".replace("-", "−")


class StatusLine(QWidget):
    """Position, value in each layer that is seen, and plane number of what the mouse, or else the crosshair, is on."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._event: ViewEvent | None = None
        self.position = QLabel()
        self.value = QLabel()
        self.over = QLabel()
        self.plane = QLabel()
        self.grey_window = QLabel()
        tips = (
            (self.position, "Position in the patient: L/R, P/A, H/F from the origin of the frame of reference", 220),
            (self.value, "Value of the voxel", 110),
            (self.over, "Values of the layers over it that are seen, from the base up", 120),
            (self.plane, "Acquired plane, counted from 1 along the normal of the series", 130),
            (self.grey_window, "Window: centre and width (right drag, number keys)", 150),
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(6, 0, 6, 0)
        layout.setSpacing(14)
        for label, tip, width in tips:
            label.setToolTip(tip)
            label.setMinimumWidth(width)
            layout.addWidget(label)
        for signal in (session.volume_changed, session.cursor_moved, session.layers_changed):
            signal.connect(self._refresh)
        self._refresh()

    def hover(self, event: ViewEvent | None) -> None:
        """The mouse is there now, or left the panes."""
        self._event = event
        self._refresh()

    def _refresh(self) -> None:
        session, volume = self._session, self._session.volume
        if volume is None or session.display is None:
            for label in (self.position, self.value, self.over, self.plane, self.grey_window):
                label.clear()
            return
        point = self._event.point_lps if self._event is not None else tuple(session.cursor_lps.tolist())
        plane = self._event.plane if self._event is not None else session.plane
        self.position.setText(position_text(point, volume.geometry))
        base, *over = session.layers
        self.value.setText(layer_text(base, point) if base.visible else "")
        self.over.setText(
            "   ".join(f"{layer.volume.modality} {layer_text(layer, point)}" for layer in over if layer.visible)
        )
        what = "Plane" if volume.geometry.in_patient else "Frame"
        self.plane.setText(f"{what} {plane + 1} of {volume.geometry.shape[0]}")
        self.grey_window.setText(window_text(session.window.centre, session.window.width))


class Banner(QLabel):
    """Patient, study and series of what is open, above the panes."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._text = ""
        self.setObjectName("banner")
        self.setMinimumWidth(1)
        self.setContentsMargins(8, 4, 8, 4)
        session.volume_changed.connect(self._refresh)
        session.layers_changed.connect(self._refresh)
        self._refresh()

    @property
    def full_text(self) -> str:
        """What it says where there is room for all of it."""
        return self._text

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Say as much as there is room for; the tooltip says all of it."""
        super().resizeEvent(event)
        self._elide()

    def _refresh(self) -> None:
        volume = self._session.volume
        self._text = banner_text(volume, self._session.layers[1:]) if volume is not None else "Nothing open"
        self.setToolTip(self._text if volume is not None else "Open a study: File → Open folder (Ctrl+O)")
        self._elide()

    def _elide(self) -> None:
        room, volume = self.contentsRect().width(), self._session.volume
        width = self.fontMetrics().horizontalAdvance
        text = self._text
        if volume is not None and width(text) > room:
            shorter = _shorter_texts(volume, self._session.layers[1:])
            cut = self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room)
            text = next((text for text in shorter if width(text) <= room), cut)
        self.setText(text)


#: A description is written with so many letters at least, or left out.
_FEWEST_LETTERS = 4
#: With fewer of each that of the study goes first.
_FEWEST_WITH_STUDY = 12


def _shorter_texts(volume: Volume, over: Sequence[Layer]) -> Iterator[str]:
    """What the banner says in less and less room: descriptions give way, the patient and the gap of planes stay."""
    longest = max((len(text) for text in _descriptions(volume, over)), default=0)
    for letters in range(longest - 1, _FEWEST_WITH_STUDY - 1, -1):
        yield banner_text(volume, over, letters)
    # What tells one series of a study from another outlasts what all of them share.
    without = replace(volume, info=replace(volume.info, study_description=""))
    for letters in (*range(longest, _FEWEST_LETTERS - 1, -1), 0):
        yield banner_text(without, over, letters)
    yield banner_text(volume, over, 0, _spacing_text(volume.geometry))


def _descriptions(volume: Volume, over: Sequence[Layer]) -> list[str]:
    return [volume.info.study_description, volume.info.description, *(layer.name for layer in over)]


def banner_text(volume: Volume, over: Sequence[Layer] = (), letters: int | None = None, grid: str | None = None) -> str:
    """One line that identifies a series: patient, study, series, what lies over it, grid.

    Args:
        volume: the series.
        over: what lies over it.
        letters: of each description at most, without its middle; 0 leaves it out. None for all of it.
        grid: in place of the whole grid.
    """
    info = volume.info
    study_words, series_words, *layer_words = (_limited(text, letters) for text in _descriptions(volume, over))
    name = person_name.shown(info.patient_name)
    patient = "  ".join(part for part in (name, info.patient_id, info.patient_birth_date, info.patient_sex) if part)
    study = "  ".join(part for part in (_date(info.study_date), study_words) if part)
    series = "  ".join(part for part in (volume.modality, series_words) if part)
    # Without its description a layer is still told by what it is of.
    laid_over = "  ".join(f"+ {words or layer.volume.modality}" for words, layer in zip(layer_words, over, strict=True))
    parts = (patient, study, series, laid_over, _grid_text(volume.geometry) if grid is None else grid)
    return "   ·   ".join(part for part in parts if part)


def _limited(text: str, letters: int | None) -> str:
    if letters is None or len(text) <= letters:
        return text
    last = (letters - 1) // 2
    return f"{text[: letters - 1 - last]}…{text[len(text) - last :]}" if letters else ""


def _grid_text(geometry: Geometry) -> str:
    planes, rows, columns = geometry.shape
    u, v = geometry.spacing_uv
    if geometry.in_patient:
        size = f"{columns}×{rows}×{planes}, {u:.3g}×{v:.3g}"
        if uneven_gaps(geometry) is not None:
            return f"{size} mm, {_spacing_text(geometry)}"
        return f"{size}×{geometry.plane_spacing:.3g} mm"
    frames = f", {planes} frames" if planes > 1 else ""
    size = f", {u:.3g}×{v:.3g} mm {geometry.measured}".rstrip() if geometry.unit == "mm" else ", no millimetres known"
    return f"{columns}×{rows} pixels{frames}{size}"


def _spacing_text(geometry: Geometry) -> str:
    """Of a grid what sizes hang on, as short as it can be said."""
    if not geometry.in_patient:
        return _grid_text(geometry)
    if (gaps := uneven_gaps(geometry)) is not None:
        return f"planes {gaps[0]:.3g} to {gaps[1]:.3g} mm apart"
    return f"planes {geometry.plane_spacing:.3g} mm apart"


def _date(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else text
