"""Reads a series that `scan` found into a volume, with its values in HU, SUVbw or what the file says."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.dicom.pixels import read_stored
from engine.dicom.planes import StoredPlane
from engine.dicom.stack import make_geometry
from engine.dicom.units import Scale, find_scale, settle_ct_units
from engine.errors import ReadError
from engine.image_file import read_image_file
from engine.progress import Progress, silent
from engine.stored.catalogue import Series
from engine.volume import Geometry, Instance, Volume


def read_series(series: Series, progress: Progress = silent, units: str = "") -> Volume:
    """Read the planes of an image series.

    Values are true ones: rescaled plane by plane, PET as SUVbw where its tags allow. They are int16 when every plane
    has slope 1 and a whole intercept and they fit, else float32. MONOCHROME1 changes what is shown bright, not the
    values, so these stay; `info.attributes["PhotometricInterpretation"]` tells a display to invert. Planes whose data
    is damaged are left out, with a note.

    Args:
        series: an image.
        progress: reports and may stop.
        units: of the values, where the file gives them in several; "" for the best known.

    Raises:
        ReadError: the series cannot be opened (`series.problem`), a file is gone or changed, or no plane can be read.
        GeometryError: its planes do not make a stack.
        CancelledError: `progress` asked to stop.
    """
    if series.kind != "image" or series.problem:
        raise ReadError(series.problem or "This is not an image.")
    if not series.planes:
        return read_image_file(series.files[0], progress, series.placement)
    planes = series.planes
    geometry = make_geometry(planes)
    lost: dict[int, ReadError] = {}
    scale = find_scale(series, units)
    try:
        whole = _read_whole(planes, scale, progress, lost) if scale.is_whole(planes) else None
        unmapped = 0
        voxels: NDArray[Any]
        if whole is None:
            voxels, unmapped = _read_float(planes, scale, progress, lost)
        else:
            voxels = whole
    except MemoryError as error:
        size = f"{len(planes)} planes of {planes[0].image.rows} × {planes[0].image.columns}"
        raise ReadError(f"There is not enough memory for {size} voxels; close other images first.") from error
    lost_notes: tuple[str, ...] = ()
    if lost:
        if len(lost) == len(planes):
            raise lost[0]
        lost_notes = (_lost_note(lost, geometry),)
        kept = [k for k in range(len(planes)) if k not in lost]
        voxels, planes = voxels[kept], tuple(planes[k] for k in kept)
        geometry = make_geometry(planes)
    units, unit_notes = scale.units, scale.notes
    if unmapped:
        unit_notes = (
            *unit_notes,
            f"{unmapped} voxels have stored values that the file maps to none: its lines are continued.",
        )
    if series.modality == "CT" and units not in ("HU", ""):
        units, unit_notes = settle_ct_units(units, float(voxels.min()), float(voxels.max()))
    return Volume(
        voxels=voxels,
        geometry=geometry,
        modality=series.modality,
        units=units,
        info=series.info,
        instances=tuple(
            Instance(plane.image.sop_class_uid, plane.image.sop_instance_uid, plane.frame) for plane in planes
        ),
        notes=(*lost_notes, *series.notes, *unit_notes),
    )


def _lost_note(lost: Mapping[int, ReadError], geometry: Geometry) -> str:
    """Which planes are left out, where they are, and why."""
    which = "; ".join(f"plane {k + 1}, at {geometry.positions[k]:.1f} mm: {lost[k]}" for k in list(lost)[:3])
    rest = f" And {len(lost) - 3} more." if len(lost) > 3 else ""
    are = "plane is" if len(lost) == 1 else "planes are"
    return f"{len(lost)} of {geometry.shape[0]} {are} left out, {which}{rest}"


def _read_whole(
    planes: Sequence[StoredPlane], scale: Scale, progress: Progress, lost: dict[int, ReadError]
) -> NDArray[np.int16] | None:
    """The values as int16; None when one does not fit. Planes that cannot be read come into `lost`."""
    first = planes[0].image
    voxels = np.empty((len(planes), first.rows, first.columns), np.int16)
    with closing(read_stored(planes, voxels)) as stored_planes:
        for k, (plane, stored) in enumerate(zip(planes, stored_planes, strict=True)):
            progress(k / len(planes), f"Reading plane {k + 1} of {len(planes)}")
            if isinstance(stored, ReadError):
                lost[k] = stored
                continue
            intercept = round(scale.line(plane)[1])
            bits = plane.image.bits_stored
            low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if plane.image.signed else (0, 1 << bits)
            certain = low + intercept >= -32768 and high + intercept <= 32768
            if not certain and not -32768 - intercept <= stored.min() <= stored.max() <= 32767 - intercept:
                return None
            if plane.image.bits_allocated != 16:
                voxels[k] = stored
            if intercept:
                # Modulo 2¹⁶ on purpose: the true sums fit, as was just made sure of.
                unsigned = voxels[k].view(np.uint16)
                np.add(unsigned, np.uint16(intercept & 0xFFFF), out=unsigned)
    return voxels


def _read_float(
    planes: Sequence[StoredPlane], scale: Scale, progress: Progress, lost: dict[int, ReadError]
) -> tuple[NDArray[np.float32], int]:
    """(values, how many voxels have a stored value that the file maps to none); `lost` as in `_read_whole`."""
    first = planes[0].image
    voxels = np.empty((len(planes), first.rows, first.columns), np.float32)
    unmapped = 0
    with closing(read_stored(planes)) as stored_planes:
        for k, (plane, stored) in enumerate(zip(planes, stored_planes, strict=True)):
            progress(k / len(planes), f"Reading plane {k + 1} of {len(planes)}")
            if isinstance(stored, ReadError):
                lost[k] = stored
                continue
            voxels[k] = scale.values(plane, stored)
            unmapped += scale.unmapped(plane, stored)
    return voxels, unmapped


def thumbnail(series: Series, size: int = 96) -> NDArray[np.uint8]:
    """The middle plane, small: uint8 (rows, columns), the longer side `size` pixels, pixels square.

    Raises:
        ReadError: the plane cannot be read.
    """
    if series.kind != "image" or series.problem:
        raise ReadError(series.problem or "This has no picture.")
    if series.planes:
        plane = series.planes[len(series.planes) // 2]
        with closing(read_stored([plane])) as stored_planes:
            values = next(stored_planes)
        if isinstance(values, ReadError):
            raise values
        stored = values.astype(np.float32)
        du, dv = plane.spacing_uv or (1.0, 1.0)
        inverted = plane.image.photometric == "MONOCHROME1"
    else:
        volume = read_image_file(series.files[0], placement=series.placement)
        stored = volume.voxels[volume.voxels.shape[0] // 2].astype(np.float32)
        du, dv = volume.geometry.spacing_uv
        inverted = False
    height, width = stored.shape[0] * dv, stored.shape[1] * du
    rows = max(round(size * height / max(height, width)), 1)
    columns = max(round(size * width / max(height, width)), 1)
    small = _shrunk(_shrunk(stored, rows, 0), columns, 1)
    low, high = np.percentile(small, [1.0, 99.0])
    grey = np.clip((small - low) / max(high - low, 1e-6), 0, 1)
    if inverted:
        grey = 1 - grey
    return np.asarray(np.rint(grey * 255), dtype=np.uint8)


def _shrunk(image: NDArray[np.float32], size: int, axis: int) -> NDArray[np.float32]:
    """`image` with `size` samples along an axis, each the mean of what it covers (the nearest where it is enlarged)."""
    edges = np.linspace(0, image.shape[axis], size + 1)
    start = np.minimum(edges[:-1].astype(int), image.shape[axis] - 1)
    stop = np.maximum(edges[1:].astype(int), start + 1)
    total = np.concatenate([np.zeros_like(image.take([0], axis), np.float64), image.cumsum(axis, np.float64)], axis)
    shape = [1, 1]
    shape[axis] = -1
    return np.asarray((total.take(stop, axis) - total.take(start, axis)) / (stop - start).reshape(shape), np.float32)
