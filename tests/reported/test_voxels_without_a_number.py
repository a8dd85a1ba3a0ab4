"""Floating-point pixels are read as they are, and what is no number in them is told, shown low, and never measured."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from highdicom import VOILUTTransformation
from highdicom.pm import ParametricMap, RealWorldValueMapping
from pydicom import Dataset, dcmread
from pydicom.sr.codedict import codes
from shapely import MultiPolygon, box

from engine.errors import ReadError
from engine.measures.measure import Measure, as_points
from engine.measures.statistics import WITHOUT_NUMBER
from engine.measures.table import KINDS
from engine.opening import open_volume
from engine.structure_values import greys
from engine.structures import PlaneContours, Roi
from engine.transform import Transform
from tests.synthetic import make_geometry, write_series
from viewer.widgets.status_line import value_at

GEOMETRY = make_geometry((4, 6, 8))
VALUES = np.random.default_rng(5).normal(1.5, 3.0, GEOMETRY.shape).astype(np.float32)


def with_gaps(values: np.ndarray) -> np.ndarray:
    """The same with three voxels that are no numbers, on plane 1."""
    values = values.copy()
    values[1, 2, 3:5], values[1, 3, 3] = np.nan, np.inf
    return values


def write_dicom(folder: Path, values: np.ndarray, padding: tuple[float, ...] = ()) -> Path:
    """A series whose pixels are of the type of `values`, and which calls a value, or from one to another, padding."""
    keyword = "FloatPixelData" if values.dtype == np.float32 else "DoubleFloatPixelData"

    def edit(dataset: Dataset, plane: int) -> None:
        for gone in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation", "RescaleSlope", "RescaleIntercept"):
            if gone in dataset:
                delattr(dataset, gone)
        dataset.BitsAllocated = 8 * values.itemsize
        setattr(dataset, keyword, values[plane].tobytes())
        for ending, value in zip(("PaddingValue", "PaddingRangeLimit"), padding, strict=False):
            setattr(dataset, keyword.replace("Data", ending), value)

    write_series(folder, np.zeros(GEOMETRY.shape, np.int16), GEOMETRY, "MR", edit=edit)
    return folder


def write_nrrd(folder: Path, values: np.ndarray) -> Path:
    image = sitk.GetImageFromArray(values)
    folder.mkdir()
    sitk.WriteImage(image, str(folder / "a.nrrd"))
    return folder / "a.nrrd"


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_floating_point_pixels_are_read_as_pydicom_has_them(tmp_path: Path, kind: Any) -> None:
    path = write_dicom(tmp_path / "mr", VALUES.astype(kind))
    volume = open_volume(path)
    files = sorted((dcmread(file) for file in path.iterdir()), key=lambda ds: ds.InstanceNumber)
    assert np.array_equal(volume.voxels, np.stack([ds.pixel_array for ds in files]).astype(np.float32))
    assert volume.unmeasured is None and not any("no number" in note for note in volume.notes)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize(("padding", "count"), [((-9999.5,), 2), ((-9999.5, -9990.0), 3), ((), 0)])
def test_what_a_file_of_floating_point_pixels_calls_padding_is_no_number(
    tmp_path: Path, kind: Any, padding: tuple[float, ...], count: int
) -> None:
    values = VALUES.astype(kind)
    values[1, 2, 3:5], values[1, 3, 3] = -9999.5, -9995.0
    volume = open_volume(write_dicom(tmp_path / "mr", values, padding))
    assert (0 if volume.unmeasured is None else int(volume.unmeasured.sum())) == count
    assert any(f"{count} voxels" in note and "padding" in note for note in volume.notes) == (count > 0)
    assert volume.voxels.min() == pytest.approx({0: -9999.5, 2: -9995.0, 3: VALUES.min()}[count], abs=3)


def test_a_parametric_map_of_another_writer_is_an_image_with_its_unit(tmp_path: Path) -> None:
    source = write_series(tmp_path / "mr", np.zeros(GEOMETRY.shape, np.int16), GEOMETRY, "MR")
    mapping = RealWorldValueMapping("ADC", "ADC", codes.UCUM.SquareMillimeterPerSecond, (-100.0, 100.0),
                                    intercept=0, slope=0.5)  # fmt: skip
    ParametricMap(
        [dcmread(path) for path in source], VALUES, "1.2.3.4", 1, "1.2.3.5", 1, "Maker", "Model", "1", "1",
        contains_recognizable_visual_features=False, real_world_value_mappings=[mapping],
        voi_lut_transformations=[VOILUTTransformation(window_center=0, window_width=1)], content_label="ADC",
    ).save_as(tmp_path / "pm.dcm")  # fmt: skip
    volume = open_volume(tmp_path / "pm.dcm")
    assert np.allclose(volume.voxels, 0.5 * VALUES) and volume.units == "mm2/s"
    assert volume.geometry.same_grid(GEOMETRY)


@pytest.mark.parametrize("write", [write_dicom, write_nrrd])
def test_voxels_without_a_number_are_told_and_counted_by_no_statistic(
    tmp_path: Path, write: Callable[[Path, np.ndarray], Path]
) -> None:
    volume = open_volume(write(tmp_path / "a", with_gaps(VALUES)))
    lowest = VALUES[np.isfinite(with_gaps(VALUES))].min()
    assert np.array_equal(volume.voxels, np.where(np.isfinite(with_gaps(VALUES)), VALUES, lowest))
    assert any("3 voxels (1.6 %)" in note and "1 of them infinite" in note for note in volume.notes)
    du, dv = volume.geometry.spacing_uv
    area = MultiPolygon([box(1.5 * du, 1.5 * dv, 5.5 * du, 4.5 * dv)])
    roi = Roi(1, "Liver", planes={1: PlaneContours(area)})
    told = {value.name: value.value for value in greys(roi, volume.geometry, volume, Transform.identity())}
    inside = with_gaps(VALUES)[1, 2:5, 2:6]
    measured = inside[np.isfinite(inside)]
    assert (told["Voxels"], told[WITHOUT_NUMBER]) == (9, 3)
    assert (told["Mean"], told["Minimum"]) == (pytest.approx(measured.mean()), pytest.approx(measured.min()))
    across = Measure(1, "profile", as_points(volume.geometry.lps_from_kji([[1, 2, 0], [1, 2, 7]])), (0.0, 0.0, 1.0))
    beside = VALUES[1, 2, [0, 1, 2, 5, 6, 7]]
    assert KINDS["profile"].on_image(across, volume)[1].value == pytest.approx(beside.min())
    point = tuple(volume.geometry.lps_from_kji([[1, 2, 3]])[0])
    assert value_at(volume, point) is None


def test_an_image_without_any_number_is_refused(tmp_path: Path) -> None:
    for write in (write_dicom, write_nrrd):
        with pytest.raises(ReadError, match="no voxel with a number"):
            open_volume(write(tmp_path / write.__name__, np.full(GEOMETRY.shape, np.nan, np.float32)))
