"""Pixels in rare formats have their values, or a true reason why not; what a header lacks is assumed with a note."""

import base64
from collections.abc import Callable
from pathlib import Path

import gdcm
import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    HTJ2K,
    MPEG2MPML,
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEG2000MCLossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from engine.errors import PlanimeterError, ReadError
from engine.opening import open_volume
from engine.stored.scan import scan
from tests.synthetic import make_geometry, make_voxels, write_enhanced, write_series

SHAPE = (4, 12, 9)
VOXELS = make_voxels(SHAPE)
GEOMETRY = make_geometry(SHAPE)


def write_big_endian(path: Path, pixels: np.ndarray, representation: str, frames: int = 1) -> None:
    """A big-endian file of 8-bit pixels: in words, the bytes of which have changed places, or in bytes."""
    (source,) = write_series(path.parent / "source", VOXELS[:1], make_geometry((1, 12, 9)), "MR")
    dataset = dcmread(source)
    source.unlink()
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    if frames > 1:
        dataset.NumberOfFrames = frames
    data = pixels.tobytes() + b"\0" * (pixels.size % 2)
    dataset.PixelData = np.frombuffer(data, "<u2").byteswap().tobytes() if representation == "OW" else data
    dataset["PixelData"].VR = representation
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    dcmwrite(path, dataset, implicit_vr=False, little_endian=False, force_encoding=True)


@pytest.mark.parametrize("size", [(16, 16), (5, 7), (1, 1), (3, 4)])
@pytest.mark.parametrize("representation", ["OW", "OB"])
def test_8_bit_pixels_of_big_endian_files_keep_their_columns(
    tmp_path: Path, size: tuple[int, int], representation: str
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, size).astype(np.uint8)
    write_big_endian(tmp_path / "a.dcm", pixels, representation)
    voxels = open_volume(tmp_path / "a.dcm").voxels
    np.testing.assert_array_equal(voxels[0], pixels)
    if size[1] > 1:
        np.testing.assert_array_equal(voxels[0], dcmread(tmp_path / "a.dcm").pixel_array)


@pytest.mark.parametrize("representation", ["OW", "OB"])
def test_frames_that_begin_amid_a_word_of_big_endian_files_are_read(tmp_path: Path, representation: str) -> None:
    from engine.dicom.pixels import read_stored

    pixels = np.random.default_rng(0).integers(0, 256, (3, 5, 7)).astype(np.uint8)
    write_big_endian(tmp_path / "a.dcm", pixels, representation, frames=3)
    (series,) = scan([tmp_path]).series()
    np.testing.assert_array_equal(list(read_stored(series.planes)), pixels)


@pytest.mark.parametrize("signed", [True, False])
def test_16_bit_pixels_of_big_endian_files_are_read(tmp_path: Path, signed: bool) -> None:
    write_series(tmp_path, VOXELS, GEOMETRY, signed=signed, transfer_syntax=ExplicitVRBigEndian)
    np.testing.assert_array_equal(open_volume(tmp_path).voxels, VOXELS)


@pytest.mark.parametrize("representation", ["OW", "OL"])
def test_32_bit_pixels_of_big_endian_files_are_read_in_words_or_as_a_whole(tmp_path: Path, representation: str) -> None:
    pixels = (np.arange(108) * 70000).reshape(1, 12, 9)
    (file,) = write_series(
        tmp_path, pixels, make_geometry(pixels.shape), "MR", bits=(32, 32), transfer_syntax=ExplicitVRLittleEndian
    )
    dataset = dcmread(file)
    stored = np.frombuffer(dataset.PixelData, "<u2" if representation == "OW" else "<u4")
    dataset.PixelData = stored.byteswap().tobytes()
    dataset["PixelData"].VR = representation
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    dcmwrite(file, dataset, implicit_vr=False, little_endian=False, force_encoding=True)
    np.testing.assert_array_equal(open_volume(file).voxels, pixels)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(file))), pixels)


def lacking(*keywords: str) -> Callable[[Dataset, int], None]:
    def edit(dataset: Dataset, _: int) -> None:
        for keyword in keywords:
            delattr(dataset, keyword)

    return edit


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, JPEG2000Lossless])
@pytest.mark.parametrize(
    "keywords",
    [
        ["HighBit"],
        ["BitsStored"],
        ["BitsStored", "HighBit"],
        ["PhotometricInterpretation"],
        ["SamplesPerPixel"],
        ["PixelRepresentation"],
        ["HighBit", "BitsStored", "PhotometricInterpretation", "SamplesPerPixel", "PixelRepresentation"],
    ],
)
def test_what_the_header_lacks_is_assumed_and_said(tmp_path: Path, syntax: str, keywords: list[str]) -> None:
    for file in write_series(tmp_path, VOXELS, GEOMETRY, signed=False, transfer_syntax=syntax):
        dataset = dcmread(file)
        lacking(*keywords)(dataset, 0)
        dataset.save_as(file)
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    for keyword in keywords:
        assert any(f"lacks {keyword}" in note and "4 files" in note for note in volume.notes)


