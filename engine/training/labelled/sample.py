"""One labelled picture, and how a set is split so that nobody lies on both sides."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.volume import Volume

#: What `labels.csv` may call its parts.
TRAINING, VALIDATION, TEST = "train", "validation", "test"


@dataclass(frozen=True)
class Sample:
    """One labelled picture.

    Args:
        name: for people; unique in the set.
        group: patient or lesion; samples of one group are kept on one side of every split.
        labels: all that hold; of labels that exclude each other none is among them where that is not known.
        load: reads it as the program opens it.
        part: "train", "validation" or "test" where the set says so itself, else "".
    """

    name: str
    group: str
    labels: frozenset[str]
    load: Callable[[], Volume]
    part: str = ""


def split(samples: Sequence[Sample], holdout: float) -> tuple[list[Sample], list[Sample]]:
    """What to learn from, and what is held out to choose and to calibrate by.

    By the set's own parts where it has any (its test part is in neither); else a group is held out by the hash of its
    name, so that it is so in every set that it is in, however many others there are.

    Args:
        holdout: share of the groups.
    """
    if any(sample.part for sample in samples):
        learned = [sample for sample in samples if sample.part == TRAINING]
        return learned, [sample for sample in samples if sample.part == VALIDATION]
    out = {group: _place(group) < holdout for group in {sample.group for sample in samples}}
    return [s for s in samples if not out[s.group]], [s for s in samples if out[s.group]]


def fingerprint(volume: Volume) -> int:
    """A number by which a picture is known again."""
    digest = hashlib.sha256(repr(volume.voxels.shape).encode())
    digest.update(np.ascontiguousarray(volume.voxels).tobytes())
    return int.from_bytes(digest.digest()[:8], "big", signed=True)


def _place(group: str) -> float:
    """A number from 0 to 1 that depends on nothing but the name."""
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:6]) / 2**48
