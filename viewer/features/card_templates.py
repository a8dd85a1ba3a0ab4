"""Templates of cards in the menu Engine: several models run in turn as one."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from engine.errors import PlanimeterError
from engine.later import later
from viewer.widgets.cards_panel import CardsPanel
from viewer.widgets.file_places import ask_open_file, ask_save_file
from viewer.widgets.flag_watch import FlagWatch
from viewer.widgets.main_window import MainWindow
from viewer.widgets.structure_choice import drawn_by
from viewer.widgets.template_run import TemplateRun

if TYPE_CHECKING:
    from engine import card_templates
    from engine.card_templates import FoundTemplate
    from viewer.widgets import template_dialog
else:
    card_templates = later("engine.card_templates")
    template_dialog = later("viewer.widgets.template_dialog")

_FILES = "Templates of models (*.json)"


def install(window: MainWindow) -> None:
    """Add the menu; the templates are read each time that it is opened."""
    panel = window.findChild(CardsPanel)
    if panel is not None:
        CardTemplates(window, panel)


class CardTemplates(QObject):
    """The menu and what its entries do."""

    def __init__(self, window: MainWindow, panel: CardsPanel) -> None:
        super().__init__(window)
        self._window, self._panel = window, panel
        self.runner = TemplateRun(window.session, panel)
        self.runner.message.connect(window.show_message)
        watch = window.findChild(FlagWatch)
        if watch is not None:
            # What is unlikely is told of the whole template, not of each of its models.
            self.runner.running_changed.connect(watch.hold)
        self.menu = QMenu("Templates of models", window)
        self.menu.setToolTipsVisible(True)
        window.menu("Engine").addMenu(self.menu)
        self.menu.aboutToShow.connect(self.fill)

    def fill(self) -> None:
        """List the templates that there are now."""
        self.menu.clear()
        found = card_templates.find_card_templates()
        ready = self._window.session.volume is not None and not self._panel.is_running and not self.runner.is_running
        for each in found:
            title = each.template.title if each.template is not None else each.name
            action = self._entry(self.menu, title, partial(self.run, each))
            action.setEnabled(ready and each.template is not None)
            action.setToolTip(each.problem or (each.template.summary if each.template is not None else ""))
        self.menu.addSeparator()
        self._entry(self.menu, "Make a template…", self.make)
        self._entry(self.menu, "Import a template…", self._import)
        self._some("Export a template", [each for each in found if each.template is not None], self._export)
        self._some("Remove a template", [each for each in found if each.is_the_users], self._remove)

    def run(self, found: "FoundTemplate") -> None:
        """Run a template on the open series."""
        if found.template is not None:
            self.runner.start(found.template, self._panel.cards)

    def make(self) -> "template_dialog.TemplateDialog":
        """Make one of what is chosen and drawn now."""
        panel = self._panel
        cards = [loaded for loaded in panel.cards if not loaded.problem and drawn_by(loaded.card)]
        chosen: dict[str, frozenset[str] | None] = {}
        options: dict[str, dict[str, bool | float | str]] = {}
        if panel.selected is not None:
            chosen[panel.selected.id] = panel.structures.only
            options[panel.selected.id] = panel.options.chosen
        dialog = template_dialog.TemplateDialog(cards, self._window.session.structures, chosen, options, self._window)
        dialog.accepted.connect(
            lambda: self._window.show_message(f"The template '{dialog.title.text().strip()}' is in Engine → Templates.")
        )
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog

    def _import(self) -> None:
        chosen = ask_open_file(self._window, "Import a template of models", _FILES)
        if chosen is not None:
            self.take(chosen)

    def take(self, path: Path) -> None:
        """Bring in a template from a file; one of the same name stays as it is."""
        try:
            template = card_templates.read_card_template(path)
            target = card_templates.file_for(template.title)
            if target.exists():
                self._window.show_message(
                    f"There is a template '{template.title}' already; remove it first.", "warning"
                )
                return
            card_templates.save_card_template(template, target)
        except PlanimeterError as error:
            self._window.show_message(str(error), "error")
            return
        here = {loaded.id for loaded in self._panel.cards}
        lacking = [step.card for step in template.cards if step.card not in here]
        more = f" Not here yet: {', '.join(lacking)}." if lacking else ""
        self._window.show_message(
            f"The template '{template.title}' was imported ({template.summary}).{more}",
            "warning" if lacking else "info",
        )

    def _export(self, found: "FoundTemplate") -> None:
        chosen, _ = ask_save_file(self._window, "Export the template", f"{found.name}.json", _FILES)
        if chosen is not None and found.template is not None:
            self._told(partial(card_templates.save_card_template, found.template, chosen), f"Written: {chosen}.")

    def _remove(self, found: "FoundTemplate") -> None:
        self._told(partial(card_templates.remove_card_template, found), f"The template '{found.name}' was removed.")

    def _told(self, work: Callable[[], None], done: str) -> None:
        try:
            work()
        except PlanimeterError as error:
            self._window.show_message(str(error), "error")
            return
        self._window.show_message(done)

    def _some(self, text: str, found: "Sequence[FoundTemplate]", slot: "Callable[[FoundTemplate], None]") -> None:
        menu = self.menu.addMenu(text)
        menu.setEnabled(bool(found))
        for each in found:
            title = each.template.title if each.template is not None else each.name
            self._entry(menu, title, partial(slot, each))

    @staticmethod
    def _entry(menu: QMenu, text: str, slot: Callable[[], object]) -> QAction:
        # An "&" in a title is no key.
        action = menu.addAction(text.replace("&", "&&"))
        action.triggered.connect(lambda _=False: slot())
        return action
