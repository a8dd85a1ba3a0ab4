"""Arrays with a place in space, from NIfTI, NRRD and MetaImage files that are whole."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import GeometryError, ReadError
from engine.files import nifti
from engine.files.nifti_place import Placement
from engine.files.packed import pieces
from engine.files.text_header import (
    LONGEST_HEADER,
    in_intensities,
    in_mm,
    lists_volumes,
    modality_of,
    place_notes,
    seconds_of_axis,
    text_header,
)
from engine.progress import Progress, silent
from engine.sitk_image import from_image, itk, on_grid
from engine.volume import Geometry

if TYPE_CHECKING:
    import SimpleITK as sitk

__all__ = [
    "SUFFIXES",
    "GridFile",
    "Placement",
    "files_of",
    "is_grid_file",
    "placements",
    "read_grid",
    "read_grid_file",
    "volumes_of",
]

#: What the names of the files end in that are read here; those of a pair (.hdr, .img) are told by their content.
SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
_PAIR_SUFFIXES = (".hdr", ".hdr.gz", ".img", ".img.gz")
_DETACHED_SUFFIXES = (".nhdr", ".mhd")
_NIFTI_SUFFIXES = (".nii", ".nii.gz", *_PAIR_SUFFIXES)
#: Bytes of a value of a MetaImage.
_META_BYTES = {
    "MET_CHAR": 1, "MET_UCHAR": 1, "MET_SHORT": 2, "MET_USHORT": 2, "MET_INT": 4, "MET_UINT": 4, "MET_LONG": 4,
    "MET_ULONG": 4, "MET_LONG_LONG": 8, "MET_ULONG_LONG": 8, "MET_FLOAT": 4, "MET_DOUBLE": 8,
}  # fmt: skip


@dataclass(frozen=True)
class GridFile:
    """What a file holds.

    Args:
        values: (planes, rows, columns) as the file has them, scaled.
        geometry: their grid.
        notes: sentences for the user on where the file lies.
        is_image: False where the file says that its values are labels or a statistic.
        modality: DICOM's, "" where the file names none.
    """

    values: NDArray[Any]
    geometry: Geometry
    notes: tuple[str, ...] = ()
    is_image: bool = True
    modality: str = ""


def is_grid_file(path: Path) -> bool:
    """True for a NIfTI, NRRD or MetaImage file by its name, and for a file of a NIfTI pair by what is in the header."""
    name = path.name.lower()
    if name.endswith(_PAIR_SUFFIXES):
        pair = nifti.pair_of(path)
        return nifti.looks_like_header(pair[0] if pair else path)
    return name.endswith(SUFFIXES)


def files_of(path: Path) -> tuple[Path, ...]:
    """The files that belong together, the one to open first: header and image of a NIfTI pair, header and voxels."""
    name = path.name.lower()
    if name.endswith(_PAIR_SUFFIXES):
        return nifti.pair_of(path) or (path,)
    if name.endswith(_DETACHED_SUFFIXES):
        return path, *(path.parent / data for data in _data_names(path) if (path.parent / data).is_file())
    return (path,)


def placements(path: Path) -> tuple[Placement, ...]:
    """The places that a file gives its grid, where they differ: the one that is taken unasked first. Else one.

    Raises:
        ReadError: it is damaged, or no single grey-scale volume.
        GeometryError: it doesn't place its grid in space.
    """
    return nifti.read_header(path).place.placements if _is_nifti(path) else ("",)


def volumes_of(path: Path) -> tuple[str, ...]:
    """What tells the volumes of a file apart, such as "3, at 4 s"; none where it holds a single one.

    Raises:
        ReadError, GeometryError: as for `placements`.
    """
    if _is_nifti(path):
        header = nifti.read_header(path)
        count, step = header.volumes, header.step
    else:
        reader = _itk_header(path)
        count = _volume_count(reader, path)
        step = reader.GetSpacing()[3] * seconds_of_axis(path) if reader.GetDimension() > 3 else 0.0
    if count == 1:
        return ()
    at = [f", at {number * step:g} s" if step else "" for number in range(count)]
    return tuple(f"{number + 1}{time}" for number, time in enumerate(at))


def read_grid(path: Path, placement: Placement = "") -> Geometry:
    """The grid of a file, from its header alone.

    Raises:
        ReadError: it is damaged, or no single grey-scale volume.
        GeometryError: its axes are not perpendicular.
    """
    if _is_nifti(path):
        header = nifti.read_header(path)
        return header.place.put(np.broadcast_to(np.uint8(0), header.shape), placement)[1]
    reader = _itk_header(path)
    columns, rows, planes = (*reader.GetSize(), 1)[:3]
    try:
        return in_mm(on_grid(np.broadcast_to(np.uint8(0), (planes, rows, columns)), reader)[1], path)[0]
    except GeometryError as error:
        raise GeometryError(f"{path.name}: {error}") from error


def read_grid_file(
    path: Path, placement: Placement = "", progress: Progress = silent, volume: int | None = None
) -> GridFile:
    """Read a file, all of whose voxels must be there.

    Args:
        path: of the file; of a pair, either.
        placement: which form of a NIfTI file places it; "" for the file's own choice, and for other files.
        progress: reports and may stop.
        volume: of a file of several, counted from 0; None where it must hold a single one.

    Raises:
        ReadError: it is cut off, damaged, or no single grey-scale volume.
        GeometryError: its axes are not perpendicular.
        CancelledError: `progress` asked to stop.
    """
    progress(0.0, f"Reading {path.name}")
    if _is_nifti(path):
        header = nifti.read_header(path)
        if volume is None and header.volumes > 1:
            raise _several(path, (*reversed(header.shape), header.volumes))
        stored, after = nifti.read_values(header, progress, volume or 0)
        values, geometry = header.place.put(stored, placement)
        more = _surplus_notes(header.data, after, stored.shape, header.dtype.itemsize)
        return GridFile(values, geometry, (*header.place.notes(placement), *more), header.is_image)
    reader = _itk_header(path)
    count = _volume_count(reader, path)
    if volume is None and count > 1:
        raise _several(path, (*reader.GetSize()[:3], count))
    size, parts = reader.GetSize(), reader.GetNumberOfComponents()
    if len(size) > 3:
        reader.SetExtractSize([*size[:3], *([0] * (len(size) - 3))])
        reader.SetExtractIndex([0, 0, 0, (volume or 0) if parts == 1 else 0, *([0] * (len(size) - 4))])
    _check_packed(path)
    progress(0.2, f"Reading {path.name}")
    try:
        image = reader.Execute()
        image = itk().VectorIndexSelectionCast(image, volume or 0) if parts > 1 else image
    except RuntimeError as error:
        _require_beside(path)
        raise ReadError(f"{path.name} is cut off or damaged: its voxels cannot be read.") from error
    progress(0.8, f"Reading {path.name}")
    try:
        values, geometry = from_image(image)
    except GeometryError as error:
        raise GeometryError(f"{path.name}: {error}") from error
    geometry, of_place = in_mm(geometry, path)
    surplus = _raw_surplus_notes(path, values, count)
    values, of_values = in_intensities(values, path)
    return GridFile(
        values, geometry, (*of_place, *place_notes(reader, path), *surplus, *of_values), True, modality_of(path)
    )


def _is_nifti(path: Path) -> bool:
    return path.name.lower().endswith(_NIFTI_SUFFIXES)


def _itk_header(path: Path) -> "sitk.ImageFileReader":
    """A reader that has read the header."""
    if not path.is_file():
        raise ReadError(f"{path} does not exist.")
    reader: sitk.ImageFileReader = itk().ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        if "domain axes" in str(error):
            raise ReadError(
                f"{path.name} has an axis without a direction in space, of which it does not say that it is a list "
                "(kinds); save it so, or as NIfTI."
            ) from error
        if "orthonormal" in str(error):
            raise GeometryError(
                f"{path.name}: the axes of its grid are not perpendicular; resample it first."
            ) from error
        _require_beside(path)
        raise ReadError(f"{path.name} is damaged or not the kind of image that its name says.") from error
    size = reader.GetSize()
    if 0 in size:
        raise ReadError(f"{path.name} is damaged: it has no voxels.")
    _volume_count(reader, path)
    if "complex" in itk().GetPixelIDValueAsString(reader.GetPixelID()):
        raise ReadError(f"{path.name} holds complex numbers; only grey-scale numbers are read.")
    return reader


def _volume_count(reader: "sitk.ImageFileReader", path: Path) -> int:
    """How many volumes a file holds: along a fourth axis, or as a list of values at each voxel.

    Raises:
        ReadError: it has more axes, or values at each voxel that are no list, such as colours and vectors.
    """
    size, parts = reader.GetSize(), reader.GetNumberOfComponents()
    along = size[3] if len(size) > 3 else 1
    if any(length > 1 for length in size[4:]) or (along > 1 and parts > 1):
        raise _several(path, size)
    if parts > 1 and not lists_volumes(path):
        raise ReadError(f"{path.name} holds {parts} values a voxel; only grey-scale is read.")
    return int(along * parts)


def _several(path: Path, size: Sequence[int]) -> ReadError:
    sizes = " × ".join(map(str, size))
    return ReadError(f"{path.name} holds a series of volumes ({sizes}): split it into single ones and give one.")


def _require_beside(path: Path) -> None:
    """Raises ReadError where the header's voxels are in a file that is not there."""
    for name in _data_names(path) if path.name.lower().endswith(_DETACHED_SUFFIXES) else ():
        if not (path.parent / name).is_file():
            raise ReadError(f"{path.name}: the file of its voxels, {name}, is not beside it.")


