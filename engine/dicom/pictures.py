"""DICOM pictures: planes without a place in the patient, in colour or grey, a file being one picture or many frames.

Photographs, secondary captures, ultrasound, radiographs, angiograms. What a millimetre of them is, is told by
`engine.dicom.picture_scale`.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.uid import UID

from engine.dicom.decoding import decoded
from engine.dicom.picture_scale import PictureScale, picture_scale
from engine.dicom.pixels import ENCAPSULATED, is_colour, why_undecodable
from engine.dicom.planes import PLAIN, VOLUME_MODALITIES, StoredImage, StoredPlane
from engine.dicom.read import instances_of, read_planes
from engine.errors import ReadError
from engine.progress import Progress
from engine.volume import COLOUR, Geometry, LeftOut, SeriesInfo, Volume

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
_COLOUR_MODELS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT", "PALETTE COLOR")
_LUTS = ["ModalityLUTSequence", "VOILUTSequence", "RescaleSlope", "RescaleIntercept", "BitsStored"]
_LUTS += ["PixelRepresentation", "SOPClassUID", "BitsAllocated"]


def is_picture(plane: StoredPlane, modality: str) -> bool:
    """True where a plane is looked at by itself: it has no place in the patient, or colours instead of values."""
    placed = plane.position is not None and plane.orientation is not None and plane.spacing_uv is not None
    volume = modality in VOLUME_MODALITIES and not plane.image.sop_class_uid.startswith(_SECONDARY_CAPTURE)
    return not volume and (not placed or is_colour(plane.image))


def why_no_picture(planes: Sequence[StoredPlane]) -> str:
    """Why a picture cannot be read, in one sentence; "" when it can."""
    image = planes[0].image
    name = image.path.name
    if image.sop_class_uid.startswith(_WHOLE_SLIDE):
        return f"{name} is a microscope slide in tiles, which is not opened; export a part of it as a picture."
    if not is_colour(image):
        return why_undecodable(planes)
    if image.photometric not in _COLOUR_MODELS or image.samples not in (1, 3):
        return f"{name} is in colours of the kind {image.photometric} with {image.samples} values, which are not read."
    if image.bits_allocated not in (8, 16):
        return f"{name} has {image.bits_allocated} bits a colour; only 8 and 16 are read."
    if image.transfer_syntax not in PLAIN and image.transfer_syntax not in ENCAPSULATED:
        return f"{name} is compressed in a way that is not read: {UID(image.transfer_syntax).name} is not supported."
    return ""


def read_dicom_picture(
    planes: Sequence[StoredPlane], info: SeriesInfo, notes: Sequence[str], progress: Progress, units: str = ""
) -> Volume:
    """Read the frames of one file.

    Colours become RGB of 8 bits. Grey values are as the file states them, rescaled, and taken through its VOI LUT
    where it has one that is a table; `info.attributes` keeps its windows.

    Args:
        planes: the frames of one file, in order.
        info: what identifies it.
        notes: what is unusual about it, for the user.
        progress: reports and may stop.
        units: of the values; "" for those of the file.

    Raises:
        ReadError: the file is gone, changed, or damaged, or has no such units.
        CancelledError: `progress` asked to stop.
    """
    scale = picture_scale(planes[0])
    notes = (*notes, *scale.notes)
    if is_colour(planes[0].image):
        if units:
            raise ReadError(f"{planes[0].image.path.name} is a picture in colour, which has no values in {units}.")
        return _in_colour(planes, info, notes, scale, progress)
    volume = read_planes(planes, info, notes, progress, units, place=partial(_geometry, scale=scale))
    return _narrowed(_through_luts(volume, planes[0].image), planes[0])


def picture_grid(planes: Sequence[StoredPlane], info: SeriesInfo, notes: Sequence[str]) -> Volume:
    """A picture with all but its pixels, which are zeros that take no memory."""
    scale = picture_scale(planes[0])
    geometry, colour = _geometry(planes, scale), is_colour(planes[0].image)
    voxels = np.broadcast_to(np.uint8(0), (*geometry.shape, 3) if colour else geometry.shape)
    units = COLOUR if colour else ""
    return Volume(voxels, geometry, info.modality, units, info, instances_of(planes), (*notes, *scale.notes))


def read_frame(plane: StoredPlane) -> NDArray[np.uint8]:
    """(rows, columns, 3) of one frame in colour.

    Raises:
        ReadError: it is damaged, or its file is gone.
    """
    with closing(decoded([plane], colour=True)) as frames:
        values = next(frames)
    if isinstance(values, ReadError):
        raise values
    return values


def _geometry(planes: Sequence[StoredPlane], scale: PictureScale) -> Geometry:
    image = planes[0].image
    return Geometry.picture((len(planes), image.rows, image.columns), scale.spacing_uv, scale.measured)


def _in_colour(
    planes: Sequence[StoredPlane], info: SeriesInfo, notes: Sequence[str], scale: PictureScale, progress: Progress
) -> Volume:
    image = planes[0].image
    voxels = np.empty((len(planes), image.rows, image.columns, 3), np.uint8)
    lost: dict[int, ReadError] = {}
    try:
        with closing(decoded(planes, colour=True)) as frames:
            for k, values in enumerate(frames):
                progress(k / len(planes), f"Reading frame {k + 1} of {len(planes)}")
                if isinstance(values, ReadError):
                    lost[k] = values
                elif values.shape != voxels.shape[1:]:
                    lost[k] = ReadError(f"{image.path.name} is damaged: a frame is not of the size that it says.")
                else:
                    voxels[k] = values
    except OSError as error:
        raise ReadError(f"{image.path.name} cannot be read: {error.strerror or error}.") from error
    if len(lost) == len(planes):
        raise lost[0]
    left_out: tuple[LeftOut, ...] = ()
    if lost:
        sentence = f"{len(lost)} of {len(planes)} frames are damaged and left out, the first being {min(lost) + 1}."
        left_out = (LeftOut("damaged", len(lost), (image.path,), sentence),)
        kept = [k for k in range(len(planes)) if k not in lost]
        voxels, planes, notes = voxels[kept], [planes[k] for k in kept], (sentence, *notes)
    if image.bits_stored > 8 and image.samples == 3:
        notes = (*notes, f"{image.path.name} has {image.bits_stored} bits a colour: cut to 8.")
    geometry = _geometry(planes, scale)
    return Volume(voxels, geometry, info.modality, COLOUR, info, instances_of(planes), tuple(notes), left_out)


def _through_luts(volume: Volume, image: StoredImage) -> Volume:
    """The values through the file's tables, where it has any (PS3.3 C.11.1 and C.11.2)."""
    try:
        file = dcmread(image.path, stop_before_pixels=True, specific_tags=_LUTS, force=True)
    except Exception:  # pydicom raises nearly anything on damaged bytes; the pixels were read apart from this
        return volume
    tables = [
        (keyword, name, apply)
        for keyword, name, apply in (
            ("ModalityLUTSequence", "modality LUT", apply_modality_lut),
            ("VOILUTSequence", "VOI LUT", apply_voi_lut),
        )
        if file.get(keyword)
    ]
    for keyword, name, apply in tables:
        try:
            values = apply(np.rint(volume.voxels).astype(np.int64), file)
        except Exception as error:  # a table that contradicts itself
            raise ReadError(f"{image.path.name} has a {name} that cannot be read ({keyword}).") from error
        note = f"Values are those after the {name} of the file."
        # The table takes the place of the windows, which are for values before it.
        kept = {key: value for key, value in volume.info.attributes.items() if not key.startswith("Window")}
        info = replace(volume.info, attributes=kept if apply is apply_voi_lut else volume.info.attributes)
        volume = replace(volume, voxels=_fitting(values), units="", info=info, notes=(*volume.notes, note))
    return volume


