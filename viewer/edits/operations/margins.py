"""Margins in space. No Qt."""

from engine.contouring import margin as margins
from viewer.edits.operations.form import Operation
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
