"""Where the slices of a nuclear medicine tomogram lie: frames of one file without functional groups (PS3.3 C.8.4)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from engine.dicom.fields import items, number_if_any, numbers, text

_NUCLEAR_MEDICINE = "1.2.840.10008.5.1.4.1.1.20"
#: What `slice_places` reads.
NUCLEAR_KEYWORDS = (
    "DetectorInformationSequence", "SliceVector", "TimeSlotVector", "RRIntervalVector", "SpacingBetweenSlices",
    "FrameIncrementPointer",
)  # fmt: skip

_Place = tuple[float, ...]


@dataclass(frozen=True)
class Slices:
    """Where the frames of a tomogram lie.

    Args:
        positions: LPS mm of the first voxel of each frame.
        orientation: of all.
        slots: the time slot of each frame of a gated tomogram, from 1; none where it is not gated.
    """

    positions: tuple[_Place, ...]
    orientation: _Place
    slots: tuple[int, ...] = ()


def slice_places(dataset: Dataset, sop_class: str, frames: int) -> Slices | None:
    """The places of the frames of a tomogram, gated or not; None where it is none, or does not say all of them.

    The file places its first slice. The others follow at Spacing Between Slices along the normal of rows and columns,
    or against it where the spacing is negative (C.8.4.15). Of a gated tomogram the Time Slot Vector tells which moment
    of the heart's beat a frame shows (C.8.4.9), and where it is absent the order does. Tomograms of several kinds of
    beats, and repeated ones, are left as they are.
    """
    kind = text(dataset, "ImageType").upper()
    if sop_class != _NUCLEAR_MEDICINE or not ("RECON TOMO" in kind or "RECON GATED TOMO" in kind):
        return None
    detector = next(iter(items(dataset, "DetectorInformationSequence")), Dataset())
    origin, orientation = numbers(detector, "ImagePositionPatient", 3), numbers(detector, "ImageOrientationPatient", 6)
    step = number_if_any(dataset, "SpacingBetweenSlices")[0] or number_if_any(dataset, "SliceThickness")[0]
    slices = _vector(dataset, "SliceVector") or tuple(range(1, frames + 1))
    slots = _slots(dataset, slices) if "GATED" in kind else ()
    if origin is None or orientation is None or not step or slots is None or len(slices) != frames:
        return None
    every = {slot: sorted(n for n, s in zip(slices, slots, strict=True) if s == slot) for slot in slots}
    count = max(slices, default=0)
    if any(each != list(range(1, count + 1)) for each in (every.values() if slots else [sorted(slices)])):
        return None
    normal = np.cross(orientation[:3], orientation[3:])
    places = (tuple((np.array(origin) + (number - 1) * step * normal).tolist()) for number in slices)
    return Slices(tuple(places), orientation, slots)


def _slots(dataset: Dataset, slices: Sequence[int]) -> tuple[int, ...] | None:
    """The time slot of each frame; None where the file contradicts itself or holds several kinds of beats."""
    if len(set(_vector(dataset, "RRIntervalVector"))) > 1:
        return None
    slots = _vector(dataset, "TimeSlotVector")
    if not slots:
        seen = Counter[int]()
        out = []
        for number in slices:
            seen[number] += 1
            out.append(seen[number])
        return tuple(out)
    return slots if len(slots) == len(slices) else None


def _vector(dataset: Dataset, keyword: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text(dataset, keyword).split("\\") if part.strip().isdigit())
