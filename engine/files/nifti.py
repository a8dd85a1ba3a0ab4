"""NIfTI-1 and NIfTI-2, as one file or as a pair of header and image: values and their place, in LPS millimetres.

Where the grid lies is in `nifti_place`.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import ReadError
from engine.files.nifti_place import Place, forms_of
from engine.files.packed import MOST_UNPACKED, is_gzip, pieces
from engine.progress import Progress, silent

#: Offsets and formats of what is used of a header (nifti1.h, nifti2.h).
_FIELDS: dict[int, dict[str, tuple[str, int]]] = {
    348: {
        "dim": ("8i2", 40), "intent_code": ("i2", 68), "datatype": ("i2", 70), "pixdim": ("8f4", 76),
        "vox_offset": ("f4", 108), "scl_slope": ("f4", 112), "scl_inter": ("f4", 116), "xyzt_units": ("u1", 123),
        "qform_code": ("i2", 252), "sform_code": ("i2", 254), "quatern": ("3f4", 256), "qoffset": ("3f4", 268),
        "srow": ("(3,4)f4", 280), "magic": ("S4", 344),
    },
    540: {
        "magic": ("S8", 4), "datatype": ("i2", 12), "dim": ("8i8", 16), "pixdim": ("8f8", 104),
        "vox_offset": ("i8", 168), "scl_slope": ("f8", 176), "scl_inter": ("f8", 184), "qform_code": ("i4", 344),
        "sform_code": ("i4", 348), "quatern": ("3f8", 352), "qoffset": ("3f8", 376), "srow": ("(3,4)f8", 400),
        "xyzt_units": ("i4", 500), "intent_code": ("i4", 504),
    },
}  # fmt: skip
_TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8",
}  # fmt: skip
_OTHER_TYPES = {
    1: "single bits", 32: "complex numbers", 128: "three values a voxel (colour)", 1536: "128-bit numbers",
    1792: "complex numbers", 2048: "complex numbers", 2304: "four values a voxel (colour)",
}  # fmt: skip
#: Code of the unit of length → millimetres and its name.
_UNITS = {1: (1000.0, "metres"), 3: (0.001, "micrometres")}
#: Code of the unit of time → seconds.
_SECONDS = {8: 1.0, 16: 1e-3, 24: 1e-6}
_LABELS, _FIRST_STATISTIC, _LAST_STATISTIC = 1002, 2, 24


@dataclass(frozen=True)
class NiftiHeader:
    """What a header says, once it has been found to make sense.

    Args:
        path: of the header; `data` is the file of the voxels.
        shape: (planes, rows, columns) of a volume.
        dtype: of the stored values, with their byte order.
        offset: byte of `data`, unpacked, at which the voxels begin.
        slope, intercept: true value = slope × stored + intercept.
        place: of the grid.
        intent: code of what the values are.
        volumes: in the file, one after the other on one grid.
        step: seconds from each to the next, 0 where the file doesn't say.
    """

    path: Path
    data: Path
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    offset: int
    slope: float
    intercept: float
    place: Place
    intent: int
    volumes: int = 1
    step: float = 0.0

    @property
    def is_image(self) -> bool:
        """False where the file says that its values are labels or a statistic."""
        return self.intent != _LABELS and not _FIRST_STATISTIC <= self.intent <= _LAST_STATISTIC


def pair_of(path: Path) -> tuple[Path, Path] | None:
    """(header, image) of a pair, from the name of either; None where the name or the other file is missing."""
    name = path.name
    for packed in ("", ".gz"):
        for mine, other in ((".hdr", ".img"), (".img", ".hdr")):
            if not name.lower().endswith(mine + packed):
                continue
            stem = name[: -len(mine + packed)]
            for ending in (other + packed, other, other + ".gz"):
                for candidate in (ending, ending.upper()):
                    beside = path.with_name(stem + candidate)
                    if beside.is_file():
                        return (path, beside) if mine == ".hdr" else (beside, path)
    return None


def looks_like_header(path: Path) -> bool:
    """True when a file begins as a NIfTI (or Analyze) header does."""
    try:
        return _size_and_order(_head(path)) is not None
    except ReadError:
        return False


def read_header(path: Path) -> NiftiHeader:
    """Read the header of a NIfTI file or pair, by the name of either file of it.

    Raises:
        ReadError: it is damaged or cut off, or holds no grey-scale volumes.
        GeometryError: it doesn't place its grid in space.
    """
    pair = pair_of(path)
    header = pair[0] if pair else path
    if path.name.lower().endswith((".img", ".img.gz")) and pair is None:
        raise ReadError(f"{path.name} is one half of a pair: its header (.hdr) is not beside it.")
    head = _head(header)
    found = _size_and_order(head)
    if found is None:
        raise ReadError(f"{path.name} is damaged: it is no NIfTI file.")
    size, order = found
    fields = _FIELDS[size]
    layout = np.dtype({
        "names": list(fields),
        "formats": [np.dtype(form).newbyteorder(order) for form, _ in fields.values()],
        "offsets": [offset for _, offset in fields.values()],
        "itemsize": size,
    })  # fmt: skip
    raw = np.frombuffer(head, layout, 1)[0]
    single = _is_single(bytes(raw["magic"]), path)
    data = header if single else (pair or (header, header))[1]
    if not single and pair is None:
        raise ReadError(f"{path.name} is one half of a pair: its voxels (.img) are not beside it.")
    (shape, volumes), dtype = _shape(raw, path), _dtype(raw, path, order)
    slope, intercept = _scale(raw, path)
    unit, notes = _unit(raw)
    sizes = np.abs(np.array(raw["pixdim"][1:4], np.float64)) * unit
    for axis in range(3):
        if raw["dim"][0] <= axis or (shape[2 - axis] == 1 and not sizes[axis] > 0):
            sizes[axis] = 1.0
    forms, placement, more = forms_of(raw, shape, sizes, unit, path)
    intent = int(raw["intent_code"])
    if _FIRST_STATISTIC <= intent <= _LAST_STATISTIC:
        more.append("The file says that its values are a statistic, not an image.")
    made = NiftiHeader(
        header, data, shape, dtype, _offset(raw, head, size, single, path), slope, intercept,
        Place(header.name, shape, forms, placement, sizes, (*notes, *more)), intent, volumes, _step(raw),
    )  # fmt: skip
    _check_size(made)
    return made


def read_values(header: NiftiHeader, progress: Progress = silent, volume: int = 0) -> tuple[NDArray[Any], int]:
    """(planes, rows, columns) true values of a volume as stored in the file: whole numbers, or float32 or float64; and
    the bytes after the last volume.

    Raises:
        ReadError: it is cut off or damaged, or there is not enough memory.
    """
    needed = math.prod(header.shape) * header.dtype.itemsize
    name = header.data.name
    try:
        data = np.empty(needed, np.uint8)
        at = -header.offset - volume * needed
        for piece in pieces(header.data):
            start, stop = max(at, 0), min(at + len(piece), needed)
            if start < stop:
                data[start:stop] = np.frombuffer(piece, np.uint8)[start - at : stop - at]
                progress(stop / needed, f"Reading {name}")
            at += len(piece)
        behind = at - needed * (header.volumes - volume)
        if behind < 0:
            whole = needed * header.volumes
            raise ReadError(
                f"{name} is cut off: {max(whole + behind, 0)} of the {whole} bytes of its voxels are there."
            )
        values = data.view(header.dtype).reshape(header.shape)
        if not header.dtype.isnative:
            values = values.astype(header.dtype.newbyteorder("="))
        return _scaled(values, header.slope, header.intercept), behind
    except MemoryError as error:
        raise ReadError(f"There is not enough memory for the voxels of {name}; close other images first.") from error


def _scaled(values: NDArray[Any], slope: float, intercept: float) -> NDArray[Any]:
    if (slope, intercept) == (1.0, 0.0):
        return values
    if np.issubdtype(values.dtype, np.integer) and slope.is_integer() and intercept.is_integer():
        ends = [int(end) * int(slope) + int(intercept) for end in (values.min(), values.max())]
        if max(map(abs, ends)) < 2**31:
            return np.asarray(values.astype(np.int64) * int(slope) + int(intercept), np.int32)
    out = np.empty(values.shape, np.float32)
    for k, plane in enumerate(values):
        out[k] = plane * np.float64(slope) + intercept
    return out


def _head(path: Path) -> bytes:
    """The first bytes, unpacked: the header and the first extension's size."""
    head = b""
    for piece in pieces(path):
        head += piece
        if len(head) >= 560:
            break
    return head


