"""An image that is no DICOM file, written as one beside a report or a segmentation that refers to it.

A picture becomes one file, a volume a folder of them; which of both is asked here alone.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from engine.answers import Finding, ReportedFinding, Score
from engine.dicom.export_with_image import image_folder
from engine.dicom.image_write import SOP_CLASSES, why_no_series, write_image_series
from engine.dicom.picture_write import PICTURE_KINDS, why_no_picture_file, write_picture
from engine.dicom.written_image import PatientIdentity
from engine.progress import Progress, silent
from engine.volume import Volume


def kinds_of(volume: Volume) -> dict[str, str]:
    """What an image can be written as: DICOM modality → name for people."""
    if volume.geometry.in_patient:
        return {modality: modality for modality in SOP_CLASSES}
    return {modality: kind.name for modality, kind in PICTURE_KINDS.items()}


def why_no_image(volume: Volume, patient: PatientIdentity) -> str:
    """What is missing before an image can be written as DICOM, in one sentence; "" where nothing is."""
    return (why_no_series if volume.geometry.in_patient else why_no_picture_file)(volume, patient)


def image_place(volume: Volume, path: Path) -> Path:
    """Where the image goes that what is written to `path` refers to: a folder, or for a picture a file beside it.

    The file is named after the picture, so that all that is written of it refers to one.
    """
    if volume.geometry.in_patient:
        return image_folder(path)
    return path.with_name(f"{Path(volume.info.source).stem or path.stem}_image.dcm")


@contextmanager
def image_beside(volume: Volume, path: Path, patient: PatientIdentity, progress: Progress = silent) -> Iterator[Volume]:
    """The image as DICOM, written to `image_place(volume, path)`, for the block to write what refers to it.

    The same image of the same patient that stands there already is taken. One that is new is taken away again where
    the block fails.

    Args:
        volume: of a file that is not DICOM, with its voxels.
        path: of what the block writes.
        patient: who the image is of.
        progress: reports and may stop.

    Raises:
        WriteError: something else stands at its place, or it can't be written.
        MismatchError: see `why_no_image`.
    """
    place = image_place(volume, path)
    was_there = place.exists()
    if volume.geometry.in_patient:
        image = write_image_series(volume, place, patient, progress, again=True)
    else:
        image = write_picture(volume, place, patient, progress)
    try:
        yield image
    except BaseException:
        if not was_there:
            shutil.rmtree(place, ignore_errors=True) if place.is_dir() else place.unlink(missing_ok=True)
        raise


def findings_on(findings: Sequence[Finding], volume: Volume) -> tuple[Finding, ...]:
    """Findings on an image as they are about the DICOM image that was made of it: its series has another UID."""
    return tuple(
        replace(finding, evidence=replace(finding.evidence, series_uid=""))
        if isinstance(finding, Score | ReportedFinding) and finding.evidence.series_uid == volume.info.series_uid
        else finding
        for finding in findings
    )
