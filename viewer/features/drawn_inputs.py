"""Structures that were drawn in the window, as what a model looks at beside the image."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from engine.cards.roles import Traits
from engine.later import later
from engine.progress import Progress
from engine.structures import Roi
from engine.volume import SeriesInfo, Volume
from viewer.session import Session
from viewer.widgets.roles_form import MASK, Image

if TYPE_CHECKING:
    from engine.contouring import fill
else:
    fill = later("engine.contouring.fill")


def drawn_images(session: Session) -> list[Image]:
    """The structures on the open series that have an area, each as a mask on its grid."""
    structures, volume = session.structures, session.volume
    if structures is None or volume is None or not volume.geometry.same_grid(structures.geometry):
        return []
    traits = Traits(MASK, volume.info.frame_of_reference_uid)
    return [
        Image(roi.name, traits, None, partial(_mask, roi, volume), f"structure {roi.number}", roi)
        for roi in structures.rois
        if not roi.is_empty
    ]


def _mask(roi: Roi, volume: Volume, progress: Progress) -> Volume:
    """A structure on the grid of the image: 1 where the voxel's centre is inside, else 0."""
    inside = fill.fill({plane: roi.area(plane) for plane in roi.planes}, volume.geometry, progress)
    info = SeriesInfo(frame_of_reference_uid=volume.info.frame_of_reference_uid, description=roi.name)
    return Volume(inside.astype(np.uint8), volume.geometry, MASK, info=info)
