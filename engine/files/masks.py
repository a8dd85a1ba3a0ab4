"""Structures ↔ mask files (NIfTI, NRRD), on the image's grid or in physical space."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from shapely import MultiPolygon

from engine.contouring.fill import fill
from engine.contouring.trace import trace_mask_volume, trace_probability_volume
from engine.errors import MismatchError, ReadError, WriteError
from engine.files.grid_file import SUFFIXES, Placement, files_of, is_grid_file, read_grid_file
from engine.palette import free_colour
from engine.progress import Progress, silent
from engine.safe_file import whole_file
from engine.sitk_image import itk, to_image
from engine.structures import Generation, Provenance, Roi, StructureSet
from engine.tg263 import standard_colour, standard_type
from engine.volume import FloatArray, Geometry, Volume

MaskFormat = Literal["nii.gz", "nii", "nrrd"]

#: Two grids are the same when no voxel centre is farther apart than this, mm: NIfTI stores 32-bit floats.
GRID_TOLERANCE_MM = 0.02

Areas = Mapping[int, MultiPolygon]


@dataclass(frozen=True)
class MaskFile:
    """A mask or probability map that was read.

    Args:
        values: (planes, rows, columns); bool for a mask, float32 from 0 to 1 for a probability map.
        geometry: its own grid.
        notes: on where the file lies, for the user.
    """

    values: NDArray[Any]
    geometry: Geometry
    notes: tuple[str, ...] = ()

    @property
    def binary(self) -> bool:
        """True when every value is 0 or 1."""
        return self.values.dtype == np.bool_


def nominal_geometry(geometry: Geometry) -> Geometry:
    """The rectangular grid under which a mask of unevenly spaced or tilted planes is stored.

    The same voxels in the same order, with the first plane's position and the mean distance between the planes, which
    is also what ITK makes of such a series.
    """
    if geometry.is_regular:
        return geometry
    return Geometry.regular(geometry.origins_lps[0], geometry.directions, geometry.spacing_xyz, geometry.shape)


def safe_names(names: Sequence[str]) -> list[str]:
    """File names (without suffix) for structure names: legal everywhere, and no two alike even without case."""
    out: list[str] = []
    taken: set[str] = set()
    for position, name in enumerate(names, 1):
        plain = unicodedata.normalize("NFC", name)
        plain = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*]', "_", plain).strip(" .")
        if re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", plain):
            plain = f"_{plain}"
        while len(plain.encode()) > 180:
            plain = plain[:-1]
        plain = plain or f"ROI {position}"
        candidate, count = plain, 1
        while candidate.casefold() in taken:
            count += 1
            candidate = f"{plain}_{count}"
        taken.add(candidate.casefold())
        out.append(candidate)
    return out


class WrittenMask(NamedTuple):
    """A mask file, and the volume of its voxels by the real thickness of their planes, cm³."""

    path: Path
    volume_cm3: float


def write_masks(
    structures: StructureSet,
    volume: Volume,
    folder: Path,
    format: MaskFormat = "nii.gz",
    *,
    areas: Callable[[Roi], Areas] | None = None,
    progress: Progress = silent,
) -> list[WrittenMask]:
    """Write one mask a structure: unsigned bytes, 1 where a voxel's centre is inside.

    Args:
        structures: on the planes of `volume`.
        volume: whose grid the masks have; see `nominal_geometry` for planes that make no rectangular grid.
        folder: made when absent. Files are named after the structures by `safe_names`.
        format: of the files.
        areas: what to fill for a structure, its `planes` by default.
        progress: reports and may stop.

    Returns:
        The masks in the order of the structures.

    Raises:
        MismatchError: the structures are not on this image.
        WriteError: the folder can't be written to.
    """
    if not structures.geometry.same_grid(volume.geometry):
        raise MismatchError("The structures lie on the planes of another image than the one to write masks for.")
    grid = nominal_geometry(volume.geometry)
    written: list[WrittenMask] = []
    voxels_cm3 = volume.geometry.plane_thickness * np.prod(volume.geometry.spacing_uv) / 1000
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"The folder {folder} could not be made: {error.strerror}.") from error
    for index, (roi, name) in enumerate(
        zip(structures.rois, safe_names([r.name for r in structures.rois]), strict=True)
    ):
        progress(index / len(structures.rois), f"Writing the mask of {roi.name}")
        drawn = areas(roi) if areas is not None else {k: c.area for k, c in roi.planes.items()}
        path = folder / f"{name}.{format}"
        mask = fill(drawn, volume.geometry)
        write_mask(mask, grid, path)
        written.append(WrittenMask(path, float(np.count_nonzero(mask, axis=(1, 2)) @ voxels_cm3)))
    progress(1.0, "Masks written")
    return written


def write_mask(mask: NDArray[Any], grid: Geometry, path: Path) -> None:
    """Write one (planes, rows, columns) array as unsigned bytes; the file appears whole or not at all.

    Raises:
        WriteError: it can't be written.
    """
    image = to_image(mask.astype(np.uint8, copy=False), grid)
    try:
        with whole_file(path) as file:
            itk().WriteImage(image, str(file), True, 1)
    except (OSError, RuntimeError) as error:
        raise WriteError(
            f"The mask {path.name} could not be written in {path.parent}; is there room, and may you?"
        ) from error


def mask_files(folder: Path) -> list[Path]:
    """The mask files in a folder, sorted by name; a file stands for itself.

    Raises:
        ReadError: there is none.
    """
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise ReadError(f"There is no folder {folder}.")
    names = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    found = list(dict.fromkeys(files_of(path)[0] for path in names if is_grid_file(path)))
    if not found:
        raise ReadError(f"The folder {folder} holds no masks ({', '.join(SUFFIXES)}).")
    return found


def mask_name(path: Path) -> str:
    """The name of a mask file without its suffix."""
    for suffix in (*SUFFIXES, ".hdr.gz", ".img.gz"):  # the longest first
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.stem


def same_voxels(mask: Geometry, grid: Geometry) -> bool:
    """True when a mask has the voxels of an image's grid, in whatever order of its axes."""
    placed = _onto_axes(MaskFile(np.broadcast_to(np.bool_(False), mask.shape), mask), grid)
    return placed is not None and placed[0].shape == grid.shape and _whole(placed[1], grid) == (0, 0, 0)


