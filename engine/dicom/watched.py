"""Files under watch: what is read of a damaged, endless or deflated one has a bound, and can be stopped."""

import zlib
from collections.abc import Callable
from typing import BinaryIO

#: Reads after which a header is taken to be damage: several times those of an image of 10,000 frames.
_MOST_READS = 5_000_000
#: Empty elements in a row that are taken for the zeros of a copy that broke off.
_MOST_ZEROS = 64
#: A deflated file may inflate to a thousand times its size: no image does to this much (bytes).
_MOST_INFLATED = 1 << 31
_CHUNK = 1 << 20


class DamagedHeaderError(Exception):
    """A header makes no sense; the text is part of a sentence that begins with the file's name."""


def nobody() -> None:
    """Listens to nobody."""


class Watched:
    """A file for pydicom that ends at `size`, and that stops at zeros without end, after many reads, or when asked."""

    def __init__(self, file: BinaryIO, size: int, listen: Callable[[], None]) -> None:
        self._file, self._size, self._listen = file, size, listen
        self._reads = self._bytes = self._zeros = 0
        self.name = getattr(file, "name", "")

    def read(self, count: int = -1) -> bytes:
        """As a file does."""
        self._reads += 1
        if not self._reads & 0xFFF or self._bytes > _CHUNK << 2:
            self._bytes = 0
            self._listen()
            if self._reads > _MOST_READS:
                raise DamagedHeaderError("its header does not end")
        if count < 0:
            # Pydicom asks for all that there is only where it takes the file to be deflated, which is found out before.
            raise DamagedHeaderError("it says that it is deflated, but cannot be inflated")
        left = max(self._size - self._file.tell(), 0)
        data = self._file.read(min(count, left))
        self._bytes += len(data)
        if data:
            self._zeros = self._zeros + 1 if len(data) == 8 and not any(data) else 0
            if self._zeros > _MOST_ZEROS:
                raise DamagedHeaderError("its header breaks off and is followed by zeros")
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """As a file does."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As a file does."""
        return self._file.tell()


class Inflating:
    """What the rest of a file inflates to, read from its start on.

    Raises:
        zlib.error: from `read`, where it is damaged.
        DamagedHeaderError: from `read`, where there is more of it than any image has.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._given = 0

    def read(self, count: int) -> bytes:
        """The next `count` bytes, fewer at the end."""
        parts = []
        left = count
        while left > 0 and not self._inflater.eof:
            packed = self._inflater.unconsumed_tail or self._file.read(_CHUNK)
            part = self._inflater.decompress(packed, left)
            if not packed and not part:
                break
            parts.append(part)
            left -= len(part)
        self._given += count - left
        if self._given > _MOST_INFLATED:
            raise DamagedHeaderError("it inflates to more than any image has")
        return b"".join(parts)
