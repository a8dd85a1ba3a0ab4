"""Where findings lie, on a cut: dashed rectangles with their label, the same dashes at any zoom."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from vtkmodules.vtkCommonDataModel import vtkPolyData
from vtkmodules.vtkRenderingCore import vtkTextActor

from engine.answers import Box, Finding, Score
from engine.findings.assessment import Verdict
from engine.loose import slab_edges
from engine.volume import FloatArray
from viewer.render.annotations import text_actor
from viewer.render.box_cut import CORNERS, around_cut, box_cut
from viewer.render.dashes import dashed
from viewer.render.image_data import set_lines
from viewer.render.lines import line_actor
from viewer.render.orientation import ViewFrame
from viewer.session import Cut, Session

if TYPE_CHECKING:
    from viewer.render.plane_scene import PlaneScene

_LINE_PX, _ACTIVE_LINE_PX = 1.0, 2.5
#: More labels than this hide the image that they are about.
_MOST_LABELS = 12
_LETTERS_PX = 12
#: In front of outlines, behind the crosshair, mm.
_DEPTH = 600.0
#: Two ranges that share no more than this only touch, mm.
_TOUCHING_MM = 1e-6
_JUDGED, _REJECTED, _UNSEEN = (120, 205, 140), (150, 150, 150), (255, 190, 70)
_COLOURS = {
    Verdict.UNSEEN: _UNSEEN,
    Verdict.ACCEPTED: _JUDGED,
    Verdict.CHANGED: _JUDGED,
    Verdict.ADDED: _JUDGED,
    Verdict.REJECTED: _REJECTED,
}


@dataclass(frozen=True)
class Mark:
    """A box along the axes of the open series' own grid.

    Args:
        low_kji, high_kji: [plane, row, column] of two corners; whole numbers are voxel centres.
        text: its label.
        colour: of its lines.
        active: drawn heavier.
    """

    low_kji: tuple[float, float, float]
    high_kji: tuple[float, float, float]
    text: str
    colour: tuple[int, int, int]
    active: bool = False


def marks_of(session: Session) -> list[Mark]:
    """The boxes of all findings, and where the active one was computed from; what a reader rejected is grey."""
    findings = session.document.findings if session.document is not None else ()
    active = session.active_finding
    marks = []
    for finding in findings:
        place = finding.evidence
        chosen = finding is active
        if place.low_kji is None or place.high_kji is None or (isinstance(finding, Score) and not chosen):
            continue
        marks.append(Mark(place.low_kji, place.high_kji, _label(finding), _COLOURS[finding.assessment.verdict], chosen))
    return marks


def _label(finding: Finding) -> str:
    number = f" {finding.value:.2f}" if isinstance(finding, Box) else ""
    verdict = finding.assessment.verdict
    return f"{finding.name}{number}" + ("" if verdict in (Verdict.UNSEEN, Verdict.ADDED) else f" · {verdict.value}")


class BoxMarks:
    """The marks of one view's scene, up to date with its findings whenever `draw` was called."""

    def __init__(self, scene: "PlaneScene") -> None:
        self._scene = scene
        self._drawn: tuple[object, ...] = ()
        # What a cut shows of a box does not change with what is said of it.
        self._cut: tuple[object, ...] = ()
        self._sections: dict[tuple[object, ...], FloatArray] = {}
        self._plain, plain = line_actor(_LINE_PX, coloured=True)
        self._active, active = line_actor(_ACTIVE_LINE_PX, coloured=True)
        scene.renderer.AddActor(plain)
        scene.renderer.AddActor(active)
        self._labels = [text_actor("title") for _ in range(_MOST_LABELS)]
        for label in self._labels:
            style = label.GetTextProperty()
            style.SetVerticalJustificationToBottom()
            style.SetBackgroundColor(0.0, 0.0, 0.0)
            style.SetBackgroundOpacity(0.5)
            label.VisibilityOff()
            scene.renderer.AddViewProp(label)
        scene.session.findings_changed.connect(self._changed)
        scene.session.active_finding_changed.connect(self._changed)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that were drawn, that of the active finding first."""
        return tuple(label.GetInput() for label in self._labels if label.GetVisibility())

    def _changed(self) -> None:
        self._scene.changed.emit()

    def draw(self) -> None:
        """Draw what the scene's cut shows of the boxes, where anything of that has changed."""
        scene = self._scene
        marks = marks_of(scene.session) if scene.frame is not None else []
        state = (*marks, scene.frame, scene.index, scene.plane, scene.framing, scene.size, scene.pixel_ratio)
        if state == self._drawn or not (marks or self._drawn):
            return
        self._drawn = state if marks else ()
        frame = scene.frame
        sections = [self._section(frame, mark) for mark in marks] if frame is not None else []
        shown = [(mark, corners) for mark, corners in zip(marks, sections, strict=False) if len(corners)]
        for target, active in ((self._plain, False), (self._active, True)):
            lines = [pair for pair in shown if pair[0].active == active]
            if frame is None or not lines:
                target.Initialize()
            else:
                self._fill(target, lines, frame)
        for label in self._labels:
            label.VisibilityOff()
        shown.sort(key=lambda pair: not pair[0].active)
        for label, (mark, corners) in zip(self._labels, shown, strict=False):
            self._write(label, mark, corners)

    def _section(self, frame: ViewFrame, mark: Mark) -> FloatArray:
        cut = (frame, self._scene.index, self._scene.plane)
        if cut != self._cut:
            self._cut, self._sections = cut, {}
        place = (mark.low_kji, mark.high_kji)
        if place not in self._sections:
            self._sections[place] = section(frame, mark, self._scene.index, self._scene.plane)
        return self._sections[place]

    def _fill(self, target: vtkPolyData, shown: list[tuple[Mark, FloatArray]], frame: ViewFrame) -> None:
        pixel_mm = self._scene.mm_per_pixel * self._scene.pixel_ratio
        ends, colours = [], []
        for mark, corners in shown:
            sides = np.stack([corners, np.roll(corners, -1, axis=0)], axis=1)
            dashes = dashed(sides, np.zeros(len(sides), dtype=np.int64), frame.across, pixel_mm)
            ends.append(dashes)
            colours.append(np.tile(np.array(mark.colour, dtype=np.uint8), (len(dashes), 1)))
        points = np.concatenate(ends).reshape(-1, 3)
        points[:, frame.across] = self._scene.towards_camera(_DEPTH)
        set_lines(target, points, np.arange(0, len(points) + 1, 2), np.concatenate(colours))

    def _write(self, label: vtkTextActor, mark: Mark, corners: FloatArray) -> None:
        """Write a label over the upper left corner, within the view; not higher than its upper edge."""
        scene = self._scene
        assert scene.frame is not None, "labels belong to a series"
        places = [scene.pixel_from_lps(scene.frame.lps_from_grid(corner)) for corner in corners]
        (left, top), (right, bottom) = np.min(places, axis=0), np.max(places, axis=0)
        width, height = scene.size
        if right < 0 or bottom < 0 or left > width or top > height:
            return
        style = label.GetTextProperty()
        style.SetFontSize(round(_LETTERS_PX * scene.pixel_ratio))
        style.SetColor(*(channel / 255 for channel in mark.colour))
        highest = height - (_LETTERS_PX + 6) * scene.pixel_ratio
        label.SetInput(mark.text)
        label.SetDisplayPosition(round(max(left, 2)), round(min(height - top + 2, highest)))
        label.VisibilityOn()


