"""Structures on a DICOM picture as a DICOM segmentation that refers to it."""

import warnings
from pathlib import Path

import highdicom
import numpy as np
from highdicom.seg import Segmentation, SegmentationTypeValues, SegmentDescription
from highdicom.seg.enum import SegmentAlgorithmTypeValues
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

import engine
from engine.contouring.fill import fill
from engine.dicom.image_beside import image_beside
from engine.dicom.rtstruct_header import stable_uid
from engine.dicom.segmentation import read_segmentation
from engine.dicom.written_image import PatientIdentity
from engine.errors import CertificationError, MismatchError, ReadError, WriteError
from engine.progress import Progress, silent
from engine.safe_file import whole_file, write_errors
from engine.structures import Generation, Roi, StructureSet
from engine.tg263 import is_lesion
from engine.volume import Volume

#: Category of segments that are something ill (PS3.16 CID 7150).
_ABNORMAL = codes.SCT.MorphologicallyAbnormalStructure
_ALGORITHMS = {
    Generation.AUTOMATIC: SegmentAlgorithmTypeValues.AUTOMATIC,
    Generation.SEMIAUTOMATIC: SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
}
_SERIES_NUMBER = 9001
_LABEL_LENGTH = 64


def why_no_segmentation(volume: Volume, *, with_image: bool = False) -> str:
    """Why no segmentation can refer to an image, in one sentence; "" when one can.

    `with_image` tells that a picture that is no DICOM file is written with it.
    """
    if volume.geometry.in_patient:
        return "Segmentations are written of pictures; of a series write an RTSTRUCT or masks."
    if not volume.instances and not with_image:
        return (
            "This picture is no DICOM file, so a DICOM segmentation has nothing to refer to; write the picture with "
            "it, or write masks instead."
        )
    if volume.geometry.shape[0] > 1:
        return (
            "Frames without a frame of reference can have no DICOM segmentation that all readers know; write masks "
            "instead."
        )
    return ""


def export_segmentation(
    structures: StructureSet,
    volume: Volume,
    path: Path,
    progress: Progress = silent,
    *,
    patient: PatientIdentity | None = None,
) -> None:
    """Write structures as a binary segmentation, a segment each; read back and compared before it is put in place.

    Args:
        structures: on `volume`; at least one with an area.
        volume: a picture that was read from a DICOM file.
        path: of the file.
        progress: reports and may stop.
        patient: of a picture that is no DICOM file, which is then written too, beside the segmentation, for it to
            refer to; see `image_beside`.

    Raises:
        MismatchError: the picture is no DICOM file and no patient is given, or the structures are on another one.
        ReadError: the file of the picture is gone.
        CertificationError: read back, a segment differs; what stood at `path` is still there.
        WriteError: there is nothing to write, or the folder can't be written to.
    """
    problem = why_no_segmentation(volume, with_image=patient is not None)
    if problem:
        raise MismatchError(problem)
    if patient is not None and not volume.instances:
        with write_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with image_beside(volume, path, patient) as image:
            return export_segmentation(structures, image, path, progress)
    if not structures.geometry.same_grid(volume.geometry):
        raise MismatchError("The structures lie on another picture than the one to write a segmentation for.")
    rois = [roi for roi in structures.rois if not roi.is_empty]
    if not rois:
        raise WriteError("There are no structures with an area to write.")
    masks = []
    for number, roi in enumerate(rois):
        progress(0.5 * number / len(rois), f"Filling {roi.name}")
        areas = {k: contours.area for k, contours in roi.planes.items()}
        masks.append(fill(areas, volume.geometry).astype(np.uint8))
    values = np.stack(masks, axis=-1)
    progress(0.5, "Writing the segmentation")
    made = _segmentation(_source(volume), volume, rois, values)
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as temporary:
            made.save_as(temporary)
            progress(0.8, "Reading the file back")
            if not np.array_equal(_read_back(temporary, values.shape), values):
                raise CertificationError(f"The segmentation {path.name} was not written, because read back it differs.")
    progress(1.0, "Segmentation written")


def _source(volume: Volume) -> Dataset:
    """The file of the picture."""
    path = Path(volume.info.source)
    try:
        source = dcmread(path)
    except Exception as error:  # pydicom raises nearly anything on damaged bytes
        raise ReadError(f"{path.name}, which the segmentation would refer to, cannot be read.") from error
    if str(source.SOPInstanceUID) != volume.instances[0].sop_instance_uid:
        raise ReadError(f"{path.name} is another picture than the one that is open: open its folder again.")
    return source


def _segmentation(source: Dataset, volume: Volume, rois: list[Roi], values: NDArray[np.uint8]) -> Segmentation:
    where = (str(source.SOPInstanceUID), values.tobytes(), *(roi.name for roi in rois))
    with warnings.catch_warnings():
        # Of names of persons in the picture's own file.
        warnings.simplefilter("ignore")
        made = _made(source, rois, values, where)
    if "PatientOrientation" not in made:
        # Frames without a place in the patient must at least say that nobody knows how he lies (PS3.3 C.7.6.1).
        made.PatientOrientation = ""
    return made


def _made(source: Dataset, rois: list[Roi], values: NDArray[np.uint8], where: tuple[object, ...]) -> Segmentation:
    return Segmentation(
        source_images=[source],
        pixel_array=values,
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[_described(number, roi) for number, roi in enumerate(rois, 1)],
        series_instance_uid=stable_uid("segmentation series", str(source.SOPInstanceUID)),
        series_number=_SERIES_NUMBER,
        sop_instance_uid=stable_uid("segmentation", *map(str, where)),
        instance_number=1,
        manufacturer="Planimeter",
        manufacturer_model_name="Planimeter",
        software_versions=engine.__version__,
        device_serial_number="0",
        content_label="PLANIMETER",
        content_description="Structures drawn with Planimeter",
    )


def _described(number: int, roi: Roi) -> SegmentDescription:
    ill = roi.roi_type == "GTV" or is_lesion(roi.name) or (roi.code is not None and is_lesion(roi.code.meaning))
    category, unnamed = (_ABNORMAL, codes.SCT.Lesion) if ill else (codes.SCT.Tissue, codes.SCT.Tissue)
    code = Code(roi.code.value, roi.code.scheme, roi.code.meaning) if roi.code is not None else unnamed
    by = _ALGORITHMS.get(roi.provenance.generation, SegmentAlgorithmTypeValues.MANUAL)
    identification = None
    if by is not SegmentAlgorithmTypeValues.MANUAL:
        identification = highdicom.AlgorithmIdentificationSequence(
            name=roi.provenance.algorithm or "unknown",
            version=roi.provenance.version or "unknown",
            family=codes.DCM.ArtificialIntelligence,
        )
    return SegmentDescription(
        segment_number=number,
        segment_label=roi.name[:_LABEL_LENGTH],
        segmented_property_category=category,
        segmented_property_type=code,
        algorithm_type=by,
        algorithm_identification=identification,
    )


def _read_back(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """(1, rows, columns, segments) as the file has them."""
    out = np.zeros(shape, np.uint8)
    for number, frames in read_segmentation(path).frames.items():
        for frame in frames:
            np.maximum(out[0, ..., number - 1], frame.values, out=out[0, ..., number - 1])
    return out
