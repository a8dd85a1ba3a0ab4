"""JPEG, PNG and TIFF files come as grey levels or colours, upright, or are refused in a sentence."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from PIL import Image

from engine.errors import ReadError
from engine.files.picture_file import is_picture_file, read_picture, read_picture_header

#: What each EXIF orientation does to a picture that is stored so (EXIF 2.3, table 4), in numpy's words.
UPRIGHT = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: np.swapaxes(stored, 0, 1),
    6: lambda stored: np.swapaxes(stored, 0, 1)[:, ::-1],
    7: lambda stored: np.swapaxes(stored[::-1, ::-1], 0, 1),
    8: lambda stored: np.swapaxes(stored, 0, 1)[::-1],
}


@pytest.fixture
def colours() -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (17, 23, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_colours_and_grey_levels_of_8_and_16_bits_come_as_they_are(
    tmp_path: Path, colours: NDArray[np.uint8], name: str
) -> None:
    sixteen = np.random.default_rng(2).integers(0, 65536, (17, 23), dtype=np.uint16)
    for values in (colours, colours[..., 0], sixteen):
        Image.fromarray(values).save(tmp_path / name)
        picture = read_picture(tmp_path / name)
        assert picture.values.dtype == values.dtype
        assert np.array_equal(picture.values, values)
        assert not picture.notes
        header = read_picture_header(tmp_path / name)
        assert (header.rows, header.columns, header.pages) == (17, 23, 1)
        assert header.is_colour == (values.ndim == 3)


def test_jpeg_is_read_as_itk_reads_it(tmp_path: Path, colours: NDArray[np.uint8]) -> None:
    smooth = np.asarray(Image.fromarray(colours).resize((160, 120)))
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95, subsampling=0)
    other = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "a.jpg")))
    # Decoders of JPEG may differ by a level or two in rounding.
    assert np.abs(read_picture(tmp_path / "a.jpg").values.astype(int) - other).max() <= 3


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg"])
def test_every_exif_orientation_is_turned_upright(tmp_path: Path, orientation: int, name: str) -> None:
    stored = np.add.outer(np.arange(0, 128, 8), np.arange(0, 96, 4)).astype(np.uint8)
    image = Image.fromarray(stored)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / name, exif=exif)
    upright = UPRIGHT[orientation](stored)
    values = read_picture(tmp_path / name).values
    assert values.shape == upright.shape
    # A smooth slope survives JPEG within a few levels; turned otherwise, it would be off by tens.
    assert np.abs(values.astype(int) - upright).max() <= (4 if name == "a.jpg" else 0)
    header = read_picture_header(tmp_path / name)
    assert (header.rows, header.columns) == upright.shape


@pytest.mark.parametrize(
    ("mode", "name", "said"),
    [
        ("CMYK", "a.jpg", "printing colours"),
        ("P", "a.png", "palette"),
        ("RGBA", "a.png", "transparent"),
        ("LA", "a.png", "transparent"),
        ("LAB", "a.tif", "CIE Lab"),
    ],
)
def test_what_is_converted_is_said(tmp_path: Path, colours: NDArray[np.uint8], mode: str, name: str, said: str) -> None:
    Image.fromarray(colours).convert(mode).save(tmp_path / name)
    picture = read_picture(tmp_path / name)
    assert picture.values.shape == ((17, 23) if mode == "LA" else (17, 23, 3))
    assert len(picture.notes) == 1
    assert said in picture.notes[0]


def test_colours_of_16_bits_are_cut_to_8_and_that_is_said(tmp_path: Path) -> None:
    deep = np.random.default_rng(3).integers(0, 65536, (9, 7, 3), dtype=np.uint16)
    for name in ("a.png", "a.tif"):
        sitk.WriteImage(sitk.GetImageFromArray(deep, isVector=True), str(tmp_path / name))
        picture = read_picture(tmp_path / name)
        assert np.array_equal(picture.values, deep >> 8)
        assert picture.notes == (f"{name} has 16 bits a colour: cut to 8.",)


def test_transparency_does_not_change_the_colours_that_are_stored(tmp_path: Path, colours: NDArray[np.uint8]) -> None:
    hidden = np.dstack([colours, np.zeros((17, 23), np.uint8)])
    Image.fromarray(hidden).save(tmp_path / "a.png")
    assert np.array_equal(read_picture(tmp_path / "a.png").values, colours)


def test_a_tiff_whose_white_is_zero_is_turned_round(tmp_path: Path) -> None:
    for values in (np.array([[0, 10], [200, 255]], np.uint8), np.array([[0, 10], [200, 65535]], np.uint16)):
        Image.fromarray(values).save(tmp_path / "a.tif")
        # PhotometricInterpretation, a short number: from black is zero (1) to white is zero (0).
        entry = struct.pack("<HHLH", 262, 3, 1, 1)
        stored = (tmp_path / "a.tif").read_bytes()
        assert stored.count(entry) == 1
        (tmp_path / "a.tif").write_bytes(stored.replace(entry, struct.pack("<HHLH", 262, 3, 1, 0)))
        assert np.array_equal(read_picture(tmp_path / "a.tif").values, np.iinfo(values.dtype).max - values)


def test_each_page_of_a_tiff_is_a_picture(tmp_path: Path) -> None:
    pages = [Image.new("L", (5 + n, 4), n) for n in range(3)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    assert read_picture_header(tmp_path / "a.tif").pages == 3
    assert np.array_equal(read_picture(tmp_path / "a.tif", 2).values, np.full((4, 7), 2, np.uint8))
    with pytest.raises(ReadError, match="no page 4"):
        read_picture(tmp_path / "a.tif", 3)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_a_file_that_is_cut_off_anywhere_is_refused(tmp_path: Path, colours: NDArray[np.uint8], name: str) -> None:
    Image.fromarray(colours).save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    for length in range(0, len(whole) - 4, 13):
        (tmp_path / name).write_bytes(whole[:length])
        with pytest.raises(ReadError, match=rf"^{name} (is (damaged|cut off)|could not)"):
            read_picture(tmp_path / name)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_bytes_that_are_wrong_never_end_in_another_error(tmp_path: Path, colours: NDArray[np.uint8], name: str) -> None:
    Image.fromarray(colours).save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    random = np.random.default_rng(4)
    for _ in range(150):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole), 3):
            damaged[place] = random.integers(0, 256)
        (tmp_path / name).write_bytes(damaged)
        for read in (read_picture_header, read_picture):
            try:
                read(tmp_path / name)
            except ReadError as error:
                assert name in str(error)


def test_a_picture_that_claims_to_be_huge_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    (tmp_path / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    for read in (read_picture_header, read_picture):
        with pytest.raises(ReadError, match=r"too large: pictures of up to 400 million pixels"):
            read(tmp_path / "huge.png")


def test_what_is_no_picture_or_has_fractions_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"DICM" * 100)
    with pytest.raises(ReadError, match="damaged, or no JPEG, PNG or TIFF"):
        read_picture(tmp_path / "a.png")
    sitk.WriteImage(sitk.GetImageFromArray(np.full((3, 3), 0.5, np.float32)), str(tmp_path / "f.tif"))
    with pytest.raises(ReadError, match="no whole numbers"):
        read_picture(tmp_path / "f.tif")
    with pytest.raises(ReadError, match="could not be read: No such file"):
        read_picture(tmp_path / "nothing.png")
    assert is_picture_file(tmp_path / "A.JPEG")
    assert not is_picture_file(tmp_path / "a.nii")
