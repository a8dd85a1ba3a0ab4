"""A head's formula on the features of one patient.

Cox's model gives the probability of the event within a time as 1 - S0 ** exp(predictor), S0 being the share without
the event at a predictor of 0 (Cox 1972; Breslow's estimate of S0). A nomogram is the same formula told as points: the
column that can move the predictor most has 0 to 100 points over its range in the training set (Harrell, Regression
Modeling Strategies, 2015, 5.3).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from engine.errors import CardError
from engine.inference.context import Context
from engine.inference.features import Features
from engine.inference.scores import Scores
from engine.operations.head import Fitted, Params

#: So many columns of a nomogram are told by name.
_TOLD = 8


def run_head(params: Params, inputs: Sequence[Features | Scores], context: Context) -> Scores:
    """The answers of a head.

    Raises:
        CardError: it was not fitted, or on other columns.
    """
    if params.fitted is None:
        raise CardError(f"The head of '{context.card.id}' was not fitted, so it can't run before training.")
    assert context.node is not None, "a head is a node"
    numbers = row_of(context.node.inputs, inputs)
    missing = [column for column in params.fitted.columns if column not in numbers]
    if missing:
        raise CardError(f"The head '{context.node.node}' of '{context.card.id}' was fitted on '{missing[0]}', which "
                        "its inputs do not have.")  # fmt: skip
    row = np.array([numbers[column] for column in params.fitted.columns], np.float64)
    values = answers_of(params, params.fitted, row[None])
    outside = _outside(params.fitted, row)
    notes = {label: outside for label in params.labels if outside}
    if params.model == "nomogram":
        notes = {params.labels[0]: " ".join(filter(None, (points_of(params.fitted, row), outside)))}
    strangeness = max(given.strangeness for given in inputs)
    return Scores(params.labels, values.astype(np.float32), strangeness, notes=notes)


def row_of(names: Sequence[str], inputs: Sequence[Features | Scores]) -> dict[str, float]:
    """The numbers that a head is given, by NODE.COLUMN; views of a classifier are averaged."""
    row: dict[str, float] = {}
    for name, given in zip(names, inputs, strict=True):
        columns = given.names if isinstance(given, Features) else given.labels
        means = given.values.astype(np.float64).mean(axis=0)
        row |= {f"{name}.{column}": float(value) for column, value in zip(columns, means, strict=True)}
    return row


def predictors_of(fitted: Fitted, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, labels) linear predictors of (n, columns)."""
    scaled = (rows - np.array(fitted.means)) / np.array(fitted.scales)
    weights = np.array(fitted.weights, np.float64).reshape(len(fitted.weights), len(fitted.columns))
    return np.asarray(scaled @ weights.T + np.array(fitted.offsets))


def answers_of(params: Params, fitted: Fitted, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, labels) probabilities of (n, columns)."""
    predicted = predictors_of(fitted, rows)
    if params.is_of_times:
        assert fitted.survival is not None, "checked with the card"
        return np.asarray(1 - fitted.survival ** np.exp(np.clip(predicted, -50, 50)))
    if fitted.slopes:
        predicted = predicted * np.array(fitted.slopes) + np.array(fitted.shifts)
    return np.asarray(expit(predicted))


def points_of(fitted: Fitted, row: NDArray[np.float64]) -> str:
    """The points of the columns as a nomogram has them, those that count most first."""
    lows, highs = np.array(fitted.lows), np.array(fitted.highs)
    slope = np.array(fitted.weights[0]) / np.array(fitted.scales)
    reach = np.abs(slope) * (highs - lows)
    if not len(reach) or not reach.max():
        return ""
    # From the end of its range that speaks least for the event.
    harmless = np.where(slope > 0, lows, highs)
    points = 100 * slope * (row - harmless) / reach.max()
    order = np.argsort(-np.abs(reach), kind="stable")
    told = [f"{fitted.columns[index].removeprefix('variables.')} {points[index]:.0f}" for index in order[:_TOLD]]
    rest = float(points[order[_TOLD:]].sum())
    more = [f"{len(order) - _TOLD} others {rest:.0f}"] if len(order) > _TOLD else []
    return f"Points: {', '.join([*told, *more])}; together {points.sum():.0f}."


def _outside(fitted: Fitted, row: NDArray[np.float64]) -> str:
    """Which of the patient's variables lie outside what was learned from."""
    far = [
        column.removeprefix("variables.")
        for column, value, low, high in zip(fitted.columns, row, fitted.lows, fitted.highs, strict=True)
        if column.startswith("variables.") and not low <= value <= high
    ]
    if not far:
        return ""
    return f"Outside the patients that it was fitted on: {', '.join(far)}."
