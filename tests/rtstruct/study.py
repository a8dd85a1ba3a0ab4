"""Studies for the tests of RTSTRUCT: an image series on disk, structures on it, and files with any contours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import shapely
from numpy.typing import ArrayLike, NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ImplicitVRLittleEndian, generate_uid
from shapely import MultiPolygon

from engine.contouring.fill import fill
from engine.contouring.trace import trace_mask_volume
from engine.dicom.conformance import file_problems, outside_checker
from engine.dicom.rtstruct_file import RTSTRUCT_CLASS, parse_rtstruct
from engine.opening import open_volume
from engine.structures import Roi, StructureSet
from engine.volume import Geometry, Volume
from tests.synthetic import make_geometry, make_voxels, write_series

#: A disc on the planes of `make_study`.
DISC = shapely.Point(20, 25).buffer(8)

SQUARE = ((10.0, 10.0), (30.0, 10.0), (30.0, 30.0), (10.0, 30.0))


def make_study(folder: Path, geometry: Geometry | None = None, **elements: Any) -> Volume:
    """A CT series written to `folder` and read back."""
    geometry = geometry or make_geometry((6, 48, 40), (1.0, 1.25, 2.5))
    write_series(folder, make_voxels(geometry.shape), geometry, **elements)
    return open_volume(folder)


def traced(volume: Volume, masks: Mapping[str, NDArray[np.bool_]], **of_roi: Any) -> StructureSet:
    rois = [
        Roi(number, name, **of_roi).with_areas(trace_mask_volume(mask, volume.geometry))
        for number, (name, mask) in enumerate(masks.items(), 1)
    ]
    return StructureSet(volume.geometry, tuple(rois))


def filled(structures: StructureSet) -> dict[str, NDArray[np.bool_]]:
    return {r.name: fill({k: c.area for k, c in r.planes.items()}, structures.geometry) for r in structures.rois}


def shell(shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    """A ball with a hollow, both off the middle, so that flips show."""
    k, j, i = np.indices(shape)
    centre = (shape[0] / 2, shape[1] * 0.45, shape[2] * 0.55)
    size = min(shape[1:]) * 0.35
    squared = ((k - centre[0]) * 2.5) ** 2 + (j - centre[1]) ** 2 + (i - centre[2]) ** 2
    return np.asarray((squared < size**2) & (squared > (size * 0.45) ** 2))


@dataclass
class Contour:
    """One contour to write into a hand-made file."""

    plane: int
    points_uv: ArrayLike = SQUARE
    geometric_type: str = "CLOSED_PLANAR"
    off_mm: float = 0.0
    image: bool = True
    data: Sequence[str] | None = None


def write_rtstruct(
    path: Path,
    volume: Volume,
    rois: Mapping[str, Sequence[Contour]],
    edit: Any = None,
    syntax: str = ImplicitVRLittleEndian,
) -> Path:
    """A minimal RTSTRUCT as other programs write it, built by pydicom alone.

    Args:
        rois: name → contours, `points_uv` in mm on the plane; `off_mm` moves a contour along the normal.
        edit: called with the dataset before it is saved.
        syntax: transfer syntax UID.
    """
    geometry = volume.geometry
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = RTSTRUCT_CLASS, generate_uid(entropy_srcs=["test", path.name])
    ds.Modality = "RTSTRUCT"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = volume.info.study_uid, generate_uid(entropy_srcs=["series"])
    ds.StructureSetLabel = "TEST"
    series = Dataset()
    series.SeriesInstanceUID = volume.info.series_uid
    study = Dataset()
    study.RTReferencedSeriesSequence = [series]
    frame = Dataset()
    frame.FrameOfReferenceUID = volume.info.frame_of_reference_uid
    frame.RTReferencedStudySequence = [study]
    ds.ReferencedFrameOfReferenceSequence = [frame]
    ds.StructureSetROISequence, ds.ROIContourSequence, ds.RTROIObservationsSequence = [], [], []
    for number, (name, contours) in enumerate(rois.items(), 1):
        item, drawn, seen = Dataset(), Dataset(), Dataset()
        item.ROINumber = drawn.ReferencedROINumber = seen.ReferencedROINumber = seen.ObservationNumber = number
        item.ReferencedFrameOfReferenceUID = volume.info.frame_of_reference_uid
        item.ROIName, item.ROIGenerationAlgorithm, seen.RTROIInterpretedType = name, "MANUAL", "ORGAN"
        drawn.ROIDisplayColor = [255, 0, number]
        drawn.ContourSequence = [_contour(c, geometry, volume) for c in contours]
        ds.StructureSetROISequence.append(item)
        ds.ROIContourSequence.append(drawn)
        ds.RTROIObservationsSequence.append(seen)
    if edit is not None:
        edit(ds)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    pydicom.dcmwrite(path, ds, enforce_file_format=True)
    return path


def _contour(contour: Contour, geometry: Geometry, volume: Volume) -> Dataset:
    out = Dataset()
    points = geometry.lps_from_plane(contour.plane, contour.points_uv) + contour.off_mm * geometry.normal
    out.ContourGeometricType = contour.geometric_type
    out.NumberOfContourPoints = len(points)
    out.ContourData = list(contour.data) if contour.data is not None else [f"{v:.3f}" for v in points.ravel()]
    if contour.image:
        image = Dataset()
        instance = volume.instances[contour.plane]
        image.ReferencedSOPClassUID = instance.sop_class_uid
        image.ReferencedSOPInstanceUID = instance.sop_instance_uid
        out.ContourImageSequence = [image]
    return out


def disc(volume: Volume, *rois: Roi) -> StructureSet:
    """`DISC` on planes 2 and 3, for each of `rois` or for one."""
    drawn = [roi.with_areas({2: MultiPolygon([DISC]), 3: MultiPolygon([DISC])}) for roi in rois or (Roi(1, "Disc"),)]
    return StructureSet(volume.geometry, tuple(drawn))


def problems(path: Path, volume: Volume) -> list[str]:
    """What breaks the standard, by our checker and by that of others where it is installed."""
    return file_problems(parse_rtstruct(path), volume) + outside_checker(path)
