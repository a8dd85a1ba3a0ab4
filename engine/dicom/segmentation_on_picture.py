"""A segmentation that was made on a picture, brought back onto it by what its frames were made of."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.dicom.segmentation import Frame, Segmentation
from engine.errors import MismatchError
from engine.volume import Volume


def check_picture(file: Segmentation, volume: Volume) -> None:
    """Raises MismatchError where a segmentation was not made on this picture: geometry alone can't tell."""
    own = {instance.sop_instance_uid for instance in volume.instances}
    if not own & file.references.instance_uids:
        name = f"'{volume.info.description}'" if volume.info.description else "the picture that is open"
        raise MismatchError(
            f"The segmentation was made on another picture than {name}; open it with the picture that it names."
        )


def on_picture(frames: Sequence[Frame], volume: Volume, name: str, notes: list[str]) -> NDArray[Any]:
    """The frames of one segment on the planes of a picture: (planes, rows, columns), bool or shares.

    Args:
        frames: with something in them.
        volume: the picture.
        name: of the segment.
        notes: takes a sentence on what is left out.

    Raises:
        MismatchError: they have another size than the picture.
    """
    planes = {(each.sop_instance_uid, each.frame_number): k for k, each in enumerate(volume.instances)}
    first = {each.sop_instance_uid: k for k, each in reversed(list(enumerate(volume.instances)))}
    values = np.zeros(volume.geometry.shape, frames[0].values.dtype)
    lost = 0
    for frame in frames:
        if frame.values.shape != volume.geometry.shape[1:]:
            rows, columns = frame.values.shape
            raise MismatchError(
                f"The segmentation has {columns} × {rows} pixels and the picture {volume.geometry.shape[2]} × "
                f"{volume.geometry.shape[1]}: it can't be laid onto it."
            )
        places = [planes.get((uid, number), first.get(uid) if number in (None, 1) else None)
                  for uid, number in frame.sources]  # fmt: skip
        place = next((place for place in places if place is not None), None if len(values) > 1 else 0)
        if place is None:
            lost += 1
            continue
        np.maximum(values[place], frame.values, out=values[place])
    if lost:
        notes.append(f"'{name}': {lost} frames don't say which frame of the picture they are of, and are left out.")
    return values
