"""The operations on structures, a line each, in the order of the list. No Qt."""

from viewer.edits.operations import combining, greys, margins, placing, tidying
from viewer.edits.operations.form import Operation

_ALL = (
    combining.UNION,
    combining.INTERSECTION,
    combining.DIFFERENCE,
    combining.CROP,
    combining.CROP_INSIDE,
    margins.MARGIN,
    margins.MARGIN_WITHIN,
    margins.MARGIN_APART,
    margins.RING,
    greys.THRESHOLD,
    placing.MOVE,
    placing.TURN,
    placing.SCALE,
    placing.MIRROR,
    tidying.SMOOTH,
    tidying.ISLANDS,
    tidying.HOLES,
    tidying.LARGEST,
    tidying.INTERPOLATE,
    tidying.SIMPLIFY,
)

#: By name.
OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in _ALL}
