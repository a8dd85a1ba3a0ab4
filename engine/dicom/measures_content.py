"""Measures as the content of a report: TID 1500, a group a measure and image, with the line that was drawn.

A line within an acquired plane is told in pixels of that image (SCOORD), any other in the frame of reference
(SCOORD3D). Areas are regions (TID 1410); numbers of open lines are inferred from their points (TID 320, 321).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from highdicom.sr import (
    CoordinatesForMeasurement,
    CoordinatesForMeasurement3D,
    ImageRegion,
    ImageRegion3D,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    SourceImageForRegion,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset

from engine.dicom import report_codes as codes
from engine.dicom.fields import one_line
from engine.dicom.report_content import coded, library, observers
from engine.dicom.rtstruct_header import stable_uid
from engine.errors import WriteError
from engine.measures.measure import Measure, Value
from engine.measures.statistics import WITHOUT_NUMBER
from engine.measures.table import KINDS
from engine.measures.table_file import Row
from engine.structures import Code
from engine.volume import FloatArray, Volume

#: A line counts as within an acquired plane where it leaves it by no more than this, mm.
_ON_PLANE_MM = 0.01
#: Quantities of a line (PS3.16 CID 7469 to 7471), and what sums up values of voxels (CID 7464).
_SIZES = {
    "Length": Code("410668003", "SCT", "Length"),
    "Angle": Code("1483009", "SCT", "Angle"),
    "Area": codes.AREA,
    "Perimeter": Code("131191004", "SCT", "Perimeter"),
    "Long axis": Code("103339001", "SCT", "Long Axis"),
    "Short axis": Code("103340004", "SCT", "Short Axis"),
    "Voxels": codes.ours("VOXELS", "Number of voxels"),
    WITHOUT_NUMBER: codes.ours("VOXELSWITHOUT", "Number of voxels without a value"),
}
_DERIVATIONS = {
    "Mean": Code("373098007", "SCT", "Mean"),
    "SD": Code("386136009", "SCT", "Standard Deviation"),
    "Minimum": Code("255605001", "SCT", "Minimum"),
    "Maximum": Code("56851009", "SCT", "Maximum"),
    "SUVpeak": Code("126031", "DCM", "Peak Value Within ROI"),
}
#: What the values of voxels are, by their unit.
_VALUES = {
    "HU": Code("112031", "DCM", "Attenuation Coefficient"),
    "SUVbw": Code("126401", "DCM", "SUVbw"),
    "SUVlbm": Code("126402", "DCM", "SUVlbm"),
    "SUVbsa": Code("126403", "DCM", "SUVbsa"),
}
_VOXEL = codes.ours("VOXELVALUE", "Value of voxels")
_UNITS = {
    "mm": Code("mm", "UCUM", "millimeter"),
    "mm²": Code("mm2", "UCUM", "square millimeter"),
    "px": codes.PIXELS,
    "px²": Code("{pixels}2", "UCUM", "square pixels"),
    "°": Code("deg", "UCUM", "degree"),
    "HU": Code("[hnsf'U]", "UCUM", "Hounsfield unit"),
    "SUVbw": Code("g/ml{SUVbw}", "UCUM", "Standardized Uptake Value body weight"),
    "SUVlbm": Code("g/ml{SUVlbm}", "UCUM", "Standardized Uptake Value lean body mass"),
    "SUVbsa": Code("cm2/ml{SUVbsa}", "UCUM", "Standardized Uptake Value body surface area"),
}


@dataclass(frozen=True, eq=False)
class Line:
    """(n, 2) column and row of an image's pixels on an acquired plane, or (n, 3) LPS mm where `plane` is None."""

    points: FloatArray
    plane: int | None


@dataclass(frozen=True, eq=False)
class MeasureGroup:
    """What a report says of a measure on one image.

    Args:
        name, uid: told from others by.
        concept: what kind of measure it is.
        line: that was drawn.
        numbers: (concept, derivation, value, unit) of each.
    """

    name: str
    uid: str
    concept: Code
    line: Line
    closed: bool
    numbers: tuple[tuple[Code, Code | None, float, Code], ...]


