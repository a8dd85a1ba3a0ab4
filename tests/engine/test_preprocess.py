"""Orientation, resampling and masking, against SimpleITK and against what the network was trained on."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from nibabel.orientations import aff2axcodes

from engine.cards.registry import SHIPPED
from engine.cards.schema import Card, parse_card
from engine.inference.preprocess import AxisOrder, Prepared, prepare
from engine.progress import silent
from engine.resample import tent_weights
from engine.training.case import volume_of
from engine.training.nnunet_set import DataSet
from engine.training.seen import as_prepared, seen
from engine.volume import Geometry, Volume
from tests.synthetic import random_rotation


def steps(*operations: dict) -> list:
    values = {
        "id": "x", "version": "1", "task": "segment", "title": "x", "fidelity": "modern", "badge": "runs",
        "inputs": [{"role": "ct", "modality": ["CT"]}], "preprocess": list(operations),
        "graph": [{"node": "a", "op": "body_outline", "in": ["ct"], "params": {}}],
        "outputs": [{"kind": "mask", "label": "External", "name": "External"}],
    }  # fmt: skip
    return list(Card.model_validate(values).preprocess)


def op(name: str, **params: object) -> dict:
    return {"op": name, "params": params}


def random_volume(directions: np.ndarray, shape: tuple[int, int, int] = (6, 7, 8), spacing=(1.0, 2.0, 3.0)) -> Volume:
    rng = np.random.default_rng(1)
    geometry = Geometry.regular((5, -7, 11), directions, spacing, shape)
    return Volume(rng.integers(-1000, 1500, shape).astype(np.int16), geometry, "CT", "HU")


def right_handed() -> list[np.ndarray]:
    found = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            matrix = np.zeros((3, 3))
            for axis, (row, sign) in enumerate(zip(order, signs, strict=True)):
                matrix[row, axis] = sign
            if np.linalg.det(matrix) > 0:
                found.append(matrix)
    return found


@pytest.mark.parametrize("directions", right_handed())
def test_every_orientation_is_turned_as_simpleitk_turns_it(directions: np.ndarray) -> None:
    volume = random_volume(directions)
    found = prepare(volume, steps(op("orient")))
    image = sitk.GetImageFromArray(volume.voxels)
    image.SetSpacing(volume.geometry.spacing_xyz)
    image.SetOrigin([float(v) for v in volume.geometry.origins_lps[0]])
    image.SetDirection([float(v) for v in volume.geometry.directions.ravel()])
    turned = sitk.DICOMOrient(image, "LPS")
    assert np.array_equal(found.values, sitk.GetArrayFromImage(turned))
    assert found.spacing == pytest.approx(turned.GetSpacing()[::-1])
    assert np.array_equal(found.axes.to_image(found.values), volume.voxels)


def test_a_turned_image_has_the_nearest_axes_of_nibabel_and_itk() -> None:
    for seed in range(200):
        directions = random_rotation(seed)
        code = sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(directions.ravel().tolist())
        affine = np.eye(4)
        affine[:3, :3] = np.diag([-1, -1, 1]) @ directions
        assert "".join(aff2axcodes(affine)) == code
        geometry = Geometry.regular((0, 0, 0), directions, (1.0, 2.0, 3.0), (2, 3, 4))
        assert AxisOrder.towards(geometry, code) == AxisOrder(), (seed, code)


def test_a_voxel_keeps_its_place_in_the_patient() -> None:
    volume = random_volume(np.array([[0, 0, 1.0], [1, 0, 0], [0, 1, 0]]), (20, 22, 24))
    # A smooth field sampled at the grid's places is what resampling gives back.
    index = np.argwhere(np.ones(volume.voxels.shape))
    field = (volume.geometry.lps_from_kji(index) @ [1.0, 2.0, 3.0]).reshape(volume.voxels.shape)
    smooth = Volume(field.astype(np.float32), volume.geometry, "CT", "HU")
    found = prepare(smooth, steps(op("orient"), op("resample", spacing_mm=[1.5, 1.5, 1.5])))
    image = found.axes.to_image(found.values)
    assert image.shape == found.geometry.shape
    inner = tuple(slice(3, -3) for _ in range(3))
    places = found.geometry.lps_from_kji(np.argwhere(np.ones(image.shape))).reshape(*image.shape, 3)
    assert np.allclose(image[inner], (places @ [1.0, 2.0, 3.0])[inner], atol=0.1)


def test_finer_spacing_is_linear_interpolation_as_in_simpleitk() -> None:
    volume = random_volume(np.eye(3), (12, 14, 16), (2.0, 2.0, 2.0))
    found = prepare(volume, steps(op("resample", spacing_mm=[0.8, 0.8, 0.8])))
    image = sitk.GetImageFromArray(volume.voxels.astype(np.float32))
    image.SetSpacing(volume.geometry.spacing_xyz)
    image.SetOrigin([float(v) for v in volume.geometry.origins_lps[0]])
    frame = sitk.Image([int(n) for n in found.geometry.shape[::-1]], sitk.sitkFloat32)
    frame.SetSpacing(found.geometry.spacing_xyz)
    frame.SetOrigin([float(v) for v in found.geometry.origins_lps[0]])
    expected = sitk.GetArrayFromImage(sitk.Resample(image, frame, sitk.Transform(), sitk.sitkLinear, 0.0))
    inner = tuple(slice(2, -2) for _ in range(3))
    assert np.allclose(found.values[inner], expected[inner], atol=0.5)


def test_coarser_spacing_averages_so_that_noise_goes_down_and_means_stay() -> None:
    rng = np.random.default_rng(0)
    geometry = Geometry.regular((0, 0, 0), np.eye(3), (1, 1, 1), (40, 60, 60))
    volume = Volume((100 + 50 * rng.standard_normal(geometry.shape)).astype(np.float32), geometry, "CT", "HU")
    found = prepare(volume, steps(op("resample", spacing_mm=[4, 4, 4])))
    assert found.values.mean() == pytest.approx(100, abs=0.5)
    # Noise of 50 averaged over a tent of 4 mm along three axes; picking voxels would leave it at 50.
    assert found.values.std() < 15


def test_a_spacing_within_the_kept_range_is_left_bit_for_bit() -> None:
    volume = random_volume(np.eye(3), (10, 12, 14), (4.1, 4.1, 2.5))
    keep = [[3.7, 5.5], [3.7, 5.5], [2.0, 3.4]]
    found = prepare(volume, steps(op("resample", spacing_mm=[3.9, 3.9, 2.5], keep_between_mm=keep)))
    assert np.array_equal(found.values, volume.voxels)


@pytest.mark.parametrize(("target", "source"), [(1.0, 2.5), (2.5, 1.0), (3.0, 3.0)])
def test_weights_sum_to_one_inside_and_to_nothing_far_outside(target: float, source: float) -> None:
    there = np.arange(20) * source
    here = np.arange(-30.0, 90.0, target)
    weights = tent_weights(there, here, target, source)
    inside = (here >= 0) & (here <= there[-1])
    assert np.allclose(weights[inside].sum(axis=1), 1)
    assert not weights[(here < -3) | (here > there[-1] + 3)].any()


def test_uneven_planes_are_interpolated_where_they_really_are() -> None:
    positions = np.array([0, 3, 4, 10, 12.0])
    origins = np.outer(positions, [0, 0, 1.0])
    geometry = Geometry(origins, np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), (2, 2), (5, 8, 8), 3.0)
    voxels = np.repeat(positions[:, None, None], 8, 1).repeat(8, 2).astype(np.float32)
    found = prepare(Volume(voxels, geometry, "CT", "HU"), steps(op("resample", spacing_mm=[2, 2, 1.5])))
    assert np.allclose(found.values[:, 4, 4], np.clip(found.geometry.positions, 0, 12), atol=1e-4)


def test_a_tilted_gantry_is_made_upright() -> None:
    shift = 3.0  # mm along the columns from plane to plane
    planes = 12
    origins = np.stack([np.zeros(planes), np.arange(planes) * shift, np.arange(planes) * 4.0], axis=1)
    geometry = Geometry(origins, np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), (1, 1), (planes, 90, 20), 4.0)
    voxels = np.zeros((planes, 90, 20), np.float32)
    for k in range(planes):
        row = round(45 - k * shift)  # one line along the patient, which the tilt shears
        voxels[k, row - 2 : row + 3] = 1000
    found = prepare(Volume(voxels, geometry, "CT", "HU"), steps(op("resample", spacing_mm=[1, 1, 4])))
    rows = found.values[:, :, 10].argmax(axis=1)
    assert rows.max() - rows.min() <= 1


def test_values_change_only_after_places() -> None:
    with pytest.raises(ValueError, match="must come last"):
        steps(op("windows", windows=[[0, 1]]), op("orient"))


@pytest.mark.parametrize(
    ("operations", "words"),
    [
        ([op("orient"), op("orient", axes="RAS")], "'orient' twice"),
        ([op("windows", windows=[[0, 1], [2, 3]]), op("normalise")], "one channel"),
        ([op("windows", windows=[[0, 1]]), op("normalise", mean=[0, 1], deviation=[1, 1])], "2 means.*1 channels"),
        ([op("normalise", over="body")], "need 'mask_body'"),
    ],
)
def test_steps_that_do_not_fit_each_other_are_refused_before_any_image_is_there(operations: list, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        steps(*operations)


@pytest.mark.parametrize("over", ["image", "nonzero"])
def test_a_part_of_an_image_is_clipped_and_normalised_as_the_whole_is(over: str) -> None:
    volume = random_volume(np.eye(3), (12, 14, 16))
    found = prepare(volume, steps(op("normalise", over=over, clip_percentiles=[10, 80])))
    part = found.recut((slice(2, 9), slice(3, 10), slice(0, 8)), None, silent)
    assert np.array_equal(whole(part), whole(found)[:, 2:9, 3:10, :8])
    assert len(np.unique(whole(found))) < 0.75 * volume.voxels.size


def test_normalisation_takes_its_figures_from_where_it_is_told() -> None:
    volume = random_volume(np.eye(3))
    found = prepare(volume, steps(op("normalise")))
    tile = found.tile((slice(None), slice(None), slice(None)))
    assert tile.mean() == pytest.approx(0, abs=1e-3) and tile.std() == pytest.approx(1, abs=1e-3)


def whole(prepared: Prepared) -> np.ndarray:
    return prepared.tile((slice(0, prepared.shape[0]), slice(0, prepared.shape[1]), slice(0, prepared.shape[2])))


@pytest.mark.parametrize("name", ["validation_201", "validation_203", "validation_214"])
def test_the_trained_card_sees_what_its_network_was_trained_on(shared_data: Path, name: str) -> None:
    card = parse_card((SHIPPED / "head-neck-oar" / "card.json").read_bytes(), "card.json")
    labels = ["Brainstem", "SpinalCord", "Parotid_R", "Parotid_L", "Esophagus", "Larynx", "Bone_Mandible"]
    case = DataSet(shared_data / "openkbp" / "validation", labels).read(name)
    found = prepare(volume_of(case), card.preprocess)
    learned = as_prepared(case, card.preprocess)
    values = [(learned.image.astype(np.float32), learned.intensity)]
    shown = seen(values, torch.ones(found.shape, dtype=torch.bool), -1.0)
    assert np.array_equal(shown.numpy(), whole(found))
    # Nothing that was contoured is lost with what is cut away.
    assert (learned.labels > 0).sum() == (case.labels > 0).sum()


def test_a_picture_is_brought_to_a_width_and_one_that_has_it_is_left_alone() -> None:
    shape = (1, 20, 40)
    values = np.random.default_rng(3).integers(0, 255, shape).astype(np.uint8)
    picture = Volume(values, Geometry.picture(shape), "US", "")
    assert np.array_equal(prepare(picture, steps(op("resize", columns=40))).values, values)
    halved = prepare(picture, steps(op("resize", columns=20)))
    assert halved.shape == (1, 10, 20) and halved.spacing[1:] == (2.0, 2.0)
    means = values[0].reshape(10, 2, 20, 2).mean(axis=(1, 3))
    assert np.corrcoef(halved.values.ravel(), means.ravel())[0, 1] > 0.9
    with pytest.raises(ValueError, match="or to a number of columns"):
        steps(op("resize", columns=20, pixels=[10, 20]))