def _size_and_order(head: bytes) -> tuple[int, Literal["<", ">"]] | None:
    """(size of the header, byte order) from its first number, which is its size."""
    for size in _FIELDS:
        if len(head) >= size and head[:4] == size.to_bytes(4, "little"):
            return size, "<"
        if len(head) >= size and head[:4] == size.to_bytes(4, "big"):
            return size, ">"
    return None


def _is_single(magic: bytes, path: Path) -> bool:
    if magic[:3] in (b"n+1", b"n+2"):
        return True
    if magic[:3] in (b"ni1", b"ni2"):
        return False
    raise ReadError(
        f"{path.name} is no NIfTI file but an older one of its kind (Analyze), which does not tell left from right; "
        "convert it to NIfTI with a program that knows where it comes from."
    )


def _shape(raw: np.void, path: Path) -> tuple[tuple[int, int, int], int]:
    """((planes, rows, columns), volumes)."""
    count = int(raw["dim"][0])
    lengths = [int(n) for n in raw["dim"][1 : count + 1]]
    if not 1 <= count <= 7 or min(lengths) < 1:
        raise ReadError(f"{path.name} is damaged: it has no voxels.")
    if any(n > 1 for n in lengths[4:]):
        if count >= 5 and lengths[3] == 1 and all(n == 1 for n in lengths[5:]):
            raise ReadError(f"{path.name} holds {lengths[4]} values a voxel; only grey-scale is read.")
        sizes = " × ".join(map(str, lengths))
        raise ReadError(f"{path.name} holds series of volumes ({sizes}): split it into single ones and open one.")
    columns, rows, planes, volumes = (*lengths, 1, 1, 1)[:4]
    return (planes, rows, columns), volumes