def section(frame: ViewFrame, mark: Mark, index: int, plane: int) -> FloatArray:
    """(n, 3) grid mm of the corners of what a cut shows of a box, in order around it; (0, 3) where it shows nothing.

    A box is shown on every plane of whose tissue it takes part, as far as half a voxel from its corners.
    """
    corners = _grid_corners(mark, frame)
    across = frame.across
    if frame.cut is Cut.PLANE:
        edges = slab_edges(frame.acquired) - frame.geometry.positions[0]
        low, high = edges[plane], edges[plane + 1]
        level = frame.acquired.positions[plane] - frame.geometry.positions[0]
    else:
        level = index * frame.spacing[across]
        low, high = level - frame.spacing[across] / 2, level + frame.spacing[across] / 2
    first, last = corners[:, across].min(), corners[:, across].max()
    overlaps = min(last, high) - max(first, low) > _TOUCHING_MM
    if not (overlaps or (last - first <= _TOUCHING_MM and low <= first < high)):
        return np.empty((0, 3))
    points = box_cut(corners, across, float(np.clip(level, first, last)))
    return around_cut(points, [frame.right, frame.down])


def _grid_corners(mark: Mark, frame: ViewFrame) -> FloatArray:
    low, high = np.array(mark.low_kji), np.array(mark.high_kji)
    points = frame.acquired.lps_from_kji(low + CORNERS * (high - low))
    return np.asarray((points - frame.geometry.origins_lps[0]) @ frame.geometry.directions)
