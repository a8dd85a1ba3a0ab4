"""Decodes compressed pixel data in a process of its own: `python -m engine.dicom.decoder`, started by `decoding`.

The decoders of JPEG, JPEG-LS and JPEG 2000 are native code, which damaged data can crash or make loop; here that ends
this process alone. A job is a line of JSON on standard input, `{"path": ..., "frames": [0, ...]}`. The answer is, for
each frame, a line `{"type": ..., "shape": [rows, columns]}` and then the pixels; or a line `{"error": ...}` at the
first that fails.
"""

import json
import os
import sys
import warnings
from typing import BinaryIO

import numpy as np
from pydicom.pixels.utils import iter_pixels

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
    for line in sys.stdin.buffer:
        job = json.loads(line)
        try:
            _serve(job["path"], job["frames"], answers)
        except BrokenPipeError:
            return
        except Exception as error:
            answers.write(json.dumps({"error": type(error).__name__}).encode() + b"\n")
        answers.flush()


def _serve(path: str, frames: list[int], answers: BinaryIO) -> None:
    for pixels in iter_pixels(path, indices=frames, raw=True):
        values = np.ascontiguousarray(pixels)
        head = {"type": values.dtype.str, "shape": values.shape}
        answers.write(json.dumps(head).encode() + b"\n")
        answers.write(values.data)


if __name__ == "__main__":
    main()
