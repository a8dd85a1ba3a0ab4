"""Operations with a second structure: union, intersection, difference, crop. No Qt."""

from shapely import MultiPolygon

from engine.contouring import combine as combining
from viewer.edits.operations.form import Compute, Operation, Work
from viewer.edits.parameters import Parameter


def _combined(operation: combining.Operation) -> Compute:
    return lambda work: combining.combine(work.areas, work.other, work.geometry, operation, work.progress)


def _cropped(work: Work, inside: bool) -> dict[int, MultiPolygon]:
    return combining.crop(
        work.areas, work.other, work.geometry, work.values["margin"], inside=inside, progress=work.progress
    )


_DISTANCE = Parameter("margin", "Distance", "mm", 3, 0, 100)

UNION = Operation(
    "union", "Union", "Add the other structure",
    _combined(combining.Operation.UNION), other="with", derives=True, takes_empty=True,
)  # fmt: skip
INTERSECTION = Operation(
    "intersection", "Intersection", "Keep only what lies in both",
    _combined(combining.Operation.INTERSECTION), other="with", derives=True,
)  # fmt: skip
DIFFERENCE = Operation(
    "difference", "Difference", "Take the other structure away",
    _combined(combining.Operation.DIFFERENCE), other="without", derives=True,
)  # fmt: skip
CROP = Operation(
    "crop", "Crop away from", "Keep a distance from the other structure, measured in space",
    lambda work: _cropped(work, False), (_DISTANCE,), "away from", derives=True,
)  # fmt: skip
CROP_INSIDE = Operation(
    "crop inside", "Crop to inside", "Keep only what lies inside the other structure by a distance",
    lambda work: _cropped(work, True), (_DISTANCE,), "inside", derives=True,
)  # fmt: skip