def _fitting(values: NDArray[Any]) -> NDArray[Any]:
    whole = np.issubdtype(values.dtype, np.integer)
    fits = whole and values.min() >= -32768 and values.max() <= 32767
    return np.ascontiguousarray(values, np.int16 if fits else np.float32)


def _narrowed(volume: Volume, plane: StoredPlane) -> Volume:
    """Grey levels of 8 bits as such, so that black and white are those of the file."""
    image = plane.image
    levels = image.bits_stored <= 8 and not image.signed and plane.slope in (None, 1) and plane.intercept in (None, 0)
    if levels and volume.voxels.dtype == np.int16 and 0 <= volume.span[0] <= volume.span[1] <= 255:
        return replace(volume, voxels=volume.voxels.astype(np.uint8))
    return volume


def files_of_pictures(planes: Sequence[StoredPlane]) -> list[tuple[StoredPlane, ...]]:
    """Planes by the file that they are in, in the order of the files' instance numbers and names."""
    by_file: dict[int, list[StoredPlane]] = {}
    for plane in planes:
        by_file.setdefault(id(plane.image), []).append(plane)
    every = sorted(by_file.values(), key=lambda frames: (frames[0].instance_number, str(frames[0].image.path)))
    return [tuple(sorted(frames, key=lambda plane: plane.frame or 0)) for frames in every]
