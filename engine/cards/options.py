"""What a person may choose for a run: values of a card that it offers, under plain names."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError, model_validator

from engine.errors import CardError
from engine.faults import first_fault
from engine.values import Identifier, Short, Strict

if TYPE_CHECKING:
    from engine.cards.schema import Card

Choice = bool | float | str

_YES = {"yes", "true", "on", "1"}
_NO = {"no", "false", "off", "0"}
#: The part of a card, beside its nodes, whose values may be offered.
_UNCERTAINTY = "uncertainty"


class Option(Strict):
    """One thing to choose. Until it is chosen, the card's own value holds.

    Args:
        key: its name on the command line.
        label, tip: for people.
        kind: "flag" for yes or no, "choice" for one of `choices`, "number" from `low` to `high`.
        sets: what it changes: `NODE.PARAM`, `OP.PARAM` of all nodes of an operation, or `uncertainty.FIELD`.
        choices: value → how it is called.
        low, high, decimals, unit: of a number.
    """

    key: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    label: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    kind: Literal["flag", "choice", "number"]
    sets: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_+-]{0,63}\.[a-z][a-z0-9_]{0,63}$")]
    tip: Short = ""
    choices: Annotated[dict[Identifier, Short], Field(max_length=64)] = Field(default_factory=dict)
    low: float = 0.0
    high: float = 0.0
    decimals: Annotated[int, Field(ge=0, le=6)] = 0
    unit: Annotated[str, StringConstraints(max_length=16)] = ""

    @model_validator(mode="after")
    def _consistent(self) -> "Option":
        if (self.kind == "choice") != bool(self.choices):
            raise ValueError(f"option '{self.key}': a choice, and nothing else, has choices")
        if (self.kind == "number") != (self.low < self.high):
            raise ValueError(f"option '{self.key}': a number, and nothing else, has a low end below a high end")
        return self

    def check(self, value: object) -> Choice:
        """`value`, where it is one that may be chosen.

        Raises:
            CardError: it is not.
        """
        if self.kind == "flag" and isinstance(value, bool):
            return value
        if self.kind == "choice" and isinstance(value, str) and value in self.choices:
            return value
        number = value if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")
        if self.kind == "number" and self.low <= number <= self.high:
            return number
        raise CardError(f"'{self.key}' can't be {value}; it is {self.allowed}.")

    @property
    def allowed(self) -> str:
        """What may be chosen, in words."""
        if self.kind == "flag":
            return "yes or no"
        if self.kind == "choice":
            return " or ".join(self.choices)
        return f"a number from {self.low:g} to {self.high:g}{f' {self.unit}' if self.unit else ''}"

    def parsed(self, text: str) -> Choice:
        """The value that a text on the command line means.

        Raises:
            CardError: it means none.
        """
        if self.kind == "flag" and text.casefold() in _YES | _NO:
            return text.casefold() in _YES
        if self.kind == "number":
            try:
                return self.check(float(text))
            except ValueError as error:
                raise CardError(f"'{self.key}' can't be {text}; it is {self.allowed}.") from error
        return self.check(text)


def value_of(card: "Card", option: Option) -> Choice:
    """What an option is set to in a card.

    Raises:
        ValueError: the card has no such value.
    """
    part, _, name = option.sets.partition(".")
    nodes = _nodes(card, part)
    holder: Strict | None = card.graph[nodes[0]].params if nodes else card.uncertainty if part == _UNCERTAINTY else None
    if holder is None or name not in type(holder).model_fields:
        raise ValueError(f"option '{option.key}' sets '{option.sets}', which the card does not have")
    value: Any = getattr(holder, name)
    return value  # type: ignore[no-any-return]


def _nodes(card: "Card", part: str) -> list[int]:
    """The node of that name; else all nodes of the operation of that name."""
    named = [index for index, node in enumerate(card.graph) if node.node == part]
    return named or [index for index, node in enumerate(card.graph) if node.op == part]


def check_options(card: "Card") -> None:
    """Refuse options with the same key, of what the card does not have, or of values that can't be chosen.

    Raises:
        ValueError: says which.
    """
    if len({option.key for option in card.options}) != len(card.options):
        raise ValueError("two options have the same key")
    for option in card.options:
        try:
            option.check(value_of(card, option))
        except CardError as error:
            raise ValueError(f"the card's own value of option {error}") from error


def with_chosen(card: "Card", chosen: Mapping[str, Choice]) -> "Card":
    """The card with values that a person chose, by the keys of its options.

    Raises:
        CardError: there is no such option, or a value can't be chosen.
    """
    if not chosen:
        return card
    values = card.model_dump(mode="json", by_alias=True)
    for key, value in chosen.items():
        option = _option(card, key)
        part, _, name = option.sets.partition(".")
        nodes = _nodes(card, part)
        for holder in [values["graph"][index]["params"] for index in nodes] or [values[_UNCERTAINTY]]:
            holder[name] = option.check(value)
    try:
        return type(card).model_validate(values)
    except ValidationError as error:
        raise CardError(f"The model '{card.id}' can't be run with what was chosen: {first_fault(error)}.") from error


def parse_chosen(card: "Card", texts: Sequence[str]) -> dict[str, Choice]:
    """What `KEY=VALUE` texts choose.

    Raises:
        CardError: one of them is no such text, or chooses what can't be chosen.
    """
    chosen = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign:
            raise CardError(f"'{text}' chooses nothing; write it as KEY=VALUE.")
        chosen[key.strip()] = _option(card, key.strip()).parsed(value.strip())
    return chosen


def _option(card: "Card", key: str) -> Option:
    for option in card.options:
        if option.key == key:
            return option
    there = "; ".join(f"{option.key} ({option.allowed})" for option in card.options)
    raise CardError(
        f"The model '{card.id}' has no option '{key}'" + (f"; it has: {there}." if there else ", nor any other.")
    )
