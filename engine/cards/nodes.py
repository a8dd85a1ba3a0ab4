"""The parts of a card that name an operation or a step: one model for each word of the tables."""

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, create_model

from engine.cards.weights import Weights
from engine.operations.table import OPERATIONS
from engine.postprocessing.params import StepParams
from engine.postprocessing.table import POSTPROCESSING
from engine.preprocessing.table import PREPROCESSING
from engine.values import Identifier, Strict


class CardStep(Strict):
    """A step by its word in a table, with its params."""

    op: str
    params: Strict


class ImageStep(CardStep):
    """A step before the graph.

    Args:
        of: the roles of the inputs that it is for; all where none is named.
    """

    of: Annotated[tuple[Identifier, ...], Field(max_length=16)] = ()


class LabelStep(CardStep):
    """A step after the graph."""

    params: StepParams


class Node(Strict):
    """An operation in the graph.

    Args:
        node: its name.
        op: its word in the table.
        inputs: inputs of the card and earlier nodes, in the order that the operation wants.
        out: another name for what it makes.
        weights: of its network; several are an ensemble.
        params: of the operation.
    """

    node: Identifier
    op: str
    inputs: Annotated[tuple[Identifier, ...], Field(alias="in", min_length=1, max_length=32)]
    out: Identifier | None = None
    weights: Annotated[tuple[Weights, ...], Field(max_length=16)] = ()
    params: Strict

    @property
    def names(self) -> tuple[str, ...]:
        """The names of what it makes."""
        return (self.node,) if self.out in {None, self.node} else (self.node, str(self.out))


def _one_of(base: type[Strict], table: Mapping[str, type[Strict]]) -> Any:
    """The union of a model a word."""
    make: Any = create_model
    models = [
        make(
            f"{word.title().replace('_', '')}{base.__name__}",
            __base__=base,
            __doc__=params.__doc__,
            op=(Literal[word], ...),
            params=(params, ...),
        )
        for word, params in table.items()
    ]
    return Annotated[reduce(or_, models), Field(discriminator="op")]


if TYPE_CHECKING:
    GraphNode = Node
    PreprocessStep = ImageStep
    PostStep = LabelStep
else:
    GraphNode = _one_of(Node, {word: operation.params for word, operation in OPERATIONS.items()})
    PreprocessStep = _one_of(ImageStep, {word: step.params for word, step in PREPROCESSING.items()})
    PostStep = _one_of(LabelStep, {word: step.params for word, step in POSTPROCESSING.items()})
