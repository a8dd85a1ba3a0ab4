"""Names that are too long for their column, shortened so that they can still be told apart."""

from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QAbstractItemView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

DOTS = "…"

_NOWHERE = QModelIndex()
#: What Qt makes of the end of a line before it draws an item.
_NEW_LINE = "\u2028"


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
        room, width = _width_of_text(option), option.fontMetrics.horizontalAdvance
        if width(option.text) > room:
            option.text = self.shorter(index, lambda text: width(text) <= room)

    def shorter(self, index: QModelIndex | QPersistentModelIndex, fits: Callable[[str], bool]) -> str:
        """What is written in a cell that has no room for its text."""
        return shortened(str(index.data() or ""), self._others(), fits)

    def _others(self) -> tuple[str, ...]:
        if self._names is None:
            self._names = tuple(_texts(self._model, self._column, _NOWHERE))
        return self._names

    def _forget(self) -> None:
        self._names = None


class LongFirstLines(LongNames):
    """Writes the rows of a tree, whose first line is a name; beside a picture it has two lines before it is shortened.

    It is told apart from what is below the same row of the second level, or beside it where it is no deeper.
    """

    def __init__(self, view: QAbstractItemView, column: int = 0) -> None:
        super().__init__(view, column)
        self._near: dict[int, list[str]] = {}

    def initStyleOption(  # noqa: N802
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Break the first line, and shorten it where that is not enough, told apart from those of the other rows."""
        QStyledItemDelegate.initStyleOption(self, option, index)
        room, width = _width_of_text(option), option.fontMetrics.horizontalAdvance
        name, *below = option.text.split(_NEW_LINE)
        # Asked for the height of a row, it has no width yet.
        if option.rect.width() <= 0 or width(name) <= room:
            return
        most = 1 if option.icon.isNull() else 2

        def lines(text: str) -> list[str]:
            return broken(text, lambda part: width(part) <= room)

        name = shortened(name, self._names_near(index), lambda text: len(lines(text)) <= most)
        option.text = _NEW_LINE.join((*lines(name), *below))

    def _names_near(self, index: QModelIndex | QPersistentModelIndex) -> list[str]:
        branch = index.parent()
        while branch.parent().parent().isValid():
            branch = branch.parent()
        key = branch.internalId() if branch.isValid() else 0
        if key not in self._near:
            self._near[key] = [text.split("\n")[0] for text in _texts(self._model, self._column, branch)]
        return self._near[key]

    def _forget(self) -> None:
        super()._forget()
        self._near = {}


#: A name may go on in the next line behind one of these.
_BREAKS = " _-./"


def broken(text: str, fits: Callable[[str], bool]) -> list[str]:
    """`text` in lines of which each fits, broken between words where these are not too long; one letter at least."""
    lines = []
    while not fits(text) and len(text) > 1:
        end = next((end for end in range(len(text) - 1, 1, -1) if fits(text[:end].rstrip())), 1)
        word = max(text.rfind(letter, 0, end) for letter in _BREAKS) + 1
        end = word if word > end // 2 else end
        lines.append(text[:end].rstrip())
        text = text[end:].lstrip()
    return [*lines, text]


def _width_of_text(option: QStyleOptionViewItem) -> int:
    """The room for the text of a row, px."""
    style = option.widget.style()
    room = style.subElementRect(QStyle.SubElement.SE_ItemViewItemText, option, option.widget).width()
    return int(room - 2 * (style.pixelMetric(QStyle.PixelMetric.PM_FocusFrameHMargin, option, option.widget) + 1))


def _texts(model: QAbstractItemModel, column: int, parent: QModelIndex) -> Iterator[str]:
    for row in range(model.rowCount(parent)):
        index = model.index(row, column, parent)
        # A text that is more than a name is edited as the name alone.
        yield str(index.data(Qt.ItemDataRole.EditRole) or index.data() or "")
        yield from _texts(model, column, model.index(row, 0, parent))
