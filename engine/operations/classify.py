"""A network gives scores to views of an image."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from engine.operations.kinds import PLACES, Made, expect
from engine.operations.networks import Network
from engine.operations.views.table import VIEWS, View, ViewKind
from engine.values import Labels, Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.scores import Scores


#: Axes along which a picture is mirrored.
Mirror = Literal["columns", "rows", "both"]


class Params(Strict):
    """A network that gives one value a label for each view; several weights files are an ensemble, averaged.

    Args:
        network: as `build_network` takes it.
        dimensions: of a view.
        view: what it looks at.
        labels: of the network's values, in order.
        activation: softmax, sigmoid, or none for plain values (regression).
        mirrors: axes along which mirrored copies of a view are looked at too; their logits are averaged.
        exclusive: labels of which one holds, group by group, for a network that answers several questions: each group
            has a softmax of its own. One group of all labels where none are given.
        batch: views at a time.
        attention: the network gives one more value, behind those of the labels: how much the view counts in a pool by
            attention, as a logarithm.
    """

    network: Network
    dimensions: Literal[2, 3] = 2
    view: View
    labels: Annotated[Labels, Field(min_length=1)]
    activation: Literal["softmax", "sigmoid", "none"] = "softmax"
    mirrors: Annotated[tuple[Mirror, ...], Field(max_length=3)] = ()
    exclusive: Annotated[tuple[Annotated[Labels, Field(min_length=2)], ...], Field(max_length=64)] = ()
    batch: Annotated[int, Field(ge=1, le=1024)] = 8
    attention: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> "Params":
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("two labels of a classifier have the same name")
        if self.dimensions == 2 and self.view.pixels[0] != 1:
            raise ValueError("a view in two dimensions has one plane")
        if self.dimensions == 3 and not self.view_kind.solid:
            raise ValueError(f"{self.view.kind} are views in two dimensions")
        grouped = [label for group in self.exclusive for label in group]
        if self.exclusive and (sorted(grouped) != sorted(self.labels) or self.activation != "softmax"):
            raise ValueError("the groups of a classifier with a softmax name each of its labels once")
        return self

    @property
    def view_kind(self) -> ViewKind:
        """What is known of its kind of view."""
        return VIEWS[self.view.kind]

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The labels of which one holds, group by group; none where each holds or not by itself."""
        return (self.exclusive or (self.labels,)) if self.activation == "softmax" else ()


def makes(params: Params, given: Sequence[Made]) -> Made:
    """Scores of the network's labels."""
    if params.view_kind.around:
        expect(given, ("image",), (*PLACES, "boxes"))
    else:
        expect(given, ("image",))
    return Made("scores", params.labels, weighed=params.attention)


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Scores":
    """The scores of each view."""
    from engine.inference.classify import run_classifier

    return run_classifier(params, inputs[0], inputs[1] if len(inputs) > 1 else None, context)