def measure_groups(rows: Iterable[Row], base: str, volume: Volume) -> list[MeasureGroup]:
    """What is to be said of measures.

    Args:
        rows: their numbers, those of one measure and image one after the other.
        base: name of the image that they were drawn on; numbers of other images make groups of their own.
        volume: that image.

    Raises:
        WriteError: a line lies across the planes of an image that names no frame of reference.
    """
    out = []
    for (_, image), held in groupby(rows, lambda row: (row.measure.number, "" if row.image == base else row.image)):
        group = list(held)
        measure = group[0].measure
        title = KINDS[measure.kind].title
        name = f"{measure.number} {one_line(measure.name) or title}" + (f", on {one_line(image)}" if image else "")
        identity = (volume.info.series_uid, str(measure.number), measure.kind, repr(measure.points_lps), image)
        line = _line(measure, volume)
        out.append(
            MeasureGroup(
                name,
                stable_uid("measure", *identity),
                codes.ours(measure.kind.upper(), title),
                line,
                len(line.points) > 3 and bool(np.array_equal(line.points[0], line.points[-1])),
                tuple(_number(row.value) for row in group),
            )
        )
    return out


def measures_content(groups: Sequence[MeasureGroup], volume: Volume) -> Dataset:
    """The root container of a report of measures."""
    report = MeasurementReport(
        observation_context=observers(None),
        procedure_reported=coded(codes.IMAGING),
        imaging_measurements=[_group(group, volume) for group in groups],
        title=coded(codes.MEASUREMENT_REPORT),
    )
    root: Dataset = report[0]
    content = root.ContentSequence
    content.insert(len(content) - 1, library(volume))
    return root


def _number(value: Value) -> tuple[Code, Code | None, float, Code]:
    unit = _UNITS.get(value.unit) or codes.unit_code(value.unit)
    if value.name in _SIZES:
        return _SIZES[value.name], None, value.value, unit
    return _VALUES.get(value.unit, _VOXEL), _DERIVATIONS[value.name], value.value, unit


def _line(measure: Measure, volume: Volume) -> Line:
    geometry, points = volume.geometry, KINDS[measure.kind].outline(measure)
    plane = geometry.nearest_plane(points[0])
    if np.abs(points @ geometry.normal - geometry.positions[plane]).max() <= _ON_PLANE_MM:
        # The upper left corner of the first pixel is 0, 0, its centre half a pixel on.
        pixels = geometry.plane_from_lps(plane, points) / np.array(geometry.spacing_uv) + 0.5
        return Line(np.asarray(pixels), plane)
    if not volume.info.frame_of_reference_uid:
        raise WriteError(
            f"Measure {measure.number} lies across the planes, and the image names no frame of reference in which a "
            "report could place it; delete it, or save the measures as a table."
        )
    return Line(points, None)


def _group(
    group: MeasureGroup, volume: Volume
) -> MeasurementsAndQualitativeEvaluations | PlanarROIMeasurementsAndQualitativeEvaluations:
    tracking = TrackingIdentifier(uid=group.uid, identifier=group.name)
    concept, line = coded(group.concept), group.line
    frame = volume.info.frame_of_reference_uid
    if group.closed:
        region = (
            ImageRegion3D("POLYGON", line.points, frame)
            if line.plane is None
            else ImageRegion("POLYLINE", line.points, _image(volume, line.plane))
        )
        return PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=tracking, referenced_region=region, finding_type=concept,
            measurements=[_measurement(*number, None) for number in group.numbers],
        )  # fmt: skip
    coordinates = (
        CoordinatesForMeasurement3D("POLYLINE", line.points, frame)
        if line.plane is None
        else CoordinatesForMeasurement("POLYLINE", line.points, _image(volume, line.plane))
    )
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=tracking, finding_type=concept,
        measurements=[_measurement(*number, coordinates) for number in group.numbers],
    )  # fmt: skip


def _measurement(
    concept: Code, derivation: Code | None, value: float, unit: Code,
    coordinates: CoordinatesForMeasurement | CoordinatesForMeasurement3D | None,
) -> Measurement:  # fmt: skip
    return Measurement(
        name=coded(concept),
        value=float(value),
        unit=coded(unit),
        derivation=coded(derivation) if derivation is not None else None,
        method=coded(codes.OF_READER),
        referenced_coordinates=[coordinates] if coordinates is not None else None,
    )


def _image(volume: Volume, plane: int) -> SourceImageForRegion:
    instance = volume.instances[plane]
    frames = [instance.frame_number] if instance.frame_number is not None else None
    return SourceImageForRegion(instance.sop_class_uid, instance.sop_instance_uid, frames)
