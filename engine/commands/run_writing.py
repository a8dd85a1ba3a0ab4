"""What `planimeter run` writes of a study: refused beforehand where it cannot be, then as image and name ask for."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.answers import Box, Result, Score
from engine.commands.run_outputs import MASK_SUFFIX, Study
from engine.contouring.fill import fill
from engine.dicom.export_with_image import export_with_image, require_image
from engine.dicom.rtstruct_write import export_rtstruct
from engine.dicom.written_image import PatientIdentity
from engine.errors import WriteError
from engine.files.masks import nominal_geometry, write_mask, write_masks
from engine.files.picture_masks import write_picture_masks
from engine.later import later
from engine.progress import Progress
from engine.safe_file import whole_file, write_errors
from engine.structures import StructureSet
from engine.volume import Volume

if TYPE_CHECKING:
    from engine.dicom import image_beside, report_write, segmentation_write
else:
    image_beside = later("engine.dicom.image_beside")
    segmentation_write = later("engine.dicom.segmentation_write")
    report_write = later("engine.dicom.report_write")


@dataclass(frozen=True)
class Written:
    """Where structures are, and what there is to say about them."""

    output: Path
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Writing:
    """What holds for what is written of all studies.

    Args:
        masks: structures that the model draws.
        certificate: where the certificate of an export goes as well.
        patient: whom an image that is no DICOM is of; it is then written too.
    """

    masks: int
    certificate: Path | None = None
    patient: PatientIdentity | None = None


def check_output(writing: Writing, study: Study, volume: Volume) -> None:
    """Refuse, before the model runs, what could not be written after it."""
    if study.report is not None and not volume.instances:
        if writing.patient is None:
            raise WriteError(
                f"{study.path.name} is no DICOM image, so a DICOM report has nothing to refer to; give --with-image, "
                "--patient-name, --patient-id and --modality to write the image with it, or write a table (.csv, "
                ".json) instead."
            )
        _require_kind(study, volume, writing.patient)
    if study.output is None:
        if writing.patient is not None and (study.report is None or volume.instances):
            raise WriteError("--with-image is for a report, an RTSTRUCT or a segmentation of an image without DICOM.")
        return
    one_mask = study.output.name.endswith(MASK_SUFFIX)
    as_rtstruct = study.output.suffix.lower() == ".dcm"
    if as_rtstruct and not volume.geometry.in_patient:
        problem = segmentation_write.why_no_segmentation(volume, with_image=writing.patient is not None)
        if problem:
            raise WriteError(f"{study.path.name}: {problem}")
        if writing.patient is not None and not volume.instances:
            _require_kind(study, volume, writing.patient)
    elif as_rtstruct or (writing.patient is not None and study.report is None):
        require_image(volume, writing.patient, study.path.name)
    if writing.patient is not None and not as_rtstruct and study.report is None:
        raise WriteError(f"--with-image needs an RTSTRUCT file (.dcm) for -o, not {study.output.name}.")
    if writing.certificate is not None and not (as_rtstruct or (volume.instances and not one_mask)):
        raise WriteError("Masks have no certificate; leave --certificate out, or give a DICOM series and a .dcm file.")
    if one_mask:
        _refuse_several(study.output, writing.masks)


def _require_kind(study: Study, volume: Volume, patient: PatientIdentity) -> None:
    problem = image_beside.why_no_image(volume, patient)
    if problem:
        kinds = ", ".join(image_beside.kinds_of(volume))
        raise WriteError(f"{study.path.name}: {problem} (--patient-name, --patient-id, --modality: {kinds})")


def _refuse_several(output: Path, count: int) -> None:
    if count > 1:
        raise WriteError(f"{output.name} holds one mask, and the model draws {count}; give a folder.")


def write_structures(
    writing: Writing, study: Study, structures: StructureSet, volume: Volume, progress: Progress
) -> Written:
    """Write the structures as what the image and the name of the output ask for."""
    output = study.output
    assert output is not None, "without a place for structures nothing is written"
    notes: list[str] = []
    if structures.rois and all(roi.is_empty for roi in structures.rois):
        notes.append("Nothing was found, so the structures have no contours.")
    if not volume.geometry.in_patient and not output.name.endswith(MASK_SUFFIX):
        if output.suffix.lower() == ".dcm":
            segmentation_write.export_segmentation(structures, volume, output, progress, patient=writing.patient)
        else:
            write_picture_masks(structures, volume, output, progress)
        return Written(output, tuple(notes))
    if (volume.instances or writing.patient is not None) and not output.name.endswith(MASK_SUFFIX):
        if output.suffix.lower() != ".dcm":
            output = output / f"{_stem(study.path)}.dcm" if output.is_dir() else output.with_name(f"{output.name}.dcm")
        output.parent.mkdir(parents=True, exist_ok=True)
        if writing.patient is None:
            certificate = export_rtstruct(structures, volume, output, progress=progress)
        else:
            certificate = export_with_image(structures, volume, output, writing.patient, progress=progress)
        if writing.certificate is not None:
            with whole_file(writing.certificate) as temporary:
                temporary.write_text(certificate.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return Written(output, (*notes, *certificate.changes))
    if not output.name.endswith(MASK_SUFFIX):
        write_masks(structures, volume, output, progress=progress)
    else:
        # Inner and outer contours make several of one.
        _refuse_several(output, len(structures.rois))
        output.parent.mkdir(parents=True, exist_ok=True)
        mask = fill({k: c.area for k, c in structures.rois[0].planes.items()}, volume.geometry)
        write_mask(mask, nominal_geometry(volume.geometry), output)
    return Written(output, tuple(notes))


def write_report(result: Result, path: Path, volume: Volume, notes: list[str], patient: PatientIdentity | None) -> str:
    """The scores and boxes as a report, and its path; a note in place of one that would say nothing."""
    findings: tuple[Score | Box, ...] = (*result.scores, *result.boxes)
    if not findings:
        notes.append("Nothing was found, so there is no report.")
        return ""
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    structures = StructureSet(volume.geometry, result.rois)
    reported = report_write.export_report(findings, volume, path, structures=structures, patient=patient)
    notes += reported.certificate.changes
    return str(path)


def _stem(path: Path) -> str:
    return path.resolve().name.removesuffix(".dcm") or "structures"
