"""The structures of a site in one go, from a template that came with the program or that a person saved."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QInputDialog, QMenu, QMessageBox

from engine.errors import PlanimeterError
from engine.later import later
from viewer.edits.target import RefusedError
from viewer.edits.templates import as_template, groups_of, template_step
from viewer.widgets.file_places import ask_open_file, ask_save_file
from viewer.widgets.main_window import MainWindow
from viewer.widgets.message_bar import Offer

if TYPE_CHECKING:
    from engine import templates
else:
    # It checks what it reads with a library that a window need not wait for.
    templates = later("engine.templates")

_FILES = "Templates (*.json)"


def install(window: MainWindow) -> None:
    """Add the menu; the templates are read whenever it is opened."""
    Templates(window)


class Templates(QObject):
    """Adds structures from templates, and keeps a person's own. A child of the window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._menu = QMenu("Templates", window)
        self._menu.setToolTipsVisible(True)
        window.menu("Structures").addMenu(self._menu)
        self._menu.aboutToShow.connect(lambda: self._attempt(self._fill))
        self._menu.menuAction().setEnabled(False)
        window.session.volume_changed.connect(
            lambda: self._menu.menuAction().setEnabled(window.session.structures is not None)
        )  # fmt: skip

    def add(self, template: "templates.Template") -> None:
        """Add the structures of a template that are not there yet."""
        session = self._window.session
        if session.structures is None:
            return
        known = {roi.number for roi in session.structures.rois}
        self._window.history.do(template_step(session.structures, template))
        groups = groups_of(session.structures, template)
        session.appearance.set_groups({number: name for number, name in groups.items() if number not in known})
        count = len(session.structures.rois) - len(known)
        self._window.show_message(f"{template.title}: {count} structure{'' if count == 1 else 's'} added to the list.")

    def ask_title(self) -> None:
        """Ask for a title, and keep the list under it."""
        structures = self._window.session.structures
        if structures is None or not structures.rois:
            raise RefusedError("There are no structures in the list to make a template of.")
        title, given = QInputDialog.getText(
            self._window, "Save as a template", "Names, types, colours and groups are kept, without contours. Title:"
        )
        title = " ".join(title.split())
        if given and title:
            groups = self._window.session.appearance.groups
            self._keep(as_template(structures, groups, title[:80]))

    def ask_import(self) -> None:
        """Ask for a file, and keep its template among the own."""
        chosen = ask_open_file(self._window, "Import a template", f"{_FILES};;All (*)")
        if chosen is not None:
            self._keep(templates.read_template(chosen))

    def ask_export(self, template: "templates.Template") -> None:
        """Ask for a file, and write a template into it."""
        chosen, _ = ask_save_file(self._window, "Export template", f"{template.title}.json", _FILES)
        if chosen is not None:
            templates.write_template(template, chosen)
            self._window.show_message(f"Saved {chosen}.")

    def remove(self, template: "templates.Template") -> None:
        """Delete one of the own templates; it can be had back for as long as that is offered."""
        templates.remove_template(template.title)
        back = Offer("Put it back", lambda: self._attempt(lambda: templates.keep_template(template)))
        self._window.show_message(f"Removed the template {template.title}.", offer=back)

    # Inside ---------------------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Those that come with the program, the own ones, and what can be done with these."""
        menu = self._menu
        menu.clear()
        own, problems = templates.own_templates()
        for place, each in enumerate((templates.shipped_templates(), own)):
            if place and each:
                menu.addSeparator()
            for template in each:
                self._line(menu, template.title, partial(self.add, template), ", ".join(template.names))
        menu.addSeparator()
        self._line(menu, "Save the list as a template…", self.ask_title, "Names, types, colours and groups of all here")
        self._line(menu, "Import a template…", self.ask_import, "Keep the template of a file among your own")
        for title, work in (("Export", self.ask_export), ("Remove", self.remove)):
            if own:
                under = menu.addMenu(title)
                for template in own:
                    self._line(under, template.title, partial(work, template), f"{title} the template {template.title}")
        for problem in problems:
            self._window.show_message(problem, "warning")

    def _line(self, menu: QMenu, text: str, work: Callable[[], object], tip: str) -> None:
        action = menu.addAction(text.replace("&", "&&"), lambda: self._attempt(work))
        action.setToolTip(tip)

    def _keep(self, template: "templates.Template") -> None:
        """Keep a template, asking where one of its title is there."""
        if any(templates.same_title(shipped.title, template.title) for shipped in templates.shipped_templates()):
            raise RefusedError(f"The program has a template {template.title} of its own; choose another title.")
        own, _ = templates.own_templates()
        if any(templates.same_title(other.title, template.title) for other in own):
            question = f"There is a template {template.title} already. Put this one in its place?"
            answer = QMessageBox.question(self._window, "Replace template", question)
            if answer is not QMessageBox.StandardButton.Yes:
                return
        templates.keep_template(template)
        count = len(template.structures)
        self._window.show_message(
            f"Kept the template {template.title}, {count} structure{'' if count == 1 else 's'}: "
            "Structures → Templates adds them."
        )

    def _attempt(self, work: Callable[[], object]) -> None:
        try:
            work()
        except PlanimeterError as error:
            self._window.show_message(str(error))
