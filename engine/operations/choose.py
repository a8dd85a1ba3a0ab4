"""Some of the labels are passed on, under other names where that is asked for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator

from engine.operations.kinds import Made, expect, expect_labels
from engine.values import Identifier, Labels, Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.maps import Maps
    from engine.inference.scores import Scores


class Params(Strict):
    """Pass on some of the labels, renamed where `rename` says so."""

    labels: Annotated[Labels, Field(min_length=1)]
    rename: Annotated[dict[Identifier, Identifier], Field(max_length=2000, default_factory=dict)]

    @model_validator(mode="after")
    def _consistent(self) -> "Params":
        if len(set(self.names)) != len(self.labels):
            raise ValueError("two of the chosen labels have the same name")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The labels as they are called from here on."""
        return tuple(self.rename.get(label, label) for label in self.labels)


def makes(params: Params, given: Sequence[Made]) -> Made:
    """The chosen labels."""
    expect(given, ("maps", "scores"))
    expect_labels(params.labels, given[0])
    return Made(given[0].kind, params.names)


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Maps | Scores":
    """The chosen labels alone."""
    from engine.inference.maps import Maps
    from engine.inference.scores import Scores

    first: Maps | Scores = inputs[0]
    if isinstance(first, Scores):
        return first.renamed(dict(zip(params.labels, params.names, strict=True)))
    return Maps.from_dense(params.names, first.prepared, first.dense(params.labels))
