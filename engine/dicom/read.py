"""Reads the planes of a series into a volume, with its values in HU, SUVbw or what the file says."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.dicom.padding import Padding, without_padding
from engine.dicom.pixels import read_stored
from engine.dicom.planes import StoredPlane
from engine.dicom.stack_geometry import make_geometry
from engine.dicom.units import Scale, find_scale, settle_ct_units
from engine.errors import ReadError
from engine.hounsfield import HU_GREATEST
from engine.progress import Progress, silent
from engine.unmeasured import fill_unmeasured
from engine.volume import Geometry, Instance, LeftOut, SeriesInfo, Volume


def read_planes(
    planes: Sequence[StoredPlane],
    info: SeriesInfo,
    notes: Sequence[str] = (),
    progress: Progress = silent,
    units: str = "",
    *,
    place: Callable[[Sequence[StoredPlane]], Geometry] = make_geometry,
) -> Volume:
    """Read the planes of an image series.

    Values are true ones: rescaled plane by plane, PET as SUVbw where its tags allow. They are int16 when every plane
    has slope 1 and a whole intercept and they fit, else float32. MONOCHROME1 changes what is shown bright, not the
    values, so these stay; `info.attributes["PhotometricInterpretation"]` tells a display to invert. Planes whose data
    is damaged are left out, with a note.

    Args:
        planes: of one stack, sorted along their normal.
        info: what identifies the series.
        notes: what is unusual about it, for the user.
        progress: reports and may stop.
        units: of the values, where the file gives them in several; "" for the best known.
        place: gives the geometry of planes.

    Raises:
        ReadError: a file is gone or changed, or no plane can be read.
        GeometryError: its planes do not make a stack.
        CancelledError: `progress` asked to stop.
    """
    geometry = place(planes)
    lost: dict[int, ReadError] = {}
    scale = find_scale(planes, info.modality, units)
    padding = Padding(planes, scale)
    try:
        whole = _read_whole(planes, padding, progress, lost) if scale.is_whole(planes) else None
        unmapped = 0
        voxels: NDArray[Any]
        if whole is None:
            voxels, unmapped = _read_float(planes, padding, progress, lost)
        else:
            voxels = whole
    except MemoryError as error:
        size = f"{len(planes)} planes of {planes[0].image.rows} × {planes[0].image.columns}"
        raise ReadError(f"There is not enough memory for {size} voxels; close other images first.") from error
    padded = padding.settle(voxels, lost)
    lost_notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    if lost:
        if len(lost) == len(planes):
            raise lost[0]
        lost_notes = (_lost_note(lost, geometry),)
        files = tuple(dict.fromkeys(planes[k].image.path for k in lost))
        left_out = (LeftOut("damaged", len(lost), files, lost_notes[0]),)
        kept = [k for k in range(len(planes)) if k not in lost]
        voxels, planes = voxels[kept], tuple(planes[k] for k in kept)
        geometry = place(planes)
    units, unit_notes = scale.units, scale.notes
    if unmapped:
        unit_notes = (
            *unit_notes,
            f"{unmapped} voxels have stored values that the file maps to none: its lines are continued.",
        )
    unmeasured: NDArray[np.bool_] | None = None
    if planes[0].image.floating:
        why = "NaN or padding" if any(plane.image.padding is not None for plane in planes) else "NaN"
        voxels, unmeasured, of_gaps = fill_unmeasured(voxels, info.description or "the series", why)
        unit_notes = (*unit_notes, *of_gaps)
    elif planes[0].image.bits_allocated > 16 and np.abs(voxels).max() >= 1 << 24 and _is_unscaled(planes):
        unit_notes = (*unit_notes, f"Whole numbers of up to {np.abs(voxels).max():.0f} may be rounded to 24 bits.")
    unit_notes = (*unit_notes, *_sign_notes(planes, voxels, scale))
    if info.modality == "CT" and units not in ("HU", ""):
        units, of_units = settle_ct_units(units, float(voxels.min()), float(voxels.max()))
        unit_notes = (*unit_notes, *of_units)
    return Volume(
        voxels=voxels,
        geometry=geometry,
        modality=info.modality,
        units=units,
        info=info,
        instances=instances_of(planes),
        notes=(*lost_notes, *notes, *unit_notes, *padded),
        left_out=left_out,
        other_units=scale.others,
        unmeasured=unmeasured,
    )


def _sign_notes(planes: Sequence[StoredPlane], voxels: NDArray[Any], scale: Scale) -> tuple[str, ...]:
    """A note where values are so large that what the files say of their pixels' sign may be wrong."""
    unsigned = [k for k, plane in enumerate(planes) if not plane.image.signed]
    if not unsigned or voxels.dtype == np.int16:
        return ()
    if len(unsigned) == len(planes):
        greatest = float(voxels.max())
        if scale.units not in ("HU", "US") or greatest <= HU_GREATEST[1]:
            return ()
        return (
            f"Values of up to {greatest:g} are more than any scanner gives in HU: the files may say wrongly that their "
            "pixels have no sign.",
        )
    halves = {k: scale.values(planes[k], np.array([1 << (planes[k].image.bits_stored - 1)]))[0] for k in unsigned}
    large = [k for k in unsigned if voxels[k].max() >= halves[k]]
    if not large:
        return ()
    say = f"{len(large)} planes, such as plane {large[0] + 1}, say that their"
    say = say if len(large) > 1 else f"Plane {large[0] + 1} says that its"
    return (
        f"{say} pixels have no sign, others say that theirs have, and values of up to {voxels[large].max():g} may come "
        "of that.",
    )


