"""The choice of the second structure of an operation."""

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QComboBox, QWidget

from engine.structures import Roi
from viewer.edits.points import point_of
from viewer.widgets.structures_model import swatch

#: Of the entry for no second structure.
NO_COLOUR = (70, 72, 76)


class OtherChoice(QComboBox):
    """The structures but the one that is worked on and points; where it may be none, that comes first.

    At first the first one that is drawn is chosen: the result with an empty one says little.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._listed: list[tuple[int | None, str, tuple[int, int, int]]] | None = None
        # A long name must not widen the panel, and with it the whole side of the window.
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.setToolTip("The second structure; it stays as it is")

    def fill(self, rois: tuple[Roi, ...], but: Roi | None, optional: bool) -> None:
        """List the structures; what was chosen stays chosen where it is among them.

        But what stands there for an operation that needs another limits none that can do without.
        """
        wanted: list[tuple[int | None, str, tuple[int, int, int]]]
        wanted = [(roi.number, roi.name, roi.colour) for roi in rois if roi is not but and point_of(roi) is None]
        if optional:
            wanted.insert(0, (None, "–", NO_COLOUR))
        if wanted == self._listed:
            return
        could_be_none = self._listed is not None and (None, "–", NO_COLOUR) in self._listed
        self._listed = wanted
        before = self.currentData() if could_be_none or not optional else None
        blocker = QSignalBlocker(self)
        self.clear()
        for number, name, colour in wanted:
            self.addItem(swatch(colour), name, number)
        drawn = next((roi.number for roi in rois if roi is not but and not roi.is_empty), None)
        row = self.findData(before) if before is not None else 0 if optional else self.findData(drawn)
        self.setCurrentIndex(max(row, 0 if wanted else -1))
        blocker.unblock()
