"""Templates: the structures of a site, as a list; TG-263 gives each its type, code and colour unless it has its own.

One JSON file a template, in `resources/templates` for those that come with the program and in the user's data folder
for a person's own:

    {"title": "Thorax", "structures": ["Heart", {"name": "PTV_60", "type": "PTV", "colour": [255, 0, 0], "group": ""}]}
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError, field_validator

from engine.data_folder import data_folder
from engine.errors import PlanimeterError, ReadError, WriteError
from engine.faults import first_fault
from engine.safe_file import whole_file, write_errors
from engine.shipped import shipped
from engine.values import Strict

#: A file that is larger is no template, bytes.
_LARGEST = 1_000_000

Channel = Annotated[int, Field(ge=0, le=255)]


class Planned(Strict):
    """A structure that is to be drawn.

    Args:
        name: unique in its template, with the length that DICOM allows (VR LO).
        type: RT ROI Interpreted Type (VR CS); None for the one of its name in TG-263.
        colour: None for the one of its name, or any.
        group: the user's own group that it is listed in; "" for none.
    """

    name: Annotated[
        str, Field(min_length=1, max_length=64, pattern=r"^[^\\\x00-\x1f]*[^\\\x00-\x1f\s][^\\\x00-\x1f]*$")
    ]
    type: Annotated[str, Field(max_length=16, pattern=r"^[A-Z0-9_ ]*$")] | None = None
    colour: tuple[Channel, Channel, Channel] | None = None
    group: Annotated[str, Field(max_length=64)] = ""


def _planned(value: object) -> object:
    """A name alone stands for a structure that has nothing else of its own."""
    return {"name": value} if isinstance(value, str) else value


class Template(Strict):
    """The structures that are drawn for a site.

    Args:
        title: of the site, for the menu.
        structures: in the order of the list.
    """

    title: Annotated[str, Field(min_length=1, max_length=80, pattern=r"\S")]
    structures: Annotated[tuple[Annotated[Planned, BeforeValidator(_planned)], ...], Field(min_length=1)]

    @field_validator("structures")
    @classmethod
    def _no_name_twice(cls, structures: tuple[Planned, ...]) -> tuple[Planned, ...]:
        names = [planned.name for planned in structures]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{twice[0]} is named twice")
        return structures

    @property
    def names(self) -> tuple[str, ...]:
        """Of its structures."""
        return tuple(planned.name for planned in self.structures)


def shipped_templates() -> list[Template]:
    """The templates that come with the program, by title.

    Raises:
        ReadError: one is damaged.
    """
    return _by_title([read_template(path) for path in shipped("templates").glob("*.json")])


def user_templates() -> Path:
    """The folder of a person's own templates."""
    return data_folder() / "templates"


def own_templates() -> tuple[list[Template], list[str]]:
    """A person's own templates by title, and a sentence for each file that is none."""
    templates, problems = [], []
    for path in sorted(user_templates().glob("*.json")):
        try:
            templates.append(read_template(path))
        except PlanimeterError as error:
            problems.append(str(error))
    return _by_title(templates), problems


def read_template(path: Path) -> Template:
    """The template of a file.

    Raises:
        ReadError: it can't be read, or is no template; the sentence says where it fails.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise ReadError(f"{path.name} is too large to be a template of structures.")
        return Template.model_validate(json.loads(path.read_text("utf-8")))
    except ValidationError as error:
        raise ReadError(f"{path.name} is no template of structures: {first_fault(error, in_words=True)}.") from error
    except (OSError, ValueError) as error:
        raise ReadError(f"The template {path.name} could not be read: {error}.") from error


def make_template(title: str, structures: Sequence[Mapping[str, object]]) -> Template:
    """A template of structures that are told as in a file. Raises ReadError where one of them can't be in a file."""
    try:
        return Template.model_validate({"title": title, "structures": list(structures)})
    except ValidationError as error:
        raise ReadError(f"This list can't be kept as a template: {first_fault(error, in_words=True)}.") from error


def write_template(template: Template, path: Path) -> None:
    """Write a template; what stood there stays where that fails. Raises WriteError."""
    lines = [planned.model_dump(exclude_defaults=True) for planned in template.structures]
    structures: list[object] = [line["name"] if len(line) == 1 else line for line in lines]
    text = json.dumps({"title": template.title, "structures": structures}, indent=2, ensure_ascii=False)
    with write_errors(path, "save"), whole_file(path) as temporary:
        temporary.write_text(f"{text}\n", "utf-8")


def keep_template(template: Template) -> Path:
    """Put a template among a person's own, in place of one of the same title; its file.

    Raises:
        WriteError: the folder can't be written to.
    """
    folder = user_templates()
    with write_errors(folder, "save"):
        folder.mkdir(parents=True, exist_ok=True)
    path = _file_of(template.title)
    if path is None:
        stem = re.sub(r"\W+", "_", template.title.casefold()).strip("_") or "template"
        free = (folder / f"{stem}{number or ''}.json" for number in range(10_000))
        path = next((place for place in free if not place.exists()), None)
    if path is None:
        raise WriteError(f"There is no free name for {template.title} in {folder}.")
    write_template(template, path)
    return path


def remove_template(title: str) -> None:
    """Delete one of a person's own templates. Raises WriteError where that can't be done."""
    path = _file_of(title)
    if path is not None:
        with write_errors(path, "remove"):
            path.unlink()


def same_title(first: str, second: str) -> bool:
    """Whether two titles are the same for a person."""
    return " ".join(first.split()).casefold() == " ".join(second.split()).casefold()


def _file_of(title: str) -> Path | None:
    for path in sorted(user_templates().glob("*.json")):
        try:
            if same_title(read_template(path).title, title):
                return path
        except PlanimeterError:
            continue
    return None


def _by_title(templates: Sequence[Template]) -> list[Template]:
    return sorted(templates, key=lambda template: template.title.casefold())
