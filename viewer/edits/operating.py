"""How an operation on whole structures is checked, run, told, and taken over as one step. No Qt."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from shapely import MultiPolygon

from engine.edits import Step
from engine.progress import Progress, silent
from engine.recipes import derives_from, sources_of
from engine.structures import Generation, Provenance, Recipe, Review, Roi, StructureSet
from engine.tg263 import guessed_type
from engine.volume import FloatArray
from viewer.edits.operations.form import Operation, Work
from viewer.edits.parameters import Values, in_unit
from viewer.edits.planes import areas_of
from viewer.edits.structures import LONGEST_NAME, free_name, given_name, refuse_locked, tidy
from viewer.edits.target import RefusedError, fresh_colour
from viewer.history import add, change, redraw
from viewer.layers import Layer

_MODELS = (Generation.AUTOMATIC, Generation.SEMIAUTOMATIC)


def check(structures: StructureSet, number: int | None, other: int | None, operation: Operation) -> Roi:
    """The ROI to work on.

    Raises:
        RefusedError: there is none, it is empty, or the other structure is missing or the same.
    """
    if number is None or number not in structures:
        raise RefusedError("Choose a structure first.")
    roi = structures[number]
    if roi.is_empty and not operation.takes_empty:
        raise RefusedError(f"{roi.name} is empty: there is nothing to work on.")
    missing = other is None or other not in structures or other == number
    if operation.other and missing and not operation.other_optional:
        raise RefusedError("Choose the other structure.")
    if operation.other_optional and other is not None and other in structures and structures[other].is_empty:
        raise RefusedError(f"{structures[other].name} is empty: nothing lies within it.")
    return roi


def compute(
    structures: StructureSet,
    number: int,
    operation: Operation,
    values: Values,
    *,
    other: int | None = None,
    progress: Progress = silent,
    layers: tuple[Layer, ...] = (),
    cursor_lps: FloatArray | None = None,
) -> dict[int, MultiPolygon]:
    """The planes of ROI `number` that `operation` changes.

    Raises:
        PlanimeterError: the operation can't be done with these values.
        CancelledError: `progress` stopped it.
    """
    second = areas_of(structures[other]) if operation.other and other is not None else {}
    cursor = cursor_lps if cursor_lps is not None else np.zeros(3)
    areas = areas_of(structures[number])
    return operation.compute(Work(areas, second, structures.geometry, values, progress, layers, cursor))


def describe(structures: StructureSet, operation: Operation, values: Values, other: int | None) -> str:
    """For the history: "Crop away from PTV, 3 mm"."""
    title = operation.title
    if operation.other and other is not None:
        name = structures[other].name
        title += f" {name}" if title.endswith(operation.other) else f" {operation.other} {name}"
    sizes = in_unit(operation.sizes(values), structures.geometry.unit)
    return ", ".join(part for part in (title, sizes) if part)


def result_name(structures: StructureSet, roi: Roi, operation: Operation, values: Values) -> str:
    """A free name for a result beside `roi`: "Parotid_R+7mm" for a margin, else the operation behind the name."""
    behind = in_unit(operation.suffix(values), structures.geometry.unit)
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
    recipe: Recipe | None = None,
    other: int | None = None,
) -> Step:
    """The one step by which a result is taken over: into `roi`, or under `new_name` as a structure beside it.

    An empty structure of that name, such as one of a template, takes the result as what it is; a new one is of the type
    that its name says, else of `roi`'s. With a `recipe` (see `deriving.extended`) the result goes on being derived.
    `other` is the number of the second structure, where the operation has one.

    Raises:
        RefusedError: `roi` is locked, nothing would change, nothing would be left, or the name can't be given.
    """
    if new_name is None:
        refuse_locked(roi)
        if recipe is not None:
            # Still derived, by one step more.
            after = replace(roi.with_areas(planes), recipe=recipe, provenance=replace(roi.provenance, review=Review()))
            return change(structures, after, text=f"{text}: {roi.name}", tool=operation.name)
        step = redraw(roi, planes, text=f"{text}: {roi.name}", tool=operation.name)
        if step is None:
            raise RefusedError(f"{operation.title} changes nothing in {roi.name}.")
        return step
    # What a model drew does not become a person's by being joined to it.
    joined = structures[other] if operation.name == "union" and other is not None and other in structures else roi
    source = joined if joined.provenance.generation in _MODELS else roi
    waiting = _waiting(structures, roi, tidy(new_name))
    if waiting is None:
        name = given_name(structures, new_name)
        begun = Roi(structures.next_number(), name, fresh_colour(structures), guessed_type(name) or roi.roi_type)
    else:
        begun = replace(waiting, visible=True)
        if recipe is not None and any(derives_from(structures, each, waiting.number) for each in sources_of(recipe)):
            # It would be derived from itself.
            recipe = None
    made = made_of(source.provenance, f"{text} of {roi.name}")
    result = replace(begun, planes=dict(roi.planes), provenance=made, recipe=recipe).with_areas(planes)
    if result.is_empty:
        raise RefusedError(f"{operation.title} leaves nothing of {roi.name}.")
    text = f"{text}: {result.name}"
    if waiting is not None:
        return change(structures, result, text=text, tool=operation.name)
    return add(structures, (result,), text=text, tool=operation.name)


def _waiting(structures: StructureSet, roi: Roi, name: str) -> Roi | None:
    """The structure of a name that is still to be drawn, other than `roi`; None where there is none."""
    for other in structures.rois:
        if other.name == name and other.number != roi.number and other.is_empty and not other.loose:
            return None if other.locked else other
    return None


def made_of(source: Provenance, description: str) -> Provenance:
    """Who drew what an operation makes of a structure, which nobody has reviewed yet.

    A person's lines stay a person's, whose tool the operation is; a model's are a model's that a person changed.
    """
    made = replace(source, description=description, review=Review(), reopened=Review())
    if source.generation is Generation.AUTOMATIC:
        return replace(made, generation=Generation.SEMIAUTOMATIC, edited=True)
    return made
