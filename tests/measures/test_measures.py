"""What is measured is what is there, on every grid and every cut."""

import csv
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from engine.measures.measure import Measure, Value, as_points
from engine.measures.profile import along
from engine.measures.statistics import PEAK_RADIUS_MM
from engine.measures.table import KINDS
from engine.measures.table_file import Row, write_table
from engine.transform import Transform
from engine.volume import Geometry, Volume

AXES = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])


def image(values: NDArray, spacing=(1.5, 2.0, 3.0), units: str = "HU", directions=AXES) -> Volume:
    geometry = Geometry.regular((-20.0, 30.0, 5.0), directions, spacing, values.shape)
    return Volume(values, geometry, "PT" if units == "SUVbw" else "CT", units)


def noise(shape=(9, 20, 24)) -> NDArray[np.float32]:
    return np.random.default_rng(4).normal(5, 3, shape).astype(np.float32)


def values(measure: Measure, volume: Volume | None = None) -> dict[str, float]:
    kind = KINDS[measure.kind]
    found: tuple[Value, ...] = kind.size(measure) if volume is None else kind.on_image(measure, volume)
    return {value.name: value.value for value in found}


def on_plane(volume: Volume, kind: str, uv: list[tuple[float, float]], plane: int = 4) -> Measure:
    points = volume.geometry.lps_from_plane(plane, uv)
    return Measure(1, kind, as_points(points), tuple(volume.geometry.normal.tolist()))


def test_distance_and_angle_are_those_of_the_points() -> None:
    volume = image(noise())
    assert values(on_plane(volume, "distance", [(0, 0), (3, 4)])) == {"Length": pytest.approx(5.0)}
    assert values(on_plane(volume, "angle", [(10, 0), (0, 0), (7, 7)]))["Angle"] == pytest.approx(45.0)
    small = on_plane(volume, "angle", [(1000, 0), (0, 0), (1000, 0.1)])
    assert values(small)["Angle"] == pytest.approx(np.degrees(1e-4), rel=1e-6)


def test_the_area_of_an_ellipse_and_of_a_region() -> None:
    volume = image(noise())
    ellipse = on_plane(volume, "ellipse", [(10, 10), (10, 14), (17, 10)])
    assert values(ellipse) == {
        "Area": pytest.approx(np.pi * 28), "Long axis": pytest.approx(14), "Short axis": pytest.approx(8)
    }  # fmt: skip
    square = on_plane(volume, "region", [(5, 5), (15, 5), (15, 11), (5, 11)])
    assert values(square) == {"Area": pytest.approx(60), "Perimeter": pytest.approx(32)}
    bow = on_plane(volume, "region", [(0, 0), (10, 10), (10, 0), (0, 10)])
    assert values(bow)["Area"] == pytest.approx(50), "where the line crosses itself, area is by even-odd"


def test_statistics_of_a_region_are_those_of_simpleitk() -> None:
    volume = image(noise())
    region = on_plane(volume, "region", [(3.1, 4.3), (20.2, 5.1), (24.9, 27.3), (8.2, 22.2)])
    mask = np.zeros(volume.voxels.shape, np.uint8)
    # Rows and columns are 2 and 1.5 mm apart; the corners lie between voxel centres, and there is no notch.
    rows, columns = np.indices(mask.shape[1:])
    corners = np.array([(3.1, 4.3), (20.2, 5.1), (24.9, 27.3), (8.2, 22.2)])
    within = np.ones(rows.shape, bool)
    for (u, v), (du, dv) in zip(corners, np.roll(corners, -1, axis=0) - corners, strict=True):
        within &= du * (rows * 2.0 - v) - dv * (columns * 1.5 - u) > 0
    mask[4] = within
    inside = sitk.GetImageFromArray(mask)
    reference = sitk.LabelStatisticsImageFilter()
    reference.Execute(sitk.GetImageFromArray(volume.voxels), inside)
    found = values(region, volume)
    count = reference.GetCount(1)
    assert found["Voxels"] == count == mask.sum() > 50
    assert found["Mean"] == pytest.approx(reference.GetMean(1), abs=1e-5)
    # SimpleITK divides by n − 1.
    assert found["SD"] == pytest.approx(reference.GetSigma(1) * np.sqrt((count - 1) / count), abs=1e-5)
    assert found["Minimum"] == pytest.approx(reference.GetMinimum(1))
    assert found["Maximum"] == pytest.approx(reference.GetMaximum(1))
    assert "SUVpeak" not in found


def test_a_cut_across_the_planes_takes_one_layer_of_voxels() -> None:
    volume = image(noise())
    geometry = volume.geometry
    centre = geometry.lps_from_kji([[4, 10, 7.3]])[0]
    ends = centre + np.array([9.1 * geometry.normal, 12.5 * geometry.column_direction])
    measure = Measure(1, "ellipse", as_points(np.vstack([centre, ends])), tuple(geometry.row_direction.tolist()))
    k, j = np.indices((9, 20))
    mask = ((k - 4) * 3 / 9.1) ** 2 + ((j - 10) * 2 / 12.5) ** 2 < 1
    found = values(measure, volume)
    assert found["Voxels"] == mask.sum()
    assert found["Mean"] == pytest.approx(volume.voxels[:, :, 7][mask].mean(), abs=1e-5)