def _step(raw: np.void) -> float:
    """Seconds from volume to volume; 0 where the fourth axis is not said to be time."""
    factor = _SECONDS.get(int(raw["xyzt_units"]) & 56, 0.0)
    step = float(raw["pixdim"][4]) * factor
    return step if math.isfinite(step) and step > 0 else 0.0


def _dtype(raw: np.void, path: Path, order: Literal["<", ">"]) -> np.dtype[Any]:
    code = int(raw["datatype"])
    if code not in _TYPES:
        what = _OTHER_TYPES.get(code, f"values of an unknown type ({code})")
        raise ReadError(f"{path.name} holds {what}; only grey-scale numbers are read.")
    return np.dtype(_TYPES[code]).newbyteorder(order)


def _scale(raw: np.void, path: Path) -> tuple[float, float]:
    """(slope, intercept); a slope of 0 or NaN says that there is none."""
    slope, intercept = float(raw["scl_slope"]), float(raw["scl_inter"])
    if slope == 0 or math.isnan(slope):
        return 1.0, 0.0
    if not (math.isfinite(slope) and math.isfinite(intercept)):
        raise ReadError(f"{path.name} is damaged: its values are to be scaled by {slope:g} and {intercept:g}.")
    return slope, intercept


def _unit(raw: np.void) -> tuple[float, list[str]]:
    """Millimetres for the file's unit of length, and a note where that is none."""
    code = int(raw["xyzt_units"]) & 7
    if code in _UNITS:
        factor, name = _UNITS[code]
        return factor, [f"The file gives its place and voxel sizes in {name}; they were turned into millimetres."]
    return 1.0, []


def _offset(raw: np.void, head: bytes, size: int, single: bool, path: Path) -> int:
    """Where the voxels begin; in one file with the header, behind it and its first extension."""
    stated = float(raw["vox_offset"])
    if not (math.isfinite(stated) and stated >= 0):
        raise ReadError(f"{path.name} is damaged: it does not say where its voxels begin.")
    offset = int(stated)
    if not single:
        return offset
    first = size + 4
    if len(head) >= first + 8 and head[size] != 0:
        order: Literal["little", "big"] = "little" if head[:4] == size.to_bytes(4, "little") else "big"
        length = int.from_bytes(head[first : first + 4], order)
        first += length if length >= 16 and length % 16 == 0 else 0
    if offset < first:
        raise ReadError(f"{path.name} is damaged: its voxels would begin at byte {offset}, within its header.")
    return offset


def _check_size(header: NiftiHeader) -> None:
    """Refuse, before any memory is asked for, a file that is too small for what its header says."""
    needed = math.prod(header.shape) * header.volumes * header.dtype.itemsize + header.offset
    there = header.data.stat().st_size
    packed = is_gzip(header.data)
    if there * (MOST_UNPACKED if packed else 1) < needed:
        raise ReadError(
            f"{header.data.name} is cut off: {there} bytes are there{', compressed,' if packed else ''} of {needed}."
        )
