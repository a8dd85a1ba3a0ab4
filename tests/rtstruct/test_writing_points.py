"""The points that are written: all that matter, none twice, as many characters as the standard allows."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import shapely
from shapely import MultiPolygon, Polygon, affinity

from engine.dicom.presets import ExportOptions, preflight
from engine.dicom.rtstruct_read import read_rtstruct
from engine.dicom.rtstruct_write import export_rtstruct
from engine.structures import Roi, StructureSet
from engine.volume import Volume
from tests.rtstruct.foreign import contour_texts, even_odd_masks, run
from tests.rtstruct.study import DISC, Contour, filled, make_study, write_rtstruct
from tests.synthetic import make_geometry, random_rotation


def ragged(points: int) -> Polygon:
    """A gear with many teeth of a fifth of a mm, which thinning can't remove, and a hole."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    radius = 15 + 0.1 * (np.arange(points) % 2)
    outline = np.stack([20.3 + radius * np.cos(angle), 25.4 + radius * np.sin(angle)], axis=1)
    return Polygon(outline, [list(shapely.Point(20.3, 25.4).buffer(4).exterior.coords)])


def test_contours_too_long_for_explicit_lengths_are_split_between_voxels(
    tmp_path: Path, study: Path, volume: Volume
) -> None:
    area = MultiPolygon([ragged(6000)])
    gear = StructureSet(volume.geometry, (Roi(1, "Gear").with_areas({2: area}),))
    certificate = export_rtstruct(gear, volume, tmp_path / "rt.dcm")
    texts = [text for _, text in contour_texts(tmp_path / "rt.dcm")[1]]
    assert len(texts) > 1 and max(map(len, texts)) <= 65534
    assert certificate.structures[0].islands_file == 1 and certificate.structures[0].holes_file == 1
    assert any("split" in change for change in certificate.changes)
    assert any("too many points" in line for line in preflight(gear, volume, ExportOptions()))
    wanted = filled(gear)["Gear"]
    assert np.array_equal(even_odd_masks(tmp_path / "rt.dcm", study)["Gear"], wanted)
    if shutil.which("dcmconv"):
        run("dcmconv", "+te", tmp_path / "rt.dcm", tmp_path / "explicit.dcm")
        assert contour_texts(tmp_path / "explicit.dcm") == contour_texts(tmp_path / "rt.dcm")


def test_dense_smooth_contours_are_thinned_within_the_bound(tmp_path: Path, volume: Volume) -> None:
    smooth = MultiPolygon([shapely.Point(20, 25).buffer(15, quad_segs=2000)])
    whole = StructureSet(volume.geometry, (Roi(1, "Smooth").with_areas({2: smooth}),))
    certificate = export_rtstruct(whole, volume, tmp_path / "rt.dcm", ExportOptions(max_points=500))
    (text,) = [text for _, text in contour_texts(tmp_path / "rt.dcm")[1]]
    assert text.count("\\") // 3 + 1 <= 500
    assert certificate.structures[0].largest_distance_mm <= 0.0101
    assert np.array_equal(filled(read_rtstruct(tmp_path / "rt.dcm", volume))["Smooth"], filled(whole)["Smooth"])


def test_contours_that_were_read_are_never_thinned(tmp_path: Path, volume: Volume) -> None:
    angle = np.linspace(0, 2 * np.pi, 4000, endpoint=False)
    dense = Contour(2, np.stack([20 + 10 * np.cos(angle), 20 + 10 * np.sin(angle)], axis=1))
    path = write_rtstruct(tmp_path / "rt.dcm", volume, {"Dense": [dense]})
    read = read_rtstruct(path, volume)
    assert any("kept as they are" in line for line in preflight(read, volume, ExportOptions()))
    export_rtstruct(read, volume, tmp_path / "again.dcm")
    assert contour_texts(tmp_path / "again.dcm") == contour_texts(path)


@pytest.mark.parametrize("decimals", [2, 3, 4, 5, 6])
def test_numbers_have_at_most_sixteen_characters_and_the_decimals_asked_for(tmp_path: Path, decimals: int) -> None:
    geometry = make_geometry((3, 40, 40), (1, 1, 2), (-1234.56789, 987.654321, -1500.1234567), random_rotation(3))
    volume = make_study(tmp_path / "ct", geometry)
    one = StructureSet(volume.geometry, (Roi(1, "D").with_areas({1: MultiPolygon([DISC])}),))
    certificate = export_rtstruct(one, volume, tmp_path / "rt.dcm", ExportOptions(decimals=decimals))
    numbers = [n for _, text in contour_texts(tmp_path / "rt.dcm")[1] for n in text.split("\\")]
    assert max(map(len, numbers)) <= 16
    assert max(len(number.partition(".")[2]) for number in numbers) <= decimals
    assert certificate.structures[0].largest_distance_mm <= 0.5 * 10.0**-decimals * np.sqrt(3) * 1.01


def test_crumbs_of_arithmetic_are_not_written(tmp_path: Path, volume: Volume) -> None:
    crumb = Polygon([(5, 5), (5.000001, 5), (5, 5.000001)])
    pierced = DISC.difference(affinity.translate(crumb, 15, 20))
    whole = StructureSet(volume.geometry, (Roi(1, "D").with_areas({2: MultiPolygon([pierced, crumb])}),))
    (entry,) = export_rtstruct(whole, volume, tmp_path / "rt.dcm").structures
    assert (entry.islands_file, entry.holes_file) == (1, 0)


def test_off_plane_contours_do_not_move(tmp_path: Path, volume: Volume) -> None:
    path = write_rtstruct(
        tmp_path / "rt.dcm", volume, {"A": [Contour(1, off_mm=1.0), Contour(3, [(4.0, 4.0)], "POINT")]}
    )
    certificate = export_rtstruct(read_rtstruct(path, volume), volume, tmp_path / "again.dcm")
    assert certificate.structures[0].loose_contours == 2 and certificate.structures[0].loose_identical
    assert contour_texts(tmp_path / "again.dcm") == contour_texts(path)
