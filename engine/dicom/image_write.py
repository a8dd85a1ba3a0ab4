"""A volume that came from no DICOM file → a DICOM series that has been read back, for an RTSTRUCT to refer to."""

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset
from pydicom.valuerep import format_number_as_ds

from engine.dicom.header import read_header
from engine.dicom.info import read_info
from engine.dicom.read import read_planes
from engine.dicom.rtstruct_header import choose_character_set, stable_uid
from engine.dicom.stack import make_stacks
from engine.dicom.written_image import PatientIdentity, begun, why_no_identity
from engine.errors import MismatchError, PlanimeterError, WriteError
from engine.progress import Progress, silent
from engine.safe_file import write_errors
from engine.volume import Volume

#: Kinds of image that are written, with their SOP class.
SOP_CLASSES = {"CT": "1.2.840.10008.5.1.4.1.1.2", "MR": "1.2.840.10008.5.1.4.1.1.4"}

#: A voxel of the written series may lie this far from the volume's, mm.
PLACE_WITHIN_MM = 0.001
_STEPS = 65535


@dataclass(frozen=True)
class _Scaled:
    """Voxels as they are stored: value = slope × stored + intercept."""

    slope: float
    intercept: float
    whole: bool


def why_no_series(volume: Volume, patient: PatientIdentity) -> str:
    """What is missing before a volume can be written as a DICOM series, in one sentence; "" where nothing is."""
    problem = why_no_identity(patient)
    if problem:
        return problem
    if (patient.modality or volume.modality) not in SOP_CLASSES:
        return "The image doesn't say what it is: tell whether it is a CT or an MR."
    if not volume.geometry.is_regular:
        return "The planes of the image are not evenly spaced."
    return ""


def write_image_series(
    volume: Volume, folder: Path, patient: PatientIdentity, progress: Progress = silent, *, again: bool = False
) -> Volume:
    """Write a volume as one DICOM file a plane into a new folder, read it back, and compare it with the volume.

    Whole values that fit 16 bits are kept exactly; others are rounded to 65,536 steps, which a note says. The same
    volume and patient give the same UIDs.

    Args:
        volume: of a file that is not DICOM.
        folder: to make; it appears whole or not at all.
        patient: who it is of.
        progress: reports and may stop.
        again: where the folder is there already and holds this very series, take it as it is.

    Returns:
        The volume as it was read back, with its instances, its notes before those of the writing.

    Raises:
        WriteError: the folder is there already or can't be made, or what was written differs when it is read.
        MismatchError: the patient or the kind of image is not given; see `why_no_series`.
    """
    problem = why_no_series(volume, patient)
    if problem:
        raise MismatchError(problem)
    there = folder.exists()
    if there and not again:
        raise WriteError(f"{folder} is there already; move it away, or choose another name for the RTSTRUCT.")
    scaled, key = _scale(volume.voxels), _key(volume, patient)
    if there:
        _check_same(volume, folder, patient, key, scaled)
        image = _read(folder, progress)
        return replace(image, notes=(*volume.notes, *_rounding_notes(scaled), *image.notes))
    with _new_folder(folder) as partial:
        for k in range(len(volume.voxels)):
            progress(0.6 * k / len(volume.voxels), f"Writing plane {k + 1} of {len(volume.voxels)}")
            with write_errors(partial / f"{k + 1:04d}.dcm"):
                _plane(volume, k, patient, scaled, key).save_as(partial / f"{k + 1:04d}.dcm", enforce_file_format=True)
        _compared(volume, partial, scaled, lambda share, stage: progress(0.6 + 0.3 * share, stage))
    image = _read(folder)
    progress(1.0, "Image written")
    return replace(image, notes=(*volume.notes, *_rounding_notes(scaled), *image.notes))


def _key(volume: Volume, patient: PatientIdentity) -> str:
    """What the UIDs of the series are made of."""
    identity = hashlib.sha256(np.ascontiguousarray(volume.voxels).tobytes())
    for part in (volume.geometry.origins_lps.tobytes(), volume.geometry.directions.tobytes()):
        identity.update(part)
    return f"{identity.hexdigest()} {patient.name} {patient.patient_id} {volume.geometry.spacing_xyz}"


def _check_same(volume: Volume, folder: Path, patient: PatientIdentity, key: str, scaled: _Scaled) -> None:
    """Raises WriteError where a folder holds anything but the series that would be written there."""
    modality = patient.modality or volume.modality
    wanted = [stable_uid("image", key, modality, str(k)) for k in range(len(volume.voxels))]
    try:
        same = sorted(read_header(path).sop_instance_uid for path in folder.iterdir()) == sorted(wanted)
        if same:
            _compared(volume, folder, scaled, silent)
    except (OSError, PlanimeterError):
        same = False
    if not same:
        raise WriteError(f"{folder} is there already and holds something else; choose another name.")