def test_bits_allocated_are_told_by_the_size_of_the_pixel_data(tmp_path: Path) -> None:
    write_series(tmp_path, VOXELS, GEOMETRY, edit=lacking("BitsAllocated"))
    np.testing.assert_array_equal(open_volume(tmp_path).voxels, VOXELS)


def test_pixels_are_taken_for_signed_where_other_values_of_theirs_are(tmp_path: Path) -> None:
    def edit(dataset: Dataset, _: int) -> None:
        del dataset.PixelRepresentation
        dataset.add_new(0x00280120, "SS", -2000)

    write_series(tmp_path, VOXELS, GEOMETRY, edit=edit)
    np.testing.assert_array_equal(open_volume(tmp_path).voxels, VOXELS)


def test_a_high_bit_below_the_stored_bits_is_not_believed(tmp_path: Path) -> None:
    write_series(tmp_path, VOXELS, GEOMETRY, edit=lambda ds, _: setattr(ds, "HighBit", 11))
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    assert any("HighBit 11 does not fit its BitsStored 16" in note for note in volume.notes)


@pytest.mark.parametrize(
    ("keyword", "written", "told"),
    [
        ("SliceThickness", b"3.0 mm", True),
        ("SliceThickness", b"3,0", True),
        ("SliceThickness", b"3.0\\3.0", True),
        ("SliceThickness", b"nan", True),
        ("SliceThickness", b"", False),
        ("PatientAge", b"forty two years and more", False),
        ("PatientAge", b"42", False),
        ("PatientWeight", b"70,5 kg", False),
        ("ImageComments", b"\x1b$(Q\xff\xfe\0\0", False),
        ("InstanceNumber", b"1.0", False),
        ("InstanceNumber", b"first", False),
        ("SeriesNumber", b"2.5", False),
        ("AcquisitionNumber", b"one", False),
        ("KVP", b"120 kV", False),
        ("EchoTime", b"x", False),
        ("AcquisitionDate", b"2024-01-01", False),
        ("AcquisitionTime", b"25:61", False),
        ("ContentTime", b"now", False),
        ("PatientBirthDate", b"unknown", False),
        ("WindowCenter", b"40,0", False),
    ],
)
def test_a_malformed_element_that_the_image_can_do_without_costs_nothing(
    tmp_path: Path, keyword: str, written: bytes, told: bool
) -> None:
    from pydicom.datadict import dictionary_VR, tag_for_keyword
    from pydicom.dataelem import RawDataElement
    from pydicom.tag import Tag

    padded = written + b" " * (len(written) % 2)

    def edit(dataset: Dataset, _: int) -> None:
        tag = Tag(tag_for_keyword(keyword) or 0)
        dataset[tag] = RawDataElement(tag, dictionary_VR(tag), len(padded), padded, 0, False, True)

    write_series(tmp_path, VOXELS, GEOMETRY, edit=edit)
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    assert any(keyword in note for note in volume.notes) == told


@pytest.mark.parametrize(
    ("keyword", "written"),
    [
        ("PixelSpacing", b"1,1\\0.9"),
        ("PixelSpacing", b"1.1 mm\\0.9 mm"),
        ("PixelSpacing", b"1.1"),
        ("PixelSpacing", b"1.1\\0.9\\2.5"),
        ("ImagePositionPatient", b"0\\0\\zero"),
        ("ImageOrientationPatient", b"1\\0\\0\\0\\1"),
        ("RescaleSlope", b"1,024"),
        ("RescaleIntercept", b"none"),
    ],
)
def test_a_malformed_element_that_the_image_needs_is_refused_by_its_name_and_text(
    tmp_path: Path, keyword: str, written: bytes
) -> None:
    from pydicom.datadict import tag_for_keyword
    from pydicom.dataelem import RawDataElement
    from pydicom.tag import Tag

    padded = written + b" " * (len(written) % 2)

    def edit(dataset: Dataset, _: int) -> None:
        tag = Tag(tag_for_keyword(keyword) or 0)
        dataset[tag] = RawDataElement(tag, "DS", len(padded), padded, 0, False, True)

    write_series(tmp_path, VOXELS, GEOMETRY, edit=edit)
    with pytest.raises(ReadError, match=rf"its {keyword} is “") as error:
        open_volume(tmp_path)
    assert written.decode() in str(error.value)


