"""The scores and boxes that models gave about the open series, as a plain list."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHeaderView, QLabel, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from engine.answers import Box, Score
from viewer.session import Session

_HEADS = ("Finding", "Value", "Threshold", "Model")


class FindingsPanel(QWidget):
    """One row a score or box; a box that is activated is brought into view."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.list = QTreeWidget(self)
        self.list.setHeaderLabels(_HEADS)
        self.list.setRootIsDecorated(False)
        self.list.setAccessibleName("Findings")
        self.list.setToolTip("What models scored; a double click on a place brings it into view")
        self.list.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.list.itemActivated.connect(self._go_to)
        self.empty = QLabel("No model has scored this series.", self, alignment=Qt.AlignmentFlag.AlignCenter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.list)
        layout.addWidget(self.empty)
        session.volume_changed.connect(self._show)
        session.findings_changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        # QTreeWidget.clear() crashes now and then in PySide once items made in Python have been painted.
        while self.list.topLevelItemCount():
            self.list.takeTopLevelItem(0)
        document = self._session.document
        findings: tuple[Score | Box, ...] = (*document.scores, *document.boxes) if document is not None else ()
        for finding in findings:
            source = finding.provenance
            unit = finding.unit if isinstance(finding, Score) else ""
            row = (finding.name, f"{finding.value:.3g}{unit}", f"{finding.threshold:.3g}", source.description)
            item = QTreeWidgetItem(self.list, row)
            item.setData(0, Qt.ItemDataRole.UserRole, finding)
            reached = "reaches" if finding.value >= finding.threshold else "is below"
            item.setToolTip(0, f"{finding.name}: the value {reached} the threshold of the model")
            item.setToolTip(3, f"{source.description}\n{source.algorithm} {source.version}")
        self.list.setVisible(bool(findings))
        self.empty.setVisible(not findings)

    def _go_to(self, item: QTreeWidgetItem) -> None:
        finding, volume = item.data(0, Qt.ItemDataRole.UserRole), self._session.volume
        if isinstance(finding, Box) and volume is not None:
            middle = [(low + high) / 2 for low, high in zip(finding.low_kji, finding.high_kji, strict=True)]
            points = volume.geometry.lps_from_kji([middle, finding.low_kji, finding.high_kji])
            self._session.reveal(points[0], points[1:])
