"""What `planimeter run` is told of its patients, before any image is read."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from engine.cards.schema import Card
from engine.cards.variables import Given, check_variables, parse_variables, variables_of_studies


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
    given = check_variables(card, parse_variables(card, values))
    return dict.fromkeys(studies, given)
