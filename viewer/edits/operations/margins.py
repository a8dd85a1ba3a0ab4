"""Margins in space. No Qt."""

from shapely import MultiPolygon

from engine.contouring import combine as combining
from engine.contouring import margin as margins
from engine.contouring.stack import Areas, changed
from engine.progress import part
from viewer.edits.operations.form import Operation, Work
from viewer.edits.parameters import Parameter, Values

SIDES = ("left", "right", "anterior", "posterior", "superior", "inferior")
SIX = tuple(Parameter(side, side.capitalize(), "mm", 5, -100, 100) for side in SIDES)


def six_margins(values: Values) -> margins.Margins:
    """The distances towards the six sides."""
    return margins.Margins(**{side: values[side] for side in SIDES})


def says_six(values: Values) -> str:
    """ "5 mm", or each side by its letter where they differ."""
    if len({values[side] for side in SIDES}) == 1:
        return f"{values[SIDES[0]]:g} mm"
    return " ".join(f"{side[0].upper()}{values[side]:g}" for side in SIDES) + " mm"


def behind_six(values: Values) -> str:
    """ "+5mm" behind the name."""
    sizes = {values[side] for side in SIDES}
    return f"{sizes.pop():+g}mm" if len(sizes) == 1 else "+margin"


MARGIN = Operation(
    "margin", "Margin", "Grow by six distances in space; negative ones shrink",
    lambda work: margins.margin(work.areas, work.geometry, six_margins(work.values), work.progress),
    SIX, derives=True, linked=True, says=says_six, behind=behind_six,
)  # fmt: skip


def _limited(work: Work, inside: bool) -> dict[int, MultiPolygon]:
    """Grown, but only as far as the other structure allows; what was there stays."""
    grown = with_planes(
        work.areas, margins.margin(work.areas, work.geometry, six_margins(work.values), part(work.progress, 0, 0.8))
    )
    how = combining.Operation.INTERSECTION if inside else combining.Operation.DIFFERENCE
    allowed = with_planes(
        grown, combining.combine(grown, work.other, work.geometry, how, part(work.progress, 0.8, 0.9))
    )
    union = combining.Operation.UNION
    return combining.combine(work.areas, allowed, work.geometry, union, part(work.progress, 0.9, 1))


def _between(work: Work) -> dict[int, MultiPolygon]:
    """What lies between two distances from the surface."""
    inner, outer = sorted((work.values["from"], work.values["to"]))
    near, far = (
        with_planes(work.areas, margins.margin(work.areas, work.geometry, margins.Margins.uniform(distance), progress))
        for distance, progress in ((inner, part(work.progress, 0, 0.4)), (outer, part(work.progress, 0.4, 0.8)))
    )
    ring = with_planes(
        far, combining.combine(far, near, work.geometry, combining.Operation.DIFFERENCE, part(work.progress, 0.8, 1))
    )
    return changed(work.areas, ring)


def with_planes(areas: Areas, planes: Areas) -> dict[int, MultiPolygon]:
    """`areas` with the planes that an operation changes."""
    return {**areas, **planes}


MARGIN_WITHIN = Operation(
    "margin within", "Margin inside", "Grow by six distances, but not out of the other structure, such as the body; "
    "what is drawn stays",
    lambda work: _limited(work, True), SIX, "inside", derives=True, linked=True, says=says_six, behind=behind_six,
)  # fmt: skip
MARGIN_APART = Operation(
    "margin apart", "Margin not into", "Grow by six distances, but not into the other structure; what is drawn stays",
    lambda work: _limited(work, False), SIX, "not into", derives=True, linked=True, says=says_six, behind=behind_six,
)  # fmt: skip
RING = Operation(
    "ring", "Ring or wall", "Keep what lies between two distances from the surface; negative ones are inside",
    _between, (Parameter("from", "From", "mm", 0, -100, 100), Parameter("to", "To", "mm", 10, -100, 100)), derives=True,
    says=lambda values: f"{values['from']:g} to {values['to']:g} mm",
)  # fmt: skip
