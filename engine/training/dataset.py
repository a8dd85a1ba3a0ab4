"""All layouts of data sets of cases: a new one is a file, and a line here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.cards.schema import CardInput
from engine.errors import ReadError
from engine.training import dicom_set, labelled_volumes, masked_pictures, nnunet_set
from engine.training.case import DataSource, ImageKind, NoDataSetError
from engine.training_process.checked import listed_names


@dataclass(frozen=True)
class Layout:
    """One layout: what it is called, whether a folder has it, and its cases.

    `opens` is given the folder, the structures to learn in the order of the network's classes from 1, and the kinds of
    the images of a case.
    """

    name: str
    recognises: Callable[[Path], bool]
    opens: Callable[[Path, list[str], Sequence[ImageKind]], DataSource]


_MOST_NAMES = 8

LAYOUTS: tuple[Layout, ...] = (
    Layout("nnU-Net raw: dataset.json, imagesTr, labelsTr", nnunet_set.recognises, nnunet_set.DataSet),
    Layout("volumes in images/, labels/", labelled_volumes.recognises, labelled_volumes.LabelledVolumes),
    Layout("pictures in images/, masks/", masked_pictures.recognises, masked_pictures.MaskedPictures),
    Layout("DICOM studies with RTSTRUCTs", dicom_set.recognises, dicom_set.DicomSet),
)


def open_data(folder: Path, structures: list[str], inputs: Sequence[CardInput] = ()) -> DataSource:
    """The data set in `folder`, in the first layout that it has.

    Args:
        folder: of the data set.
        structures: names to learn, in the order of the network's classes from 1.
        inputs: of the card; one CT where there are none.

    Raises:
        PlanimeterError: it has none of the layouts, or it lacks what is needed.
    """
    kinds = [ImageKind.of(wanted) for wanted in inputs] or [ImageKind()]
    try:
        return layout_of(folder).opens(folder, structures, kinds)
    except NoDataSetError as error:
        raise ReadError(_nothing_in(folder)) from error


def _nothing_in(folder: Path) -> str:
    """What is said of a folder that has no layout: what was looked for, what is there, and where to look instead."""
    looked = "; ".join(layout.name for layout in LAYOUTS)
    there = sorted(f"{path.name}/" if path.is_dir() else path.name for path in folder.iterdir())
    said = f"{folder} holds no data set. Looked for: {looked}. "
    said += f"What is there: {listed_names(there, _MOST_NAMES)}." if there else "The folder is empty."
    for path in sorted(path for path in folder.iterdir() if path.is_dir()):
        layout = next((layout for layout in LAYOUTS[:-1] if layout.recognises(path)), None)
        if layout is not None:
            return f"{said} {path.name} in it is laid out as {layout.name}: take that folder."
    return said


def layout_of(folder: Path) -> Layout:
    """The first layout that a folder has.

    Raises:
        ReadError: it is no folder.
    """
    if not folder.is_dir():
        raise ReadError(f"{folder} is not a folder, so there is no data set.")
    return next(layout for layout in LAYOUTS if layout.recognises(folder))
