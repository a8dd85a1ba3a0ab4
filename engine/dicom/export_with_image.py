"""An RTSTRUCT of an image that is no DICOM series: written together with the image as one that it refers to."""

import shutil
from dataclasses import replace
from pathlib import Path

from engine.dicom.certificate import Certificate
from engine.dicom.image_write import why_no_series, write_image_series
from engine.dicom.presets import ExportOptions
from engine.dicom.rtstruct_write import NO_FRAME, STANDARD, export_rtstruct
from engine.dicom.written_image import PatientIdentity
from engine.errors import MismatchError
from engine.progress import Progress, silent
from engine.structures import StructureSet
from engine.volume import Volume

#: What an RTSTRUCT of such an image alone lacks.
WARNING = (
    "The image is no DICOM series: it names no patient, and an RTSTRUCT alone would refer to no image that a planning "
    "system has."
)


def image_folder(path: Path) -> Path:
    """Where the image goes that an RTSTRUCT at `path` is written with: a folder beside it."""
    return path.with_name(f"{path.name.removesuffix('.dcm')}_images")


def require_image(volume: Volume, patient: PatientIdentity | None, what: str) -> None:
    """Refuse, before any work, an RTSTRUCT on an image that is no DICOM series, unless the image is written with it.

    Args:
        volume: the image.
        patient: given when the image shall be written.
        what: the name of the image, for the sentence.

    Raises:
        MismatchError: the image must be written too, or a patient is missing, or was given for a DICOM series.
    """
    if not volume.geometry.in_patient:
        raise MismatchError(f"{what}: {NO_FRAME}")
    if volume.instances:
        if patient is not None:
            raise MismatchError(
                f"{what} is a DICOM series, whose patient stays as it is; leave --with-image, --patient-name and "
                "--patient-id out."
            )
        return
    if patient is None:
        raise MismatchError(
            f"{what}: {WARNING} Give --with-image, --patient-name and --patient-id to write the image as a DICOM "
            "series beside the RTSTRUCT, or write masks, into a folder, instead."
        )
    problem = why_no_series(volume, patient)
    if problem:
        raise MismatchError(f"{what}: {problem} (--patient-name, --patient-id, --modality CT or MR)")


def patient_from(
    with_image: bool, name: str | None, patient_id: str | None, modality: str | None
) -> PatientIdentity | None:
    """The patient that the options of a command give; None where no image is to be written.

    Raises:
        MismatchError: a patient is given without --with-image.
    """
    if not with_image:
        if name or patient_id or modality:
            raise MismatchError("--patient-name, --patient-id and --modality are for --with-image; give that too.")
        return None
    return PatientIdentity(name or "", patient_id or "", modality or "")


def export_with_image(
    structures: StructureSet,
    volume: Volume,
    path: Path,
    patient: PatientIdentity,
    *,
    options: ExportOptions = STANDARD,
    progress: Progress = silent,
) -> Certificate:
    """Write the image as a DICOM series into `image_folder(path)`, and the structures to an RTSTRUCT that refers to it.

    Both are read back and compared; where one is refused, neither is left.

    Args:
        structures: on the planes of `volume`.
        volume: of a file that is not DICOM, with its voxels.
        path: of the RTSTRUCT.
        patient: who the image is of.
        options: of the RTSTRUCT.
        progress: reports and may stop.

    Raises:
        WriteError, CertificationError, MismatchError: see `write_image_series` and `export_rtstruct`.
    """
    folder = image_folder(path)
    image = write_image_series(volume, folder, patient, lambda share, stage: progress(0.4 * share, stage))
    said = f"The image was written as a DICOM series of {len(image.instances)} files to {folder}."

    def rest(fraction: float, stage: str) -> None:
        progress(0.4 + 0.6 * fraction, stage)

    try:
        # The series has the planes to within PLACE_WITHIN_MM; its own are what the contours are written on.
        moved = replace(structures, geometry=image.geometry)
        return export_rtstruct(moved, image, path, options, rest, remarks=(said, *image.notes))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