def structures_from_masks(
    files: Sequence[Path], volume: Volume, progress: Progress = silent, placement: Placement = ""
) -> StructureSet:
    """One structure for each mask or probability map, named after its file.

    Args:
        files: to read; see `read_mask`.
        volume: the image; see `areas_from_mask`.
        progress: reports and may stop.
        placement: see `read_mask`.

    Raises:
        ReadError: a mask can't be read or holds other values.
        MismatchError: a mask lies outside the image.
    """
    rois: list[Roi] = []
    notes: list[str] = []
    for index, (path, mask) in enumerate(zip(files, _read_ahead(files, placement), strict=True)):
        name = mask_name(path)
        progress(index / len(files), f"Tracing {name}")
        areas, found = areas_from_mask(mask, volume, name)
        notes += found
        if not areas:
            notes.append(f"'{name}' is empty: written as a structure without contours.")
        provenance = Provenance(Generation.UNKNOWN, "Traced from a mask file")
        colour = free_colour([roi.colour for roi in rois], standard_colour(name))
        roi = Roi(index + 1, name, colour, standard_type(name), provenance=provenance)
        rois.append(roi.with_areas(areas))
    return StructureSet(volume.geometry, tuple(rois), notes=tuple(notes))


def _read_ahead(files: Sequence[Path], placement: Placement) -> Iterator[MaskFile]:
    """The masks in order, each read on another thread while the one before is worked on."""
    with ThreadPoolExecutor(1) as reader:
        coming: Future[MaskFile] | None = None
        for path in (*files, None):
            ready, coming = coming, None if path is None else reader.submit(read_mask, path, placement)
            if ready is not None:
                yield ready.result()


