"""A data set in the nnU-Net raw layout, with the structures that each case has contoured."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import MismatchError, ReadError
from engine.training.case import Case, ImageKind, case_of, unmatched
from engine.training_process.checked import listed_names

#: First words of `channel_names` that say a modality, in lower case → in DICOM.
_MODALITIES = {"ct": "CT", "mr": "MR", "mri": "MR", "pet": "PT", "pt": "PT"}
#: nnU-Net's name of what counts neither as a structure nor as background.
_IGNORED = "ignore"


def recognises(folder: Path) -> bool:
    """Whether a folder is laid out so."""
    known = any((folder / f"images{part}").exists() for part in ("Tr", "Ts"))
    return known or ((folder / "dataset.json").exists() and not (folder / "images").exists())


class DataSet:
    """The cases of a folder in the nnU-Net raw layout.

    Args:
        folder: holds `dataset.json`, `imagesTr/CASE_0000.nii.gz` (a further image `_0001` and so on) and
            `labelsTr/CASE.nii.gz`, or `imagesTs` and `labelsTs` alone. `dataset.json` may say what nnU-Net does not
            know of: the structures that a case has `contoured`, and whose cases they are (`patients`: case → patient).
        structures: the names to learn, in the order of the network's classes from 1.
        kinds: of the images of a case, in the order of their numbers; in another one where `channel_names` says so.

    Raises:
        ReadError: the folder or a file of it is missing or not readable.
        MismatchError: the data set lacks one of the structures, or its images are of another modality.
    """

    def __init__(self, folder: Path, structures: list[str], kinds: Sequence[ImageKind] = (ImageKind(),)) -> None:
        self.folder = folder
        self.structures = structures
        self._kinds = kinds
        description = _description(folder)
        self._values = _numbers_of(folder, description["labels"], structures)
        missing = [name for name in structures if name not in self._values]
        if missing:
            there = ", ".join(name for name, value in self._values.items() if value) or "none"
            raise MismatchError(
                f"{folder / 'dataset.json'} has no label named {', '.join(missing)}; its labels are: {there}. Where "
                "one of them is the same structure, write the model's name for it into 'labels' there; its number "
                "stays."
            )
        for name in structures:
            alike = [other for other, value in self._values.items() if value == self._values[name] and other != name]
            if alike or not self._values[name]:
                same = f"the number of {', '.join(alike)} as well" if alike else "that of the background"
                raise MismatchError(
                    f"{folder / 'dataset.json'} gives {name} the number {self._values[name]}, which is {same}; each "
                    "structure has a number of its own, from 1."
                )
        self._ending = str(description.get("file_ending", ".nii.gz"))
        self._contoured: dict[str, list[str]] = description.get("contoured", {})
        self._patients: dict[str, str] = description.get("patients", {})
        self._channels, self.left_out = _channels_of(folder, description, kinds)
        # A set that is kept to judge by may have nothing but the other two folders.
        part = next((part for part in ("Tr", "Ts") if (folder / f"images{part}").is_dir()), "Tr")
        self._images, self._labels = folder / f"images{part}", folder / f"labels{part}"
        ending = f"_0000{self._ending}"
        self.names = sorted(path.name.removesuffix(ending) for path in self._images.glob(f"*{ending}"))
        if not self.names:
            raise ReadError(f"{self._images} holds no images named CASE{ending}, so there are no cases.")
        if not self._labels.is_dir():
            raise ReadError(f"{self._labels} is missing; it should hold the labels of the images in {self._images}.")
        self.left_out += self._unmatched() + self._unlisted()

    def patient_of(self, name: str) -> str:
        """As `dataset.json` → `patients` says."""
        return self._patients.get(name, name).strip()

    def read(self, name: str) -> Case:
        """The case `name`, turned to rising Left, Posterior, Superior.

        Structures that `dataset.json` → `contoured` does not list for the case are erased from its labels; a data set
        without that table counts every structure as contoured.

        Raises:
            ReadError: a file of the case is missing or not readable.
            MismatchError: image and labels differ in size.
        """
        paths = [self._images / f"{name}_{number:04d}{self._ending}" for number in self._channels]
        listed = self._contoured.get(name, self.structures if not self._contoured else [])
        contoured = np.array([structure in listed for structure in self.structures])
        values = [self._values[structure] for structure in self.structures]
        labels = self._labels / f"{name}{self._ending}"
        names = {value: label for label, value in self._values.items()}
        case = case_of(name, list(zip(paths, self._kinds, strict=True)), labels, values, contoured, names=names)
        if _IGNORED in case.others:
            raise MismatchError(
                f"{labels} has voxels of the label '{_IGNORED}', which would be learned as background here; contour "
                "them, or leave the case out."
            )
        return case

    def _unmatched(self) -> tuple[str, ...]:
        """What is said of files and of patients in the table that belong to no case."""
        known = set(self.names)
        images = [
            path.name
            for path in sorted(self._images.iterdir())
            if not path.name.startswith(".") and _case_in(path.name, self._ending) not in known
        ]
        labels = [
            path.name
            for path in sorted(self._labels.iterdir())
            if not path.name.startswith(".") and path.name.removesuffix(self._ending) not in known
        ]
        said = unmatched(images, self._images, f"CASE_0000{self._ending}")
        said += unmatched(labels, self._labels, f"CASE{self._ending}")
        strangers, alone = sorted(set(self._patients) - known), len(known - set(self._patients))
        # A table of all cases may well name those of another part.
        if strangers and alone:
            said += (
                f"dataset.json names the patients of cases that are not there ({listed_names(strangers)}); {alone} of "
                "the cases that are there count as patients of their own.",
            )
        return said

    def _unlisted(self) -> tuple[str, ...]:
        """What is said of cases that the table of what is contoured does not name."""
        unlisted = [name for name in self.names if name not in self._contoured] if self._contoured else []
        if not unlisted:
            return ()
        return (
            f"'contoured' in dataset.json does not name {listed_names(unlisted)}, so nothing counts as contoured "
            "there; add what is, or take the table out where everything is contoured in every case.",
        )


def _case_in(name: str, ending: str) -> str:
    """The case that an image's file is named for; the name itself where it is no such file."""
    found = re.fullmatch(rf"(.+)_\d{{4}}{re.escape(ending)}", name)
    return found[1] if found else name