def test_a_layer_in_another_frame_is_measured_where_it_lies() -> None:
    volume = image(noise())
    region = on_plane(volume, "ellipse", [(15, 20), (15, 31), (24, 20)])
    turn = np.eye(4)
    turn[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    turn[:3, 3] = (100, 5, -7)
    transform = Transform("a", "b", turn)
    geometry = volume.geometry
    there = Volume(
        volume.voxels,
        Geometry.regular(
            transform.apply(geometry.origins_lps[0])[0], turn[:3, :3] @ geometry.directions, geometry.spacing_xyz,
            geometry.shape,
        ),
        "CT", "HU",
    )  # fmt: skip
    assert values(region.moved(transform), there) == pytest.approx(values(region, volume))


def test_outside_the_image_there_is_nothing_to_measure() -> None:
    volume = image(noise())
    beyond = on_plane(volume, "ellipse", [(200, 200), (200, 210), (205, 200)])
    assert values(beyond, volume) == {}
    above = volume.geometry.lps_from_plane(8, [(15, 20), (15, 31), (24, 20)]) + 1.6 * volume.geometry.normal
    assert values(Measure(1, "ellipse", as_points(above), tuple(volume.geometry.normal.tolist())), volume) == {}


def test_suvpeak_is_the_highest_mean_of_a_sphere_of_one_cubic_centimetre() -> None:
    volume = image(noise((11, 20, 24)), units="SUVbw")
    region = on_plane(volume, "region", [(6, 8), (28, 8), (28, 30), (6, 30)], plane=5)
    geometry = volume.geometry
    index = np.indices(geometry.shape).reshape(3, -1).T
    centres = geometry.lps_from_kji(index)
    flat = geometry.plane_from_lps(5, centres)
    inside = (index[:, 0] == 5) & (flat > (6, 8)).all(axis=1) & (flat < (28, 30)).all(axis=1)
    means = [
        volume.voxels.ravel()[np.linalg.norm(centres - centre, axis=1) <= PEAK_RADIUS_MM].mean()
        for centre in centres[inside]
    ]
    assert 4 / 3 * np.pi * (PEAK_RADIUS_MM / 10) ** 3 == pytest.approx(1.0)
    assert values(region, volume)["SUVpeak"] == pytest.approx(max(means), rel=1e-5)


def test_a_suvpeak_above_the_regions_maximum_is_explained_where_it_stands(tmp_path: Path) -> None:
    hot = np.ones((3, 12, 12), np.float32)
    hot[:, :, 6:] = 9.0
    volume = image(hot, units="SUVbw")
    low, high = volume.geometry.spacing_uv[0] * 3.6, volume.geometry.spacing_uv[0] * 5.4
    region = on_plane(volume, "region", [(low, 6), (high, 6), (high, 18), (low, 18)], plane=1)
    found = values(region, volume)
    assert found["SUVpeak"] > found["Maximum"]
    rows = [Row(region, "PT", Value(name, value, "SUVbw"), 2) for name, value in found.items()]
    write_table(rows, tmp_path / "m.csv")
    told = {row["quantity"]: row["definition"] for row in csv.DictReader((tmp_path / "m.csv").open(encoding="utf-8"))}
    assert "can exceed the region's maximum" in told["SUVpeak"] and told["Maximum"] == ""


def test_suvpeak_at_the_edge_of_the_image_is_the_mean_of_what_is_there() -> None:
    volume = image(np.full((3, 5, 5), 4.0, np.float32), units="SUVbw")
    region = on_plane(volume, "region", [(-1, -1), (3, -1), (3, 3), (-1, 3)], plane=0)
    assert values(region, volume)["SUVpeak"] == pytest.approx(4.0)


def test_a_profile_follows_a_ramp_exactly_and_is_open_outside() -> None:
    ramp = np.broadcast_to(10.0 * np.arange(24), (9, 20, 24)).astype(np.float32)
    volume = image(ramp)
    profile = on_plane(volume, "profile", [(3, 8), (30, 8)])
    at, found = along(profile, volume)
    assert at[0] == 0 and at[-1] == pytest.approx(27)
    np.testing.assert_allclose(found, 10 * (3 + at) / 1.5, atol=1e-3)
    assert values(profile, volume)["Mean"] == pytest.approx(10 * 16.5 / 1.5, rel=1e-4)
    _, beyond = along(on_plane(volume, "profile", [(3, 8), (60, 8)]), volume)
    assert np.isnan(beyond[-1]) and np.isfinite(beyond[0])
