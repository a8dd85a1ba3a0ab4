"""Mutated copies of real files end in an image or in one sentence: no crash, no hang, no other error."""

import random
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

from engine.errors import PlanimeterError
from engine.opening import open_volume
from engine.stored.read import read_series, thumbnail
from engine.stored.scan import scan
from tests.synthetic import COMPRESSED, make_geometry, make_voxels, write_enhanced, write_series

REAL = [
    "rt_utils_cases/oriented_data",
    "sts_petct_mr/STS_002/PET/image",
    "sts_petct_mr/STS_002/MR_T1/image",
    "dcmqi_seg/segmentations/24x38x3/multiframe",
    "dcmqi_seg/segmentations/24x38x3/seg",
    "rt_utils_cases/empty",
    "j2k_ct",
    "ge_tilted_gantry_ct",
]
PYDICOM = ["MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm", "CT_small.dcm"]


def written(folder: Path) -> list[Path]:
    """Small files of the kinds that the real ones lack."""
    voxels, geometry = make_voxels((1, 24, 20)), make_geometry((1, 24, 20))
    found = []
    for n, syntax in enumerate([*COMPRESSED, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian]):
        found += write_series(folder / str(n), voxels, geometry, transfer_syntax=syntax)
    found += write_series(folder / "pet", np.abs(voxels), geometry, "PT")
    voxels, geometry = make_voxels((4, 24, 20)), make_geometry((4, 24, 20))
    found.append(write_enhanced(folder / "e1.dcm", voxels, geometry))
    found.append(write_enhanced(folder / "e2.dcm", voxels, geometry, "MR", transfer_syntax=next(iter(COMPRESSED))))
    return found


def mutated(source: Path, rng: random.Random) -> bytes:
    """The bytes of a file with flipped bits, a piece cut out or repeated, its end gone, or an element changed."""
    data = bytearray(source.read_bytes())
    kind = rng.choice(["flip header", "flip header", "flip", "truncate", "cut", "repeat", "zero", "element", "element"])
    if kind == "element":
        return _with_element_changed(source, rng) or bytes(data)
    pixels = max(data.rfind(b"\xe0\x7f\x10\x00"), 400)
    end = min(pixels + 60, len(data)) if kind == "flip header" else len(data)
    start = rng.randrange(128, max(end, 129))
    length = rng.choice([1, 2, 8, 100, 5000])
    if kind.startswith("flip"):
        for _ in range(rng.choice([1, 1, 4, 40])):
            data[rng.randrange(128, end)] ^= 1 << rng.randrange(8)
    elif kind == "truncate":
        del data[start:]
    elif kind == "cut":
        del data[start : start + length]
    elif kind == "repeat":
        data[start:start] = data[start : start + length]
    else:
        data[start : start + length] = bytes(min(length, len(data) - start))
    return bytes(data)


def _with_element_changed(source: Path, rng: random.Random) -> bytes | None:
    """The file with the text of one element replaced by something odd of the same length, or the element renamed."""
    data = source.read_bytes()
    dataset = dcmread(source, stop_before_pixels=True)
    texts = [element for element in _flat(dataset) if isinstance(element.value, (str, float, int)) and element.tag]
    if not texts:
        return None
    element = rng.choice(texts)
    old = str(element.value).encode("latin-1", "replace")
    at = data.find(old) if old else -1
    if at < 0:
        tag = element.tag.group.to_bytes(2, "little") + element.tag.element.to_bytes(2, "little")
        return data.replace(tag, tag[:3] + bytes([rng.randrange(256)]), 1)
    odd = rng.choice([b"nan", b"-", b"1e999", b"99999999999", b"0", b"\\\\\\", b"\xff\xfe", b"%s", b"-1"])
    return data[:at] + odd.ljust(len(old))[: len(old)] + data[at + len(old) :]


def _flat(dataset: Dataset) -> list:
    found = []
    for element in dataset:
        found.append(element)
        if element.VR == "SQ":
            for item in element.value[:2]:
                found += _flat(item)
    return found