@contextlib.contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """A folder beside `folder` that takes its name at the end, and is taken away where something went wrong."""
    with write_errors(folder):
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield partial
        with write_errors(folder):
            partial.chmod(0o755)
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _read(folder: Path, progress: Progress = silent) -> Volume:
    headers = [read_header(path) for path in sorted(folder.iterdir())]
    stacks = make_stacks(headers)
    problem = next((header.problem for header in headers if header.problem), "")
    if len(stacks) != 1 or problem:
        raise WriteError(
            f"The image was not written: read back, it makes {len(stacks)} stacks of planes instead of one. {problem}"
        )
    planes = stacks[0].planes
    return read_planes(planes, read_info(planes[0].image.path), stacks[0].notes, progress)


def _compared(volume: Volume, folder: Path, scaled: _Scaled, progress: Progress) -> None:
    """Read the series back, and refuse what differs."""
    again = _read(folder, progress)
    if not again.geometry.same_grid(volume.geometry, PLACE_WITHIN_MM):
        raise WriteError("The image was not written: read back, it lies elsewhere.")
    # Values pass through 32 bits on their way back.
    most = 0.0 if scaled.whole else scaled.slope * 0.5 + 1e-6 * float(np.abs(volume.voxels).max())
    apart = max(
        float(np.abs(now.astype(np.float64) - before).max())
        for now, before in zip(again.voxels, volume.voxels, strict=True)
    )
    if apart > most:
        raise WriteError(f"The image was not written: read back, its values differ by up to {apart:g}.")


def _scale(voxels: NDArray) -> _Scaled:
    if voxels.dtype == np.int16:
        return _Scaled(1.0, 0.0, True)
    low, high = float(voxels.min()), float(voxels.max())
    if high - low < _STEPS and all(bool((plane == np.rint(plane)).all()) for plane in voxels):
        return _Scaled(1.0, low + 32768.0, True)
    slope = float(format_number_as_ds(max((high - low) / (_STEPS - 1), 1e-30)))
    return _Scaled(slope, float(format_number_as_ds((low + high) / 2)), False)


def _rounding_notes(scaled: _Scaled) -> tuple[str, ...]:
    if scaled.whole:
        return ()
    return (f"The values of the image were rounded to steps of {scaled.slope:.3g} in the DICOM series.",)


def _plane(volume: Volume, k: int, patient: PatientIdentity, scaled: _Scaled, key: str) -> FileDataset:
    """Plane `k` as a CT or MR Image Storage data set (PS3.3 A.3, A.4)."""
    geometry, modality = volume.geometry, patient.modality or volume.modality
    ds = begun(volume, patient, modality=modality, sop_class=SOP_CLASSES[modality], key=key, number=k + 1)
    ds.FrameOfReferenceUID = stable_uid("image frame of reference", key)
    ds.PositionReferenceIndicator = ds.PatientPosition = ""
    ds.ImageType = ["DERIVED", "SECONDARY", "AXIAL" if modality == "CT" else "OTHER"]
    ds.ImagePositionPatient = [format_number_as_ds(float(value)) for value in geometry.origins_lps[k]]
    directions = (*geometry.row_direction, *geometry.column_direction)
    ds.ImageOrientationPatient = [format_number_as_ds(float(value)) for value in directions]
    ds.PixelSpacing = [format_number_as_ds(float(value)) for value in reversed(geometry.spacing_uv)]
    ds.SliceThickness = format_number_as_ds(float(geometry.plane_spacing))
    if modality == "CT":
        ds.KVP, ds.RescaleType = None, "HU"
    else:
        ds.ScanningSequence, ds.SequenceVariant, ds.ScanOptions, ds.MRAcquisitionType = "RM", "NONE", "", ""
        ds.EchoTime = ds.RepetitionTime = ds.EchoTrainLength = None
    if modality == "CT" or (scaled.slope, scaled.intercept) != (1.0, 0.0):
        ds.RescaleSlope = format_number_as_ds(scaled.slope)
        ds.RescaleIntercept = format_number_as_ds(scaled.intercept)
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = geometry.shape[1:]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    stored = np.rint((volume.voxels[k].astype(np.float64) - scaled.intercept) / scaled.slope)
    ds.PixelData = np.clip(stored, -32768, 32767).astype("<i2").tobytes()
    ds["PixelData"].VR = "OW"
    choose_character_set(ds)
    return ds
