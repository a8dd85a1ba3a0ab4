"""Empty structures of a template, added as one step. No Qt."""

from dataclasses import replace

from engine.edits import Step
from engine.structures import Provenance, Roi, StructureSet
from engine.templates import Template
from engine.tg263 import standard_type
from viewer.edits.target import RefusedError, fresh_colour
from viewer.history import add


def template_step(structures: StructureSet, template: Template) -> Step:
    """The step that adds the structures of a template that are not there yet, empty, by their names.

    Raises:
        RefusedError: all of them are there.
    """
    taken = {roi.name for roi in structures.rois}
    number = structures.next_number()
    whole = structures
    made: list[Roi] = []
    for name in template.structures:
        if name in taken:
            continue
        roi = Roi(
            number + len(made), name, fresh_colour(whole, name), standard_type(name),
            provenance=Provenance(description="Drawn by hand"),
        )  # fmt: skip
        made.append(roi)
        whole = replace(whole, rois=(*whole.rois, roi))
    if not made:
        raise RefusedError(f"All structures of the template {template.title} are there already.")
    text = f"Template {template.title}, {len(made)} structure{'' if len(made) == 1 else 's'}"
    return add(structures, tuple(made), text=text, tool="template")
