"""Numbers with decimal commas, and contours that stand off the middle of their slab."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pydicom import config, dcmread
from pydicom.dataset import Dataset

from engine.dicom.fields import with_points
from engine.dicom.rtstruct_read import read_rtstruct
from engine.errors import PlanimeterError
from engine.opening import open_volume
from engine.structures import StructureSet
from engine.volume import Volume
from tests.rtstruct.study import Contour, make_study, write_rtstruct
from tests.synthetic import make_geometry, make_voxels, write_series


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Volume:
    return make_study(tmp_path_factory.mktemp("study") / "ct")


def rewritten(folder: Path, elements: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CT series whose elements are written so; pydicom would not write such numbers if it were asked."""
    write_series(folder, make_voxels((4, 8, 8)), make_geometry((4, 8, 8), (0.5, 0.5, 2.0)))
    for path in folder.iterdir():
        dataset = dcmread(path)
        for keyword, written in elements.items():
            value = written or "\\".join(f"{float(v):.4f}".replace(".", ",") for v in dataset[keyword].value)
            dataset.add_new(dataset[keyword].tag, "LO", value.split("\\"))
        monkeypatch.setattr(config.settings, "_writing_validation_mode", config.IGNORE)
        dataset.save_as(path)
    return folder


def test_a_header_with_decimal_commas_is_read_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_series(tmp_path / "plain", make_voxels((4, 8, 8)), make_geometry((4, 8, 8), (0.5, 0.5, 2.0)))
    odd = {"PixelSpacing": "", "ImagePositionPatient": "", "RescaleSlope": "1,0"}
    volume = open_volume(rewritten(tmp_path / "commas", odd, monkeypatch))
    plain = open_volume(tmp_path / "plain")
    assert volume.geometry.same_grid(plain.geometry)
    assert np.array_equal(volume.voxels, plain.voxels)
    assert sum("decimal commas" in note for note in volume.notes) == 3
    assert not plain.notes


@pytest.mark.parametrize("intercept", ["-1,024", "-1,024.5", "-1,0,2"])
def test_a_comma_that_may_part_thousands_is_refused(
    tmp_path: Path, intercept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PlanimeterError, match="RescaleIntercept"):
        open_volume(rewritten(tmp_path / "ct", {"RescaleIntercept": intercept}, monkeypatch))


@pytest.mark.parametrize(("written", "plain"), [
    ("0,9765\\0,9765", "0.9765\\0.9765"), ("-40,5\\1e1\\7", "-40.5\\1e1\\7"), ("1,5e-2", "1.5e-2"),
    ("12,500", "12.500"),
    ("1,024\\2,5", "1.024\\2.5"), ("1,024", None), ("1,5\\2.5", None), ("1,2,3", None), ("7", None), ("a,5", None),
])  # fmt: skip
def test_commas_are_decimal_where_they_can_be_nothing_else(written: str, plain: str | None) -> None:
    assert with_points(written) == plain


def read(folder: Path, volume: Volume, edits: Sequence[Dataset]) -> StructureSet:
    """Two contours, on the planes 1 and 3; the first gets the elements of `edits`."""

    def edit(dataset: Dataset) -> None:
        for each in edits:
            dataset.ROIContourSequence[0].ContourSequence[0].update(each)

    return read_rtstruct(write_rtstruct(folder / "rt.dcm", volume, {"cord": [Contour(1), Contour(3)]}, edit), volume)


def elements(**values: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def test_a_contour_lies_where_its_offset_puts_it(tmp_path: Path, volume: Volume) -> None:
    step = volume.geometry.mean_spacing
    here = read(tmp_path, volume, []).rois[0]
    moved = read(tmp_path, volume, [elements(ContourSlabThickness=step, ContourOffsetVector=[0, 0, step])])
    roi = moved.rois[0]
    assert sorted(roi.planes) == [2, 3] and roi.area(2).equals(here.area(1))
    assert any(f"moved there by {step:g} mm" in note for note in moved.notes)
    # What is written back says where the contour is, and no offset besides.
    assert "30060045" not in roi.planes[2].source[0].attachments
    assert "30060044" in roi.planes[2].source[0].attachments


def test_an_offset_along_the_plane_moves_the_area(tmp_path: Path, volume: Volume) -> None:
    here = read(tmp_path, volume, []).rois[0]
    moved = read(tmp_path, volume, [elements(ContourSlabThickness=2.5, ContourOffsetVector=[3, -2, 0])]).rois[0]
    expected = np.add(here.area(1).centroid.coords[0], (3, -2))
    assert np.allclose(moved.area(1).centroid.coords[0], expected)


@pytest.mark.parametrize("given", [
    {"ContourOffsetVector": [0, 0, 2.5]}, {"ContourOffsetVector": [0, 2.5], "ContourSlabThickness": 2.5},
    {"ContourOffsetVector": [0, 0, 2.5], "ContourSlabThickness": 0},
])  # fmt: skip
def test_an_offset_that_does_not_count_is_told(tmp_path: Path, volume: Volume, given: dict[str, object]) -> None:
    structures = read(tmp_path, volume, [elements(**given)])
    assert sorted(structures.rois[0].planes) == [1, 3]
    assert any("does not count" in note for note in structures.notes)


def test_no_offset_needs_no_word(tmp_path: Path, volume: Volume) -> None:
    structures = read(tmp_path, volume, [elements(ContourSlabThickness=2.5, ContourOffsetVector=[0, 0, 0])])
    assert sorted(structures.rois[0].planes) == [1, 3] and not structures.notes


def test_contours_with_decimal_commas_are_read_and_told(
    tmp_path: Path, volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config.settings, "_writing_validation_mode", config.IGNORE)

    def edit(dataset: Dataset) -> None:
        contour = dataset.ROIContourSequence[0].ContourSequence[0]
        numbers = [f"{float(v):.3f}".replace(".", ",") for v in contour.ContourData]
        contour.add_new(contour["ContourData"].tag, "LO", numbers)

    path = write_rtstruct(tmp_path / "rt.dcm", volume, {"cord": [Contour(1), Contour(3)]}, edit)
    structures = read_rtstruct(path, volume)
    plain = read(tmp_path, volume, [])
    roi = structures.rois[0]
    assert sorted(roi.planes) == [1, 3]
    assert roi.area(1).symmetric_difference(plain.rois[0].area(1)).area < 0.1
    assert any("decimal commas" in note for note in structures.notes)
