"""What `planimeter run` is told of its patients, before any image is read."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from engine.cards.schema import Card
from engine.cards.variables import Given, check_variables, parse_variables, variables_of_studies
from engine.errors import UnsuitableInputError


def told_of(card: Card, texts: Sequence[str], studies: Sequence[Path]) -> dict[Path, Mapping[str, Given]]:
    """What `--variables` tells of each study: KEY=VALUE of a single one, or a table of all.

    Raises:
        UsageError: values without a table are given for several studies, or both.
        PlanimeterError: the table can't be read, or a value is missing or impossible.
    """
    tables = [text for text in texts if "=" not in text and text.lower().endswith(".csv")]
    values = [text for text in texts if text not in tables]
    if len(tables) > 1 or (tables and values):
        raise click.UsageError("--variables takes one table, or KEY=VALUE for each of them, not both.")
    if tables:
        return dict(variables_of_studies(card, Path(tables[0]), studies))
    if values and len(studies) > 1:
        raise click.UsageError("--variables KEY=VALUE is for one study; of several, give a table that ends in .csv.")
    told = parse_variables(card, values)
    try:
        given = check_variables(card, told)
    except UnsuitableInputError as error:
        lacking = next((variable.key for variable in card.variables if variable.key not in told), None)
        if lacking is None:
            raise
        raise UnsuitableInputError(
            f"{error} Tell it as --variables {lacking}=VALUE, once for each, or as a table of studies, --variables "
            "TABLE.csv.",
            False,
        ) from error
    return dict.fromkeys(studies, given)
