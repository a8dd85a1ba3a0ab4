"""Whether the contours of a structure are still those of the file that it was read from."""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from itertools import chain

from engine.structures import Generation, PlaneContours, RawContour, Roi

#: Key of `Roi.attachments`.
AS_READ = "as_read"


def fingerprint(planes: Mapping[int, PlaneContours], loose: Iterable[RawContour]) -> str:
    """What all contours of a file come to, in any order: those of areas, and those that are none."""
    total = sha256()
    kept = chain.from_iterable(contours.source for contours in planes.values())
    for text in sorted(contour.data for contour in chain(kept, loose)):
        total.update(text.encode("latin-1", "replace") + b"\n")
    return total.hexdigest()


def is_redrawn(roi: Roi) -> bool:
    """Whether the contours are others than those that the file had from which the structure was read."""
    if any(not contours.source for contours in roi.planes.values()):
        return True
    as_read = json.loads(roi.attachments or "{}").get(AS_READ)
    if as_read is not None:
        return bool(fingerprint(roi.planes, roi.loose) != as_read)
    # A session of an earlier version. A file that says semi-automatic comes as edited already.
    return roi.provenance.edited and roi.provenance.generation is not Generation.SEMIAUTOMATIC
