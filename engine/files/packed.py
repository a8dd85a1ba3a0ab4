"""Bytes of files that may be compressed, in pieces; a stream that is cut off or fails its checksum is an error."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from isal import isal_zlib

from engine.errors import ReadError

#: Bytes read at once.
_PIECE = 1 << 16
#: Most bytes of a piece: memory of this size is used again and again, which larger pieces would have to fetch anew.
_MOST = 1 << 20
#: Its stub calls the class an instance.
_DAMAGED = cast(type[Exception], isal_zlib.IsalError)
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
                while piece := file.read(_MOST):
                    yield piece
                return
            unpacker = isal_zlib.decompressobj(wbits=47)  # gzip or zlib, as the stream says
            left = path.stat().st_size if length is None else length
            while piece := file.read(min(_PIECE, left)):
                left -= len(piece)
                while piece:
                    if unpacker.eof:
                        piece += file.read(1) if len(piece) == 1 else b""
                        if not piece.startswith(_GZIP):
                            return
                        unpacker = isal_zlib.decompressobj(wbits=47)
                    out = unpacker.decompress(piece, _MOST)
                    yield out
                    # Unpacked bytes may be waiting although all of the packed ones have been taken.
                    while len(out) == _MOST and not unpacker.eof:
                        out = unpacker.decompress(unpacker.unconsumed_tail, _MOST)
                        yield out
                    piece = unpacker.unused_data
    except _DAMAGED as error:
        raise ReadError(f"{path.name} is damaged: its compressed data fails its checksum.") from error
    except OSError as error:
        raise ReadError(f"{path.name} could not be read: {error.strerror or error}.") from error
    if not unpacker.eof:
        raise ReadError(f"{path.name} is cut off: its compressed data has no end.")
