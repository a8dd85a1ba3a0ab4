"""Decodes compressed pixel data in a process of its own: `python -m engine.dicom.decoder`, started by `decoding`.

The decoders of JPEG, JPEG-LS and JPEG 2000 are native code, which damaged data can crash or make loop; here that ends
this process alone. A job is a line of JSON on standard input,
`{"path": ..., "frames": [0, ...], "elements": {...}, "colour": false}`, where the elements, if there are any, take the
place of those of the file. The answer is, for each frame, a line `{"type": ..., "shape": [rows, columns]}` and then the
pixels; or a line `{"error": ...}` at the first that fails. With `colour` they are red, green and blue of 8 bits.
"""

import json
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import UID, JPEGExtended12Bit

#: Address space for the decoder, bytes: damaged data may claim any size.
MEMORY_LIMIT = 6 << 30


def main() -> None:
    """Serve jobs until standard input ends."""
    # Decoders print to standard output and error; answers go to a copy that they do not know.
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    warnings.simplefilter("ignore")
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 (absent on Windows)

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    get_decoder(JPEGExtended12Bit).add_plugin("12 bits", ("engine.dicom.jpeg_extended", "decode"))
    for line in sys.stdin.buffer:
        job = json.loads(line)
        try:
            _serve(_frames(job), answers)
        except BrokenPipeError:
            return
        except Exception as error:
            answers.write(json.dumps({"error": type(error).__name__}).encode() + b"\n")
        answers.flush()


def _frames(job: dict[str, Any]) -> Iterator[NDArray[Any]]:
    """The frames that a job asks for."""
    source, indices, begun = _source(job["path"], job["elements"]), job["frames"], False
    try:
        for pixels in _decoded(source, indices, job["colour"]):
            begun = True
            yield pixels
    except ValueError:
        if begun or not isinstance(source, str):
            raise
        # Read as a whole, a file is understood that is not encoded as it says.
        yield from _decoded(dcmread(source, force=True), indices, job["colour"])


def _decoded(source: str | Dataset, indices: list[int], colour: bool) -> Iterator[NDArray[Any]]:
    return _colours(source, indices) if colour else iter_pixels(source, indices=indices, raw=True)


def _source(path: str, elements: dict[str, str | int]) -> str | Dataset:
    """What pydicom decodes: the file, or a data set with some elements corrected."""
    if not elements:
        return path
    dataset = dcmread(path, force=True)
    dataset.file_meta.TransferSyntaxUID = UID(str(elements.pop("TransferSyntaxUID")))
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    # Where the file says that its pixels are uncompressed, the length tells pydicom that they are in fragments.
    dataset["PixelData"].is_undefined_length = True
    return dataset


def _colours(source: str | Dataset, frames: list[int]) -> Iterator[NDArray[np.uint8]]:
    """(rows, columns, 3) of each frame: palettes looked up, brightness and colour differences turned into RGB."""
    head = dcmread(source, stop_before_pixels=True, force=True) if isinstance(source, str) else source
    bits, has_palette = int(head.BitsStored), str(head.PhotometricInterpretation).startswith("PALETTE")
    if has_palette:
        entries, first, _ = head.RedPaletteColorLookupTableDescriptor
        palette = apply_color_lut(np.arange(first, first + (entries or 1 << 16)), head)
        # Entries of 16 bits use them all, or the lower eight alone.
        bits = 8 * palette.dtype.itemsize if palette.max() > 255 else 8
    for pixels in iter_pixels(source, indices=frames):
        values = apply_color_lut(pixels, head)[..., :3] if has_palette else pixels
        yield (values >> max(bits - 8, 0)).astype(np.uint8)


def _serve(frames: Iterable[NDArray[Any]], answers: BinaryIO) -> None:
    for pixels in frames:
        values = np.ascontiguousarray(pixels)
        head = {"type": values.dtype.str, "shape": values.shape}
        answers.write(json.dumps(head).encode() + b"\n")
        answers.write(values.data)


if __name__ == "__main__":
    main()
