"""JPEG, PNG and TIFF files as arrays of grey levels or colours, the way up that they are looked at."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from engine.errors import ReadError

#: Pixels of the largest picture that is read: 1.2 GB in colour.
MOST_PIXELS = 400_000_000

#: What the names of the files end in that are read here.
SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff")
_FORMATS = ("JPEG", "PNG", "TIFF")
#: EXIF orientations that turn rows into columns.
_ON_THE_SIDE = frozenset({5, 6, 7, 8})
_EXIF_ORIENTATION, _TIFF_BITS, _TIFF_PHOTOMETRIC = 0x0112, 258, 262
_WHITE_IS_ZERO = 0
_GREY = frozenset({"1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N"})
#: Byte of a PNG that says how many bits a sample has.
_PNG_DEPTH = 24
_END_OF_JPEG = b"\xff\xd9"
#: What Pillow raises of files that are damaged in one way or another, beside what is wrong with reading them.
_DAMAGED = (OSError, SyntaxError, ValueError, KeyError, TypeError, IndexError, EOFError, ArithmeticError, MemoryError)


@dataclass(frozen=True)
class PictureHeader:
    """What a file says of its picture before it is decoded.

    Args:
        rows, columns: of the picture as it is looked at.
        pages: pictures in the file; more than one only in TIFF.
        is_colour: whether `read_picture` gives colours.
    """

    rows: int
    columns: int
    pages: int
    is_colour: bool


@dataclass(frozen=True, eq=False)
class PictureFile:
    """A picture as it is looked at.

    Args:
        values: uint8 or uint16 (rows, columns) of grey levels, black first; or uint8 (rows, columns, 3) of red, green
            and blue.
        notes: plain sentences on what had to be converted.
    """

    values: NDArray[Any]
    notes: tuple[str, ...] = ()


def is_picture_file(path: Path) -> bool:
    """True for a JPEG, PNG or TIFF file, by its name."""
    return path.suffix.lower() in SUFFIXES


def read_picture_header(path: Path) -> PictureHeader:
    """The size of a picture, without decoding it.

    Raises:
        ReadError: it is no JPEG, PNG or TIFF, it is damaged, or it is too large to be opened.
    """
    with _opened(path) as image:
        columns, rows = image.size
        if image.format != "TIFF" and image.getexif().get(_EXIF_ORIENTATION) in _ON_THE_SIDE:
            columns, rows = rows, columns
        return PictureHeader(rows, columns, _pages(image), image.mode not in _GREY)


def read_picture(path: Path, page: int = 0) -> PictureFile:
    """Read one picture of a file, turned as its EXIF orientation says.

    Grey levels keep their 8 or 16 bits. Palettes and printing colours become RGB, transparency is left out, colours of
    16 bits are cut to 8: each said in a note.

    Args:
        path: of the file.
        page: index of the picture in a TIFF that has several.

    Raises:
        ReadError: it is no JPEG, PNG or TIFF, it is damaged or cut off, it is too large, it has no such page, or its
            pixels are no whole numbers from 0 to 65535.
    """
    _check_whole(path)
    with _opened(path) as image:
        pages = _pages(image)
        if not 0 <= page < pages:
            raise ReadError(f"{path.name} has {pages} pages: there is no page {page + 1}.")
        if page:
            image.seek(page)
            _check_size(image, path)
        notes = list(_notes(image, path))
        white_is_zero = image.mode == "I;16" and _tag(image, _TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO
        # In its place: a large picture would be in memory twice.
        ImageOps.exif_transpose(image, in_place=True)
        values = _values(image, path)
        if white_is_zero:
            values = np.iinfo(values.dtype).max - values
    return PictureFile(values, tuple(notes))


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """A file whose header is read; whatever goes wrong with it is a `ReadError`."""
    try:
        # Pillow warns of sizes, which are looked at here, and of tags that are not needed.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Not by its name: Pillow then maps the file into memory, and mistakes the rows of a TIFF lying on its side.
            with path.open("rb") as file, Image.open(file, formats=_FORMATS) as image:
                _check_size(image, path)
                yield image
    except ReadError:
        raise
    except Image.DecompressionBombError as error:
        raise ReadError(_too_large(path)) from error
    except UnidentifiedImageError as error:
        raise ReadError(f"{path.name} is damaged, or no JPEG, PNG or TIFF picture that is known.") from error
    except MemoryError as error:
        raise ReadError(f"{path.name} is too large for the memory of this computer.") from error
    except _DAMAGED as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise ReadError(f"{path.name} could not be read: {error.strerror or error}.") from error
        what = "cut off" if "truncated" in str(error) else "damaged"
        raise ReadError(f"{path.name} is {what}: its picture cannot be read whole.") from error


def _check_size(image: Image.Image, path: Path) -> None:
    if image.width * image.height > MOST_PIXELS:
        raise ReadError(f"{path.name} has {image.width} × {image.height} pixels. {_too_large(path)}")


def _too_large(path: Path) -> str:
    return (
        f"{path.name} is too large: pictures of up to {MOST_PIXELS // 1_000_000} million pixels are opened; cut it or "
        "save it smaller."
    )


def _check_whole(path: Path) -> None:
    """What Pillow does not look at while it decodes: the checksums of a PNG, the end of a JPEG."""
    with _opened(path) as image:
        if image.format == "PNG":
            image.verify()
        if image.format in {"JPEG", "MPO"} and _END_OF_JPEG not in path.read_bytes()[-(1 << 16) :]:
            raise ReadError(f"{path.name} is cut off: the end of its picture is missing.")


def _pages(image: Image.Image) -> int:
    # Some cameras put a small picture, or one for the other eye, behind the first in a JPEG.
    return int(getattr(image, "n_frames", 1)) if image.format == "TIFF" else 1


def _tag(image: Image.Image, number: int) -> Any:
    return image.tag_v2.get(number) if hasattr(image, "tag_v2") else None


def _notes(image: Image.Image, path: Path) -> Iterator[str]:
    if image.mode in {"P", "PA"}:
        yield f"{path.name} has a palette: its pixels are shown in the palette's colours."
    if image.mode in {"LA", "La", "RGBA", "RGBa", "PA"} or "transparency" in image.info:
        yield f"{path.name} has transparent parts or could have them: shown in full, in the colours stored there."
    if image.mode == "CMYK":
        yield f"{path.name} is in printing colours (CMYK): turned into RGB without a colour profile, so approximately."
    if image.mode == "LAB":
        yield f"{path.name} is in CIE Lab colours: turned into RGB."
    if image.mode in {"RGB", "RGBA"} and _bits(image, path) > 8:
        yield f"{path.name} has {_bits(image, path)} bits a colour: cut to 8."
    profile = _profile(image)
    if profile and "srgb" not in profile.lower() and image.mode in {"RGB", "RGBA", "P"}:
        yield f"{path.name} has the colour profile {profile}, which is not applied to its colours."


def _bits(image: Image.Image, path: Path) -> int:
    if image.format == "PNG":
        with path.open("rb") as file:
            return file.read(_PNG_DEPTH + 1)[_PNG_DEPTH]
    bits = _tag(image, _TIFF_BITS)
    return max(bits) if isinstance(bits, tuple) else 8


def _profile(image: Image.Image) -> str:
    """Name of the colour profile; "" where there is none that can be read."""
    stored = image.info.get("icc_profile")
    if not stored:
        return ""
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(stored))).strip()
    except (ImageCms.PyCMSError, OSError):
        return ""


def _values(image: Image.Image, path: Path) -> NDArray[Any]:
    if image.mode in {"1", "L", "LA", "La"}:
        return np.array(image.convert("L") if image.mode == "1" else image.getchannel(0))
    if image.mode.startswith("I;16"):
        return np.array(image).astype(np.uint16, copy=False)
    if image.mode in {"I", "F"}:
        values = np.array(image)
        if not np.isfinite(values).all() or values.min() < 0 or values.max() > 65535 or (values % 1).any():
            raise ReadError(
                f"{path.name} has pixels that are no whole numbers from 0 to 65535; save it with 8 or 16 bits first."
            )
        return values.astype(np.uint16)
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        turned = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
        assert turned is not None, "a picture that is not changed in place comes back"
        return np.array(turned)
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))
