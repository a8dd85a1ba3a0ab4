"""Bytes of files that may be compressed, in pieces; a stream that is cut off or fails its checksum is an error."""

import zlib
from collections.abc import Iterator
from pathlib import Path

from engine.errors import ReadError

#: Bytes read at once: unpacked they are at most about a thousand times as many.
_PIECE = 1 << 16
_GZIP = b"\x1f\x8b"
#: No stream of zlib or gzip holds more bytes than this for each of its own.
MOST_UNPACKED = 1040


def is_gzip(path: Path) -> bool:
    """True when the file begins as gzip does, whatever its name is."""
    with path.open("rb") as file:
        return file.read(2) == _GZIP


def pieces(path: Path, start: int = 0, length: int | None = None, packed: bool | None = None) -> Iterator[bytes]:
    """The content of a file from byte `start` on, unpacked where it is gzip or zlib.

    A gzip file may have several members. What follows the last of them is left alone.

    Args:
        path: of the file.
        start: where to begin, in bytes of the file.
        length: of the compressed data in bytes of the file; None goes on to its end.
        packed: whether it is compressed; None looks for the beginning of gzip.

    Raises:
        ReadError: it can't be read, is cut off, or fails its checksum.
    """
    try:
        packed = is_gzip(path) if packed is None else packed
        with path.open("rb") as file:
            file.seek(start)
            if not packed:
                while piece := file.read(_PIECE << 4):
                    yield piece
                return
            unpacker = zlib.decompressobj(wbits=47)  # gzip or zlib, as the stream says
            left = path.stat().st_size if length is None else length
            while piece := file.read(min(_PIECE, left)):
                left -= len(piece)
                while piece:
                    if unpacker.eof:
                        piece += file.read(1) if len(piece) == 1 else b""
                        if not piece.startswith(_GZIP):
                            return
                        unpacker = zlib.decompressobj(wbits=47)
                    yield unpacker.decompress(piece)
                    piece = unpacker.unused_data
    except zlib.error as error:
        raise ReadError(f"{path.name} is damaged: its compressed data fails its checksum.") from error
    except OSError as error:
        raise ReadError(f"{path.name} could not be read: {error.strerror or error}.") from error
    if not unpacker.eof:
        raise ReadError(f"{path.name} is cut off: its compressed data has no end.")
