"""Structures of one network that grow a little, and are cut to a structure of another."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from engine.operations.kinds import Made, expect, expect_labels
from engine.values import Identifier, Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.outlines import Outlines


class Params(Strict):
    """Each label of the first input grows, in turn, into what has none, and is kept where the second has `into`.

    Args:
        into: a label of the second input.
        grown_mm: at most so far.
    """

    into: Identifier
    grown_mm: Annotated[float, Field(ge=0, le=50)] = 0.0


def makes(params: Params, given: Sequence[Made]) -> Made:
    """The labels of the first."""
    expect(given, ("outlines",), ("outlines",))
    expect_labels([params.into], given[1])
    return Made("outlines", given[0].labels)


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Outlines":
    """Outlines of the voxels that are left."""
    from engine.inference.nnunet_tidy import grown_into

    first, second = inputs
    return grown_into(first, second.union((), (params.into,)), params.grown_mm)
