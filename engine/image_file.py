"""NIfTI, NRRD and MetaImage files as volumes, in LPS millimetres."""

import gzip
import importlib
import math
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import GeometryError, ReadError
from engine.progress import Progress, silent
from engine.volume import Geometry, SeriesInfo, Volume

if TYPE_CHECKING:
    import SimpleITK as sitk

#: Names of the files that are read here.
IMAGE_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")

#: Values of a file that says no unit are taken for HU when their least lies in this range, as air does ...
HU_LOWEST = (-3100, -500)
#: ... and their greatest in this one, from soft tissue to metal.
HU_GREATEST = (20, 32767)


def is_image_file(path: Path) -> bool:
    """True when the name is that of a NIfTI, NRRD or MetaImage file."""
    return path.name.lower().endswith(IMAGE_SUFFIXES)


def read_plane_count(path: Path) -> int:
    """The number of planes, from the header alone.

    Raises:
        ReadError: it is no such file, it is damaged, or it is no single grey-scale volume.
        GeometryError: its axes are not perpendicular.
    """
    reader = _header(path)
    return int(reader.GetSize()[2]) if reader.GetDimension() > 2 else 1


def read_image_file(path: Path, progress: Progress = silent) -> Volume:
    """Read a file as a volume.

    SimpleITK turns NIfTI's RAS into LPS. A left-handed grid (the third axis against the cross product of the first
    two) is turned round along its third axis, so that planes rise along row × column; no voxel moves in space.

    Such files name neither modality nor unit. They are taken for CT in HU, with a note, when they look like it: values
    whose least lies in `HU_LOWEST` (air) and greatest in `HU_GREATEST`. Otherwise both stay "".

    Raises:
        ReadError: it is damaged, or no single grey-scale volume.
        GeometryError: its axes are not perpendicular.
        CancelledError: `progress` asked to stop.
    """
    progress(0.0, f"Reading {path.name}")
    reader = _header(path)
    if path.name.lower().endswith((".nii", ".nii.gz")):
        _check_nifti(path)
    progress(0.2, f"Reading {path.name}")
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise ReadError(f"{path.name} is cut off or damaged: its voxels cannot be read.") from error
    progress(0.8, f"Reading {path.name}")
    dimension = image.GetDimension()
    directions = np.eye(3)
    directions[:dimension, :dimension] = np.array(image.GetDirection()).reshape(dimension, dimension)
    spacing = np.ones(3)
    spacing[:dimension] = image.GetSpacing()
    origin = np.zeros(3)
    origin[:dimension] = image.GetOrigin()
    # A view: it is valid only as long as `image` lives, and `_narrowed` copies it.
    voxels = _itk().GetArrayViewFromImage(image)
    if dimension == 2:
        voxels = voxels[None]
    if np.linalg.det(directions) < 0:
        origin = origin + directions[:, 2] * spacing[2] * (voxels.shape[0] - 1)
        directions[:, 2] = -directions[:, 2]
        voxels = voxels[::-1]
    try:
        geometry = Geometry.regular(origin, directions, spacing, voxels.shape)
    except GeometryError as error:
        raise GeometryError(f"{path.name}: {error}") from error
    voxels = _narrowed(voxels, path)
    modality, units, notes = _guessed(voxels)
    notes = (*_placement_notes(reader), *notes)
    info = SeriesInfo(series_uid=str(path), modality=modality, description=path.name, source=str(path))
    return Volume(voxels, geometry, modality, units, info, notes=notes)


def _itk() -> Any:
    """SimpleITK, imported when such a file is met: that takes a fifth of the time in which the window starts."""
    module = importlib.import_module("SimpleITK")
    # Its warnings go to standard error; what matters is said in an error or a note.
    module.ProcessObject.GlobalWarningDisplayOff()
    return module