def _is_unscaled(planes: Sequence[StoredPlane]) -> bool:
    return all(plane.slope in (None, 1) for plane in planes)


def grid_of_planes(planes: Sequence[StoredPlane], info: SeriesInfo, notes: Sequence[str] = ()) -> Volume:
    """The planes with their geometry, identity and instances, and voxels that are all zero and take no memory.

    Raises:
        GeometryError: they make no stack.
    """
    geometry = make_geometry(planes)
    voxels = np.broadcast_to(np.int16(0), geometry.shape)
    return Volume(voxels, geometry, info.modality, "", info, instances_of(planes), tuple(notes))


def instances_of(planes: Sequence[StoredPlane]) -> tuple[Instance, ...]:
    """Which stored image each plane is."""
    return tuple(Instance(plane.image.sop_class_uid, plane.image.sop_instance_uid, plane.frame) for plane in planes)


def _lost_note(lost: Mapping[int, ReadError], geometry: Geometry) -> str:
    """Which planes are left out, where they are, and why."""
    where = [f", at {position:.1f} mm" if geometry.in_patient else "" for position in geometry.positions]
    which = "; ".join(f"plane {k + 1}{where[k]}: {lost[k]}" for k in list(lost)[:3])
    rest = f" And {len(lost) - 3} more." if len(lost) > 3 else ""
    are = "is" if len(lost) == 1 else "are"
    return f"{len(lost)} of {geometry.shape[0]} planes {are} left out, {which}{rest}"


class _Told:
    """Tells which plane is read, also while that takes long."""

    def __init__(self, progress: Progress, count: int) -> None:
        self._progress, self._count, self._plane = progress, count, 0

    def at(self, plane: int) -> None:
        self._plane = plane
        self.again()

    def again(self) -> None:
        self._progress(self._plane / self._count, f"Reading plane {self._plane + 1} of {self._count}")


def _read_whole(
    planes: Sequence[StoredPlane], padding: Padding, progress: Progress, lost: dict[int, ReadError]
) -> NDArray[np.int16] | None:
    """The values as int16; None when one does not fit. Planes that cannot be read come into `lost`."""
    first, scale = planes[0].image, padding.scale
    voxels = np.empty((len(planes), first.rows, first.columns), np.int16)
    told = _Told(progress, len(planes))
    with closing(read_stored(planes, voxels, told.again)) as stored_planes:
        for k, (plane, stored) in enumerate(zip(planes, stored_planes, strict=True)):
            told.at(k)
            if isinstance(stored, ReadError):
                lost[k] = stored
                continue
            padding.look(k, stored)
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
    planes: Sequence[StoredPlane], padding: Padding, progress: Progress, lost: dict[int, ReadError]
) -> tuple[NDArray[np.float32], int]:
    """(values, how many voxels have a stored value that the file maps to none); `lost` as in `_read_whole`."""
    first, scale = planes[0].image, padding.scale
    voxels = np.empty((len(planes), first.rows, first.columns), np.float32)
    unmapped = 0
    told = _Told(progress, len(planes))
    with closing(read_stored(planes, listen=told.again)) as stored_planes:
        for k, (plane, stored) in enumerate(zip(planes, stored_planes, strict=True)):
            told.at(k)
            if isinstance(stored, ReadError):
                lost[k] = stored
                continue
            padding.look(k, stored)
            measured = without_padding(plane.image, stored)
            voxels[k] = scale.values(plane, measured)
            unmapped += scale.unmapped(plane, measured)
    return voxels, unmapped
