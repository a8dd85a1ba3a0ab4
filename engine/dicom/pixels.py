"""Reads the stored values of planes into an array: straight from the file where they lie as they are, else decoded."""

import os
import zlib
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from io import FileIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    ExplicitVRBigEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from engine.dicom.decoding import decoded
from engine.dicom.planes import NATIVE, PLAIN, StoredImage, StoredPlane
from engine.dicom.watched import DamagedHeaderError, Inflating, nobody
from engine.errors import ReadError

#: Encapsulated transfer syntaxes that are decoded.
ENCAPSULATED = {
    RLELossless,
    *JPEGTransferSyntaxes,
    *JPEGLSTransferSyntaxes,
    JPEG2000Lossless,
    JPEG2000,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    HTJ2K,
}

#: Of two files with one UID, so many bytes are compared.
_COMPARED = 1 << 16
_COLOURS = ("PALETTE", "RGB", "YBR", "HSV", "ARGB", "CMYK")


def why_undecodable(planes: Sequence[StoredPlane]) -> str:
    """Why the pixels of these planes are not read, in one sentence; "" when they are."""
    if any(plane.image.mosaic for plane in planes):
        return f"{planes[0].image.path.name} is a mosaic of many slices in one picture, which is not opened."
    for image in {id(plane.image): plane.image for plane in planes}.values():
        name = image.path.name
        if is_colour(image):
            return f"{name} is a colour image ({_colours(image)}); only grey-scale images are opened."
        if not image.photometric.startswith("MONOCHROME"):
            return f"{name} has pixels of the kind {image.photometric}; only grey-scale images are opened."
        if image.bits_allocated not in (8, 16, 32) and not image.floating:
            return f"{name} has {image.bits_allocated} bits a pixel; only 8, 16 and 32 are read."
        # PS3.5 8.1.1 asks for it; in files where it is not so, readers disagree on what the bits mean.
        if not 1 <= image.bits_stored <= image.bits_allocated or image.high_bit != image.bits_stored - 1:
            return (
                f"{name} contradicts itself on which of the {image.bits_allocated} bits of a pixel are used "
                f"(BitsStored {image.bits_stored}, HighBit {image.high_bit})."
            )
        syntax = image.transfer_syntax
        if syntax not in PLAIN and syntax not in ENCAPSULATED:
            return f"{name} is compressed in a way that is not read: {UID(syntax).name} is not supported."
    return ""


def is_colour(image: StoredImage) -> bool:
    """True where each pixel has a colour: of its own, or of a palette."""
    return image.samples != 1 or image.photometric.startswith(_COLOURS)


def _colours(image: StoredImage) -> str:
    """What makes an image one in colour."""
    return f"{image.samples} values a pixel" if image.photometric.startswith("MONOCHROME") else image.photometric


def read_stored(
    planes: Sequence[StoredPlane], into: NDArray[Any] | None = None, listen: Callable[[], None] = nobody
) -> Generator[NDArray[Any] | ReadError, None, None]:
    """The stored values (rows, columns) of planes in their order, before any rescale, of the stored type.

    A plane whose data is damaged, while its file is as its header was read, comes as the error that says so.
    Close the iterator (`contextlib.closing`) when it is left early.

    Args:
        into: (planes, rows, columns) C-contiguous, of 16 bits an element: planes stored with 16 bits are read straight
            into it, and what comes out is a view of it.
        listen: called now and then while a plane takes long; what it raises ends the reading.

    Raises:
        ReadError: a file is gone, has changed since its header was read, or is cut off.
    """
    compressed = [plane for plane in planes if plane.image.transfer_syntax in ENCAPSULATED]
    with closing(decoded(compressed, listen=listen)) as decoding, _Files() as files:
        for k, plane in enumerate(planes):
            image = plane.image
            target = into[k].view(stored_type(image)) if into is not None and image.bits_allocated == 16 else None
            try:
                if image.transfer_syntax in NATIVE:
                    yield files.read(plane, target)
                    continue
                values = next(decoding) if image.transfer_syntax in ENCAPSULATED else files.inflated(plane)
            except OSError as error:
                raise ReadError(f"{image.path.name} cannot be read: {error.strerror or error}.") from error
            if isinstance(values, ReadError):
                yield values
                continue
            if values.shape != (image.rows, image.columns) or not np.can_cast(values.dtype, stored_type(image)):
                yield ReadError(
                    f"{image.path.name} is damaged: its pixel data is not of the kind that its header says."
                )
                continue
            values = values.astype(stored_type(image), copy=False)
            clear_unused_bits(values, image)
            if target is None:
                yield values
            else:
                target[...] = values
                yield target


