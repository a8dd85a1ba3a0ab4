"""What a plane view says besides the image: orientation letters, the scale bar, the name and number of the plane."""

from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkRenderingCore import vtkActor2D, vtkCoordinate, vtkPolyDataMapper2D, vtkRenderer, vtkTextActor

#: Lengths that a scale bar may have, mm; and pixels, of pictures that say no more of their size.
SCALE_LENGTHS_MM = (1, 2, 5, 10, 20, 50, 100, 200, 500)
SCALE_LENGTHS_PX = (*SCALE_LENGTHS_MM, 1000, 2000, 5000, 10_000)

_MARGIN = 8
#: Mean width of a letter of the title, logical pixels.
_TITLE_LETTER = 6.4


def scale_length_mm(width_px: int, mm_per_px: float, lengths: tuple[int, ...] = SCALE_LENGTHS_MM) -> int:
    """The longest round length, mm, that takes at most a third of a view's width; the shortest where none does."""
    fitting = [length for length in lengths if length <= width_px * mm_per_px / 3]
    return fitting[-1] if fitting else lengths[0]


class Annotations:
    """Text and scale bar of one view, in screen pixels."""

    def __init__(self, renderer: vtkRenderer) -> None:
        self._texts = {place: text_actor(place) for place in ("left", "right", "up", "down", "title", "scale")}
        for actor in self._texts.values():
            renderer.AddViewProp(actor)
        # The edge is the same bar one pixel aside, so that the bar can be read on any anatomy.
        self._bar, self._edge = vtkPolyData(), vtkPolyData()
        self._bar_edge, self._bar_actor = _bar_actor(self._edge), _bar_actor(self._bar)
        renderer.AddViewProp(self._bar_edge)
        renderer.AddViewProp(self._bar_actor)
        #: Length of the scale bar, mm, or pixels of the picture.
        self.scale_mm = 0
        self._unit, self._measured = "mm", ""
        self._name = self._page = ""
        self._layout: tuple[int, int, float, float] | None = None

    def set_letters(self, left: str, right: str, up: str, down: str) -> None:
        """The anatomical directions at the four sides."""
        for place, text in (("left", left), ("right", right), ("up", up), ("down", down)):
            self._texts[place].SetInput(text)

    def set_unit(self, unit: str, measured: str = "") -> None:
        """What lengths are in, "mm" or "px", and where they hold: "at the detector"."""
        if (unit, measured) != (self._unit, self._measured):
            self._unit, self._measured, self._layout = unit, measured, None

    @property
    def scale(self) -> str:
        """What stands at the scale bar."""
        return self._texts["scale"].GetInput() or ""

    @property
    def letters(self) -> tuple[str, str, str, str]:
        """What stands left, right, up and down."""
        left, right, up, down = (self._texts[place].GetInput() for place in ("left", "right", "up", "down"))
        return left, right, up, down

    @property
    def title(self) -> str:
        """What stands at the top left."""
        return self._texts["title"].GetInput() or ""

    def set_title(self, text: str) -> None:
        """Name and number of the plane, top left."""
        self._name = text
        self._show_title()

    def set_page(self, page: str) -> None:
        """Which picture of a list is shown, behind the name: "picture 3 / 40"; "" for none."""
        self._page = page
        self._show_title()

    def _show_title(self) -> None:
        self._texts["title"].SetInput("   ".join(part for part in (self._name, self._page) if part))
        self._place_up()

    def set_looks(self, title_colour: tuple[float, float, float], *, bright: bool) -> None:
        """Bright on dark, or dark where the image's background is bright."""
        colour = (0.25, 0.25, 0.25) if bright else (0.78, 0.80, 0.82)
        for place, actor in self._texts.items():
            style = actor.GetTextProperty()
            style.SetColor(*colour)
            # A veil, so that the text can be read on any anatomy.
            style.SetBackgroundColor(*((1.0,) * 3 if bright else (0.0,) * 3))
            style.SetBackgroundOpacity(0.5)
            if place == "title":
                style.SetColor(*(channel * (0.45 if bright else 1.0) for channel in title_colour))
        self._bar_actor.GetProperty().SetColor(*colour)
        self._bar_edge.GetProperty().SetColor(*((1.0,) * 3 if bright else (0.0,) * 3))

    def set_visible(self, visible: bool) -> None:
        """Show or hide all of it."""
        for actor in (*self._texts.values(), self._bar_edge, self._bar_actor):
            actor.SetVisibility(visible)

    def lay_out(self, width: int, height: int, mm_per_px: float, pixel_ratio: float) -> None:
        """Place everything for a view of that many device pixels."""
        layout = (width, height, mm_per_px, pixel_ratio)
        if layout == self._layout:
            return
        self._layout = layout
        margin = _MARGIN * pixel_ratio
        places = {
            "left": (margin, height / 2),
            "right": (width - margin, height / 2),
            "up": (width / 2, height - margin),
            "down": (width / 2, margin),
            "title": (margin, height - margin),
        }
        for place, position in places.items():
            self._texts[place].SetDisplayPosition(round(position[0]), round(position[1]))
        self._place_up()
        for place, actor in self._texts.items():
            actor.GetTextProperty().SetFontSize(round((12 if place in {"title", "scale"} else 15) * pixel_ratio))
        self._lay_out_bar(width, margin, mm_per_px, pixel_ratio)

    def _place_up(self) -> None:
        """The upper letter stands in the middle, or beside the title where that reaches so far."""
        if self._layout is None:
            return
        width, height, _, ratio = self._layout
        beside = (_MARGIN + _TITLE_LETTER * len(self.title) + 2 * _MARGIN) * ratio
        x = min(max(width / 2, beside), width - _MARGIN * ratio)
        self._texts["up"].SetDisplayPosition(round(x), round(height - _MARGIN * ratio))

    def _lay_out_bar(self, width: int, margin: float, mm_per_px: float, pixel_ratio: float) -> None:
        lengths = SCALE_LENGTHS_PX if self._unit == "px" else SCALE_LENGTHS_MM
        length = self.scale_mm = scale_length_mm(width, mm_per_px, lengths)
        right = width - margin
        left = right - length / mm_per_px
        tick = 4 * pixel_ratio
        corners = ((left, margin + tick), (left, margin), (right, margin), (right, margin + tick))
        for bar, aside in ((self._bar, 0), (self._edge, 1)):
            points, lines = vtkPoints(), vtkCellArray()
            lines.InsertNextCell(len(corners))
            for x, y in corners:
                # Half a pixel in, so that a line of one pixel falls on pixels and not between them.
                lines.InsertCellPoint(points.InsertNextPoint(round(x) + aside + 0.5, round(y) - aside + 0.5, 0.0))
            bar.SetPoints(points)
            bar.SetLines(lines)
            bar.Modified()
        scale = self._texts["scale"]
        text = f"{length // 10} cm" if self._unit == "mm" and length >= 10 else f"{length} {self._unit}"
        scale.SetInput(f"{text} {self._measured}".rstrip())
        scale.SetDisplayPosition(round(right), round(margin + tick + 3 * pixel_ratio))


def _bar_actor(bar: vtkPolyData) -> vtkActor2D:
    mapper = vtkPolyDataMapper2D()
    mapper.SetInputData(bar)
    coordinate = vtkCoordinate()
    coordinate.SetCoordinateSystemToDisplay()
    mapper.SetTransformCoordinate(coordinate)
    actor = vtkActor2D()
    actor.SetMapper(mapper)
    return actor


def text_actor(place: str) -> vtkTextActor:
    """Text for a place of a view: "left", "right", "up", "down", "title" or "scale"."""
    actor = vtkTextActor()
    actor.SetTextScaleModeToNone()
    style = actor.GetTextProperty()
    style.SetFontFamilyToArial()
    style.SetColor(0.78, 0.80, 0.82)
    if place in {"left", "title"}:
        style.SetJustificationToLeft()
    elif place in {"right", "scale"}:
        style.SetJustificationToRight()
    else:
        style.SetJustificationToCentered()
    if place in {"left", "right"}:
        style.SetVerticalJustificationToCentered()
    elif place in {"up", "title"}:
        style.SetVerticalJustificationToTop()
    else:
        style.SetVerticalJustificationToBottom()
    return actor
