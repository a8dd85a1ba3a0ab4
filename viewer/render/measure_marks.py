"""The measures that lie on the cut of one view: their lines, handles, and what they amount to. No Qt."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from vtkmodules.vtkRenderingCore import vtkRenderer, vtkTextActor

from engine.measures.measure import Measure
from engine.measures.table import KINDS
from viewer.measured import label
from viewer.render.annotations import text_actor
from viewer.render.image_data import set_lines
from viewer.render.lines import line_actor
from viewer.render.orientation import ViewFrame, frames_of
from viewer.session import Cut, Session
from viewer.turning import Turned, turned_by

#: 0..1: light enough on dark anatomy, dark enough on a bright background.
COLOUR = (0.25, 0.75, 1.0)
#: Screen pixels: half the side of a handle, and from the last point to the text.
_HANDLE_PX, _ASIDE_PX = 3.0, 10.0
_LINE_PX = 1.6
#: About the size of a letter of the text.
_LETTER_PX, _ROW_PX = 6.6, 15.0
#: A measure lies on a cut when their normals differ by less than this cosine.
_PARALLEL = 0.999
#: And it was drawn on one like it when they differ by less than this.
_ALIKE = 1 - 1e-6


@dataclass(frozen=True, eq=False)
class Screen:
    """Where a view is: grid mm `depth` of the lines, mm of a device pixel, its part of a logical one, pixels."""

    index: int
    plane: int
    depth: float
    mm_per_pixel: float
    pixel_ratio: float
    size: tuple[int, int]
    pixel_from_lps: Callable[[ArrayLike], tuple[float, float]]


class MeasureMarks:
    """Draws the measures of a session in one view, and the one that is being drawn."""

    def __init__(self, session: Session, renderer: vtkRenderer) -> None:
        self._session, self._renderer = session, renderer
        self._lines, self._actor = line_actor(_LINE_PX, coloured=False)
        self._actor.GetProperty().SetColor(*COLOUR)
        renderer.AddActor(self._actor)
        self._texts: list[vtkTextActor] = []
        self._draft: tuple[Measure, int | None] | None = None
        #: To be drawn anew with the next frame.
        self.stale = False
        #: (text, device pixel from the top left) of what is written now.
        self.labels: list[tuple[str, tuple[float, float]]] = []

    def set_draft(self, measure: Measure | None, replaces: int | None) -> bool:
        """A measure that is being drawn, in place of the one numbered `replaces`; whether anything changed."""
        draft = (measure, replaces) if measure is not None else None
        changed, self._draft = draft != self._draft, draft
        self.stale |= changed
        return changed

    def prepare(self, frame: ViewFrame | None, screen: Callable[[], Screen]) -> None:
        """Bring lines and texts up to date; call it before drawing."""
        if not self.stale:
            return
        self.stale = False
        document = self._session.document
        stored = document.measures if document is not None else ()
        replaced = self._draft[1] if self._draft is not None else None
        shown = [measure for measure in stored if measure.number != replaced]
        self.labels = []
        if frame is None or not (shown or self._draft):
            self._clear()
            return
        self._draw(shown, frame, screen())

    def _clear(self) -> None:
        if self._lines.GetNumberOfCells():
            self._lines.Initialize()
            for text in self._texts:
                text.VisibilityOff()

    def _draw(self, stored: list[Measure], frame: ViewFrame, screen: Screen) -> None:
        shown = [measure for measure in stored if lies_on(measure, frame, screen.index, screen.plane)]
        if self._draft is not None:
            shown.append(self._draft[0])
        if not shown:
            self._clear()
            return
        parts: list[NDArray[np.float64]] = []
        for measure in shown:
            grid = _to_grid(frame, measure.points)
            parts += [_to_grid(frame, KINDS[measure.kind].outline(measure)), *_handles(grid, frame, screen, measure)]
            x, y = screen.pixel_from_lps(_beside(measure, screen))
            self.labels.append(_placed(label(measure, self._session.layers), x, y, screen))
        points = np.concatenate(parts)
        points[:, frame.across] = screen.depth
        offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
        set_lines(self._lines, points, offsets)
        self._write(screen)

    def _write(self, screen: Screen) -> None:
        while len(self._texts) < len(self.labels):
            text = text_actor("title")
            style = text.GetTextProperty()
            style.SetColor(*COLOUR)
            style.SetBackgroundColor(0.0, 0.0, 0.0)
            style.SetBackgroundOpacity(0.55)
            self._renderer.AddViewProp(text)
            self._texts.append(text)
        for number, actor in enumerate(self._texts):
            actor.SetVisibility(number < len(self.labels))
        for (text_of, (x, y)), actor in zip(self.labels, self._texts, strict=False):
            actor.SetInput(text_of)
            actor.GetTextProperty().SetFontSize(round(12 * screen.pixel_ratio))
            actor.SetDisplayPosition(round(x), round(screen.size[1] - y))


def lies_on(measure: Measure, frame: ViewFrame, index: int, plane: int) -> bool:
    """Whether a measure was drawn on this cut of a view: the grid's plane `index`, or acquired `plane`."""
    across = frame.geometry.directions[:, frame.across]
    if abs(float(across @ np.asarray(measure.normal_lps))) < _PARALLEL:
        return False
    # One that was drawn on a cut which leans a little from this one leaves it.
    if frame.cut is Cut.PLANE:
        return all(frame.acquired.nearest_plane(point) == plane for point in measure.points)
    at = _to_grid(frame, measure.points)[:, frame.across] / frame.spacing[frame.across]
    return bool((np.rint(at) == index).all())


