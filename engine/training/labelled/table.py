"""All layouts of labelled sets: a new one is a file, and a line here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ReadError
from engine.training.labelled import breast_ultrasound, fundus, listed, nodule_patches, skin
from engine.training.labelled.csv_table import read_table
from engine.training.labelled.sample import Sample, spelled


@dataclass(frozen=True)
class Layout:
    """One layout: what it is called, whether a folder has it, its samples, and what is to be said of it."""

    name: str
    recognises: Callable[[Path], bool]
    samples: Callable[[Path], list[Sample]]
    notes: Callable[[Path, Sequence[str]], list[str]] = lambda folder, labels: []


LAYOUTS: tuple[Layout, ...] = (
    Layout("labels.csv with path, patient and label", listed.recognises, listed.samples, listed.notes),
    Layout("labels.csv with lesion_id, image_id and dx, and images/", skin.recognises, skin.samples),
    Layout("grading.csv and grading/", fundus.recognises, fundus.samples),
    Layout("images/ named benign, malignant or normal", breast_ultrasound.recognises, breast_ultrasound.samples),
    Layout("patches.npz of candidates for lung nodules", nodule_patches.recognises, nodule_patches.samples),
)


def labelled_samples(folder: Path, labels: Sequence[str] = ()) -> list[Sample]:
    """The labelled pictures in a folder.

    Args:
        folder: of the set.
        labels: of a model; those of the set that differ from one of them in capitals, blanks, hyphens and underscores
            alone are that one.

    Raises:
        ReadError: it is laid out in none of the known ways, or damaged.
        MismatchError: a table of it lacks what is needed.
    """
    return spelled(layout_of_labelled(folder).samples(folder), labels)


def notes_of_labelled(folder: Path, labels: Sequence[str] = ()) -> list[str]:
    """What was assumed of a set, and what of it is left out, a sentence each; arguments as of `labelled_samples`."""
    return layout_of_labelled(folder).notes(folder, labels)


def layout_of_labelled(folder: Path) -> Layout:
    """The first layout of labelled pictures that a folder has.

    Raises:
        ReadError: it is no folder, or has none of them.
        MismatchError: it has a table of labels that lacks a column.
    """
    if not folder.is_dir():
        raise ReadError(f"{folder} is not a folder, so there is no data set.")
    for layout in LAYOUTS:
        if layout.recognises(folder):
            return layout
    table = folder / listed.TABLE
    if table.is_file():
        # Says what is wrong with it.
        read_table(table, listed.COLUMNS)
    known = "; ".join(layout.name for layout in LAYOUTS)
    raise ReadError(f"{folder} holds no labelled images in a layout that is known: {known}.")