def read_mask(path: Path, placement: Placement = "", progress: Progress = silent) -> MaskFile:
    """Read a binary mask (0 and one other value) or a probability map (0 to 1).

    Args:
        path: of the file.
        placement: which form places a NIfTI file that has two; "" for the file's own choice.
        progress: reports and may stop.

    Raises:
        ReadError: it can't be read, is cut off, is not three-dimensional, or holds other values.
        GeometryError: its axes are not perpendicular.
    """
    file = read_grid_file(path, placement, progress)
    values = file.values
    if not np.issubdtype(values.dtype, np.integer) and not np.isfinite(values).all():
        raise ReadError(f"The mask {path.name} holds values that are no numbers.")
    low, high = float(values.min()), float(values.max())
    if low < 0 == high and np.count_nonzero(values) == np.count_nonzero(values == values.min()):
        # 255 in eight bits with a sign, or what some programs have for "true".
        return MaskFile(values != 0, file.geometry, file.notes)
    # Each of these is quicker than sorting the values.
    if low == 0 or low == high == 1:
        of_bytes = high <= 1 and values.dtype in (np.uint8, np.int8)
        inside = values.view(np.bool_) if of_bytes else values != 0
        if of_bytes or low == high or np.count_nonzero(inside) == np.count_nonzero(values == values.max()):
            return MaskFile(inside, file.geometry, (*file.notes, *_faint_notes(path, high)))
    if low < 0 or high > 1 + 1e-6:
        if np.issubdtype(values.dtype, np.integer) or (values == np.rint(values)).all():
            raise ReadError(
                f"The mask {path.name} holds labels from {low:g} to {high:g}; write one file for each structure."
            )
        raise ReadError(f"The mask {path.name} holds values from {low:g} to {high:g}; a probability is from 0 to 1.")
    return MaskFile(values.astype(np.float32), file.geometry, file.notes)


def _faint_notes(path: Path, value: float) -> tuple[str, ...]:
    """A note where the one value of a mask could as well be a probability that is not reached."""
    if not 0 < value < 0.5:
        return ()
    return (f"The mask {path.name} holds nothing but 0 and {value:g}: read as a mask, all of it drawn.",)


def areas_from_mask(mask: MaskFile, volume: Volume, name: str, progress: Progress = silent) -> tuple[Areas, list[str]]:
    """Polygons of a mask or probability map on the planes of an image, and notes for the user.

    A mask whose voxels are the image's, in whatever order of its axes and over whatever part of the image, is traced so
    that its filling gives it back. Any other is taken as a probability, resampled in physical space, and traced at one
    half.

    Args:
        mask: that was read.
        volume: the image.
        name: of the mask, for messages.
        progress: reports and may stop.

    Raises:
        MismatchError: it has the image's size but lies elsewhere, or most of it lies outside the image.
    """
    geometry = volume.geometry
    grid = nominal_geometry(geometry)
    notes = [f"'{name}': {note}" for note in mask.notes]
    placed = _onto_axes(mask, grid)
    whole = None if placed is None else _whole(placed[1], grid)
    if placed is not None and placed[0].shape == grid.shape and whole != (0, 0, 0):
        raise MismatchError(
            f"The mask '{name}' has the size of the image but lies elsewhere: its first voxel is "
            f"{_apart(placed[1], grid):.1f} mm from the image's. Its frame is wrong, or it belongs to another series."
        )
    _check_inside(mask, volume, name, notes)
    if placed is not None and whole is not None:
        if not geometry.is_regular:
            notes.append(
                f"'{name}' has the size and nominal grid of the image: taken plane by plane onto its real planes."
            )
        values = _embedded(placed[0], whole, grid.shape)
        if mask.binary:
            return trace_mask_volume(values, geometry, progress), notes
        return trace_probability_volume(values, geometry, geometry, 0.5, progress), notes
    notes.append(f"'{name}' has another grid than the image: traced at its own resolution onto the image's planes.")
    values = mask.values.astype(np.float32, copy=False)
    return trace_probability_volume(values, mask.geometry, geometry, 0.5, progress), notes


