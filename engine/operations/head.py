"""Features and scores become an answer by a formula that can be read: logistic, SVM, Cox, or a nomogram."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from engine.operations.kinds import Made, expect
from engine.values import Count, Labels, Share, Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.scores import Scores

#: A column's name: the node that makes it, and its own.
Column = Annotated[str, StringConstraints(min_length=1, max_length=130)]

#: Models of the time to an event.
OF_TIMES = ("cox", "nomogram")


class Fitted(Strict):
    """What was fitted: a linear formula of each label, as plain numbers.

    A column's value less its `mean`, over its `scale`, times the label's weight; the sum of these and the label's
    offset is its linear predictor.

    Args:
        columns: NODE.COLUMN, those that count.
        means, scales: of the columns in the training set.
        lows, highs: the least and the largest value of each column there.
        weights: a row a label, a number a column.
        offsets: a number a label; 0 for models of times.
        slopes, shifts: of a label: the probability is the logistic function of slope x predictor + shift (Platt 1999);
            none where the predictor is a logit already.
        survival: of a model of times: share that is free of the event at its horizon where the predictor is 0.
        patients, events: that it was fitted on.
    """

    columns: Annotated[tuple[Column, ...], Field(max_length=5000)]
    means: Annotated[tuple[float, ...], Field(max_length=5000)]
    scales: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(max_length=5000)]
    lows: Annotated[tuple[float, ...], Field(max_length=5000)]
    highs: Annotated[tuple[float, ...], Field(max_length=5000)]
    weights: Annotated[tuple[Annotated[tuple[float, ...], Field(max_length=5000)], ...], Field(max_length=64)]
    offsets: Annotated[tuple[float, ...], Field(max_length=64)]
    slopes: Annotated[tuple[float, ...], Field(max_length=64)] = ()
    shifts: Annotated[tuple[float, ...], Field(max_length=64)] = ()
    survival: Share | None = None
    patients: Count = 0
    events: Count = 0

    @model_validator(mode="after")
    def _square(self) -> "Fitted":
        rows = (self.means, self.scales, self.lows, self.highs, *self.weights)
        if any(len(row) != len(self.columns) for row in rows):
            raise ValueError("a fitted head has a number for each of its columns")
        if len(self.offsets) != len(self.weights) or any(
            len(row) not in {0, len(self.weights)} for row in (self.slopes, self.shifts)
        ):
            raise ValueError("a fitted head has an offset for each of its labels")
        return self


class Params(Strict):
    """An answer from features of networks, scores, and what was told of the patient.

    Args:
        model: "logistic", "svm" (linear; its margins become probabilities), "cox" (the probability of the event within
            `horizon_months`), "nomogram" (likewise, with the points of each column told).
        labels: of the answers; a formula each. A model of times has one.
        horizon_months: of models of times.
        sparse: the fit drops columns that don't help (lasso), in place of keeping all of them small (ridge).
        fitted: the numbers; none before training.
    """

    model: Literal["logistic", "svm", "cox", "nomogram"]
    labels: Annotated[Labels, Field(min_length=1, max_length=64)]
    horizon_months: Annotated[float, Field(gt=0, le=600)] = 60.0
    sparse: bool = False
    fitted: Fitted | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "Params":
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("two labels of a head have the same name")
        if self.is_of_times and len(self.labels) > 1:
            raise ValueError("a model of times has one label, the event")
        if self.fitted is not None and len(self.fitted.weights) != len(self.labels):
            raise ValueError("a fitted head has weights for each of its labels")
        if self.fitted is not None and self.is_of_times and self.fitted.survival is None:
            raise ValueError("a fitted model of times says how many are free of the event at its horizon")
        return self

    @property
    def is_of_times(self) -> bool:
        """Whether it learns from times to an event."""
        return self.model in OF_TIMES


def makes(params: Params, given: Sequence[Made]) -> Made:
    """Scores of the labels."""
    expect(given, ("features", "scores"), more=("features", "scores"))
    return Made("scores", params.labels)


def is_ready(params: Params) -> bool:
    """Whether it was fitted."""
    return params.fitted is not None


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Scores":
    """The answers, one row."""
    from engine.inference.head import run_head

    return run_head(params, inputs, context)