def same_pixels(first: StoredImage, second: StoredImage) -> bool:
    """False where the pixel data of two images differs, as far as their middles tell; True where it can't be known."""
    both = (first, second)
    formats = [(each.length, each.transfer_syntax, each.bits_stored, each.signed, each.swapped) for each in both]
    if formats[0] != formats[1] or first.deflated_at or first.length < 0:
        # Other encodings of the same values are copies as well.
        return True
    parts = []
    for image in both:
        try:
            with image.path.open("rb") as file:
                file.seek(image.offset + max(image.length // 2 - _COMPARED // 2, 0))
                parts.append(file.read(min(_COMPARED, image.length)))
        except OSError:
            return True
    return parts[0] == parts[1]


class _Files:
    """Reads planes that are not compressed, keeping the current file open, or what it inflates to."""

    def __init__(self) -> None:
        self._image: StoredImage | None = None
        self._file: FileIO | None = None
        self._inflated: tuple[StoredImage, bytes] | None = None

    def __enter__(self) -> "_Files":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def read(self, plane: StoredPlane, target: NDArray[Any] | None) -> NDArray[Any]:
        """The values of a plane that lies in its file as it is, in `target` where that is given."""
        image = plane.image
        file = self._opened(image)
        values = np.empty((image.rows, image.columns), stored_type(image)) if target is None else target
        start = ((plane.frame or 1) - 1) * image.frame_bytes
        if image.swapped:
            _read_swapped(file, image, start, values)
        else:
            file.seek(image.offset + start)
            _fill(file, values.reshape(-1).view(np.uint8).data, image)
            if image.transfer_syntax == ExplicitVRBigEndian:
                values.byteswap(inplace=True)
        clear_unused_bits(values, image)
        return values

    def inflated(self, plane: StoredPlane) -> NDArray[Any] | ReadError:
        """The values of a plane of a file that is deflated as a whole."""
        image = plane.image
        if self._inflated is None or self._inflated[0] is not image:
            file = self._opened(image)
            file.seek(image.deflated_at)
            try:
                inflating = Inflating(file)
                inflating.read(image.offset)
                self._inflated = image, inflating.read(image.frame_bytes * image.frames)
            except (zlib.error, DamagedHeaderError):
                return ReadError(f"{image.path.name} is damaged: it cannot be inflated.")
        data = self._inflated[1]
        start = ((plane.frame or 1) - 1) * image.frame_bytes
        if len(data) < start + image.frame_bytes:
            return ReadError(f"{image.path.name} is cut off: its pixel data ends early.")
        values = np.frombuffer(data, stored_type(image), image.rows * image.columns, start)
        return values.reshape(image.rows, image.columns).copy()

    def _opened(self, image: StoredImage) -> FileIO:
        if self._image is not image or self._file is None:
            self.__exit__()
            self._file = FileIO(image.path)
            self._image = image
            status = os.fstat(self._file.fileno())
            if (status.st_size, status.st_mtime_ns) != (image.size, image.modified_ns):
                raise ReadError(f"{image.path.name} has changed since it was found: open its folder again.")
        return self._file


def _fill(file: FileIO, buffer: memoryview, image: StoredImage) -> None:
    done = 0
    while done < len(buffer):
        count = file.readinto(buffer[done:])
        if not count:
            raise ReadError(f"{image.path.name} is cut off: its pixel data ends early.")
        done += count


def _read_swapped(file: FileIO, image: StoredImage, start: int, values: NDArray[Any]) -> None:
    """Read pixels from words whose bytes have changed places (PS3.5 7.3); a frame of 8 bits may begin amid a word."""
    first = start // 2 * 2
    words = np.empty((start + image.frame_bytes + 1) // 2 - first // 2, "<u2")
    file.seek(image.offset + first)
    _fill(file, words.view(np.uint8).data, image)
    pixels = words.byteswap().view(np.uint8)[start - first :][: image.frame_bytes]
    values.reshape(-1).view(np.uint8)[...] = pixels


def stored_type(image: StoredImage) -> np.dtype[Any]:
    """The type of stored pixels."""
    if image.floating:
        return np.dtype(f"f{image.bits_allocated // 8}")
    return np.dtype(f"{'i' if image.signed else 'u'}{image.bits_allocated // 8}")


def clear_unused_bits(values: NDArray[Any], image: StoredImage) -> None:
    """Extend the sign over the bits that the pixel does not use (PS3.5 8.1.1), in place; they may hold anything."""
    unused = image.bits_allocated - image.bits_stored
    if unused:
        view = values.view(stored_type(image))
        np.left_shift(view, unused, out=view)
        np.right_shift(view, unused, out=view)
