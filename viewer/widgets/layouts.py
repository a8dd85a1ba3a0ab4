"""How the panes lie: a table of layouts, each a list of cells. No Qt."""

from collections.abc import Callable
from dataclasses import dataclass

from viewer.session import View

#: The most images side by side, and the planes at once: columns and rows.
MOST_BESIDE = 3
TILES = 3


@dataclass(frozen=True)
class Cell:
    """A pane and its place.

    Args:
        view: that it shows.
        row, column, rows, columns: of the grid.
        layer: the only image in it; None for all as they lie on one another.
        offset: planes onward from the cursor's.
        tile: one of several planes of a view.
    """

    view: View
    row: int
    column: int
    rows: int = 1
    columns: int = 1
    layer: int | None = None
    offset: int = 0
    tile: bool = False

    @property
    def is_usual(self) -> bool:
        """Whether it is the pane of its view that is always there."""
        return self.layer is None and not self.tile


@dataclass(frozen=True)
class Layout:
    """A way to lay out panes.

    Args:
        key: word that it is remembered by.
        title, tip: for people.
        cells: of the view that was read last and the number of images that are open.
    """

    key: str
    title: str
    tip: str
    cells: Callable[[View, int], tuple[Cell, ...]]


def alone(view: View) -> tuple[Cell, ...]:
    """One pane that fills the layout."""
    return (Cell(view, 0, 0),)


def _four(_: View, __: int) -> tuple[Cell, ...]:
    return (
        Cell(View.AXIAL, 0, 0),
        Cell(View.SAGITTAL, 0, 1),
        Cell(View.CORONAL, 1, 0),
        Cell(View.THREE_D, 1, 1),
    )


def _row(_: View, __: int) -> tuple[Cell, ...]:
    return tuple(Cell(view, 0, column) for column, view in enumerate((View.AXIAL, View.SAGITTAL, View.CORONAL)))


def _large(view: View, _: int) -> tuple[Cell, ...]:
    others = [other for other in View if other is not view]
    return (Cell(view, 0, 0, 3, 2), *(Cell(other, row, 2) for row, other in enumerate(others)))


def _beside(view: View, images: int) -> tuple[Cell, ...]:
    plane = View.AXIAL if view is View.THREE_D else view
    return tuple(Cell(plane, 0, layer, layer=layer) for layer in range(min(max(images, 1), MOST_BESIDE)))


def _tiles(view: View, _: int) -> tuple[Cell, ...]:
    plane, first = View.AXIAL if view is View.THREE_D else view, -(TILES * TILES // 2)
    places = [(row, column) for row in range(TILES) for column in range(TILES)]
    return tuple(
        Cell(plane, row, column, offset=first + number, tile=True) for number, (row, column) in enumerate(places)
    )


FOUR = Layout("four", "Three planes and 3D", "Axial, sagittal, coronal and 3D, two by two", _four)

#: In the order of their keys.
LAYOUTS: tuple[Layout, ...] = (
    Layout("one", "One view", "The view under the mouse alone", lambda view, _: alone(view)),
    FOUR,
    Layout("row", "Three planes in a row", "Axial, sagittal and coronal beside each other", _row),
    Layout("large", "One large, three small", "The view under the mouse large, the others beside it", _large),
    Layout("beside", "Images side by side", "Every image that is shown on its own, all at one place", _beside),
    Layout("tiles", "Nine planes", "The plane of the crosshair with four before and four after it", _tiles),
)
