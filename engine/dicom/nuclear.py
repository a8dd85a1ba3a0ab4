"""Where the slices of a nuclear medicine tomogram lie: frames of one file without functional groups (PS3.3 C.8.4)."""

import numpy as np
from pydicom.dataset import Dataset

from engine.dicom.fields import items, number_if_any, numbers, text

_NUCLEAR_MEDICINE = "1.2.840.10008.5.1.4.1.1.20"
#: What `slice_places` reads.
NUCLEAR_KEYWORDS = ("DetectorInformationSequence", "SliceVector", "SpacingBetweenSlices", "FrameIncrementPointer")

_Place = tuple[float, ...]


def slice_places(dataset: Dataset, sop_class: str, frames: int) -> tuple[list[_Place], _Place] | None:
    """(LPS mm of the first voxel of each frame, orientation) of a tomogram of one volume; None where it is none.

    The file places its first slice. The others follow at Spacing Between Slices along the normal of rows and columns,
    or against it where the spacing is negative (C.8.4.15). Gated and repeated tomograms are left as they are.
    """
    if sop_class != _NUCLEAR_MEDICINE or "RECON TOMO" not in text(dataset, "ImageType").upper():
        return None
    detector = next(iter(items(dataset, "DetectorInformationSequence")), Dataset())
    origin, orientation = numbers(detector, "ImagePositionPatient", 3), numbers(detector, "ImageOrientationPatient", 6)
    step = number_if_any(dataset, "SpacingBetweenSlices")[0] or number_if_any(dataset, "SliceThickness")[0]
    written = text(dataset, "SliceVector")
    slices = [int(part) for part in written.split("\\") if part.isdigit()] if written else list(range(1, frames + 1))
    if origin is None or orientation is None or not step or sorted(slices) != list(range(1, frames + 1)):
        return None
    normal = np.cross(orientation[:3], orientation[3:])
    places = [tuple((np.array(origin) + (number - 1) * step * normal).tolist()) for number in slices]
    return places, orientation
