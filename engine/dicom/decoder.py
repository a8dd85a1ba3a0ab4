"""Decodes compressed pixel data in a process of its own: `python -m engine.dicom.decoder`, started by `decoding`.

The decoders of JPEG, JPEG-LS and JPEG 2000 are native code, which damaged data can crash or make loop; here that ends
this process alone. A job is a line of JSON on standard input, `{"path": ..., "frames": [0, ...], "elements": {...}}`,
where the elements, if there are any, take the place of those of the file. The answer is, for each frame, a line
`{"type": ..., "shape": [rows, columns]}` and then the pixels; or a line `{"error": ...}` at the first that fails.
"""

import json
import os
import sys
import warnings
from typing import BinaryIO

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
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
            _serve(_source(job["path"], job["elements"]), job["frames"], answers)
        except BrokenPipeError:
            return
        except Exception as error:
            answers.write(json.dumps({"error": type(error).__name__}).encode() + b"\n")
        answers.flush()


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


def _serve(source: str | Dataset, frames: list[int], answers: BinaryIO) -> None:
    for pixels in iter_pixels(source, indices=frames, raw=True):
        values = np.ascontiguousarray(pixels)
        head = {"type": values.dtype.str, "shape": values.shape}
        answers.write(json.dumps(head).encode() + b"\n")
        answers.write(values.data)


if __name__ == "__main__":
    main()
