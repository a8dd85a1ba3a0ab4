"""What a model asks of the patient besides images: age, stage, blood values; checked before anything runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from engine.errors import CardError, UnsuitableInputError
from engine.plain_table import number_of, read_plain_table
from engine.values import Identifier, Short, Strict

if TYPE_CHECKING:
    from engine.cards.schema import Card

#: What a graph calls the table of all variables.
TABLE = "variables"

#: What was given for a variable: a number, or one of its choices.
Given = float | str

#: Columns of a table of patients that may name the study.
STUDY_COLUMNS = ("study", "path", "patient")
#: A larger table is refused unread.
_LARGEST = 10_000_000


class Variable(Strict):
    """One thing to be told of the patient.

    Args:
        key: its name on the command line and in tables.
        label, tip: for people.
        kind: "number" from `low` to `high`, or "choice", one of `choices`.
        unit: of a number.
        low, high: what is possible; another number is refused.
        decimals: that a number is asked for with.
        choices: value → how it is called.
        ordered: the choices are grades in rising order, and count as 0, 1, 2 ...; else each counts by itself.
    """

    key: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    label: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    kind: Literal["number", "choice"]
    unit: Annotated[str, StringConstraints(max_length=16)] = ""
    low: float = 0.0
    high: float = 0.0
    decimals: Annotated[int, Field(ge=0, le=6)] = 0
    choices: Annotated[dict[Identifier, Short], Field(max_length=64)] = Field(default_factory=dict)
    ordered: bool = False
    tip: Short = ""

    @model_validator(mode="after")
    def _consistent(self) -> "Variable":
        if (self.kind == "number") != (self.low < self.high):
            raise ValueError(f"variable '{self.key}': a number, and nothing else, has a low end below a high end")
        if (self.kind == "choice") != (len(self.choices) > 1):
            raise ValueError(f"variable '{self.key}': a choice, and nothing else, has choices, two at least")
        if self.ordered and self.kind != "choice":
            raise ValueError(f"variable '{self.key}': only choices can be in an order")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The numbers that it becomes; of choices without an order one each but the first."""
        if self.kind == "number" or self.ordered:
            return (self.key,)
        return tuple(f"{self.key}.{choice}" for choice in list(self.choices)[1:])

    @property
    def allowed(self) -> str:
        """What may be given, in words."""
        if self.kind == "choice":
            return " or ".join(self.choices)
        return f"a number from {self.low:g} to {self.high:g}{f' {self.unit}' if self.unit else ''}"

    def check(self, value: object) -> Given:
        """`value`, where it is one that is possible.

        Raises:
            UnsuitableInputError: it is not.
        """
        if self.kind == "choice" and isinstance(value, str) and value in self.choices:
            return value
        number = value if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")
        if self.kind == "number" and self.low <= number <= self.high:
            return float(number)
        raise UnsuitableInputError(f"'{self.key}' ({self.label}) can't be {value}; it is {self.allowed}.", False)

    def parsed(self, text: str) -> Given:
        """The value that a text means.

        Raises:
            UnsuitableInputError: it means none.
        """
        if self.kind == "choice":
            return self.check(text.strip())
        try:
            number = number_of(text)
        except ValueError:
            return self.check(text)
        return self.check(number)

    def numbers(self, value: Given) -> tuple[float, ...]:
        """The value as the numbers of its columns."""
        if self.kind == "number":
            return (float(value),)
        place = list(self.choices).index(str(value))
        return (float(place),) if self.ordered else tuple(float(place == n) for n in range(1, len(self.choices)))

    def told(self, value: Given) -> str:
        """The value for people: "age 63 years"."""
        if self.kind == "choice":
            return f"{self.label} {self.choices[str(value)] or value}"
        return f"{self.label} {float(value):g}{f' {self.unit}' if self.unit else ''}"


def columns_of(card: "Card") -> tuple[str, ...]:
    """The columns of the table of a card's variables."""
    return tuple(column for variable in card.variables for column in variable.columns)


def check_variables(card: "Card", given: Mapping[str, Given]) -> dict[str, Given]:
    """What was given for each of a card's variables, in their order.

    Raises:
        UnsuitableInputError: one is missing, or can't be what it is said to be.
        CardError: something else was given.
    """
    unknown = set(given) - {variable.key for variable in card.variables}
    if unknown:
        raise CardError(f"The model '{card.id}' asks for no '{min(unknown)}'; {_asks(card)}.")
    missing = [variable for variable in card.variables if variable.key not in given]
    if missing:
        names = ", ".join(f"'{variable.key}' ({variable.label}: {variable.allowed})" for variable in missing)
        raise UnsuitableInputError(f"{card.title} needs to be told {names}.", False)
    return {variable.key: variable.check(given[variable.key]) for variable in card.variables}


def parse_variables(card: "Card", texts: Sequence[str]) -> dict[str, Given]:
    """What `KEY=VALUE` texts tell of a patient; what is missing shows in `check_variables`.

    Raises:
        CardError: one of them is no such text, or names no variable of the card.
        UnsuitableInputError: a value is impossible.
    """
    told = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign:
            raise CardError(f"'{text}' tells nothing; write it as KEY=VALUE, or give a table that ends in .csv.")
        told[key.strip()] = value
    return _parsed(card, told)


def variables_of_studies(card: "Card", table: Path, studies: Sequence[Path]) -> dict[Path, dict[str, Given]]:
    """What a CSV table tells of each study: a row a study, named in its first column of `STUDY_COLUMNS`.

    A study is known by its path as it was given, or by the name of its file or folder.

    Raises:
        ReadError: the table can't be read.
        MismatchError: it has a column twice, or a row has more values than there are columns.
        CardError: it names no studies, lacks a variable's column, or has no row, or several, for one of them.
        UnsuitableInputError: a value is missing or impossible.
    """
    rows = read_plain_table(table, _LARGEST).rows
    names = [name for name in STUDY_COLUMNS if rows and name in rows[0]]
    lacking = [variable.key for variable in card.variables if rows and variable.key not in rows[0]]
    if not names or lacking:
        wanted = lacking[0] if lacking and names else " or ".join(STUDY_COLUMNS)
        raise CardError(f"{table} has no column '{wanted}', so it does not tell what '{card.id}' asks for.")
    found = {}
    for study in studies:
        own = [row for row in rows if row[names[0]] in {str(study), study.name, study.resolve().name}]
        if len(own) != 1:
            raise CardError(f"{table} has {len(own) or 'no'} row{'s' if len(own) > 1 else ''} for {study}.")
        told = {variable.key: own[0][variable.key] for variable in card.variables}
        try:
            found[study] = check_variables(card, _parsed(card, {key: text for key, text in told.items() if text}))
        except UnsuitableInputError as error:
            raise UnsuitableInputError(f"{study}: {error}", False) from error
    return found


def sentence_of(card: "Card", given: Mapping[str, Given]) -> str:
    """What a result was computed with, for people; "" where the card asks for nothing."""
    told = [variable.told(given[variable.key]) for variable in card.variables if variable.key in given]
    return f"Computed with {', '.join(told)}." if told else ""


def _parsed(card: "Card", told: Mapping[str, str]) -> dict[str, Given]:
    known = {variable.key: variable for variable in card.variables}
    for key in told:
        if key not in known:
            raise CardError(f"The model '{card.id}' asks for no '{key}'; {_asks(card)}.")
    return {key: known[key].parsed(text) for key, text in told.items()}


def _asks(card: "Card") -> str:
    there = "; ".join(f"{variable.key} ({variable.allowed})" for variable in card.variables)
    return f"it asks for: {there}" if there else "nor for anything else besides images"