RAMP = (1000 + 10 * np.mgrid[:12, :9][0] + 5 * np.mgrid[:12, :9][1]).astype(np.int16)
#: `RAMP` in HTJ2K without loss, as OpenJPH 0.26.3 writes it.
HTJ2K_RAMP = base64.b64decode(
    "/0//UQApQAAAAAAJAAAADAAAAAAAAAAAAAAACQAAAAwAAAAAAAAAAAABDwEB/1AACAACAAAACv9SAAwAAgABAAUEBEAB/1wAEyCIkJCQkJCQkJCQ"
    "kJCQiIiI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAAEsAAf+TwAAms/cFB3QAAMAAEsAAEoDOAId0AKoBB3QAoAAJAO0KMwCgAAqQ"
    "LMv+wAAB/rYAoAAVIFJE5PZHyey2AP/Z"
)


def write_stream(folder: Path, syntax: str, stream: bytes, planes: int = 3) -> list[Path]:
    """Planes of `RAMP`'s size whose pixel data is a given stream, whatever that is."""
    shape = (planes, *RAMP.shape)
    files = write_series(folder, np.zeros(shape, np.int16), make_geometry(shape), signed=False, intercept=0)
    for file in files:
        dataset = dcmread(file)
        dataset.PixelData = encapsulate([stream + b"\0" * (len(stream) % 2)])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = UID(syntax)
        dataset.save_as(file)
    return files


def change_syntax(file: Path, syntax: int) -> None:
    """Compress a file's pixels as GDCM does."""
    change = gdcm.FileChangeTransferSyntax()
    change.SetInputFileName(str(file))
    change.SetOutputFileName(f"{file}.new")
    change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    assert change.Change()
    Path(f"{file}.new").replace(file)


@pytest.mark.parametrize("syntax", [HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K])
def test_high_throughput_jpeg_2000_is_decoded(tmp_path: Path, syntax: str) -> None:
    write_stream(tmp_path, syntax, HTJ2K_RAMP)
    np.testing.assert_array_equal(open_volume(tmp_path).voxels, np.stack([RAMP] * 3))


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_jpeg_extended_is_decoded(tmp_path: Path, bits: int) -> None:
    shape = (3, 64, 64)
    ramp = (np.add(*np.mgrid[:64, :64]) * (2**bits / 200)).astype(np.int16)
    files = write_series(
        tmp_path,
        np.stack([ramp] * 3),
        make_geometry(shape),
        signed=False,
        bits=(8 if bits == 8 else 16, bits),
        intercept=0,
    )
    for file in files:
        change_syntax(file, gdcm.TransferSyntax.JPEGExtendedProcess2_4)
        assert dcmread(file).file_meta.TransferSyntaxUID == JPEGExtended12Bit
    volume = open_volume(tmp_path)
    # JPEG loses: within a quantisation step of what was stored, and to the value of what another reader decodes.
    assert np.abs(volume.voxels.astype(int) - ramp).max() <= 2 ** (bits - 6)
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(files[1])))[0]
    np.testing.assert_array_equal(volume.voxels[1], theirs)
    assert any("compressed with loss" in note for note in volume.notes)


@pytest.mark.parametrize(
    ("syntax", "stream", "name"),
    [
        (JPEG2000MCLossless, HTJ2K_RAMP, "JPEG 2000 Part 2"),
        (JPEG2000Lossless, HTJ2K_RAMP[:6] + b"\x80" + HTJ2K_RAMP[7:100], "JPEG 2000 Part 2"),
        (MPEG2MPML, b"\0\0\1\xba" * 20, "MPEG2"),
        ("1.2.840.10008.1.2.4.102", b"\0\0\0\x18ftypmp42", "MPEG-4"),
        ("1.2.840.10008.1.2.4.94", b"\0" * 20, "JPIP"),
        ("1.3.46.670589.33.1.4.1", b"\x5a" * 40, "1.3.46.670589.33.1.4.1"),
        (JPEGBaseline8Bit, b"\xff\xd8\xff\xc9\0\x0b\x0c\0\x0c\0\x09\1\1\x11\0\xff\xd9", "arithmetic coding"),
        (JPEGExtended12Bit, b"\xff\xd8\xff\xc5\0\x0b\x0c\0\x0c\0\x09\1\1\x11\0\xff\xd9", "hierarchical JPEG"),
    ],
)
def test_what_cannot_be_decoded_is_not_supported_and_not_damaged(
    tmp_path: Path, syntax: str, stream: bytes, name: str
) -> None:
    write_stream(tmp_path, syntax, stream)
    with pytest.raises(PlanimeterError, match="not supported") as error:
        open_volume(tmp_path)
    assert name in str(error.value) and "damaged" not in str(error.value)


