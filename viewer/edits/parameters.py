"""What a person sets for a tool or an operation: numbers, and choices among a few words. No Qt."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

#: Key → number; of a choice, the index of what is chosen.
Values = Mapping[str, float]


@dataclass(frozen=True)
class Parameter:
    """A number that the user sets.

    Args:
        key: in `Values`.
        label, unit: as shown.
        default, low, high: of the number.
        decimals: that are shown.
        choices: words to choose among instead of a number.
        tip: what it does; "" where the label says it.
    """

    key: str
    label: str
    unit: str = ""
    default: float = 0.0
    low: float = 0.0
    high: float = 100.0
    decimals: int = 1
    choices: tuple[str, ...] = ()
    tip: str = ""


def in_unit(text: str, length: str) -> str:
    """Numbers or units in words, where lengths are in "mm", or "px" on a picture of unknown size.

    What was in cm³ is in thousands of square pixels there.
    """
    return text.replace("mm", "px").replace("cm³", "×1000 px²") if length == "px" else text


def choice(key: str, label: str, *words: str, tip: str = "") -> Parameter:
    """A choice among words; the first is chosen until the user takes another."""
    return Parameter(key, label, choices=words, tip=tip)


def defaults(parameters: Iterable[Parameter]) -> dict[str, float]:
    """What is set until the user sets something else."""
    return {parameter.key: parameter.default for parameter in parameters}
