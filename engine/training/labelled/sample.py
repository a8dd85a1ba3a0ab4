"""One labelled picture, and how a set is split so that nobody lies on both sides."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from engine.cards.schema import Card, CardInput
from engine.errors import MismatchError
from engine.operations import classify, head
from engine.training_process.checked import alike
from engine.volume import Volume

#: What `labels.csv` may call its parts.
TRAINING, VALIDATION, TEST = "train", "validation", "test"


@dataclass(frozen=True)
class Sample:
    """One labelled picture, or several images of one patient that are judged together.

    Args:
        name: for people; unique in the set.
        group: patient or lesion; samples of one group are kept on one side of every split.
        labels: all that hold; of labels that exclude each other none is among them where that is not known.
        load: reads it as the program opens it.
        part: "train", "validation" or "test" where the set says so itself, else "".
        others: likewise of further images, by the roles that they play, in small letters.
        told: what a table says of it besides, column by column, in small letters.
    """

    name: str
    group: str
    labels: frozenset[str]
    load: Callable[[], Volume]
    part: str = ""
    others: Mapping[str, Callable[[], Volume]] = field(default_factory=dict)
    told: Mapping[str, str] = field(default_factory=dict)

    def images_for(self, card: Card) -> dict[str, Volume]:
        """The images by the roles of a card; what files don't say of them is what the card asks for.

        Raises:
            MismatchError: the set holds no image for a role that is required.
            PlanimeterError: one can't be read.
        """
        images = {}
        for number, wanted in enumerate(card.inputs):
            read = self.others.get(wanted.role.casefold(), self.load if number == 0 else None)
            if read is not None:
                images[wanted.role] = _as_asked_for(read(), wanted)
            elif wanted.required:
                raise MismatchError(f"The data set holds no image '{wanted.role}' for {self.name}.")
        return images


def _as_asked_for(volume: Volume, wanted: CardInput) -> Volume:
    if volume.modality:
        return volume
    return replace(volume, modality=wanted.modality[0], units=volume.units or wanted.units)


def spelled(samples: Sequence[Sample], labels: Sequence[str]) -> list[Sample]:
    """The samples with their labels written as a model writes them, where they differ in capitals, blanks, hyphens and
    underscores alone.

    Args:
        labels: of the model; those that are alike but for that are told apart to the letter.
    """
    written = written_of(labels)
    return [replace(each, labels=frozenset(written.get(alike(name), name) for name in each.labels)) for each in samples]


def written_of(labels: Sequence[str]) -> dict[str, str]:
    """How a label is written that is alike to one of these; those that are alike to each other are left away."""
    counts = Counter(alike(label) for label in labels)
    return {alike(label): label for label in labels if counts[alike(label)] == 1}


def labels_in(card: Card) -> tuple[str, ...]:
    """What a card's classifiers and heads name, each once."""
    nodes = [node.params for node in card.graph if isinstance(node.params, classify.Params | head.Params)]
    return tuple(dict.fromkeys(label for params in nodes for label in params.labels))


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
    out = held_out_of([sample.group for sample in samples], holdout)
    return [s for s in samples if s.group not in out], [s for s in samples if s.group in out]


def held_out_of(groups: Sequence[str], holdout: float) -> set[str]:
    """Those of the groups that are held out, by the hash of their names."""
    return {group for group in groups if _place(group) < holdout}


def fingerprint(*volumes: Volume) -> int:
    """A number by which a picture, or several images of one patient, are known again."""
    digest = hashlib.sha256()
    for volume in volumes:
        digest.update(repr(volume.voxels.shape).encode())
        digest.update(np.ascontiguousarray(volume.voxels).tobytes())
    return int.from_bytes(digest.digest()[:8], "big", signed=True)


def _place(group: str) -> float:
    """A number from 0 to 1 that depends on nothing but the name."""
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:6]) / 2**48