def _raw_surplus_notes(path: Path, values: NDArray[Any], volumes: int) -> tuple[str, ...]:
    """The same for NRRD and MetaImage, where the voxels are uncompressed, in one file, and from where they begin."""
    fields, end = text_header(path)
    if path.name.lower().endswith((".mha", ".mhd")):
        plain = fields.get("compresseddata", "").lower() not in ("true", "1")
    else:
        plain = fields.get("encoding", "").lower() == "raw"
    skipped = any(fields.get(key, "0").strip("0") for key in ("headersize", "line skip", "byte skip", "lineskip"))
    names = _data_names(path)
    data, start = (path.parent / names[0], 0) if names else (path, end)
    if not plain or skipped or len(names) > 1 or not data.is_file():
        return ()
    return _surplus_notes(data, data.stat().st_size - start - volumes * values.nbytes, values.shape, values.itemsize)


def _surplus_notes(data: Path, after: int, shape: tuple[int, ...], itemsize: int) -> tuple[str, ...]:
    """A note where so many bytes follow the voxels that the header may name too few of them."""
    if after < shape[-1] * shape[-2] * itemsize:
        return ()
    needed = math.prod(shape) * itemsize
    return (
        f"{data.name} holds {after} bytes more than the {needed} of the voxels that its header names: if the header is "
        "wrong, the image is as well.",
    )


