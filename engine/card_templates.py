"""Templates of cards: several models run in turn as one, with the names, colours and types of what they draw.

JSON files, in `resources/card_templates` and in the user's folder. The templates of empty structures are others:
`engine.templates`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationError, model_validator

from engine.answers import Result
from engine.data_folder import data_folder
from engine.errors import CardError, WriteError
from engine.faults import first_fault
from engine.safe_file import whole_file, write_errors
from engine.shipped import shipped
from engine.structures import Roi
from engine.values import Short, Strict

Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Byte = Annotated[int, Field(ge=0, le=255)]

SUFFIX = ".json"
#: A larger file is no template.
_LARGEST = 1_000_000


class TemplateStructure(Strict):
    """One structure that a card draws, and how it is to be called.

    Args:
        output: its name in the card.
        name, colour, roi_type: in its place; as the card says where they are not given.
    """

    output: Name
    name: Name | None = None
    colour: tuple[Byte, Byte, Byte] | None = None
    roi_type: Annotated[str, StringConstraints(pattern=r"^[A-Z_]{0,16}$")] | None = None

    @property
    def called(self) -> str:
        """What it is called."""
        return self.name or self.output


class TemplateCard(Strict):
    """One card of a template.

    Args:
        card: its id.
        structures: that it is to draw; all where none is named.
        chosen: values of its options, by their keys.
    """

    card: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    structures: Annotated[tuple[TemplateStructure, ...], Field(max_length=2000)] = ()
    chosen: Annotated[dict[str, bool | float | str], Field(max_length=32)] = Field(default_factory=dict)

    @property
    def only(self) -> frozenset[str] | None:
        """As in `RunOptions`."""
        return frozenset(each.output for each in self.structures) or None


class CardTemplate(Strict):
    """Several cards as one."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"\S")]
    about: Short = ""
    cards: Annotated[tuple[TemplateCard, ...], Field(min_length=1, max_length=32)]

    @model_validator(mode="after")
    def _told_apart(self) -> "CardTemplate":
        names = [each.called for step in self.cards for each in step.structures]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two structures are called '{twice}'")
        outputs = [(step.card, each.output) for step in self.cards for each in step.structures]
        if len(set(outputs)) != len(outputs):
            raise ValueError("a structure of a card is named twice")
        if len({step.card for step in self.cards}) != len(self.cards):
            raise ValueError("a card is named twice")
        return self

    @property
    def summary(self) -> str:
        """How much it is, as "3 cards, 24 structures"."""
        named = sum(len(step.structures) for step in self.cards)
        every = any(not step.structures for step in self.cards)
        cards = f"{len(self.cards)} card{'s' if len(self.cards) > 1 else ''}"
        more = "all structures" if every and not named else f"{named} structure{'s' if named != 1 else ''}"
        return f"{cards}, {more}{' and more' if every and named else ''}"


@dataclass(frozen=True)
class FoundTemplate:
    """A template and its file; `problem` says in one sentence why it can't be used, "" where it can."""

    path: Path
    template: CardTemplate | None
    problem: str = ""

    @property
    def name(self) -> str:
        """By which the command line calls it."""
        return self.path.stem

    @property
    def is_the_users(self) -> bool:
        """Whether it lies in the user's folder, and can be removed."""
        return self.path.parent == user_templates()


def user_templates() -> Path:
    """The folder for templates of cards that the user makes or brings in."""
    return data_folder() / "card_templates"


def find_card_templates() -> list[FoundTemplate]:
    """All templates, by title; one of the user hides a shipped one of the same file name. Nothing raises."""
    found: dict[str, FoundTemplate] = {}
    for folder in (shipped("card_templates"), user_templates()):
        for path in sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else ():
            try:
                found[path.stem] = FoundTemplate(path, read_card_template(path))
            except CardError as error:
                found[path.stem] = FoundTemplate(path, None, str(error))
    return sorted(found.values(), key=lambda each: each.template.title.casefold() if each.template else each.name)


