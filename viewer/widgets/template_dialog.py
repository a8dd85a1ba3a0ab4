"""The dialog that makes a template of cards: which models draw which structures, under which names and colours."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QColorDialog,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engine.card_templates import CardTemplate, TemplateCard, TemplateStructure, file_for, save_card_template
from engine.errors import PlanimeterError
from engine.structures import Roi, StructureSet
from viewer.widgets.structure_choice import drawn_by
from viewer.widgets.theme import ERROR

if TYPE_CHECKING:
    from engine.cards.options import Choice
    from engine.cards.registry import LoadedCard
    from engine.cards.schema import Output

_WHAT, _CALLED, _COLOUR = range(3)
_ABOUT = (
    "Ticked models run in turn as one. What they drew here is ticked already, with its names and colours; double-click "
    "changes a name or a colour."
)


class TemplateDialog(QDialog):
    """A tree of models and their structures.

    Args:
        cards: that can be run and draw.
        structures: as they are now; what a card drew of them is ticked, as it is called and coloured.
        chosen: id of the card that is chosen → the names of its structures that are, None for all.
        options: id of a card → the values of its options that are chosen.
    """

    def __init__(
        self,
        cards: Sequence[LoadedCard],
        structures: StructureSet | None,
        chosen: Mapping[str, frozenset[str] | None],
        options: Mapping[str, Mapping[str, Choice]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Make a template of models")
        self._options = options
        about = QLabel(_ABOUT, self, wordWrap=True)
        self.title = QLineEdit(self)
        self.title.setPlaceholderText("Such as: Head and neck")
        self.title.setToolTip("What the template is called in the menu")
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Find a model or a structure")
        self.search.setToolTip("Lists the models and structures that hold all of these words")
        self.tree = QTreeWidget(self)
        self.tree.setHeaderLabels(["Model and structure", "Called", "Colour"])
        self.tree.setToolTip("Tick what is to be drawn (Space)")
        self.tree.header().setStretchLastSection(False)
        self.tree.header().setSectionResizeMode(_WHAT, QHeaderView.ResizeMode.Stretch)
        self.tree.header().setSectionResizeMode(_CALLED, QHeaderView.ResizeMode.Stretch)
        self.tree.setEditTriggers(QTreeWidget.EditTrigger.NoEditTriggers)
        drawn = _drawn(structures)
        # Those that are ticked are in sight.
        for loaded in sorted(cards, key=lambda loaded: loaded.id not in drawn and loaded.id not in chosen):
            self._add(loaded, drawn.get(loaded.id, {}), chosen)
        self.said = QLabel(self)
        self.error = QLabel(self, wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self.error.setStyleSheet(f"color: {ERROR};")
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel, parent=self
        )
        self.save_button = self.buttons.button(QDialogButtonBox.StandardButton.Save)
        self.save_button.setToolTip("Keep the template; it is then in the menu Engine (Return)")
        self.buttons.button(QDialogButtonBox.StandardButton.Cancel).setToolTip("Close without a template (Esc)")
        form = QFormLayout()
        form.addRow("&Name", self.title)
        form.addRow("&Find", self.search)
        layout = QVBoxLayout(self)
        layout.addWidget(about)
        layout.addLayout(form)
        layout.addWidget(self.tree, 1)
        for part in (self.said, self.error, self.buttons):
            layout.addWidget(part)
        self.resize(640, 620)
        self.tree.itemChanged.connect(lambda *_: self._say())
        self.tree.itemDoubleClicked.connect(self._change)
        self.title.textChanged.connect(lambda _: self._say())
        self.search.textChanged.connect(lambda _: self._filter())
        self.buttons.accepted.connect(self._save)
        self.buttons.rejected.connect(self.reject)
        self._say()

    def _add(self, loaded: LoadedCard, drawn: Mapping[str, Roi], chosen: Mapping[str, frozenset[str] | None]) -> None:
        head = QTreeWidgetItem(self.tree, [f"{loaded.title} ({loaded.id})", "", ""])
        head.setFlags(head.flags() | Qt.ItemFlag.ItemIsAutoTristate | Qt.ItemFlag.ItemIsUserCheckable)
        head.setData(_WHAT, Qt.ItemDataRole.UserRole, loaded.id)
        # What stands on the screen tells what is wanted; the chosen card says so before it has drawn.
        only = frozenset(drawn) if drawn else chosen.get(loaded.id, frozenset())
        for output in drawn_by(loaded.card):
            roi = drawn.get(output.name)
            called = roi.name if roi is not None and _without_qualifier(roi.name) != output.name else output.name
            item = QTreeWidgetItem(head, [output.name, called, ""])
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable | Qt.ItemFlag.ItemIsUserCheckable)
            item.setData(_WHAT, Qt.ItemDataRole.UserRole, output)
            item.setData(_COLOUR, Qt.ItemDataRole.DecorationRole, QColor(*(roi.colour if roi else output.colour)))
            if roi is not None:
                item.setData(_CALLED, Qt.ItemDataRole.UserRole, roi.roi_type)
            ticked = only is None or output.name in only
            item.setCheckState(_WHAT, Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
        head.setExpanded(bool(drawn))
        head.setFirstColumnSpanned(True)

    # What is said ---------------------------------------------------------------------------------------------------

    def template(self) -> CardTemplate:
        """What is ticked.

        Raises:
            ValueError: it is no template; says why.
        """
        steps = []
        for head in self._heads():
            items = _children(head)
            ticked = [item for item in items if item.checkState(_WHAT) is Qt.CheckState.Checked]
            if not ticked:
                continue
            named = tuple(_structure(item) for item in ticked)
            as_it_is = len(ticked) == len(items) and all(
                each == TemplateStructure(output=each.output) for each in named
            )
            card_id = str(head.data(_WHAT, Qt.ItemDataRole.UserRole))
            values = dict(self._options.get(card_id, {}))
            steps.append(TemplateCard(card=card_id, structures=() if as_it_is else named, chosen=values))
        return CardTemplate(title=self.title.text().strip(), cards=tuple(steps))

    def _say(self) -> None:
        ticked = [
            item
            for head in self._heads()
            for item in _children(head)
            if item.checkState(_WHAT) is Qt.CheckState.Checked
        ]
        models = len({id(item.parent()) for item in ticked})
        title = self.title.text().strip()
        there = " It takes the place of the template of that name." if title and file_for(title).exists() else ""
        count = f"{models} model{'s' if models != 1 else ''}, {len(ticked)} structure{'s' if len(ticked) != 1 else ''}"
        self.said.setText(f"{count}.{there}")
        self.save_button.setEnabled(bool(ticked) and bool(title))
        self.error.hide()

    def _filter(self) -> None:
        words = self.search.text().casefold().split()
        for head in self._heads():
            title = head.text(_WHAT).casefold()
            whole = all(word in title for word in words)
            seen = whole
            for item in _children(head):
                told = f"{title} {item.text(_WHAT)} {item.text(_CALLED)}".casefold()
                held = whole or all(word in told for word in words)
                item.setHidden(not held)
                seen = seen or held
            head.setHidden(not seen)
            head.setExpanded(bool(words) and seen and not whole)

    def _change(self, item: QTreeWidgetItem, column: int) -> None:
        if item.parent() is None:
            return
        if column != _COLOUR:
            self.tree.editItem(item, _CALLED)
            return
        now = item.data(_COLOUR, Qt.ItemDataRole.DecorationRole)
        colour = QColorDialog.getColor(now, self, f"Colour of {item.text(_CALLED)}")
        if colour.isValid():
            item.setData(_COLOUR, Qt.ItemDataRole.DecorationRole, colour)

    def _save(self) -> None:
        try:
            template = self.template()
            save_card_template(template, file_for(template.title))
        except (ValueError, PlanimeterError) as error:
            # Pydantic tells each fault on lines of its own, the sentence on one of them.
            lines = [line.strip() for line in str(error).splitlines() if "Value error, " in line]
            text = lines[0].split("Value error, ")[1].split(" [type=")[0] if lines else str(error).splitlines()[0]
            self.error.setText(f"{text[:1].upper()}{text[1:].rstrip('.')}.")
            self.error.show()
            return
        self.accept()

    def _heads(self) -> list[QTreeWidgetItem]:
        items = (self.tree.topLevelItem(row) for row in range(self.tree.topLevelItemCount()))
        return [item for item in items if item is not None]


def _children(head: QTreeWidgetItem) -> list[QTreeWidgetItem]:
    items = (head.child(row) for row in range(head.childCount()))
    return [item for item in items if item is not None]


def _structure(item: QTreeWidgetItem) -> TemplateStructure:
    output: Output = item.data(_WHAT, Qt.ItemDataRole.UserRole)
    called = item.text(_CALLED).strip() or output.name
    colour = item.data(_COLOUR, Qt.ItemDataRole.DecorationRole)
    shade = (colour.red(), colour.green(), colour.blue())
    kind = item.data(_CALLED, Qt.ItemDataRole.UserRole)
    return TemplateStructure(
        output=output.name,
        name=called if called != output.name else None,
        colour=shade if shade != tuple(output.colour) else None,
        roi_type=kind if kind is not None and kind != output.roi_type else None,
    )


def _drawn(structures: StructureSet | None) -> dict[str, dict[str, Roi]]:
    """Id of a card → name of its output → what it drew, where that can be told by its name."""
    found: dict[str, dict[str, Roi]] = {}
    for roi in structures.rois if structures is not None else ():
        if roi.provenance.algorithm:
            of_card = found.setdefault(roi.provenance.algorithm, {})
            of_card[roi.name] = roi
            of_card.setdefault(_without_qualifier(roi.name), roi)
    return found


def _without_qualifier(name: str) -> str:
    """The name that a card gave, where it was taken by another structure and the card's was kept beside it."""
    return re.sub(r"\^AI\d*$", "", name)