def _header(path: Path) -> "sitk.ImageFileReader":
    """A reader that has read the header."""
    if not path.is_file():
        raise ReadError(f"{path} does not exist.")
    reader: sitk.ImageFileReader = _itk().ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        if "orthonormal" in str(error):
            raise GeometryError(
                f"{path.name}: the axes of its grid are not perpendicular; resample it first."
            ) from error
        raise ReadError(f"{path.name} is damaged or not the kind of image that its name says.") from error
    size = reader.GetSize()
    if 0 in size:
        raise ReadError(f"{path.name} is damaged: it has no voxels.")
    if any(length > 1 for length in size[3:]):
        shape = " × ".join(str(length) for length in size)
        raise ReadError(f"{path.name} holds a series of volumes ({shape}): split it into single ones and open one.")
    if reader.GetNumberOfComponents() != 1:
        raise ReadError(f"{path.name} holds {reader.GetNumberOfComponents()} values a voxel; only grey-scale is read.")
    if reader.GetDimension() > 3:
        reader.SetExtractSize([*size[:3], *([0] * (reader.GetDimension() - 3))])
    return reader


def _placement_notes(reader: "sitk.ImageFileReader") -> list[str]:
    """A note when the file does not tie its grid to the patient."""
    keys = set(reader.GetMetaDataKeys())
    codes = {"qform_code", "sform_code"}
    untied_nifti = codes <= keys and all(reader.GetMetaData(key) == "0" for key in codes)
    is_nrrd = "ITK_InputFilterName" in keys and reader.GetMetaData("ITK_InputFilterName") == "NrrdImageIO"
    if untied_nifti or (is_nrrd and "NRRD_space" not in keys):
        return ["The file does not say how it lies in the patient: left, right, front and back are not certain."]
    return []


def _check_nifti(path: Path) -> None:
    """Make sure that a NIfTI file is whole: ITK reads what there is and leaves the rest as it comes.

    Raises:
        ReadError: it is shorter than its header says, or its compressed data fails its checksum.
    """
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
            head = file.read(540)
            length = len(head)
            while chunk := file.read(1 << 22):
                length += len(chunk)
    except (OSError, EOFError, zlib.error) as error:
        raise ReadError(f"{path.name} is cut off or damaged: it cannot be unpacked.") from error
    # sizeof_hdr tells version and byte order; dim, bitpix and vox_offset are at fixed places (nifti1.h, nifti2.h).
    order = "<" if head[:4] in (struct.pack("<i", 348), struct.pack("<i", 540)) else ">"
    if len(head) >= 348 and struct.unpack_from(order + "i", head)[0] == 348:
        dim, bits = struct.unpack_from(order + "8h", head, 40), struct.unpack_from(order + "h", head, 72)[0]
        offset = struct.unpack_from(order + "f", head, 108)[0]
    elif len(head) == 540 and struct.unpack_from(order + "i", head)[0] == 540:
        dim, bits = struct.unpack_from(order + "8q", head, 16), struct.unpack_from(order + "h", head, 14)[0]
        offset = struct.unpack_from(order + "q", head, 168)[0]
    else:
        raise ReadError(f"{path.name} is damaged: it is no NIfTI file.")
    needed = math.prod(dim[1 : dim[0] + 1]) * bits // 8 + int(offset)
    if length < needed:
        raise ReadError(f"{path.name} is cut off: {length} of {needed} bytes are there.")


def _narrowed(voxels: NDArray, path: Path) -> NDArray:
    """int16 where all values are whole and fit, else float32; a copy, C-contiguous."""
    if np.issubdtype(voxels.dtype, np.floating):
        if not np.isfinite(voxels).all():
            raise ReadError(f"{path.name} has voxels that are not finite numbers (NaN or infinite).")
        whole = all(bool((plane == np.rint(plane)).all()) for plane in voxels)
    else:
        whole = True
    fits = int(voxels.min()) >= -32768 and int(voxels.max()) <= 32767
    return np.array(voxels, dtype=np.int16 if whole and fits else np.float32, order="C")


def looks_like_hu(low: float, high: float) -> bool:
    """True when values from `low` to `high` can be a CT's in HU, with air and tissue in it; a guess, to be noted."""
    return HU_LOWEST[0] <= low <= HU_LOWEST[1] and HU_GREATEST[0] <= high <= HU_GREATEST[1]


def _guessed(voxels: NDArray) -> tuple[str, str, tuple[str, ...]]:
    """(modality, units, notes) from the values."""
    low, high = float(voxels.min()), float(voxels.max())
    if looks_like_hu(low, high):
        note = f"The file names no modality: taken for a CT in HU, since its values run from {low:g} to {high:g}."
        return "CT", "HU", (note,)
    return "", "", ()
