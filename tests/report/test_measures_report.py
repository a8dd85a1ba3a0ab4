"""Measures as a structured report: certified, readable by programs that are not ours, and opened again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from highdicom.sr import MeasurementReport, srread
from pydicom import dcmread

from engine.dicom import measures_write
from engine.dicom.measures_write import export_measures
from engine.dicom.report_read import read_report
from engine.errors import CertificationError, WriteError
from engine.measures.measure import Measure, Value, as_points
from engine.measures.table import KINDS
from engine.measures.table_file import Row
from engine.volume import Volume
from tests.report.test_reports_of_files_without_dicom import checked


def rows_of(volume: Volume) -> list[Row]:
    """A measure of each kind on the third plane, and a distance across the planes."""
    geometry = volume.geometry

    def on_plane(*uv: tuple[float, float]) -> tuple:
        return as_points(geometry.lps_from_plane(2, uv))

    normal = tuple(geometry.normal.tolist())
    across = as_points(np.array([geometry.lps_from_plane(0, (5, 5))[0], geometry.lps_from_plane(3, (9, 8))[0]]))
    measures = [
        Measure(1, "distance", on_plane((4, 4), (10, 12)), normal, "Lésion"),
        Measure(2, "angle", on_plane((4, 4), (10, 4), (10, 12)), normal),
        Measure(3, "ellipse", on_plane((12, 12), (17, 12), (12, 15)), normal),
        Measure(4, "region", on_plane((6, 6), (14, 6), (14, 14), (6, 14)), normal),
        Measure(5, "profile", on_plane((3, 3), (20, 3)), normal),
        Measure(6, "distance", across, tuple(geometry.row_direction.tolist())),
    ]
    out = []
    for measure in measures:
        kind = KINDS[measure.kind]
        plane = geometry.nearest_plane(measure.points[0]) + 1
        out += [Row(measure, "", value, plane) for value in kind.size(measure)]
        out += [Row(measure, "CT", value, plane) for value in kind.on_image(measure, volume)]
    out.append(Row(measures[3], "PT", Value("SUVpeak", 4.25, "SUVbw"), 3))
    return out


def test_an_accession_number_that_is_cut_is_told(volume: Volume, tmp_path: Path) -> None:
    long = replace(volume, info=replace(volume.info, accession_number="A" * 20))
    (told,) = export_measures(rows_of(volume), "CT", long, tmp_path / "measures.dcm").changes
    assert "accession number of the image has 20 characters" in told


def test_measures_are_written_and_read_by_highdicom_as_they_are(volume: Volume, tmp_path: Path) -> None:
    path = tmp_path / "measures.dcm"
    certificate = export_measures(rows_of(volume), "CT", volume, path)
    assert certificate.ok and certificate.sha256 and len(certificate.findings) == 7
    assert (tmp_path / "measures.dcm.certificate.json").exists()
    assert checked(path) == []
    report = srread(path)
    assert (report.CompletionFlag, report.VerificationFlag) == ("PARTIAL", "UNVERIFIED")
    content = report.content
    assert isinstance(content, MeasurementReport)
    planar = {group.tracking_identifier: group for group in content.get_planar_roi_measurement_groups()}
    plain = {group.tracking_identifier: group for group in content.get_image_measurement_groups()}
    assert list(planar) == ["3 Ellipse", "4 Region", "4 Region, on PT"]
    assert list(plain) == ["1 Lésion", "2 Angle", "5 Profile", "6 Distance"]
    (length,) = plain["1 Lésion"].get_measurements()
    assert (length.value, length.unit.value) == (pytest.approx(10.0), "mm")
    assert length.name.value == "410668003"
    (angle,) = plain["2 Angle"].get_measurements()
    assert (angle.value, angle.unit.value) == (pytest.approx(90.0), "deg")
    area = planar["4 Region"].get_measurements()[0]
    assert (area.value, area.unit.value) == (pytest.approx(64.0), "mm2")
    region = planar["4 Region"].roi.value
    u, v = volume.geometry.spacing_uv
    corners = np.array([(6, 6), (14, 6), (14, 14), (6, 14), (6, 6)]) / (u, v) + 0.5
    np.testing.assert_allclose(region, corners, atol=1e-4)
    means = [m for m in planar["4 Region"].get_measurements() if m.derivation and m.derivation.value == "373098007"]
    inside = [row.value.value for row in rows_of(volume) if row.measure.number == 4 and row.value.name == "Mean"]
    assert [mean.value for mean in means] == pytest.approx(inside)
    assert means[0].unit.value == "[hnsf'U]"
    points = [
        below.GraphicData
        for group in dcmread(path).ContentSequence[-1].ContentSequence
        for item in group.ContentSequence
        for below in item.get("ContentSequence", [])
        if below.ValueType == "SCOORD3D"
    ]
    last = next(row.measure for row in rows_of(volume) if row.measure.number == 6)
    np.testing.assert_allclose(np.reshape(points[0], (2, 3)), last.points, atol=1e-3)


def test_our_own_reader_opens_them_as_findings_with_their_numbers_and_places(volume: Volume, tmp_path: Path) -> None:
    path = tmp_path / "measures.dcm"
    export_measures(rows_of(volume), "CT", volume, path)
    read = read_report(path, volume)
    assert read.notes == () and len(read.findings) == 7
    assert read.findings[0].name == "1 Lésion"
    (length,) = read.findings[0].assessment.stated
    assert (length.concept.meaning, length.value, length.unit) == ("Length", pytest.approx(10.0), "mm")
    assert read.findings[3].evidence.plane == 2
    low, high = np.array(read.findings[3].evidence.low_kji), np.array(read.findings[3].evidence.high_kji)
    u, v = volume.geometry.spacing_uv
    np.testing.assert_allclose(np.concatenate([low, high]), (2, 6 / v, 6 / u, 2, 14 / v, 14 / u), atol=1e-3)


def test_a_file_that_says_something_else_is_not_written(
    volume: Volume, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "measures.dcm"
    path.write_bytes(b"what stood there")
    said = measures_write.measures_content

    def wrong(groups: list, image: Volume) -> object:
        concept, derivation, value, unit = groups[0].numbers[0]
        longer = replace(groups[0], numbers=((concept, derivation, value * 1.0001, unit),))
        return said([longer, *groups[1:]], image)

    monkeypatch.setattr(measures_write, "measures_content", wrong)
    with pytest.raises(CertificationError, match="Length"):
        export_measures(rows_of(volume), "CT", volume, path)
    assert path.read_bytes() == b"what stood there"


def test_what_cannot_be_reported_is_refused_in_a_sentence(volume: Volume, tmp_path: Path) -> None:
    path = tmp_path / "measures.dcm"
    with pytest.raises(WriteError, match="no measures"):
        export_measures([], "CT", volume, path)
    with pytest.raises(WriteError, match="table instead"):
        export_measures(rows_of(volume), "CT", replace(volume, instances=()), path)
    nowhere = replace(volume, info=replace(volume.info, frame_of_reference_uid=""))
    with pytest.raises(WriteError, match="Measure 6 lies across the planes"):
        export_measures(rows_of(volume), "CT", nowhere, path)
    assert not path.exists()
