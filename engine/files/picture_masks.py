"""Structures on a picture as PNG masks, pixel by pixel those of the picture as it is shown."""

from pathlib import Path

import numpy as np
from PIL import Image

from engine.contouring.fill import fill
from engine.errors import MismatchError
from engine.files.masks import safe_names
from engine.progress import Progress, silent
from engine.safe_file import whole_file, write_errors
from engine.structures import StructureSet
from engine.volume import Volume

#: Inside, so that the mask is seen when somebody looks at it.
_INSIDE = 255


def write_picture_masks(
    structures: StructureSet, volume: Volume, folder: Path, progress: Progress = silent
) -> list[Path]:
    """Write a PNG for each structure, 255 where a pixel's centre is inside, else 0.

    Of several frames, each that the structure is drawn on has a file, with the frame's number behind the name.

    Args:
        structures: on the frames of `volume`.
        volume: a picture.
        folder: made when absent. Files are named after the structures by `safe_names`.
        progress: reports and may stop.

    Returns:
        The files, in the order of the structures and frames.

    Raises:
        MismatchError: the structures are not on this picture.
        WriteError: the folder can't be written to.
    """
    if not structures.geometry.same_grid(volume.geometry):
        raise MismatchError("The structures lie on another picture than the one to write masks for.")
    written = []
    frames = volume.geometry.shape[0]
    for index, (roi, name) in enumerate(
        zip(structures.rois, safe_names([roi.name for roi in structures.rois]), strict=True)
    ):
        progress(index / len(structures.rois), f"Writing the mask of {roi.name}")
        masks = fill({k: contours.area for k, contours in roi.planes.items()}, volume.geometry)
        for frame in range(frames):
            if frames > 1 and not masks[frame].any():
                continue
            path = folder / (f"{name}_{frame + 1:04d}.png" if frames > 1 else f"{name}.png")
            with write_errors(path):
                folder.mkdir(parents=True, exist_ok=True)
                with whole_file(path) as temporary:
                    Image.fromarray(masks[frame].astype(np.uint8) * _INSIDE).save(temporary, "PNG")
            written.append(path)
    progress(1.0, "Masks written")
    return written
