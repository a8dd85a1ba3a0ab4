"""Names that are too long for their column, shortened so that they can still be told apart."""

from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QAbstractItemView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

DOTS = "…"

_NOWHERE = QModelIndex()


def shortened(name: str, names: Sequence[str], fits: Callable[[str], bool]) -> str:
    """`name` with dots for what is left out of it, so that it fits and none of `names` is written like it.

    Names differ most often at an end, by side or by inner and outer, and so the middle is left out first; where
    others share both ends, what they share. Where there is no room to tell them apart the middle is left out.
    """
    if fits(name):
        return name
    room = _room(name, fits)
    middle = _without_middle(name, room)
    alike = [other for other in names if other != name and not fits(other) and _without_middle(other, room) == middle]
    if not alike:
        return middle
    start = min(_alike(name, other) for other in alike)
    end = min(_alike(name[start:][::-1], other[start:][::-1]) for other in alike)
    differs = len(name) - end - start
    # Letters are of different widths: less of what names share is shown until it fits.
    for shared in range(room - differs - 2, -1, -1):
        first = (shared + 1) // 3
        tail = min((shared - first) // 2, end)
        text = _of_pieces(name, first, start - (shared - first - tail), len(name) - end, tail)
        if fits(text):
            return text
    return middle


def _alike(name: str, other: str) -> int:
    """How many letters two names begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(name, other, strict=False)))


def _of_pieces(name: str, first: int, start: int, stop: int, tail: int) -> str:
    """The first letters, those from `start` to `stop`, and the last, with dots for what is between them."""
    head = name[:stop] if start <= first else f"{name[:first]}{DOTS}{name[start:stop]}"
    last = len(name) - tail
    return f"{head}{DOTS if stop < last else ''}{name[last:]}"


def _room(name: str, fits: Callable[[str], bool]) -> int:
    """How many characters of a name there is room for, with dots in place of the others."""
    low, high = 0, len(name)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(_without_middle(name, middle)) else (low, middle - 1)
    return low


def _without_middle(name: str, count: int) -> str:
    kept = max(count - 1, 0)
    first = (kept + 1) // 2
    return f"{name[:first]}{DOTS}{name[len(name) - (kept - first) :] if kept > first else ''}"


class LongNames(QStyledItemDelegate):
    """Writes the names of one column of a view, which must have its model."""

    def __init__(self, view: QAbstractItemView, column: int = 0) -> None:
        super().__init__(view)
        self._column, self._model = column, view.model()
        self._names: tuple[str, ...] | None = None
        for signal in (self._model.dataChanged, self._model.modelReset, self._model.layoutChanged,
                       self._model.rowsInserted, self._model.rowsRemoved):  # fmt: skip
            signal.connect(self._forget)

    def initStyleOption(  # noqa: N802
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Shorten what is too long, told apart from the other names of the column."""
        super().initStyleOption(option, index)
        option.textElideMode = Qt.TextElideMode.ElideMiddle
        style = option.widget.style()
        room = style.subElementRect(QStyle.SubElement.SE_ItemViewItemText, option, option.widget).width()
        room -= 2 * (style.pixelMetric(QStyle.PixelMetric.PM_FocusFrameHMargin, option, option.widget) + 1)
        width = option.fontMetrics.horizontalAdvance
        if width(option.text) > room:
            if self._names is None:
                self._names = tuple(_texts(self._model, self._column, _NOWHERE))
            option.text = shortened(option.text, self._names, lambda text: width(text) <= room)

    def _forget(self) -> None:
        self._names = None


def _texts(model: QAbstractItemModel, column: int, parent: QModelIndex) -> Iterator[str]:
    for row in range(model.rowCount(parent)):
        index = model.index(row, column, parent)
        yield str(index.data() or "")
        yield from _texts(model, column, model.index(row, 0, parent))
