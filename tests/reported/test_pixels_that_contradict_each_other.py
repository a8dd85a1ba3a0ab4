"""Files whose pixels contradict what another file, or the file itself, says of them: read, and said."""

import gzip
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from engine.errors import PlanimeterError
from engine.opening import open_volume
from engine.volume import Volume
from tests.synthetic import make_geometry, make_voxels, write_series

GEOMETRY = make_geometry((4, 8, 10))
VOXELS = make_voxels(GEOMETRY.shape)


def told(volume: Volume, words: str) -> bool:
    return any(words in note for note in volume.notes)


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_a_plane_whose_sign_is_said_otherwise_is_told(tmp_path: Path, modality: str) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        dataset.PixelRepresentation = int(k != 1)

    write_series(tmp_path, VOXELS, GEOMETRY, modality, edit=edit)
    volume = open_volume(tmp_path)
    assert volume.voxels.max() > 60_000
    assert told(volume, "Plane 2 says that its pixels have no sign")


def test_planes_of_either_sign_that_are_so_need_no_word(tmp_path: Path) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        dataset.PixelRepresentation = int(k != 1)

    positive = np.abs(VOXELS)
    write_series(tmp_path, positive, GEOMETRY, edit=edit)
    volume = open_volume(tmp_path)
    assert np.array_equal(volume.voxels, positive) and not volume.notes


@pytest.mark.parametrize(("modality", "expected"), [("CT", True), ("MR", False)])
def test_values_beyond_any_scanner_s_are_told(tmp_path: Path, modality: str, expected: bool) -> None:
    def edit(dataset: Dataset, _: int) -> None:
        dataset.PixelRepresentation = 0

    write_series(tmp_path, VOXELS, GEOMETRY, modality, edit=edit)
    assert told(open_volume(tmp_path), "more than any scanner gives in HU") == expected


def _with_other_pixels(dataset: Dataset) -> None:
    dataset.PixelData = (VOXELS[1] + 5).astype("<i2").tobytes()


@pytest.mark.parametrize(("change", "other"), [
    (lambda dataset: None, False), (_with_other_pixels, True), (lambda dataset: dataset.compress(RLELossless), False),
])  # fmt: skip
def test_a_file_with_another_s_uid_and_other_pixels_is_no_copy(
    tmp_path: Path, change: Callable[[Dataset], None], other: bool
) -> None:
    files = write_series(tmp_path, VOXELS, GEOMETRY)
    dataset = dcmread(files[1])
    uid = dataset.SOPInstanceUID
    change(dataset)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
    dataset.save_as(tmp_path / "copy.dcm")
    volume = open_volume(tmp_path)
    assert np.array_equal(volume.voxels, VOXELS) and told(volume, "1 copy of files with the same UID")
    assert told(volume, "copy.dcm has the UID of another file but other pixels") == other


def test_archives_are_called_that(tmp_path: Path) -> None:
    files = write_series(tmp_path / "ct", VOXELS, GEOMETRY)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(files[0])
    with gzip.open(tmp_path / "a.dcm.gz", "wb") as packed, files[0].open("rb") as plain:
        shutil.copyfileobj(plain, packed)
    for name in ("a.zip", "a.dcm.gz"):
        with pytest.raises(PlanimeterError, match="unpack it, and open what it holds"):
            open_volume(tmp_path / name)


@pytest.mark.parametrize(("form", "words"), [("gif", "a GIF"), ("bmp", "a BMP"), ("webp", "a WebP"), ("jp2", "a JPEG")])
def test_pictures_that_are_not_opened_are_called_what_they_are(tmp_path: Path, form: str, words: str) -> None:
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(tmp_path / f"a.{form}")
    with pytest.raises(PlanimeterError, match=words):
        open_volume(tmp_path / f"a.{form}")
