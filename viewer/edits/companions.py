"""A structure of another series copied onto the open one, where it can be changed. No Qt."""

from dataclasses import replace

import numpy as np

from engine.contouring.trace import trace_mask_volume
from engine.progress import Progress, part, silent
from engine.structure_values import voxels_inside
from engine.structures import PlaneContours, Review, Roi
from engine.transform import Transform
from engine.volume import Volume
from viewer.companions import Companion
from viewer.edits.structures import free_name
from viewer.edits.target import RefusedError, fresh_colour
from viewer.history import History, add
from viewer.session import Session


def drawn_on(companion: Companion, roi: Roi, volume: Volume, progress: Progress = silent) -> Roi:
    """A structure of another series on the planes of `volume`, of the same frame of reference. May run on any thread.

    Its contours are around the voxels whose centres lie inside; on the same grid they are its own. Points and open
    contours stay behind, as do its signature, its recipe and what a file wrote beside it.

    Raises:
        RefusedError: no voxel of `volume` lies inside.
    """
    there, here = companion.structures.geometry, volume.geometry
    if there.same_grid(here):
        planes = {plane: PlaneContours(contours.area) for plane, contours in roi.planes.items()}
    else:
        index = voxels_inside(roi, there, volume, Transform.identity(), part(progress, 0.0, 0.7))
        planes = _traced(index, volume, part(progress, 0.7, 1.0)) if len(index) else {}
    if not planes:
        raise RefusedError(f"{roi.name} of {companion.name} has no area on this series: there is nothing to copy.")
    was = roi.provenance
    told = f"Copied from {companion.name}"
    description = f"{was.description}; {told[0].lower()}{told[1:]}" if was.description else told
    return Roi(
        roi.number, roi.name, roi.colour, roi.roi_type, planes, code=roi.code,
        provenance=replace(was, description=description, review=Review(), reopened=Review()),
    )  # fmt: skip


def add_copy(session: Session, history: History, copy: Roi, name: str) -> Roi:
    """Add what `drawn_on` gave, of the series `name`, as one step, and make it active."""
    structures = session.structures
    if structures is None:
        raise RefusedError("Open a series first.")
    taken = {roi.colour for roi in structures.rois}
    copy = replace(
        copy,
        number=structures.next_number(),
        name=free_name(structures, copy.name),
        colour=fresh_colour(structures) if copy.colour in taken else copy.colour,
    )
    history.do(add(structures, (copy,), text=f"Copy {copy.name} from {name}", tool="copy from series"))
    session.set_active(copy.number)
    return copy


def _traced(index: np.ndarray, volume: Volume, progress: Progress) -> dict[int, PlaneContours]:
    first, last = index.min(axis=0), index.max(axis=0)
    mask = np.zeros(last - first + 1, dtype=np.bool_)
    mask[tuple((index - first).T)] = True
    plane, row, column = first.tolist()
    areas = trace_mask_volume(mask, volume.geometry, progress, (plane, row, column))
    return {plane: PlaneContours(area) for plane, area in areas.items()}
