"""All layouts of labelled sets: a new one is a file, and a line here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ReadError
from engine.training.labelled import breast_ultrasound, fundus, listed, nodule_patches, skin
from engine.training.labelled.sample import Sample


@dataclass(frozen=True)
class Layout:
    """One layout: what it is called, whether a folder has it, and its samples."""

    name: str
    recognises: Callable[[Path], bool]
    samples: Callable[[Path], list[Sample]]


LAYOUTS: tuple[Layout, ...] = (
    Layout("labels.csv with path, patient and label", listed.recognises, listed.samples),
    Layout("labels.csv with lesion_id, image_id and dx, and images/", skin.recognises, skin.samples),
    Layout("grading.csv and grading/", fundus.recognises, fundus.samples),
    Layout("images/ named benign, malignant or normal", breast_ultrasound.recognises, breast_ultrasound.samples),
    Layout("patches.npz of candidates for lung nodules", nodule_patches.recognises, nodule_patches.samples),
)


def labelled_samples(folder: Path) -> list[Sample]:
    """The labelled pictures in a folder.

    Raises:
        ReadError: it is laid out in none of the known ways, or damaged.
        MismatchError: a table of it lacks what is needed.
    """
    if not folder.is_dir():
        raise ReadError(f"{folder} is not a folder, so there is no data set.")
    for layout in LAYOUTS:
        if layout.recognises(folder):
            return layout.samples(folder)
    known = "; ".join(layout.name for layout in LAYOUTS)
    raise ReadError(f"{folder} is no set of labelled pictures that is known: {known}.")
