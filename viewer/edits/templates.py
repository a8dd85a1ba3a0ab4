"""Empty structures of a template, added as one step; and the list as a template. No Qt."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.edits import Step
from engine.later import later
from engine.palette import free_colour
from engine.structures import Provenance, Roi, StructureSet
from engine.tg263 import standard_colour, standard_type
from viewer.edits.target import RefusedError
from viewer.history import add

if TYPE_CHECKING:
    from engine import templates
else:
    templates = later("engine.templates")


def template_step(structures: StructureSet, template: "templates.Template") -> Step:
    """The step that adds the structures of a template that are not there yet, empty, by their names.

    A colour that another structure has already is given up for a free one.

    Raises:
        RefusedError: all of them are there.
    """
    taken = {roi.name for roi in structures.rois}
    number = structures.next_number()
    whole = structures
    made: list[Roi] = []
    for planned in template.structures:
        if planned.name in taken:
            continue
        wanted = planned.colour if planned.colour is not None else standard_colour(planned.name)
        roi = Roi(
            number + len(made), planned.name, free_colour([roi.colour for roi in whole.rois], wanted),
            planned.type if planned.type is not None else standard_type(planned.name),
            provenance=Provenance(description="Drawn by hand"),
        )  # fmt: skip
        made.append(roi)
        whole = replace(whole, rois=(*whole.rois, roi))
    if not made:
        raise RefusedError(f"All structures of the template {template.title} are there already.")
    text = f"Template {template.title}, {len(made)} structure{'' if len(made) == 1 else 's'}"
    return add(structures, tuple(made), text=text, tool="template")


def groups_of(structures: StructureSet, template: "templates.Template") -> dict[int, str]:
    """ROI number → the group of a template, of its structures that are there."""
    groups = {planned.name: planned.group for planned in template.structures if planned.group}
    return {roi.number: groups[roi.name] for roi in structures.rois if roi.name in groups}


def as_template(structures: StructureSet, groups: Mapping[int, str], title: str) -> "templates.Template":
    """The list as a template: names, types, colours and groups, without contours.

    Raises:
        RefusedError: there is nothing in the list.
        ReadError: a structure can't be in a template, such as two of one name.
    """
    if not structures.rois:
        raise RefusedError("There are no structures in the list to make a template of.")
    return templates.make_template(
        title,
        [
            {
                "name": roi.name, "type": roi.roi_type.strip(), "colour": list(roi.colour),
                "group": groups.get(roi.number, ""),
            }
            for roi in structures.rois
        ],
    )  # fmt: skip
