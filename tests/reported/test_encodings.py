"""Files are read as they are encoded, also where they say another encoding, or none; what is so assumed is said."""

import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLSLossless,
    RLELossless,
)

from engine.opening import open_volume
from engine.stored.scan import scan
from tests.synthetic import make_geometry, make_voxels, write_enhanced, write_series

SHAPE = (3, 11, 7)
VOXELS = make_voxels(SHAPE)
GEOMETRY = make_geometry(SHAPE)
PLAIN = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
PRIVATE = "1.2.826.0.1.3680043.8.498.1"
GE_MIXED = "1.2.840.113619.5.2"


def body(path: Path) -> bytes:
    """What follows the file meta information."""
    data = path.read_bytes()
    return data[144 + int.from_bytes(data[140:144], "little") :]


def relabel(path: Path, syntax: str, *, meta: bool = True, preamble: bool = True) -> None:
    """Let a file say another transfer syntax ("" for none), without changing what follows."""
    out = BytesIO()
    if preamble:
        out.write(b"\0" * 128 + b"DICM")
    if meta:
        said = FileMetaDataset()
        said.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        said.MediaStorageSOPInstanceUID = f"1.2.3.{path.stem}"
        if syntax:
            said.TransferSyntaxUID = syntax
        write_file_meta_info(out, said, enforce_standard=False)
    path.write_bytes(out.getvalue() + body(path))


@pytest.mark.parametrize("said", ["", *PLAIN])
@pytest.mark.parametrize("actual", PLAIN)
def test_a_file_is_read_as_it_is_encoded(tmp_path: Path, actual: str, said: str) -> None:
    for file in write_series(tmp_path, VOXELS, GEOMETRY, transfer_syntax=actual):
        relabel(file, said)
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    assert volume.info.patient_name == "Phantom^Synthetic"
    told = [note for note in volume.notes if "is read" in note]
    assert len(told) == (said != actual)
    assert volume.notes == tuple(told)


@pytest.mark.parametrize("meta", [True, False])
@pytest.mark.parametrize("preamble", [True, False])
@pytest.mark.parametrize("actual", PLAIN[:3])
def test_a_file_without_preamble_or_file_meta_is_read(tmp_path: Path, actual: str, preamble: bool, meta: bool) -> None:
    for file in write_series(tmp_path, VOXELS, GEOMETRY, transfer_syntax=actual):
        relabel(file, actual, meta=meta, preamble=preamble)
    np.testing.assert_array_equal(open_volume(tmp_path).voxels, VOXELS)


def test_a_private_transfer_syntax_is_read_where_its_pixels_are_plain(tmp_path: Path) -> None:
    for file in write_series(tmp_path, VOXELS, GEOMETRY):
        relabel(file, PRIVATE)
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    assert any(PRIVATE in note and "private transfer syntax" in note for note in volume.notes)


def test_a_private_transfer_syntax_of_other_pixels_is_refused_by_name(tmp_path: Path) -> None:
    for file in write_series(tmp_path, VOXELS, GEOMETRY, edit=lambda ds, _: setattr(ds, "PixelData", b"\0" * 50)):
        relabel(file, PRIVATE)
    assert f"is said to be in {PRIVATE}" in scan([tmp_path]).unreadable[0].reason


def test_ge_s_big_endian_pixels_after_a_little_endian_header_are_read(tmp_path: Path) -> None:
    def swap(dataset: Dataset, _: int) -> None:
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<i2").byteswap().tobytes()

    for file in write_series(tmp_path, VOXELS, GEOMETRY, transfer_syntax=ImplicitVRLittleEndian, edit=swap):
        relabel(file, GE_MIXED)
    np.testing.assert_array_equal(open_volume(tmp_path).voxels, VOXELS)


@pytest.mark.parametrize("actual", [RLELossless, JPEGLossless, JPEGLSLossless, JPEG2000Lossless])
@pytest.mark.parametrize("said", ["", ExplicitVRLittleEndian])
def test_compressed_pixels_said_to_be_plain_are_not_shown_as_plain(tmp_path: Path, actual: str, said: str) -> None:
    for file in write_series(tmp_path, VOXELS, GEOMETRY, transfer_syntax=actual):
        relabel(file, said)
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    assert any("look like" in note for note in volume.notes)


def test_compressed_pixels_of_an_unknown_kind_are_said_to_be_not_supported(tmp_path: Path) -> None:
    for file in write_series(tmp_path, VOXELS, GEOMETRY, transfer_syntax=JPEG2000Lossless):
        file.write_bytes(file.read_bytes().replace(b"\xff\x4f\xff\x51", b"\x01\x02\x03\x04"))
        relabel(file, ExplicitVRLittleEndian)
    assert "not supported" in scan([tmp_path]).unreadable[0].reason


@pytest.mark.parametrize("said", [JPEGLossless, RLELossless])
def test_plain_pixels_said_to_be_compressed_are_read(tmp_path: Path, said: str) -> None:
    for file in write_series(tmp_path, VOXELS, GEOMETRY):
        relabel(file, said)
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    assert any("has the size of plain pixels" in note for note in volume.notes)