def turned_to(measure: Measure, session: Session) -> Turned | None:
    """How far the views must be turned for one of them to show a measure: as they are or not at all where that does.

    Else all of them by the least turn that lays the nearest onto its cut.
    """
    normal = np.asarray(measure.normal_lps)
    frames = frames_of(session)
    across = {view: frame.geometry.directions[:, frame.across] for view, frame in frames.items()}
    if not frames or max(abs(float(way @ normal)) for way in across.values()) >= _ALIKE:
        return session.turned
    own = {view: frame.unturned or frame for view, frame in frames.items()}
    across = {view: frame.geometry.directions[:, frame.across] for view, frame in own.items()}
    nearest = max(across.values(), key=lambda way: abs(float(way @ normal)))
    cosine = float(nearest @ normal)
    if abs(cosine) >= _ALIKE:
        return None
    axis = np.cross(nearest, normal if cosine > 0 else -normal)
    sine = float(np.linalg.norm(axis))
    axis = axis / sine
    # A view that would be turned within its own plane stays as it lies.
    views = [view for view, way in across.items() if abs(float(way @ axis)) < _ALIKE]
    return turned_by(None, views, axis, float(np.arctan2(sine, abs(cosine))), measure.points.mean(axis=0))


def _to_grid(frame: ViewFrame, points_lps: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((points_lps - frame.geometry.origins_lps[0]) @ frame.geometry.directions)


def _handles(
    grid: NDArray[np.float64], frame: ViewFrame, screen: Screen, measure: Measure
) -> list[NDArray[np.float64]]:
    """A small square about each point that can be dragged; a line drawn by hand has none."""
    if measure.kind == "region":
        return []
    half = _HANDLE_PX * screen.pixel_ratio * screen.mm_per_pixel
    square = np.zeros((5, 3))
    square[:, frame.right] = half * np.array([-1, 1, 1, -1, -1])
    square[:, frame.down] = half * np.array([-1, -1, 1, 1, -1])
    return [point + square for point in grid]


def _placed(text: str, x: float, y: float, screen: Screen) -> tuple[str, tuple[float, float]]:
    """A text beside a pixel, kept inside the view."""
    lines = text.split("\n")
    width = max(map(len, lines)) * _LETTER_PX * screen.pixel_ratio
    height = len(lines) * _ROW_PX * screen.pixel_ratio
    aside = _ASIDE_PX * screen.pixel_ratio
    left = min(x + aside, screen.size[0] - width - aside)
    return text, (max(left, aside), min(max(y, aside), max(screen.size[1] - height - aside, aside)))


def _beside(measure: Measure, screen: Screen) -> NDArray[np.float64]:
    """The point of the line that is farthest to the right on the screen."""
    line = KINDS[measure.kind].outline(measure)
    return np.asarray(max(line, key=lambda point: screen.pixel_from_lps(point)[0]))
