"""Networks that nnU-Net itself planned and trained, for a minute each, on crops of real images."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("nnunet_training.py")
#: Cases that are learned from; the next one is drawn.
CASES = 4


@dataclass(frozen=True)
class Kind:
    """A data set and what nnU-Net is to make of it.

    Args:
        number: of the data set, in nnU-Net's count.
        source: folder of the data.
        channels: names by which nnU-Net chooses how to normalise.
        planner: "" for nnU-Net's own, or "residual".
        crop: (planes, rows, columns) about the structures.
        values: of the labels, in the order in which they are painted where they are regions.
    """

    number: int
    source: str
    channels: tuple[str, ...]
    labels: Mapping[str, Any]
    configurations: tuple[str, ...] = ("3d_fullres",)
    folds: tuple[int, ...] = (0,)
    reader: str = "SimpleITKIO"
    planner: str = ""
    order: tuple[int, ...] = ()
    crop: tuple[int, int, int] = (36, 64, 64)

    @property
    def name(self) -> str:
        """Of the data set."""
        return f"Dataset{self.number:03}_{self.source}"

    @property
    def values(self) -> list[int]:
        """Of the structures in a file of labels, in the order of the card's."""
        return list(self.order) or [value for value in self.labels.values() if value]


#: Label here → value in the data; what is bright and no organ is learned first, so that no network draws nothing.
_ABDOMEN = {"liver": 6, "spleen": 1, "kidney_right": 2, "kidney_left": 3}
_LIVER = {"liver": 1, "spleen": 4, "kidney_right": 2, "kidney_left": 3}
_BOTH = {"background": 0, "body": 1, "liver": 2, "spleen": 3, "kidney_right": 4, "kidney_left": 5}
KINDS: dict[str, Kind] = {
    "plain 3D, anisotropic": Kind(11, "liver_mr", ("T2",), _BOTH, crop=(20, 80, 80)),
    "residual encoder": Kind(12, "abdomen_ct", ("CT",), _BOTH, planner="residual", reader="NibabelIOWithReorient"),
    "regions, two channels": Kind(
        13, "sts_petct", ("CT", "PET"), {"background": 0, "body": [1, 2], "tumour": 2}, order=(1, 2)
    ),
    "2D, two folds": Kind(14, "liver_mr", ("T2",), _BOTH, configurations=("2d",), folds=(0, 1), crop=(20, 80, 80)),
    "cascade": Kind(15, "abdomen_ct", ("CT",), _BOTH, configurations=("3d_lowres", "3d_cascade_fullres")),
}  # fmt: skip


def data_folder() -> Path:
    """Of the real images."""
    return Path(os.environ.get("PLANIMETER_TEST_DATA", ROOT.parent / "shared" / "data"))


def trained(kinds: Sequence[str], python: Path, place: Path) -> dict[str, list[str]]:
    """Train networks of kinds, with results in `place`/results; kind → paths of the images to be drawn, one a channel.

    Args:
        kinds: of `KINDS`.
        python: an interpreter with nnunetv2.
        place: a folder for all of it.
    """
    asked = [KINDS[kind] for kind in kinds]
    drawn = {kind: _raw(KINDS[kind], place / "raw" / KINDS[kind].name) for kind in kinds}
    told = ("number", "planner", "configurations", "folds")
    (place / "asked.json").write_text(json.dumps([{key: getattr(kind, key) for key in told} for kind in asked]))
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([python, PROGRAM, place], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return drawn


def _raw(asked: Kind, raw: Path) -> list[str]:
    """Write a data set in nnU-Net's layout; paths of the images to be drawn."""
    source = data_folder() / asked.source
    cases = sorted(path.name.removesuffix(".nii.gz") for path in (source / "labelsTr").glob("*.nii.gz"))[: CASES + 1]
    for folder in ("imagesTr", "labelsTr", "imagesTs"):
        (raw / folder).mkdir(parents=True)
    for number, case in enumerate(cases):
        labels = _labels(asked, source, case)
        corner, size = _around(labels, asked.crop)
        if number < CASES:
            sitk.WriteImage(sitk.RegionOfInterest(labels, size, corner), str(raw / "labelsTr" / f"{case}.nii.gz"))
        for channel in range(len(asked.channels)):
            image = sitk.ReadImage(str(source / "imagesTr" / f"{case}_{channel:04}.nii.gz"))
            image.CopyInformation(labels)
            folder = raw / ("imagesTr" if number < CASES else "imagesTs")
            sitk.WriteImage(sitk.RegionOfInterest(image, size, corner), str(folder / f"{case}_{channel:04}.nii.gz"))
    dataset: dict[str, Any] = {
        "channel_names": {str(index): name for index, name in enumerate(asked.channels)}, "labels": asked.labels,
        "numTraining": CASES, "file_ending": ".nii.gz", "overwrite_image_reader_writer": asked.reader,
    }  # fmt: skip
    if asked.order:
        dataset["regions_class_order"] = list(asked.order)
    (raw / "dataset.json").write_text(json.dumps(dataset))
    return [str(path) for path in sorted((raw / "imagesTs").iterdir())]


def _labels(asked: Kind, source: Path, case: str) -> sitk.Image:
    """Those of the data, and the body in whose place the data have nothing."""
    given = sitk.ReadImage(str(source / "labelsTr" / f"{case}.nii.gz"))
    image = sitk.ReadImage(str(source / "imagesTr" / f"{case}_0000.nii.gz"))
    labels = sitk.GetArrayFromImage(sitk.OtsuThreshold(image, 0, 1))
    organs = sitk.GetArrayViewFromImage(given)
    known = {"sts_petct": {"tumour": 1}, "abdomen_ct": _ABDOMEN, "liver_mr": _LIVER}[asked.source]
    for name, value in known.items():
        labels[organs == value] = asked.labels[name]
    made = sitk.GetImageFromArray(labels)
    made.CopyInformation(given)
    return made


def _around(labels: sitk.Image, crop: tuple[int, int, int]) -> tuple[list[int], list[int]]:
    """Corner and size, (x, y, z), of a crop about the middle of the labels."""
    places = np.argwhere(sitk.GetArrayViewFromImage(labels))
    middle = (places.min(0) + places.max(0))[::-1] // 2
    size = [min(a, b) for a, b in zip(crop[::-1], labels.GetSize(), strict=True)]
    corner = [
        int(np.clip(m - s // 2, 0, n - s)) for m, s, n in zip(middle, size, labels.GetSize(), strict=True)
    ]  # fmt: skip
    return corner, size
