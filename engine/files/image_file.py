"""NIfTI, NRRD and MetaImage files as volumes, in LPS millimetres."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import ReadError
from engine.files.grid_file import Placement, files_of, is_grid_file, placements, read_grid, read_grid_file, volumes_of
from engine.hounsfield import looks_like_hu
from engine.progress import Progress, silent
from engine.unmeasured import fill_unmeasured
from engine.volume import SeriesInfo, Volume

#: Whole numbers beyond this are rounded, since voxels have 32 bits.
_EXACT_BELOW = 1 << 24

__all__ = [
    "Placement",
    "files_of",
    "is_image_file",
    "placements",
    "read_image_file",
    "read_plane_count",
    "volumes_of",
]


def is_image_file(path: Path) -> bool:
    """True for a NIfTI, NRRD or MetaImage file, by its name and, for a NIfTI pair, by its content."""
    return is_grid_file(path)


def read_plane_count(path: Path, placement: Placement = "") -> int:
    """The number of planes, from the header alone.

    Raises:
        ReadError: it is no such file, it is damaged, or it is no single grey-scale volume.
        GeometryError: its axes are not perpendicular.
    """
    return read_grid(path, placement).shape[0]


def image_uid(path: Path, placement: Placement = "") -> str:
    """What tells such a file from other series: its path, and the form that places it where it was asked for."""
    return f"{path}#{placement}" if placement else str(path)


def read_image_file(
    path: Path, progress: Progress = silent, placement: Placement = "", volume: int | None = None
) -> Volume:
    """Read a file as a volume.

    NIfTI's RAS becomes LPS. A left-handed grid is turned round along its third axis; no voxel moves in space.

    Such files name no unit, and few a modality. Those of a CT, or of none, are taken for CT in HU, with a note, when
    `looks_like_hu` says so of their values. Otherwise what isn't said stays "".

    Args:
        path: of the file; of a NIfTI pair, either.
        progress: reports and may stop.
        placement: which form places a NIfTI file that has two; "" for the one that most readers take.
        volume: of a file of several, counted from 0; None where it must hold a single one.

    Raises:
        ReadError: it is damaged or cut off, or no single grey-scale volume.
        GeometryError: its axes are not perpendicular.
        CancelledError: `progress` asked to stop.
    """
    file = read_grid_file(path, placement, progress, volume)
    notes = list(file.notes)
    values, unmeasured, of_gaps = fill_unmeasured(file.values, path.name)
    notes += of_gaps
    voxels = _narrowed(values, path, notes)
    modality, units, guessed = _guessed(voxels, file.modality) if file.is_image else ("", "", ())
    info = SeriesInfo(image_uid(path, placement), modality=modality, description=path.name, source=str(path))
    return Volume(voxels, file.geometry, modality, units, info, notes=(*notes, *guessed), unmeasured=unmeasured)


def _narrowed(voxels: NDArray, path: Path, notes: list[str]) -> NDArray:
    """int16 where all values are whole and fit, else float32; C-contiguous. Rounding is noted."""
    if np.issubdtype(voxels.dtype, np.floating):
        whole = all(bool((plane == np.rint(plane)).all()) for plane in voxels)
    else:
        whole = True
    low, high = voxels.min(), voxels.max()
    if whole and int(low) >= -32768 and int(high) <= 32767:
        return np.ascontiguousarray(voxels, dtype=np.int16)
    if whole and max(-int(low), int(high)) > _EXACT_BELOW:
        notes.append(f"{path.name} has whole numbers of up to {max(-int(low), int(high))}: rounded to 24 bits.")
    if max(-float(low), float(high)) > np.finfo(np.float32).max:
        raise ReadError(f"{path.name} has values of up to {max(-float(low), float(high)):g}, which are too large.")
    return np.ascontiguousarray(voxels, dtype=np.float32)


def _guessed(voxels: NDArray, named: str) -> tuple[str, str, tuple[str, ...]]:
    """(modality, units, notes) from the values and the modality that the file names."""
    low, high = float(voxels.min()), float(voxels.max())
    if named in ("CT", "") and looks_like_hu(low, high):
        what = "unit of its values: taken for HU" if named else "modality: taken for a CT in HU"
        return "CT", "HU", (f"The file names no {what}, since its values run from {low:g} to {high:g}.",)
    return named, "", ()