def _numbers_of(folder: Path, table: dict[str, Any], wanted: Sequence[str]) -> dict[str, int]:
    """Label → number. The order of nnU-Net's first version, number → label, does as well.

    Raises:
        ReadError: the table is no such table.
        MismatchError: one of those wanted is a region of several numbers.
    """
    numbers: dict[str, int] = {}
    for key, value in table.items():
        name, number = (value, key) if isinstance(value, str) and not value.isdecimal() else (key, value)
        if isinstance(number, list) and len(number) == 1:
            (number,) = number
        if isinstance(number, list):
            if name in wanted:
                raise MismatchError(
                    f"{folder / 'dataset.json'} makes '{name}' a region of several labels ({number}), which is not "
                    "supported; write label maps in which it is one number."
                )
            continue
        if isinstance(number, bool) or not str(number).isdecimal():
            raise ReadError(f"{folder / 'dataset.json'}: the label '{name}' has no whole number, but {number!r}.")
        numbers[name] = int(number)
    return numbers


def _channels_of(
    folder: Path, description: dict[str, Any], kinds: Sequence[ImageKind]
) -> tuple[list[int], tuple[str, ...]]:
    """The number of each kind's image, and what is said of images of a case that no input asks for, a sentence.

    Raises:
        MismatchError: an image is called by another modality than the one that is asked for.
    """
    told = description.get("channel_names", description.get("modality"))
    names = {str(number): str(name) for number, name in told.items()} if isinstance(told, dict) else {}
    called = {
        int(number): _MODALITIES.get(re.split("[^a-z]", name.lower())[0])
        for number, name in names.items()
        if number.isdecimal()
    }
    chosen = list(range(len(kinds)))
    named = [[number for number, name in called.items() if name in {kind.modality, *kind.modalities}] for kind in kinds]
    if all(len(numbers) == 1 for numbers in named) and len({numbers[0] for numbers in named}) == len(kinds):
        # Another order than the model's, such as PET before CT, is no other data set.
        chosen = [numbers[0] for numbers in named]
    for number, kind in zip(chosen, kinds, strict=True):
        if called.get(number) is not None and called[number] not in {kind.modality, *kind.modalities}:
            raise MismatchError(
                f"{folder / 'dataset.json'} calls image {number} of each case {names[str(number)]}, where the model "
                f"takes {' or '.join(kind.modalities)}; choose another data set or another model."
            )
    rest = [name for number, name in names.items() if not number.isdecimal() or int(number) not in chosen]
    if not rest:
        return chosen, ()
    return chosen, (f"Not read, as the model takes no more than {len(kinds)} of the images: {', '.join(rest)}.",)


def _description(folder: Path) -> dict[str, Any]:
    path = folder / "dataset.json"
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ReadError(
            f"{path} could not be read ({error.strerror}); a data set needs the nnU-Net raw layout: dataset.json, "
            "imagesTr and labelsTr."
        ) from error
    except ValueError as error:
        raise ReadError(f"{path} is not JSON: {error}.") from error
    if not isinstance(description, dict) or not isinstance(description.get("labels"), dict):
        raise ReadError(f"{path} has no 'labels' table, so it does not describe a data set.")
    return description
