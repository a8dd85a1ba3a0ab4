"""Operations that put a structure elsewhere: move, turn, scale, mirror. No Qt."""

from engine.contouring import place
from viewer.edits.operations.form import Operation
from viewer.edits.parameters import Parameter, Values

_STEPS = ("left", "posterior", "superior")


def _says_step(values: Values) -> str:
    return " ".join(f"{side[0].upper()}{values[side]:g}" for side in _STEPS) + " mm"


MOVE = Operation(
    "move", "Move", "Move the structure towards the patient's left, back and head; negative goes the other way",
    lambda work: place.moved(work.areas, work.geometry, [work.values[side] for side in _STEPS], work.progress),
    tuple(Parameter(side, side.capitalize(), "mm", 0, -500, 500) for side in _STEPS), says=_says_step,
)  # fmt: skip
TURN = Operation(
    "turn", "Turn", "Turn the structure in its planes about its centre; clockwise as the axial view shows it",
    lambda work: place.turned(work.areas, work.geometry, work.values["angle"], work.progress),
    (Parameter("angle", "Angle", "°", 5, -180, 180),),
)  # fmt: skip
SCALE = Operation(
    "scale", "Scale", "Make the structure larger or smaller about its centre",
    lambda work: place.scaled(
        work.areas, work.geometry, work.values["plane"] / 100, work.values["across"] / 100, work.progress
    ),
    (
        Parameter("plane", "In the planes", "%", 110, 10, 500, 0),
        Parameter("across", "Across planes", "%", 110, 10, 500, 0),
    ),
    says=lambda values: f"{values['plane']:g} % in the planes, {values['across']:g} % across",
)  # fmt: skip
MIRROR = Operation(
    "mirror", "Mirror", "Mirror the structure from left to right about the crosshair",
    lambda work: place.mirrored(work.areas, work.geometry, work.cursor_lps, work.progress),
    derives=True, at_cursor=True, behind=lambda values: " mirrored",
)  # fmt: skip
