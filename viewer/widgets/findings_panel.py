"""The panel of findings: what models scored, and what a reader says of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt
from PySide6.QtGui import QAction, QContextMenuEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QPushButton,
    QSplitter,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from engine.answers import key_of
from engine.later import later
from viewer.findings import judged, show_evidence
from viewer.history import History
from viewer.session import Session
from viewer.widgets.finding_detail import FindingDetail
from viewer.widgets.findings_model import COMMENT, EVIDENCE, MODEL, NAME, READER, SIGN, FindingsModel, TwoLines
from viewer.widgets.new_finding import NewFinding
from viewer.widgets.theme import FAINT

if TYPE_CHECKING:
    from engine.findings import forms
else:
    forms = later("engine.findings.forms")

EMPTY = (
    "Nothing has been found on this series yet.\n\n"
    "Run a model that scores or detects, under Auto-contour, or add a finding by hand with the button above."
)
#: Below this height there is no room for the list beside a form, px.
_LOW = 460
#: From this width on there is room for comments and evidence in columns of their own, px.
_WIDE = 640


class FindingsPanel(QWidget):
    """The list, and beneath it the finding that is looked at.

    Args:
        session, history: of the window.
        tell: called with a sentence when something is refused, or there is nothing to show.
    """

    def __init__(self, session: Session, history: History, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._session, self._history, self._tell = session, history, tell
        self._choosing = False
        self.model = FindingsModel(session, self)
        self.view = self._make_view()
        self.ledger = QLabel(self)
        self.ledger.setStyleSheet(f"color: {FAINT};")
        self.add_button = QPushButton("Add a finding", self)
        self.add_button.setToolTip("Say what you see, by a form, without any model")
        self.add_menu = QMenu(self)
        self.add_menu.aboutToShow.connect(self._fill_forms)
        self.add_button.setMenu(self.add_menu)
        self.empty = QLabel(EMPTY, self, alignment=Qt.AlignmentFlag.AlignCenter)
        self.empty.setWordWrap(True)
        self.empty.setStyleSheet(f"color: {FAINT}; padding: 16px;")
        self.detail = FindingDetail(session, history, tell, self.show_where)
        self.detail.left.connect(self.view.setFocus)
        self.new = NewFinding(session, history)
        self.new.hide()
        self.new.ended.connect(self._end_new)
        self._menu = QMenu(self)
        self._lay_out()
        self.view.selectionModel().currentRowChanged.connect(self._chosen)
        self.model.modelReset.connect(self._show_active)
        session.active_finding_changed.connect(self._show_active)
        session.findings_changed.connect(self._show)
        session.volume_changed.connect(self._opened)
        self._opened()

    def _make_view(self) -> QTreeView:
        view = QTreeView(self)
        view.setModel(self.model)
        view.setItemDelegate(TwoLines(view))
        view.setRootIsDecorated(False)
        view.setUniformRowHeights(True)
        view.setAllColumnsShowFocus(True)
        view.setAlternatingRowColors(True)
        view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setAccessibleName("Findings")
        view.setMinimumHeight(70)
        view.activated.connect(lambda _: self.show_where())
        head = view.header()
        head.setSectionsMovable(False)
        head.setStretchLastSection(False)
        head.setMinimumSectionSize(24)
        text = self.fontMetrics().horizontalAdvance
        for column, width in ((SIGN, 26), (MODEL, text("one of: malign") + 10), (READER, text("BI-RADS 4A, m") + 10)):
            head.resizeSection(column, width)
        for column in (NAME, COMMENT):
            head.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        head.setSectionResizeMode(EVIDENCE, QHeaderView.ResizeMode.ResizeToContents)
        return view

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.ledger, 1)
        top.addWidget(self.add_button)
        split = QSplitter(Qt.Orientation.Vertical, self)
        split.setChildrenCollapsible(False)
        for part in (self.view, self.empty, self.detail, self.new):
            split.addWidget(part)
        # What is scrolled asks for little room of its own accord.
        split.setSizes([110, 110, 160, 160])
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(4, 4, 4, 4)
        self._layout.setSpacing(4)
        self._layout.addLayout(top)
        self._layout.addWidget(split, 1)

    def add_below(self, widget: QWidget) -> None:
        """Put something beneath all of it."""
        self._layout.addWidget(widget)

    def set_guard(self, may_change: Callable[[], bool]) -> None:
        """Ask this before anything that is said of findings changes."""
        self.detail.may_change = self.new.may_change = may_change

    def add_to_menu(self, action: QAction) -> None:
        """Show an action in the context menu of the list."""
        self._menu.addAction(action)

    # What is shown --------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Comments and evidence have columns of their own where there is room."""
        super().resizeEvent(event)
        for column in (COMMENT, EVIDENCE):
            self.view.setColumnHidden(column, self.width() < _WIDE)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        """What can be done with the finding that is looked at."""
        if self._session.active_finding is not None:
            self._menu.popup(event.globalPos())

    def _opened(self) -> None:
        self.add_button.setEnabled(self._session.volume is not None)
        self._end_new()
        self._show()

    def _show(self) -> None:
        said, count = judged(self._session.document)
        self.ledger.setText(f"{said} of {count} judged" if count else "")
        self._show_parts()

    def _show_parts(self) -> None:
        adding = not self.new.isHidden()
        # A form needs the room more than the list, of which one row would be left.
        self.view.setVisible(bool(self.model.findings) and not (adding and self.height() < _LOW))
        active = self._session.active_finding is not None
        self.detail.setVisible(active and not adding)
        self.empty.setVisible(not self.model.findings and not adding)

    def _show_active(self) -> None:
        finding = self._session.active_finding
        self._choosing = True
        row = self.model.row_of(key_of(finding)) if finding is not None else -1
        if row < 0:
            self.view.clearSelection()
            self.view.setCurrentIndex(QModelIndex())
        else:
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            self.view.selectionModel().setCurrentIndex(self.model.index(row, 0), flags)
        self._choosing = False
        self._show_parts()

    def _chosen(self, now: QModelIndex, _: QModelIndex) -> None:
        if now.isValid() and not self._choosing:
            finding = self.model.findings[now.row()]
            self._session.set_active_finding(key_of(finding))
            show_evidence(self._session, finding)

    # What the actions do --------------------------------------------------------------------------------------------

    def show_where(self) -> None:
        """Bring into view what the finding was computed from."""
        finding = self._session.active_finding
        if finding is not None:
            sentence = show_evidence(self._session, finding)
            if sentence:
                self._tell(sentence)

    def begin_new(self, form_id: str) -> None:
        """Let a finding be filled in by a form."""
        self.detail.keep_comment()
        self.new.begin(forms.forms()[form_id])
        self._show_parts()

    def _end_new(self) -> None:
        ended = self.new.isVisible()
        self.new.hide()
        self._show_parts()
        if ended:
            self.view.setFocus()

    def _fill_forms(self) -> None:
        self.add_menu.clear()
        for form in forms.forms().values():
            action = self.add_menu.addAction(form.title)
            action.triggered.connect(lambda _=False, form_id=form.id: self.begin_new(form_id))
