"""Reads the stored values of planes into an array: straight from the file where they lie as they are, else decoded."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    JPEG2000TransferSyntaxes,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from engine.dicom.planes import NATIVE, StoredImage, StoredPlane
from engine.errors import ReadError

#: Encapsulated transfer syntaxes that are decoded.
ENCAPSULATED = {RLELossless, *JPEGTransferSyntaxes, *JPEGLSTransferSyntaxes, *JPEG2000TransferSyntaxes}


def why_undecodable(planes: Sequence[StoredPlane]) -> str:
    """Why the pixels of these planes are not read, in one sentence; "" when they are."""
    for image in {id(plane.image): plane.image for plane in planes}.values():
        name = image.path.name
        if image.samples != 1 or not image.photometric.startswith("MONOCHROME"):
            return f"{name} is a colour image ({image.photometric or 'unknown'}); only grey-scale images are opened."
        if image.bits_allocated not in (8, 16, 32):
            return f"{name} has {image.bits_allocated} bits a pixel; only 8, 16 and 32 are read."
        if not 1 <= image.bits_stored <= image.high_bit + 1 <= image.bits_allocated:
            return f"{name} contradicts itself on which of the {image.bits_allocated} bits of a pixel are used."
        syntax = image.transfer_syntax
        if syntax not in NATIVE and syntax != DeflatedExplicitVRLittleEndian and syntax not in ENCAPSULATED:
            return f"{name} is compressed in a way that is not read: {UID(syntax).name}."
    return ""


class PlaneReader:
    """Reads planes of files one after the other, keeping the current file open."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._file: BinaryIO | None = None

    def __enter__(self) -> "PlaneReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._path, self._file = None, None

    def read(self, plane: StoredPlane, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """The stored values of a plane (rows, columns), before any rescale, of the stored integer type.

        Args:
            out: C-contiguous array of the plane's shape and stored type (either sign) to read into.

        Raises:
            ReadError: the file is gone, cut off, or its compressed data is damaged.
        """
        image = plane.image
        name = image.path.name
        try:
            if image.transfer_syntax in NATIVE:
                return self._native(plane, out)
            values = _decoded(plane)
        except ReadError:
            raise
        except OSError as error:
            raise ReadError(f"{name} cannot be read: {error.strerror or error}.") from error
        except Exception as error:  # decoders raise nearly anything on damaged bytes
            raise ReadError(f"{name} is damaged: its pixel data cannot be decoded.") from error
        if values.shape != (image.rows, image.columns):
            raise ReadError(f"{name} is damaged: its pixel data has the shape {values.shape}, unlike its header.")
        if out is None:
            return values
        out.view(values.dtype)[...] = values
        return out

    def _native(self, plane: StoredPlane, out: NDArray[Any] | None) -> NDArray[Any]:
        image = plane.image
        if self._path != image.path or self._file is None:
            self._close()
            self._file = image.path.open("rb", buffering=0)
            self._path = image.path
        values = np.empty((image.rows, image.columns), stored_type(image)) if out is None else out
        self._file.seek(image.offset + ((plane.frame or 1) - 1) * image.frame_bytes)
        buffer = values.reshape(-1).view(np.uint8).data
        done = 0
        while done < len(buffer):
            count = self._file.readinto(buffer[done:])  # type: ignore[attr-defined]
            if not count:
                raise ReadError(f"{image.path.name} is cut off: its pixel data ends early.")
            done += count
        if image.transfer_syntax == ExplicitVRBigEndian:
            values.byteswap(inplace=True)
        clear_unused_bits(values, image)
        return values


def stored_type(image: StoredImage) -> np.dtype[Any]:
    """The integer type of stored pixels."""
    return np.dtype(f"{'i' if image.signed else 'u'}{image.bits_allocated // 8}")


def clear_unused_bits(values: NDArray[Any], image: StoredImage) -> None:
    """Extend the sign over the bits that the pixel does not use (PS3.5 8.1.1), in place; they may hold anything."""
    above = image.bits_allocated - 1 - image.high_bit
    below = image.high_bit + 1 - image.bits_stored
    if above or below:
        view = values.view(stored_type(image))
        np.left_shift(view, above, out=view)
        np.right_shift(view, above + below, out=view)


def _decoded(plane: StoredPlane) -> NDArray[Any]:
    image = plane.image
    if image.transfer_syntax == DeflatedExplicitVRLittleEndian:
        dataset = dcmread(image.path)
        start = ((plane.frame or 1) - 1) * image.frame_bytes
        data = dataset.PixelData[start : start + image.frame_bytes]
        if len(data) < image.frame_bytes:
            raise ReadError(f"{image.path.name} is cut off: its pixel data ends early.")
        values = np.frombuffer(data, stored_type(image)).reshape(image.rows, image.columns).copy()
        clear_unused_bits(values, image)
        return values
    return pixel_array(image.path, index=(plane.frame or 1) - 1, raw=True)