def test_a_transfer_syntax_newer_than_this_program_is_not_supported(tmp_path: Path) -> None:
    for file in write_stream(tmp_path, "1.2.840.10008.1.2.4.102", b"\xff\x0a" * 20):
        file.write_bytes(file.read_bytes().replace(b"1.2.840.10008.1.2.4.102", b"1.2.840.10008.1.2.4.112"))
    with pytest.raises(PlanimeterError, match=r"1\.2\.840\.10008\.1\.2\.4\.112 is not supported"):
        open_volume(tmp_path)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless])
@pytest.mark.parametrize("bad", [[3], [1], [0, 2]])
@pytest.mark.parametrize("how", ["cut off", "overwritten"])
def test_damaged_compressed_planes_are_left_out_and_said(tmp_path: Path, syntax: str, bad: list[int], how: str) -> None:
    files = write_series(tmp_path, VOXELS, GEOMETRY, signed=False, transfer_syntax=syntax)
    for k in bad:
        data = files[k].read_bytes()
        start = data.rindex(b"\xe0\x7f\x10\x00") + 12
        changed = data[: start + 60] if how == "cut off" else data[: start + 16] + b"\x55" * (len(data) - start - 16)
        files[k].write_bytes(changed)
    volume = open_volume(tmp_path)
    kept = [k for k in range(4) if k not in bad]
    np.testing.assert_array_equal(volume.voxels, VOXELS[kept])
    np.testing.assert_allclose(volume.geometry.origins_lps, GEOMETRY.origins_lps[kept], atol=1e-6)
    assert len(volume.instances) == len(kept)
    for k in bad:
        assert any("left out" in note and files[k].name in note for note in volume.notes)


def test_damaged_frames_of_one_file_are_left_out_and_said(tmp_path: Path) -> None:
    path = write_enhanced(tmp_path / "e.dcm", VOXELS, GEOMETRY, transfer_syntax=JPEG2000Lossless)
    data = path.read_bytes()
    second = [at for at in range(len(data)) if data.startswith(b"\xff\x4f\xff\x51", at)][1]
    path.write_bytes(data[:second] + b"\x55" * 60 + data[second + 60 :])
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.voxels, VOXELS[[0, 2, 3]])
    at = GEOMETRY.positions[1]
    assert volume.notes[0].startswith(f"1 of 4 planes is left out, plane 2, at {at:.1f} mm: e.dcm is damaged")


def test_a_series_whose_compressed_planes_are_all_damaged_is_refused(tmp_path: Path) -> None:
    write_stream(tmp_path, JPEG2000Lossless, b"\x55" * 200)
    with pytest.raises(ReadError, match=r"0000\.dcm is damaged"):
        open_volume(tmp_path)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lacking("PixelData"), "has no pixel data"),
        (lacking("Rows"), "has no image: it lacks Rows"),
        (lacking("Rows", "Columns"), "has no image: it lacks Rows and Columns"),
        (lambda ds, _: setattr(ds, "PhotometricInterpretation", "RGB"), "is a colour image (RGB)"),
        (lambda ds, _: setattr(ds, "PhotometricInterpretation", "GRAY"), "pixels of the kind GRAY"),
        (lambda ds, _: setattr(ds, "SamplesPerPixel", 3), "is a colour image (3 values a pixel)"),
        (lambda ds, _: setattr(ds, "HighBit", 17), "BitsStored 16, HighBit 17"),
        (lambda ds, _: setattr(ds, "BitsAllocated", 12), "has 12 bits a pixel"),
        (lambda ds, _: setattr(ds, "NumberOfFrames", 999999), "claims 999999 frames"),
        (lambda ds, _: setattr(ds, "NumberOfFrames", 3), "has 216 bytes where its size needs 648"),
    ],
)
def test_a_refusal_says_the_true_reason(tmp_path: Path, edit: Callable[[Dataset, int], None], sentence: str) -> None:
    write_series(tmp_path, VOXELS, GEOMETRY, edit=edit)
    with pytest.raises(PlanimeterError) as error:
        open_volume(tmp_path)
    assert sentence in str(error.value)


def test_pixels_that_no_frame_has_are_said(tmp_path: Path) -> None:
    write_series(tmp_path, VOXELS, GEOMETRY, edit=lambda ds, _: setattr(ds, "PixelData", ds.PixelData * 2))
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    assert any("432 bytes where its size needs 216: the rest is not read" in note for note in volume.notes)