def _onto_axes(mask: MaskFile, grid: Geometry) -> tuple[NDArray[Any], FloatArray] | None:
    """The mask's values in the order of `grid`'s axes and the fractional index at which they begin.

    None where the axes have other directions or spacings.
    """
    match = mask.geometry.directions.T @ grid.directions  # [mask axis, grid axis], both in x, y, z
    order = np.abs(match).argmax(axis=0)
    if sorted(order) != [0, 1, 2] or np.abs(np.abs(match[order, range(3)]) - 1).max() > 1e-3:
        return None
    axes = [2 - int(order[2 - axis]) for axis in range(3)]
    values = np.transpose(mask.values, axes)
    corner = np.zeros(3)
    for axis in range(3):
        if match[order[2 - axis], 2 - axis] < 0:
            values = np.flip(values, axis)
            corner[axes[axis]] = mask.values.shape[axes[axis]] - 1
    spacing = np.array(mask.geometry.spacing_xyz)[order]
    theirs = Geometry.regular(mask.geometry.lps_from_kji(corner)[0], grid.directions, spacing, values.shape)
    wanted = Geometry.regular(theirs.origins_lps[0], grid.directions, grid.spacing_xyz, values.shape)
    if not theirs.same_grid(wanted, _tolerance(grid)):
        return None
    return values, grid.kji_from_lps(theirs.origins_lps[:1])[0]


def _whole(offset: FloatArray, grid: Geometry) -> tuple[int, int, int] | None:
    """The offset as whole voxels, None where it is between voxels."""
    nearest = np.rint(offset)
    if np.abs((offset - nearest) * np.array(grid.spacing_xyz)[::-1]).max() > _tolerance(grid):
        return None
    return int(nearest[0]), int(nearest[1]), int(nearest[2])


def _tolerance(grid: Geometry) -> float:
    return max(GRID_TOLERANCE_MM, 0.05 * min(grid.spacing_xyz))


def _embedded(values: NDArray[Any], offset: tuple[int, int, int], shape: tuple[int, int, int]) -> NDArray[Any]:
    """The values on a grid of `shape`, of which they cover a part from `offset` on; zero elsewhere."""
    if values.shape == shape:
        return values
    out = np.zeros(shape, dtype=values.dtype)
    here = tuple(slice(max(o, 0), max(min(o + n, s), 0)) for o, n, s in zip(offset, values.shape, shape, strict=True))
    there = tuple(slice(part.start - o, part.stop - o) for part, o in zip(here, offset, strict=True))
    if all(part.start < part.stop for part in here):
        out[here] = values[there]
    return out


def _check_inside(mask: MaskFile, volume: Volume, name: str, notes: list[str]) -> None:
    """Note how much of a mask lies outside the image.

    Raises:
        MismatchError: more than half of it.
    """
    foreground = np.flatnonzero(mask.values if mask.binary else mask.values >= 0.5)
    if not len(foreground):
        return
    sample = foreground[:: max(1, len(foreground) // 20_000)]
    found = np.stack(np.unravel_index(sample, mask.values.shape), axis=1)
    index = volume.geometry.kji_from_lps(mask.geometry.lps_from_kji(found))
    # A plane stands for half the way to the next one; in the plane the image ends half a voxel outside the last centre.
    inside = ((index >= -0.5 - 1e-3) & (index <= np.array(volume.geometry.shape) - 0.5 + 1e-3)).all(axis=1)
    share = float(inside.mean())
    if share < 0.5:
        where = "" if share > 0 else f"; it is on {_size(mask.geometry)} and the image on {_size(volume.geometry)}"
        raise MismatchError(
            f"{'Most' if share > 0 else 'All'} of the mask '{name}' lies outside the image{where}. "
            "Is it a mask of another series?"
        )
    if share < 1:
        notes.append(f"{1 - share:.1%} of '{name}' lies outside the image and was left out.")


def _apart(offset: FloatArray, grid: Geometry) -> float:
    return float(np.linalg.norm(grid.lps_from_kji(offset)[0] - grid.origins_lps[0]))


def _size(geometry: Geometry) -> str:
    k, j, i = geometry.shape
    x, y, z = geometry.origins_lps[0]
    return f"{i}×{j}×{k} voxels from ({x:.0f}, {y:.0f}, {z:.0f}) mm"
