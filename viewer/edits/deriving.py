"""Structures that are derived from others: the recipe that is kept, and how they are renewed. No Qt."""

from collections.abc import Iterable
from dataclasses import replace

from engine.edits import Step
from engine.errors import PlanimeterError
from engine.progress import Progress, part, silent
from engine.recipes import doubt, fingerprint, in_order
from engine.structures import PlaneContours, Recipe, RecipeStep, Review, Roi, StructureSet
from engine.volume import Geometry
from viewer.edits.operating import compute
from viewer.edits.operations.form import Operation
from viewer.edits.operations.table import OPERATIONS
from viewer.edits.parameters import Values
from viewer.edits.structures import refuse_locked
from viewer.edits.target import RefusedError
from viewer.history import change


def extended(  # noqa: PLR0917
    structures: StructureSet, roi: Roi, operation: Operation, values: Values, other: int | None, text: str, beside: bool
) -> Recipe | None:
    """The recipe of a result: of one `beside` its source, or one step more of `roi`'s own.

    None where the result is no derived structure: what depends on the crosshair or on how images are shown, what tidies
    up a structure that was drawn, and what a person has changed since it was derived.
    """
    if operation.at_cursor or operation.reads_image:
        return None
    step = RecipeStep(operation.name, tuple(values.items()), other if operation.other else None, text)
    if beside:
        recipe = Recipe(roi.number, roi.name, (step,), "")
    elif roi.recipe is not None and not roi.provenance.edited and not doubt(structures, roi):
        recipe = replace(roi.recipe, steps=(*roi.recipe.steps, step))
    else:
        return None
    return replace(recipe, made_from=fingerprint(structures, recipe))


def to_renew(structures: StructureSet) -> frozenset[int]:
    """The structures that are out of date."""
    return frozenset(roi.number for roi in structures.rois if doubt(structures, roi) == "out of date")


def refuse_renewal(structures: StructureSet, numbers: Iterable[int]) -> None:
    """Raises RefusedError where one of them is locked or approved, or a source is gone."""
    for number in numbers:
        roi = structures[number]
        refuse_locked(roi)
        if doubt(structures, roi) == "a source is gone":
            raise RefusedError(f"{roi.name} can't be renewed: a structure that it was derived from is gone.")


def renewed(structures: StructureSet, numbers: frozenset[int], progress: Progress = silent) -> list[Roi]:
    """The structures of these numbers as their recipes make them now, sources before what is derived from them.

    Raises:
        PlanimeterError: an operation can't be done any more.
        CancelledError: `progress` stopped it.
    """
    result = []
    order = in_order(structures, numbers)
    for n, number in enumerate(order):
        roi = structures[number]
        assert roi.recipe is not None, "derived structures alone are out of date"
        fresh = _made(structures, roi, roi.recipe, part(progress, n / len(order), (n + 1) / len(order)))
        structures = structures.with_roi(fresh)
        result.append(fresh)
    return result


def renewal_step(structures: StructureSet, rois: Iterable[Roi]) -> Step:
    """The one step by which renewed structures are taken over."""
    renewed_rois = list(rois)
    changes = [each for roi in renewed_rois for each in change(structures, roi, text="").changes]
    names = (
        " and ".join(roi.name for roi in renewed_rois) if len(renewed_rois) < 3 else f"{len(renewed_rois)} structures"
    )
    return Step(f"Renew {names}", "renew", tuple(changes))


def _made(structures: StructureSet, roi: Roi, recipe: Recipe, progress: Progress) -> Roi:
    source = structures[recipe.source]
    work = Roi(roi.number, roi.name).with_planes(_areas_alone(source, structures.geometry))
    for n, step in enumerate(recipe.steps):
        operation = OPERATIONS.get(step.operation)
        if operation is None:
            raise PlanimeterError(f"{roi.name} was derived by an operation that is not known here: {step.operation}.")
        # The work in progress stands where the derived structure is, so that others stay what they are.
        now = structures.with_roi(work)
        share = part(progress, n / len(recipe.steps), (n + 1) / len(recipe.steps))
        work = work.with_areas(compute(now, roi.number, operation, dict(step.values), other=step.other, progress=share))
    kept = {
        # What comes out the same stays the same object.
        plane: old if old is not None and old.area.equals_exact(contours.area, 0.0) else contours
        for plane, contours in work.planes.items()
        for old in (roi.planes.get(plane),)
    }
    return replace(
        roi, planes=kept, recipe=replace(recipe, made_from=fingerprint(structures, recipe)),
        provenance=replace(roi.provenance, edited=False, review=Review()),
    )  # fmt: skip


def _areas_alone(source: Roi, geometry: Geometry) -> dict[int, PlaneContours]:
    """What is drawn on the image's planes, without the text of the file that it was read from."""
    return {k: PlaneContours(held.area) for k, held in source.planes.items() if 0 <= k < geometry.shape[0]}
