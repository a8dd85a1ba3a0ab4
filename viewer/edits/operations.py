"""Operations on whole structures as data: what each needs, what it computes, how it becomes a step. No Qt."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from shapely import MultiPolygon

from engine.contouring import combine as combining
from engine.contouring import interpolate as interpolation
from engine.contouring import islands, simplify, smooth
from engine.contouring import margin as margins
from engine.contouring.stack import Areas
from engine.edits import Step
from engine.progress import Progress, silent
from engine.structures import Generation, Provenance, Roi, StructureSet
from engine.volume import Geometry
from viewer.edits.planes import areas_of
from viewer.edits.structures import LONGEST_NAME, free_name, given_name, refuse_locked
from viewer.edits.target import RefusedError, fresh_colour
from viewer.history import add, redraw

Values = Mapping[str, float]
Compute = Callable[[Areas, Areas, Geometry, Values, Progress], dict[int, MultiPolygon]]


@dataclass(frozen=True)
class Parameter:
    """A number that the user sets."""

    key: str
    label: str
    unit: str
    default: float
    low: float
    high: float
    decimals: int = 1


@dataclass(frozen=True)
class Operation:
    """One operation.

    Args:
        name: for the journal.
        title: for the list.
        tip: what it does, in a sentence.
        compute: (areas, areas of the other ROI, geometry, values, progress) → planes that change.
        parameters: numbers it needs.
        other: what the second structure is called; "" where none is needed.
        derives: the result is a structure beside the first, as a target volume beside a tumour, rather than the first
            one tidied up.
        linked: its numbers are one and the same until the user wants each by itself.
    """

    name: str
    title: str
    tip: str
    compute: Compute
    parameters: tuple[Parameter, ...] = ()
    other: str = ""
    derives: bool = False
    linked: bool = False


def _combined(operation: combining.Operation) -> Compute:
    return lambda areas, other, geometry, values, progress: combining.combine(
        areas, other, geometry, operation, progress
    )


def _cropped(inside: bool) -> Compute:
    return lambda areas, other, geometry, values, progress: combining.crop(
        areas, other, geometry, values["margin"], inside=inside, progress=progress
    )


def _sides(values: Values) -> margins.Margins:
    return margins.Margins(**{side: values[side] for side in SIDES})


SIDES = ("left", "right", "anterior", "posterior", "superior", "inferior")

_ALL = (
    Operation(
        "union", "Union", "Add the other structure",
        _combined(combining.Operation.UNION), other="with", derives=True,
    ),
    Operation(
        "intersection", "Intersection", "Keep only what lies in both",
        _combined(combining.Operation.INTERSECTION), other="with", derives=True,
    ),
    Operation(
        "difference", "Difference", "Take the other structure away",
        _combined(combining.Operation.DIFFERENCE), other="without", derives=True,
    ),
    Operation(
        "crop", "Crop away from", "Keep a distance from the other structure, measured in space",
        _cropped(False), (Parameter("margin", "Distance", "mm", 3, 0, 100),), "away from", derives=True,
    ),
    Operation(
        "crop inside", "Crop to inside", "Keep only what lies inside the other structure by a distance",
        _cropped(True), (Parameter("margin", "Distance", "mm", 3, 0, 100),), "inside", derives=True,
    ),
    Operation(
        "margin", "Margin", "Grow by six distances in space; negative ones shrink",
        lambda areas, other, geometry, values, progress: margins.margin(areas, geometry, _sides(values), progress),
        tuple(Parameter(side, side.capitalize(), "mm", 5, -100, 100) for side in SIDES), derives=True, linked=True,
    ),
    Operation(
        "smooth", "Smooth", "Even out what is finer than a radius, and keep the volume",
        lambda areas, other, geometry, values, progress: smooth.smooth(
            areas, geometry, values["radius"], progress=progress
        ),
        (Parameter("radius", "Radius", "mm", 3, 0.1, 50),),
    ),
    Operation(
        "islands", "Remove islands", "Remove pieces, connected in space, that are smaller than a volume",
        lambda areas, other, geometry, values, progress: islands.remove_islands(
            areas, geometry, values["volume"], progress
        ),
        (Parameter("volume", "Smaller than", "cm³", 0.1, 0, 1000, 2),),
    ),
    Operation(
        "holes", "Fill holes", "Fill holes of a plane that are smaller than an area",
        lambda areas, other, geometry, values, progress: islands.fill_holes(
            areas, geometry, values["area"] * 100, progress
        ),
        (Parameter("area", "Smaller than", "cm²", 100, 0, 10000, 2),),
    ),
    Operation(
        "largest", "Largest only", "Keep only the largest piece, connected in space",
        lambda areas, other, geometry, values, progress: islands.keep_largest(areas, geometry, progress=progress),
    ),
    Operation(
        "interpolate", "Interpolate", "Fill the empty planes between drawn ones",
        lambda areas, other, geometry, values, progress: interpolation.interpolate(areas, geometry, progress=progress),
    ),
    Operation(
        "simplify", "Simplify", "Leave out points; no line moves by more than a distance",
        lambda areas, other, geometry, values, progress: simplify.simplify(
            areas, geometry, values["tolerance"], progress
        ),
        (Parameter("tolerance", "At most", "mm", 0.1, 0.01, 5, 2),),
    ),
)  # fmt: skip

#: By name, in the order of the list.
OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in _ALL}


def check(structures: StructureSet, number: int | None, other: int | None, operation: Operation) -> Roi:
    """The ROI to work on.

    Raises:
        RefusedError: there is none, it is empty, or the other structure is missing or the same.
    """
    if number is None or number not in structures:
        raise RefusedError("Choose a structure first.")
    roi = structures[number]
    if roi.is_empty and operation.name != "union":
        raise RefusedError(f"{roi.name} is empty: there is nothing to work on.")
    if operation.other and (other is None or other not in structures or other == number):
        raise RefusedError("Choose the other structure.")
    return roi


def compute(
    structures: StructureSet,
    number: int,
    operation: Operation,
    values: Values,
    *,
    other: int | None = None,
    progress: Progress = silent,
) -> dict[int, MultiPolygon]:
    """The planes of ROI `number` that `operation` changes.

    Raises:
        PlanimeterError: the operation can't be done with these values.
        CancelledError: `progress` stopped it.
    """
    second = areas_of(structures[other]) if operation.other and other is not None else {}
    return operation.compute(areas_of(structures[number]), second, structures.geometry, values, progress)


def describe(structures: StructureSet, operation: Operation, values: Values, other: int | None) -> str:
    """For the history: "Crop away from PTV, 3 mm"."""
    parts = [operation.title]
    if operation.other and other is not None:
        parts[0] += f" {structures[other].name}" if operation.name.startswith("crop") else (
            f" {operation.other} {structures[other].name}"
        )  # fmt: skip
    sizes = [values[parameter.key] for parameter in operation.parameters]
    if operation.name == "margin" and len(set(sizes)) > 1:
        parts.append(" ".join(f"{side[0].upper()}{values[side]:g}" for side in SIDES) + " mm")
    elif sizes:
        parts.append(f"{sizes[0]:g} {operation.parameters[0].unit}")
    return ", ".join(parts)


def result_name(structures: StructureSet, roi: Roi, operation: Operation, values: Values) -> str:
    """A free name for a result beside `roi`: "Parotid_R+7mm" for a margin, else the operation behind the name."""
    behind = f" {operation.name}"
    if operation.name == "margin":
        sizes = {values[side] for side in SIDES}
        behind = f"{sizes.pop():+g}mm" if len(sizes) == 1 else "+margin"
    # Room is left for the number that a taken name gets.
    return free_name(structures, f"{roi.name[: LONGEST_NAME - len(behind) - 4]}{behind}")


def result_step(
    structures: StructureSet,
    roi: Roi,
    planes: Mapping[int, MultiPolygon],
    operation: Operation,
    text: str,
    *,
    new_name: str | None = None,
) -> Step:
    """The one step by which a result is taken over: into `roi`, or under `new_name` as a structure beside it.

    Raises:
        RefusedError: `roi` is locked, nothing would change, nothing would be left, or the name can't be given.
    """
    if new_name is None:
        refuse_locked(roi)
        step = redraw(roi, planes, text=f"{text}: {roi.name}", tool=operation.name)
        if step is None:
            raise RefusedError(f"{operation.title} changes nothing in {roi.name}.")
        return step
    result = replace(
        Roi(structures.next_number(), given_name(structures, new_name), roi_type=roi.roi_type),
        colour=fresh_colour(structures),
        planes=dict(roi.planes),
        provenance=Provenance(Generation.SEMIAUTOMATIC, f"{text} of {roi.name}"),
    ).with_areas(planes)
    if result.is_empty:
        raise RefusedError(f"{operation.title} leaves nothing of {roi.name}.")
    return add(structures, (result,), text=f"{text}: {result.name}", tool=operation.name)
