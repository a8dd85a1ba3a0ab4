"""Structures as mask files, and mask files as structures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from engine.errors import MismatchError, ReadError, WriteError
from engine.files.masks import mask_files, nominal_geometry, read_mask, safe_names, structures_from_masks, write_masks
from engine.structures import Roi, StructureSet
from engine.volume import Geometry, Volume
from tests.rtstruct.study import filled, make_study, shell, traced
from tests.synthetic import make_geometry, random_rotation


def volume_of(geometry: Geometry) -> Volume:
    return Volume(np.zeros(geometry.shape, dtype=np.int16), geometry)


@pytest.fixture
def volume() -> Volume:
    return volume_of(make_geometry((7, 40, 48), (0.9, 1.1, 2.5)))


def image_of(array: NDArray[np.generic], geometry: Geometry) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetOrigin(geometry.origins_lps[0].tolist())
    image.SetSpacing(geometry.spacing_xyz)
    image.SetDirection(geometry.directions.ravel().tolist())
    return image


@pytest.mark.parametrize("seed", [None, 1, 2])
@pytest.mark.parametrize("form", ["nii.gz", "nii", "nrrd"])
def test_masks_lie_where_the_image_lies(tmp_path: Path, seed: int | None, form: str) -> None:
    axes = None if seed is None else random_rotation(seed)
    volume = make_study(tmp_path / "ct", make_geometry((7, 40, 48), (0.9, 1.1, 2.5), directions=axes))
    mask = shell(volume.geometry.shape)
    ((path, volume_cm3),) = write_masks(traced(volume, {"Shell": mask}), volume, tmp_path / "masks", form)  # type: ignore[arg-type]
    assert path.name == f"Shell.{form}"
    written = sitk.ReadImage(str(path))
    assert written.GetPixelID() == sitk.sitkUInt8
    assert np.array_equal(sitk.GetArrayFromImage(written), mask)
    assert volume_cm3 == pytest.approx(mask.sum() * 0.9 * 1.1 * 2.5 / 1000)
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path / "ct"))
    image = sitk.ReadImage(names)
    corners = [(0, 0, 0), (47, 39, 6), (47, 0, 3)]
    for corner in corners:
        there, here = image.TransformIndexToPhysicalPoint(corner), written.TransformIndexToPhysicalPoint(corner)
        assert np.allclose(there, here, atol=1e-3)


def test_uneven_planes_are_written_in_order_and_taken_back(tmp_path: Path) -> None:
    offsets = np.zeros((6, 3))
    offsets[:, 2] = [0, 1, 0, 2, 4, 4.5]
    offsets[:, 1] = np.arange(6) * 0.8
    volume = volume_of(make_geometry((6, 40, 40), (1, 1, 3), offsets=offsets))
    mask = shell(volume.geometry.shape)
    write_masks(traced(volume, {"Shell": mask}), volume, tmp_path)
    back = structures_from_masks(mask_files(tmp_path), volume)
    assert np.array_equal(filled(back)["Shell"], mask)
    assert any("real planes" in note for note in back.notes)
    assert nominal_geometry(volume.geometry).is_regular


@pytest.mark.parametrize(
    "turn",
    [
        lambda image: sitk.DICOMOrient(image, "RAS"),
        lambda image: sitk.DICOMOrient(image, "LPI"),
        lambda image: sitk.DICOMOrient(image, "PSR"),
        lambda image: image[::-1, :, :],
        lambda image: image[:, :, ::-1],
        lambda image: sitk.Cast(image, sitk.sitkFloat32),
        lambda image: sitk.Cast(image * 255, sitk.sitkUInt8),
        lambda image: sitk.Cast(image * 3, sitk.sitkInt16),
    ],
    ids=["RAS", "LPI", "PSR", "columns turned", "planes turned", "float", "0 and 255", "0 and 3"],
)
def test_a_mask_in_any_axis_order_comes_back_exactly(
    tmp_path: Path, volume: Volume, turn: Callable[[sitk.Image], sitk.Image]
) -> None:
    mask = shell(volume.geometry.shape)
    image = image_of(mask.astype(np.uint8), volume.geometry)
    sitk.WriteImage(turn(image), str(tmp_path / "Shell.nii.gz"))
    assert np.array_equal(filled(structures_from_masks(mask_files(tmp_path), volume))["Shell"], mask)


def test_a_probability_map_on_a_finer_grid_is_traced_at_its_own_resolution(tmp_path: Path, volume: Volume) -> None:
    fine = make_geometry((30, 90, 90), (0.5, 0.5, 0.6), origin=(-41.0, -62.0, -100.5))
    centre, radius = np.array([-20.0, -38.0, -92.0]), 7.3
    index = np.indices(fine.shape).reshape(3, -1).T
    distance = np.linalg.norm(fine.lps_from_kji(index) - centre, axis=1).reshape(fine.shape)
    probability = 1 / (1 + np.exp((distance - radius) / 0.8))
    sitk.WriteImage(image_of(probability.astype(np.float32), fine), str(tmp_path / "Ball.nii.gz"))
    roi = structures_from_masks(mask_files(tmp_path), volume).rois[0]
    for k, contours in roi.planes.items():
        height = volume.geometry.positions[k] - centre[2]
        wanted = np.pi * max(radius**2 - height**2, 0)
        assert contours.area.area == pytest.approx(wanted, rel=0.03, abs=2.0)
    assert len(roi.planes) >= 5


def test_a_probability_map_on_the_image_s_grid_is_sub_voxel(tmp_path: Path, volume: Volume) -> None:
    _, j, i = np.indices(volume.geometry.shape)
    probability = np.clip(0.5 + (12.3 - np.hypot(i * 0.9 - 20, j * 1.1 - 20)) / 4, 0, 1).astype(np.float32)
    sitk.WriteImage(image_of(probability, volume.geometry), str(tmp_path / "Disc.nrrd"))
    roi = structures_from_masks(mask_files(tmp_path), volume).rois[0]
    assert roi.area(3).area == pytest.approx(np.pi * 12.3**2, rel=0.01)


def test_a_binary_mask_on_a_coarser_grid_keeps_its_place(tmp_path: Path, volume: Volume) -> None:
    coarse = make_geometry((6, 20, 20), (2.0, 2.0, 3.0), origin=(-39.0, -59.0, -99.0))
    mask = np.zeros(coarse.shape, dtype=np.uint8)
    mask[1:5, 5:12, 6:14] = 1
    sitk.WriteImage(image_of(mask, coarse), str(tmp_path / "Box.nii"))
    found = structures_from_masks(mask_files(tmp_path), volume)
    assert any("another grid" in note for note in found.notes)
    area = found.rois[0].area(3)
    left, top, right, bottom = area.bounds
    assert (left, right) == pytest.approx((12.0 + 1 - 1, 26 + 1 + 1), abs=1.1)
    assert (top, bottom) == pytest.approx((10.0, 24.0), abs=1.1)
    assert area.area == pytest.approx(16 * 14, rel=0.12)


def test_files_that_are_no_masks_are_refused_in_words(tmp_path: Path, volume: Volume) -> None:
    shape = volume.geometry.shape

    def refused(array: NDArray[np.generic], match: str) -> None:
        sitk.WriteImage(image_of(array, volume.geometry), str(tmp_path / "m.nii.gz"))
        with pytest.raises(ReadError, match=match):
            read_mask(tmp_path / "m.nii.gz")

    labels = np.zeros(shape, dtype=np.uint8)
    labels[2, :3, :3], labels[3, :3, :3] = 1, 2
    refused(labels, "labels from 0 to 2; write one file for each structure")
    refused(np.full(shape, 0.5, dtype=np.float32) * np.linspace(-4, 4, shape[2], dtype=np.float32), "probability")
    (tmp_path / "m.nii.gz").write_bytes(b"not compressed at all")
    with pytest.raises(ReadError, match="is no NIfTI file"):
        read_mask(tmp_path / "m.nii.gz")
    sitk.WriteImage(image_of(np.full(shape, np.nan, dtype=np.float32), volume.geometry), str(tmp_path / "m.nrrd"))
    with pytest.raises(ReadError, match="no numbers"):
        read_mask(tmp_path / "m.nrrd")
    (tmp_path / "none").mkdir()
    for folder in (tmp_path / "none", tmp_path / "gone"):
        with pytest.raises(ReadError):
            mask_files(folder)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (((7, 40, 48), (0.9, 1.1, 2.5), (900.0, 900.0, 900.0)), "size of the image but lies elsewhere"),
        (((7, 40, 48), (0.9, 1.1, 2.5), (-40.0, -60.0, -97.5)), "size of the image but lies elsewhere.* 2.5 mm"),
        (((7, 40, 48), (0.9, 1.1, 2.5), (-43.3, -60.0, -100.0)), "size of the image but lies elsewhere.* 3.3 mm"),
        (((9, 30, 30), (1.0, 1.0, 1.0), (900.0, 900.0, 900.0)), "All of the mask 'm' lies outside"),
        (((9, 30, 30), (1.0, 1.0, 1.0), (-60.0, -80.0, -100.0)), "Most of the mask 'm' lies outside"),
        (((2, 40, 48), (0.9, 1.1, 2.5), (-40.0, -60.0, -110.0)), "All of the mask 'm' lies outside"),
    ],
)
def test_a_mask_in_another_place_is_refused(
    tmp_path: Path, volume: Volume, place: tuple[Any, Any, Any], said: str
) -> None:
    shape, spacing, origin = place
    image = image_of(np.ones(shape, dtype=np.uint8), make_geometry(shape, spacing, origin))
    sitk.WriteImage(image, str(tmp_path / "m.nii.gz"))
    with pytest.raises(MismatchError, match=said):
        structures_from_masks([tmp_path / "m.nii.gz"], volume)


def test_a_cropped_mask_comes_back_exactly(tmp_path: Path, volume: Volume) -> None:
    mask = shell(volume.geometry.shape)
    cropped = image_of(mask.astype(np.uint8), volume.geometry)[5:40, 3:38, 1:6]
    sitk.WriteImage(cropped, str(tmp_path / "Shell.nii.gz"))
    padded = sitk.ConstantPad(cropped, (9, 9, 9), (9, 9, 9), 0)
    sitk.WriteImage(padded, str(tmp_path / "Wide.nii.gz"))
    found = filled(structures_from_masks(mask_files(tmp_path), volume))
    wanted = np.zeros_like(mask)
    wanted[1:6, 3:38, 5:40] = mask[1:6, 3:38, 5:40]
    assert np.array_equal(found["Shell"], wanted) and np.array_equal(found["Wide"], wanted)


def test_an_empty_mask_is_a_structure_without_contours(tmp_path: Path, volume: Volume) -> None:
    empty = np.zeros(volume.geometry.shape, dtype=np.uint8)
    sitk.WriteImage(image_of(empty, volume.geometry), str(tmp_path / "Nothing.nii.gz"))
    found = structures_from_masks(mask_files(tmp_path), volume)
    assert found.rois[0].is_empty and any("empty" in note for note in found.notes)


def test_structures_get_the_type_of_their_standard_name(tmp_path: Path, volume: Volume) -> None:
    mask = image_of(shell(volume.geometry.shape).astype(np.uint8), volume.geometry)
    for name in ("External", "PTV_5000", "Parotid_L", "Mine"):
        sitk.WriteImage(mask, str(tmp_path / f"{name}.nii.gz"))
    found = {roi.name: roi.roi_type for roi in structures_from_masks(mask_files(tmp_path), volume).rois}
    assert found == {"External": "EXTERNAL", "PTV_5000": "PTV", "Parotid_L": "ORGAN", "Mine": "ORGAN"}


def test_names_become_safe_and_distinct_file_names() -> None:
    names = ["PTV 60/Gy", "PTV 60\\Gy", "ptv 60_gy", "", "con", "脑干", "a" * 300, "..", "x\n", "Größe"]
    safe = safe_names(names)
    assert safe[:3] == ["PTV 60_Gy", "PTV 60_Gy_2", "ptv 60_gy_3"]
    assert len({name.casefold() for name in safe}) == len(names)
    assert "脑干" in safe and "Größe" in safe
    assert all(name and len(name.encode()) < 200 and not set(name) & set('/\\:*?"<>|\n') for name in safe)


def test_masks_of_another_image_or_into_a_file_are_refused(tmp_path: Path, volume: Volume) -> None:
    other = volume_of(make_geometry((3, 9, 9)))
    with pytest.raises(MismatchError):
        write_masks(StructureSet(volume.geometry, (Roi(1, "A"),)), other, tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(WriteError):
        write_masks(StructureSet(volume.geometry, (Roi(1, "A"),)), volume, tmp_path / "file")


@pytest.mark.parametrize(("inside", "kind", "told"), [
    (-1, np.int8, False), (-1, np.int16, False), (255, np.uint8, False), (0.4, np.float32, True),
    (0.7, np.float32, False),
])  # fmt: skip
def test_a_mask_of_two_values_is_what_is_not_0(
    tmp_path: Path, volume: Volume, inside: float, kind: type, told: bool
) -> None:
    mask = shell(volume.geometry.shape)
    sitk.WriteImage(image_of((mask * inside).astype(kind), volume.geometry), str(tmp_path / "a.nii.gz"))
    structures = structures_from_masks([tmp_path / "a.nii.gz"], volume)
    assert np.array_equal(filled(structures)["a"], mask)
    assert any("all of it drawn" in note for note in structures.notes) == told