def _check_packed(path: Path) -> None:
    """Make sure that compressed voxels are whole: ITK leaves what it cannot unpack as it comes, without a word.

    Raises:
        ReadError: they are cut off, fail their checksum, or are not as many as the header says.
    """
    fields, end = text_header(path)
    if path.name.lower().endswith((".mha", ".mhd")):
        if fields.get("binarydata", "true").lower() in ("false", "0"):
            raise ReadError(f"{path.name} has its voxels as text, which is not read; save it as binary.")
        if fields.get("compresseddata", "").lower() not in ("true", "1"):
            return
        name, stated = fields.get("elementdatafile", "LOCAL"), fields.get("compresseddatasize", "")
        data, start = (path, end) if name.upper() == "LOCAL" else (path.parent / name, 0)
        if not data.is_file():
            raise ReadError(f"{path.name}: the file of its voxels, {name}, is not beside it.")
        there = data.stat().st_size - start
        if not stated.isdigit() or int(stated) > there:
            raise ReadError(
                f"{path.name} is cut off or damaged: {there} of {stated or '?'} compressed bytes are there."
            )
        needed = _meta_bytes(fields)
        unpacked = sum(len(piece) for piece in pieces(data, start, int(stated), packed=True))
        if needed is not None and unpacked != needed:
            raise ReadError(f"{path.name} is damaged: {unpacked} of the {needed} bytes of its voxels are there.")
    elif fields.get("encoding", "").lower() in ("bzip2", "bz2"):
        raise ReadError(f"{path.name} is compressed by bzip2, which is not read; save it with gzip.")
    elif fields.get("encoding", "").lower() in ("gzip", "gz"):
        name = fields.get("data file", fields.get("datafile", ""))
        data, start = (path.parent / name, 0) if name else (path, end)
        # Of several files ITK says itself which of them is too short.
        if data.is_file() and not fields.get("line skip", "0").strip("0"):
            for _ in pieces(data, start, packed=True):
                pass


def _data_names(path: Path) -> list[str]:
    """Names of the files in which a text header says that its voxels are."""
    fields, end = text_header(path)
    name = next((fields[key] for key in ("elementdatafile", "data file", "datafile") if key in fields), "")
    if name.upper() == "LIST":
        return path.read_bytes()[:LONGEST_HEADER][end:].decode("latin-1").split()
    pattern = name.split()
    if len(pattern) >= 3 and "%" in pattern[0] and all(part.isdigit() for part in pattern[1:]):
        first, last, step = (*map(int, pattern[1:]), 1)[:3]
        try:
            return [pattern[0] % number for number in range(first, last + 1, max(step, 1))]
        except (TypeError, ValueError):
            return []
    return [name] if name and name.upper() != "LOCAL" else []


def _meta_bytes(fields: dict[str, str]) -> int | None:
    """How many bytes the voxels of a MetaImage have; None where the header's words are not known."""
    lengths = fields.get("dimsize", "").split()
    size = _META_BYTES.get(fields.get("elementtype", ""))
    if size is None or not lengths or not all(length.isdigit() for length in lengths):
        return None
    return math.prod(int(length) for length in lengths) * size