def survive(sources: Sequence[Path], folder: Path, seeds: range) -> None:
    """Scan and read a mutated copy for each seed."""
    opened = refused = 0
    path = folder / "mutated.dcm"
    for seed in seeds:
        rng = random.Random(seed)
        source = sources[seed % len(sources)]
        path.write_bytes(mutated(source, rng))
        started = time.monotonic()
        try:
            for series in scan([folder]).series():
                if series.is_image and not series.problem:
                    thumbnail(series)
                    volume = read_series(series)
                    assert volume.voxels.shape == volume.geometry.shape
                    opened += 1
        except PlanimeterError as error:
            assert "\n" not in str(error)
            refused += 1
        except BaseException as error:
            raise AssertionError(f"seed {seed} of {source.name}: {error!r}") from error
        # Generous for a busy machine; the decoders' own limit is a minute.
        assert time.monotonic() - started < 30, f"seed {seed} of {source.name} took too long"
    assert opened > len(seeds) // 10
    assert refused > 0


def sources_in(folder: Path, shared_data: Path | None) -> list[Path]:
    real = [] if shared_data is None else [shared_data / "dicom" / name for name in REAL]
    files = [next(file for file in sorted(place.iterdir()) if file.is_file()) for place in real]
    return [*files, *(Path(str(get_testdata_file(name, download=False))) for name in PYDICOM), *written(folder)]


def test_mutated_files_end_in_an_image_or_a_sentence(tmp_path: Path, shared_data: Path) -> None:
    (tmp_path / "mutated").mkdir()
    survive(sources_in(tmp_path / "written", shared_data), tmp_path / "mutated", range(200))


@pytest.mark.slow
def test_a_thousand_mutated_files_end_in_an_image_or_a_sentence(tmp_path: Path, shared_data: Path) -> None:
    (tmp_path / "mutated").mkdir()
    survive(sources_in(tmp_path / "written", shared_data), tmp_path / "mutated", range(1000, 2000))


def test_one_mutated_file_among_others_ends_in_an_image_or_a_sentence(tmp_path: Path) -> None:
    files = write_series(tmp_path, make_voxels((4, 24, 20)), make_geometry((4, 24, 20)))
    original = files[2].read_bytes()
    planes = set()
    for seed in range(150):
        files[2].write_bytes(original)
        files[2].write_bytes(mutated(files[2], random.Random(seed)))
        try:
            planes.add(open_volume(tmp_path).geometry.shape[0])
        except PlanimeterError as error:
            assert "\n" not in str(error)
    assert {3, 4} <= planes


def test_mutated_image_files_end_in_an_image_or_a_sentence(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(make_voxels((6, 20, 30)))
    originals = []
    for suffix, compressed in ((".nii", False), (".nii.gz", True), (".nrrd", False), (".nrrd", True), (".mha", True)):
        path = tmp_path / f"image{suffix}"
        sitk.WriteImage(image, str(path), useCompression=compressed)
        originals.append((path, path.read_bytes()))
    opened = refused = 0
    for seed in range(200):
        rng = random.Random(seed)
        path, original = originals[seed % len(originals)]
        data = bytearray(original)
        for _ in range(rng.choice([1, 3, 10])):
            data[rng.randrange(min(len(data), 400))] ^= 1 << rng.randrange(8)
        path.write_bytes(data[: rng.choice([len(data), len(data), rng.randrange(len(data))])])
        try:
            open_volume(path)
            opened += 1
        except PlanimeterError as error:
            assert path.name in str(error)
            refused += 1
    assert opened > 5 and refused > 50


@pytest.mark.parametrize("syntax", COMPRESSED)
def test_damaged_compressed_pixels_never_end_the_program(tmp_path: Path, syntax: str) -> None:
    (path,) = write_series(tmp_path, make_voxels((1, 40, 40)), make_geometry((1, 40, 40)), transfer_syntax=syntax)
    data = path.read_bytes()
    pixels = data.rfind(b"\xe0\x7f\x10\x00") + 12
    for seed in range(12):
        rng = random.Random(seed)
        changed = bytearray(data)
        for _ in range(rng.choice([1, 5, 30])):
            changed[rng.randrange(pixels, len(changed))] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        try:
            for series in scan([tmp_path]).series():
                read_series(series)
        except PlanimeterError as error:
            assert path.name in str(error)


def test_a_damaged_deflated_file_is_refused(tmp_path: Path) -> None:
    (path,) = write_series(
        tmp_path, make_voxels((1, 40, 40)), make_geometry((1, 40, 40)), transfer_syntax=DeflatedExplicitVRLittleEndian
    )
    data = path.read_bytes()
    for seed in range(30):
        changed = bytearray(data)
        changed[random.Random(seed).randrange(400, len(data))] ^= 4
        path.write_bytes(changed)
        try:
            for series in scan([tmp_path]).series():
                read_series(series)
        except (PlanimeterError, zlib.error) as error:
            assert isinstance(error, PlanimeterError)
