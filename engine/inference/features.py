"""Numbers about an image or a patient, which a head makes an answer of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.cards.variables import columns_of
from engine.inference.context import Context


@dataclass(frozen=True, eq=False)
class Features:
    """Named numbers.

    Args:
        names: of the columns.
        values: (rows, columns); one row for the whole image or patient, or several that are averaged.
        strangeness: of the image, as of `Scores`, where a classifier's network made them; 0 where that is not known.
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]
    strangeness: float = 0.0


def numbered(count: int) -> tuple[str, ...]:
    """Names of columns that have none."""
    return tuple(str(index) for index in range(count))


def features_of_variables(context: Context) -> Features:
    """What was told of the patient, as one row."""
    given = context.options.variables
    numbers = [n for variable in context.card.variables for n in variable.numbers(given[variable.key])]
    return Features(columns_of(context.card), np.array([numbers], np.float32))
