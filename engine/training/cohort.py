"""Patients of a labelled set with what is told of them, and what became of them.

The set is a `labels.csv` (`engine.training.labelled.listed`) with further columns: one for each of the card's
variables, and, for a risk in time, `time_months` and `event` (1: the event came then; 0: last seen without it).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.cards.schema import Card
from engine.cards.variables import Given, check_variables
from engine.errors import MismatchError, PlanimeterError
from engine.plain_table import number_of
from engine.training.labelled.sample import Sample, labels_in, split
from engine.training.labelled.table import labelled_samples


@dataclass(frozen=True)
class Patient:
    """One patient of a cohort.

    Args:
        sample: the images, and the labels that hold.
        given: by the keys of the card's variables.
        months: until the event, or until last seen; None where no times are told.
        event: whether it came.
    """

    sample: Sample
    given: Mapping[str, Given]
    months: float | None = None
    event: bool = False


def patients_of(samples: Sequence[Sample], card: Card) -> list[Patient]:
    """The patients of a set, for a card.

    Raises:
        MismatchError: the table lacks what the card asks for, or a value in it is not usable; says which and where.
    """
    return [Patient(sample, _given(card, sample), *_outcome(sample)) for sample in samples]


def parted_patients(folder: Path, card: Card, holdout: float) -> tuple[list[Patient], list[Patient]]:
    """Those to learn from, and those held out, of the set in a folder.

    Raises:
        PlanimeterError: there is no set, or it doesn't fit the card.
    """
    learned, held_out = split(labelled_samples(folder, labels_in(card)), holdout)
    return patients_of(learned, card), patients_of(held_out, card)


def _given(card: Card, sample: Sample) -> dict[str, Given]:
    told = {}
    for variable in card.variables:
        if variable.key not in sample.told:
            raise MismatchError(f"The table of labels has no column '{variable.key}' ({variable.label}).")
        if sample.told[variable.key]:
            told[variable.key] = sample.told[variable.key]
    try:
        known = {variable.key: variable for variable in card.variables}
        return check_variables(card, {key: known[key].parsed(text) for key, text in told.items()})
    except PlanimeterError as error:
        raise MismatchError(f"{sample.name}: {error}") from error


def _outcome(sample: Sample) -> tuple[float | None, bool]:
    """The time and whether the event came, where the table tells of times."""
    if "time_months" not in sample.told:
        return None, False
    try:
        months = number_of(sample.told["time_months"])
    except ValueError:
        months = -1.0
    if not 0 < months < float("inf") or sample.told.get("event") not in {"0", "1"}:
        raise MismatchError(f"{sample.name} needs a time above 0 in 'time_months', and 0 or 1 in 'event'.")
    return months, sample.told["event"] == "1"
