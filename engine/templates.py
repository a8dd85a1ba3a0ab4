"""Templates: the structures of a site, as a list of names; TG-263 gives each its type, code and colour."""

import json
from dataclasses import dataclass

from engine.errors import PlanimeterError
from engine.shipped import shipped


@dataclass(frozen=True)
class Template:
    """The structures that are drawn for a site.

    Args:
        title: of the site, for the menu.
        structures: names, in the order of the list.
    """

    title: str
    structures: tuple[str, ...]


def shipped_templates() -> list[Template]:
    """The templates that come with the program, one a JSON file in `resources/templates`, by title.

    Raises:
        PlanimeterError: one is damaged.
    """
    found = []
    for path in sorted(shipped("templates").glob("*.json")):
        try:
            saved = json.loads(path.read_text("utf-8"))
            found.append(Template(str(saved["title"]), tuple(map(str, saved["structures"]))))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PlanimeterError(f"The template {path.name} could not be read: {error}.") from error
    return sorted(found, key=lambda template: template.title)
