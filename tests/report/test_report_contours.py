"""A finding that was computed from a structure is reported with the structure's contour and size (TID 1410, 1411)."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import highdicom
import numpy as np
import pytest
import shapely
from pydicom import dcmread
from shapely import MultiPolygon, Point

from engine.dicom.report_read import read_report
from engine.dicom.report_write import export_report
from engine.errors import CertificationError
from engine.findings.assessment import Evidence
from engine.structures import Roi, StructureSet
from engine.volume import Geometry, Instance, SeriesInfo, Volume
from tests.report.findings import score

AT_ROI = Evidence(roi_number=3)
FOUND = score(1, evidence=AT_ROI)


def structures_on(volume: Volume, planes: dict[int, MultiPolygon]) -> StructureSet:
    return StructureSet(volume.geometry, (Roi(3, "Lesion").with_areas(planes),))


def solid(volume: Volume) -> StructureSet:
    """A ring on one plane, two pieces on the next."""
    u, v = (np.array(volume.geometry.shape[:0:-1]) / 2) * volume.geometry.spacing_uv
    disc = Point(u, v).buffer(9)
    ring = MultiPolygon([disc - Point(u, v).buffer(4)])
    pieces = MultiPolygon([Point(u - 6, v).buffer(3), Point(u + 6, v).buffer(3)])
    return structures_on(volume, {1: ring, 2: pieces})


def test_a_solid_is_reported_as_its_outlines_and_its_volume(volume: Volume, tmp_path: Path) -> None:
    structures = solid(volume)
    written = export_report([FOUND, score(2)], volume, tmp_path / "r.dcm", structures=structures)
    (group,) = highdicom.sr.srread(tmp_path / "r.dcm").content.get_volumetric_roi_measurement_groups()
    sizes = {m.name.meaning: (m.value, m.unit.value) for m in group.get_measurements()}
    assert sizes["Volume"] == (pytest.approx(structures.rois[0].volume_cm3(volume.geometry)), "cm3")
    assert len(group.roi) == 3
    # By the even-odd rule the outlines are the areas, hole and all.
    areas = [shapely.Polygon((item.value - 0.5) * volume.geometry.spacing_uv).area for item in group.roi]
    planned = [piece.area for plane in (1, 2) for piece in structures.rois[0].area(plane).geoms]
    np.testing.assert_allclose(areas, planned, rtol=1e-4)
    for program in filter(shutil.which, ("dciodvfy", "dsrdump")):
        told = subprocess.run([program, tmp_path / "r.dcm"], capture_output=True, check=False)
        assert b"Error" not in told.stderr and b"W:" not in told.stderr
    read = read_report(tmp_path / "r.dcm", volume)
    assert read.filed == written.filed and read.notes == ()
    assert read.findings[0].evidence.roi_number == 3 and read.findings[0].assessment == FOUND.assessment
    assert read.findings[0].evidence.low_kji is not None and read.findings[0].evidence.low_kji[0] == 1


def test_one_outline_on_a_picture_is_a_planar_region_with_an_area_in_pixels(tmp_path: Path) -> None:
    geometry = Geometry.picture((1, 30, 40))
    info = SeriesInfo(series_uid="1.2.3", study_uid="1.2", modality="XC", patient_id="7", patient_name="Doe^John")
    instance = Instance("1.2.840.10008.5.1.4.1.1.77.1.4", "1.2.3.5", None)
    volume = Volume(np.zeros(geometry.shape, np.uint8), geometry, "XC", "", info, (instance,))
    structures = structures_on(volume, {0: MultiPolygon([shapely.box(4, 5, 14, 20)])})
    export_report([FOUND], volume, tmp_path / "r.dcm", structures=structures)
    (group,) = highdicom.sr.srread(tmp_path / "r.dcm").content.get_planar_roi_measurement_groups()
    sizes = {m.name.meaning: (m.value, m.unit.value) for m in group.get_measurements()}
    assert sizes["Area"] == (pytest.approx(150), "{pixels}")
    assert group.roi.value.min(axis=0).tolist() == [4.5, 5.5] and group.roi.value.max(axis=0).tolist() == [14.5, 20.5]


def test_another_contour_makes_another_report(volume: Volume, tmp_path: Path) -> None:
    first = export_report([FOUND], volume, tmp_path / "r.dcm", structures=solid(volume))
    again = export_report([FOUND], volume, tmp_path / "r.dcm", structures=solid(volume), predecessor=first.filed)
    assert again.filed == first.filed
    moved = structures_on(volume, {1: solid(volume).rois[0].area(1)})
    other = export_report([FOUND], volume, tmp_path / "r.dcm", structures=moved, predecessor=first.filed)
    assert other.certificate.predecessor == first.filed.sop_instance_uid


def test_a_contour_that_the_file_has_otherwise_is_not_put_in_place(
    volume: Volume, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.dicom.report_content._region", _shifted)
    with pytest.raises(CertificationError, match="contour is 'Volume"):
        export_report([FOUND], volume, tmp_path / "r.dcm", structures=solid(volume))
    assert not list(tmp_path.iterdir())


def _shifted(instance: Instance, corners: np.ndarray) -> object:
    image = highdicom.sr.SourceImageForRegion(instance.sop_class_uid, instance.sop_instance_uid, None)
    return highdicom.sr.ImageRegion(graphic_type="POLYLINE", graphic_data=corners + 0.01, source_image=image)


def test_a_structure_that_is_gone_or_empty_leaves_the_finding_without_one(volume: Volume, tmp_path: Path) -> None:
    for number, structures in enumerate((StructureSet(volume.geometry), structures_on(volume, {}))):
        export_report([FOUND], volume, tmp_path / f"{number}.dcm", structures=structures)
        assert dcmread(tmp_path / f"{number}.dcm").SOPClassUID.name.startswith("Comprehensive 3D SR")
        (read,) = read_report(tmp_path / f"{number}.dcm", volume).findings
        assert read.evidence == AT_ROI
    strange = replace(FOUND, evidence=replace(AT_ROI, series_uid="1.2.3.4"))
    export_report([strange], volume, tmp_path / "s.dcm", structures=solid(volume))
    assert read_report(tmp_path / "s.dcm", volume).contours == {}