def test_a_deflated_file_with_frames_is_read(tmp_path: Path) -> None:
    path = write_enhanced(tmp_path / "e.dcm", VOXELS, GEOMETRY, transfer_syntax=DeflatedExplicitVRLittleEndian)
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    assert volume.instances[0].sop_instance_uid == dcmread(path).SOPInstanceUID


def test_zeros_that_a_file_inflates_to_are_not_all_read(tmp_path: Path) -> None:
    (file,) = write_series(
        tmp_path, VOXELS[:1], make_geometry((1, 11, 7)), transfer_syntax=DeflatedExplicitVRLittleEndian
    )
    start = file.read_bytes()[: -len(body(file))]
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    start += packer.compress(b"\x08\0\x60\0CS\x02\0CT")
    file.write_bytes(start + b"".join(packer.compress(bytes(1 << 20)) for _ in range(100)) + packer.flush())
    assert "is a damaged DICOM file: its header breaks off" in scan([tmp_path]).unreadable[0].reason


def undefined_lengths(dataset: Dataset, _: int) -> None:
    """Private sequences in each other, of undefined length, with pixel data of their own, before the image."""
    inner, outer = Dataset(), Dataset()
    inner.Rows, inner.PixelData = 5, b"\0\0"
    inner["PixelData"].VR = "OW"
    outer.private_block(0x0009, "SYNTHETIC", create=True).add_new(1, "SQ", [inner, Dataset()])
    outer[0x00091001].is_undefined_length = True
    dataset.private_block(0x0009, "SYNTHETIC", create=True).add_new(2, "SQ", [outer])
    dataset[0x00091002].is_undefined_length = True
    dataset.IconImageSequence = [inner]


def unknown_representation(dataset: Dataset, _: int) -> None:
    """A private value that another sequence's end seems to be in."""
    dataset.private_block(0x0009, "SYNTHETIC", create=True).add_new(2, "UN", b"\xfe\xff\xdd\xe0\0\0\0\0")


@pytest.mark.parametrize("edit", [undefined_lengths, unknown_representation])
@pytest.mark.parametrize("syntax", PLAIN)
def test_private_sequences_do_not_lead_astray(
    tmp_path: Path, syntax: str, edit: Callable[[Dataset, int], None]
) -> None:
    write_series(tmp_path, VOXELS, GEOMETRY, transfer_syntax=syntax, edit=edit)
    np.testing.assert_array_equal(open_volume(tmp_path).voxels, VOXELS)


@pytest.mark.parametrize(
    ("keyword", "representation", "value"),
    [
        ("Rows", "UL", b"\x0b\0\0\0"),
        ("Rows", "IS", b"11"),
        ("Columns", "DS", b"7.0 "),
        ("PixelSpacing", "LO", b"1.1\\0.9 "),
        ("PixelSpacing", "UN", b"1.1\\0.9 "),
        ("PixelSpacing", "FD", np.array([1.1, 0.9]).tobytes()),
        ("BitsAllocated", "UN", b"\x10\0"),
    ],
)
def test_numbers_in_another_representation_are_read(
    tmp_path: Path, keyword: str, representation: str, value: bytes
) -> None:
    for file in write_series(tmp_path, VOXELS, GEOMETRY):
        data = file.read_bytes()
        element = dcmread(file)[keyword]
        tag = element.tag.group.to_bytes(2, "little") + element.tag.element.to_bytes(2, "little")
        at = data.index(tag + element.VR.encode())
        length = int.from_bytes(data[at + 6 : at + 8], "little")
        length_field = b"\0\0" + len(value).to_bytes(4, "little") if representation == "UN" else bytes([len(value), 0])
        head = representation.encode() + length_field
        file.write_bytes(data[: at + 4] + head + value + data[at + 8 + length :])
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    assert volume.geometry.spacing_uv == pytest.approx((0.9, 1.1))


@pytest.mark.parametrize("said", ["01", "00", ""])
def test_an_image_that_was_compressed_with_loss_before_says_so(tmp_path: Path, said: str) -> None:
    voxels = make_voxels((3, 6, 5))
    write_series(tmp_path, voxels, make_geometry(voxels.shape), LossyImageCompression=said)
    assert any("compressed with loss" in note for note in open_volume(tmp_path).notes) == (said == "01")


@pytest.mark.parametrize(("value", "told"), [((1 << 24) + 1, True), (1 << 23, False)])
def test_whole_numbers_beyond_24_bits_are_told_to_be_rounded(tmp_path: Path, value: int, told: bool) -> None:
    voxels = np.full((3, 4, 5), value)
    write_series(tmp_path, voxels, make_geometry(voxels.shape), "MR", bits=(32, 32), intercept=0)
    assert any("rounded to 24 bits" in note for note in open_volume(tmp_path).notes) == told