def find_card_template(name: str) -> CardTemplate:
    """The template of that name or title, or in that file.

    Raises:
        CardError: there is none, or it can't be used.
    """
    if Path(name).suffix == SUFFIX:
        return read_card_template(Path(name))
    every = find_card_templates()
    wanted = [each for each in every if each.name == name] or [
        each for each in every if each.template is not None and each.template.title.casefold() == name.casefold()
    ]
    if not wanted:
        there = ", ".join(each.name for each in every) or "none"
        raise CardError(f"There is no template '{name}' of models; there are: {there}.")
    if wanted[0].template is None:
        raise CardError(wanted[0].problem)
    return wanted[0].template


def read_card_template(path: Path) -> CardTemplate:
    """The template in a file.

    Raises:
        CardError: it can't be read, or is no template; one sentence that names the first field at fault.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise CardError(f"{path} could not be read: {error.strerror or error}.") from error
    if len(data) > _LARGEST:
        raise CardError(f"{path.name} is larger than a template of models may be, so it was not read.")
    try:
        values = json.loads(data.decode("utf-8"))
        return CardTemplate.model_validate_json(json.dumps(values))
    except ValidationError as error:
        raise CardError(f"{path.name} is not a template of models: {first_fault(error)}.") from error
    except (ValueError, RecursionError) as error:
        raise CardError(f"{path.name} is not a template of models: {str(error)[:200]}.") from error


def save_card_template(template: CardTemplate, path: Path) -> None:
    """Write a template; the file appears whole, in place of what stood there.

    Raises:
        WriteError: it can't be written.
    """
    with write_errors(path, "save"):
        path.parent.mkdir(parents=True, exist_ok=True)
    text = template.model_dump_json(indent=2, exclude_defaults=True) + "\n"
    with write_errors(path, "save"), whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def file_for(title: str) -> Path:
    """Where a template of that title lies among the user's."""
    stem = "".join(letter if letter.isalnum() else "-" for letter in title.casefold())
    return user_templates() / f"{'-'.join(part for part in stem.split('-') if part)[:60] or 'template'}{SUFFIX}"


def remove_card_template(template: FoundTemplate) -> None:
    """Delete a template of the user's.

    Raises:
        CardError: it came with the program.
        WriteError: it can't be removed.
    """
    if not template.is_the_users:
        raise CardError(f"The template '{template.name}' came with the program, so it stays.")
    try:
        template.path.unlink()
    except OSError as error:
        raise WriteError(f"{template.path} could not be removed: {error.strerror or error}.") from error


def as_called(step: TemplateCard, result: Result) -> Result:
    """A card's answer with the names, colours and types of a template; what it doesn't name stays as it is."""
    by_output = {each.output: each for each in step.structures}
    answers = [
        _called(answer, by_output[answer.name]) if isinstance(answer, Roi) and answer.name in by_output else answer
        for answer in result.answers
    ]
    return replace(result, answers=tuple(answers))


def _called(roi: Roi, wanted: TemplateStructure) -> Roi:
    return replace(
        roi,
        name=wanted.called,
        colour=wanted.colour or roi.colour,
        roi_type=roi.roi_type if wanted.roi_type is None else wanted.roi_type,
    )


def joined(results: Sequence[tuple[str, Result]]) -> Result:
    """The answers of several cards as one, numbered anew within their kind; of one name the later ones get a number.

    Args:
        results: (title of the card, its answer), in turn.
    """
    answers: list[object] = []
    counts: dict[type, int] = {}
    names: set[str] = set()
    notes: list[str] = []
    for title, result in results:
        for answer in result.answers:
            kind = type(answer)
            counts[kind] = counts.get(kind, 0) + 1
            changed = replace(answer, number=counts[kind])
            if isinstance(changed, Roi):
                name, number = changed.name, 1
                while changed.name in names:
                    number += 1
                    changed = replace(changed, name=f"{name[:60]}_{number}")
                if number > 1:
                    notes.append(f"{name} is drawn by two models; that of {title} is called {changed.name}.")
                names.add(changed.name)
            answers.append(changed)
        notes += [note if len(results) == 1 else f"{title}: {note}" for note in result.notes]
    devices = dict.fromkeys(result.device for _, result in results)
    stages: dict[str, float] = {}
    for _, result in results:
        for name, seconds in result.stages:
            stages[name] = stages.get(name, 0.0) + seconds
    return Result(tuple(answers), " and ".join(devices) or "cpu", tuple(notes), tuple(stages.items()))  # type: ignore[arg-type]
