"""Which cases of a data set a card's networks learn from, and which are held out: the same for all of them.

A patient whom one network learned from must not be among those by whom another is chosen, or by whom the card is
judged.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np

from engine.cards.schema import Card
from engine.operations import segment
from engine.training.labelled import listed
from engine.training.labelled.sample import Sample, held_out_of, split
from engine.training.publish import learners_of

Item = TypeVar("Item")

#: Ends of file names that are no part of a case's name; the number is that of the first image, as nnU-Net names it.
_ENDINGS = (".gz", ".nii", ".nrrd", ".mha", ".png", ".jpg", ".jpeg", ".tif", ".tiff", "_0000")


def parted(
    card: Card, folder: Path, patients: Mapping[str, str], holdout: float | None, seed: int = 0
) -> tuple[list[str], list[str]]:
    """Names of the cases to learn from, and of those held out to choose by.

    Where a `labels.csv` tells of the patients, its parts or the hash of the patient decide, as for classifiers and
    heads; its test part is in neither. Else the hash of the patient does, as for detectors. A card that has nothing but
    segmenters holds out its share by chance, one patient at least.

    Args:
        card: what is trained.
        folder: of the data set.
        patients: name of each case → whose it is, as far as the set says.
        holdout: share of the patients that is held out; None where another set is there to choose by.
        seed: of the draw.
    """
    if listed.recognises(folder):
        samples = listed.samples(folder)
        known = _patients(samples)
        patients = {name: _patient_of(name, known, patient) for name, patient in patients.items()}
        learned, held_out = ({sample.group for sample in part} for part in split(samples, holdout or 0.0))
        unlisted = set(patients.values()) - {sample.group for sample in samples}
        held_out |= held_out_of(sorted(unlisted), holdout or 0.0)
        learned |= unlisted - held_out
        if holdout is None:
            learned, held_out = learned | held_out, set()
    else:
        whole = list(dict.fromkeys(patients.values()))
        if all(isinstance(node.params, segment.Params) for node in learners_of(card)):
            order = np.random.default_rng(seed).permutation(len(whole))
            count = max(round(holdout * len(whole)), 1) if holdout and len(whole) > 1 else 0
            held_out = {whole[index] for index in order[:count]}
        else:
            held_out = held_out_of(whole, holdout or 0.0)
        learned = set(whole) - held_out
    return (
        [name for name, patient in patients.items() if patient in learned],
        sorted(name for name, patient in patients.items() if patient in held_out),
    )


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """No more than so many, spread over all of them; all for 0."""
    if not 0 < most < len(items):
        return list(items)
    return [items[index] for index in np.linspace(0, len(items) - 1, most).round().astype(int)]


def _patients(samples: Sequence[Sample]) -> dict[str, str]:
    """Names that cases of these first images may have, and whose they are; names that several patients share are not.

    Such a name is that of the file, or of a folder that it lies in.
    """
    found: dict[str, set[str]] = {}
    for sample in samples:
        path = PurePosixPath(sample.name)
        name = path.name
        for ending in _ENDINGS:
            name = name.removesuffix(ending)
        folders = [path, *path.parents]
        keys = {name, *(str(folder) for folder in folders), *("/".join(folder.parts[1:]) for folder in folders)}
        for key in keys:
            found.setdefault(key, set()).add(sample.group)
    return {key: min(groups) for key, groups in found.items() if len(groups) == 1 and key not in {"", "."}}


def _patient_of(name: str, known: Mapping[str, str], otherwise: str) -> str:
    """Whose case it is by the table."""
    path = PurePosixPath(name)
    return next((known[str(key)] for key in (path, *path.parents) if str(key) in known), otherwise)
