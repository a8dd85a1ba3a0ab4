"""The body outline on phantoms whose truth is known, and on real CT and MR."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from engine.contouring.fill import fill
from engine.inference.body import find_body, outline
from engine.volume import Geometry, Volume
from tests.engine.phantoms import Scene, make_scene


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def drawn(scene: Scene, air: str = "filled") -> np.ndarray:
    return fill(outline(scene.volume, air), scene.volume.geometry)


@pytest.mark.parametrize(
    "scene",
    [
        pytest.param({}, id="plain"),
        pytest.param({"couch": "shell"}, id="couch of thin sheets"),
        pytest.param({"couch": "slab"}, id="solid couch that touches the back"),
        pytest.param({"couch": "shell", "padding": -3024.0}, id="padding of -3024"),
        pytest.param({"couch": "shell", "extras": ("mask", "tube", "head rest")}, id="mask, tube and head rest"),
        pytest.param({"couch": "shell", "extras": ("cut",)}, id="wider than the field of view"),
        pytest.param({"spacing": (0.5, 0.5, 5.0), "planes": 14, "field_mm": 260, "couch": "shell"}, id="0.5 mm pixels"),
        pytest.param({"spacing": (1.3, 1.3, 1.0), "couch": "shell", "extras": ("mask",)}, id="1 mm planes"),
        pytest.param({"noise": 60.0, "couch": "shell"}, id="noise"),
        pytest.param({"modality": "MR"}, id="MR"),
    ],
)
def test_the_outline_is_the_patient_alone(scene: dict) -> None:
    made = make_scene(**scene)
    mask = drawn(made)
    assert dice(mask, made.body) > 0.985
    beyond = mask & ~made.body
    assert beyond.sum() < 0.015 * made.body.sum()


def test_the_line_is_half_way_between_air_and_skin() -> None:
    made = make_scene(noise=0.0)
    areas = outline(made.volume)
    plane = made.volume.geometry.shape[0] // 2
    # An ellipse of 110 × 75 mm, drawn on pixels of 1 mm.
    assert areas[plane].area == pytest.approx(np.pi * 110 * 75, rel=0.003)


def test_it_is_one_piece_by_default_and_more_when_asked() -> None:
    made = make_scene(extras=("arms",), planes=30)
    one = outline(made.volume)
    three = outline(made.volume, pieces=3)
    assert {len(area.geoms) for area in one.values()} == {1}
    assert {len(area.geoms) for area in three.values()} == {3}


def test_air_inside_is_filled_or_kept_as_asked() -> None:
    made = make_scene(couch="shell")
    filled, kept = drawn(made), drawn(made, "kept")
    assert (filled & made.air).sum() == made.air.sum()
    assert (kept & made.air).sum() < 0.02 * made.air.sum()
    assert dice(kept, made.body & ~made.air) > 0.98


def test_a_windpipe_that_opens_on_the_skin_is_still_inside() -> None:
    made = make_scene(planes=30)
    voxels = made.volume.voxels.copy()
    middle = voxels.shape[2] // 2
    # A channel 6 mm wide from the trachea to the skin of the front, as a nostril or a stoma is.
    voxels[14:16, 60:150, middle - 3 : middle + 3] = -1000
    mask = fill(outline(Volume(voxels, made.volume.geometry, "CT", "HU")), made.volume.geometry)
    assert (mask & made.air).sum() > 0.99 * made.air.sum()


def test_the_gap_between_arm_and_trunk_is_outside() -> None:
    made = make_scene(planes=60, spacing=(1.3, 1.3, 3.0))
    voxels = made.volume.voxels.copy()
    size = voxels.shape[2]
    x = (np.arange(size) - (size - 1) / 2) * 1.3
    y = ((np.arange(size) - (size - 1) / 2) * 1.3)[:, None]
    ring = (np.hypot(x - 95, y) < 60) & (np.hypot(x - 95, y) > 44) & (x > 60)
    voxels[20:40][:, ring] = 20  # an arm akimbo
    mask = fill(outline(Volume(voxels, made.volume.geometry, "CT", "HU")), made.volume.geometry)
    inside = (np.hypot(x - 95, y) < 38) & (x > 116)
    assert inside.any() and not made.body[0][inside].any()
    assert mask[22:38][:, inside].mean() < 0.05


def test_an_image_of_nothing_but_patient_is_all_patient() -> None:
    geometry = Geometry.regular((0, 0, 0), np.eye(3), (1, 1, 3), (10, 60, 60))
    volume = Volume(np.full((10, 60, 60), 40, np.int16), geometry, "CT", "HU")
    assert fill(outline(volume), geometry).all()


def test_an_image_of_air_has_no_outline() -> None:
    geometry = Geometry.regular((0, 0, 0), np.eye(3), (1, 1, 3), (10, 60, 60))
    volume = Volume(np.full((10, 60, 60), -1000, np.int16), geometry, "CT", "HU")
    assert outline(volume) == {}


def test_an_image_that_was_masked_before_keeps_its_loose_parts() -> None:
    geometry = Geometry.regular((0, 0, 0), np.eye(3), (4, 4, 3), (40, 60, 60))
    voxels = np.full((40, 60, 60), -1024, np.int16)
    voxels[20:, 15:45, 15:45] = 30
    voxels[:18, 28:33, 28:33] = 40  # a cord that goes on where the rest was cut away
    volume = Volume(voxels, geometry, "CT", "HU")
    assert find_body(volume, generous=True).coarse[:18].any()
    assert not find_body(volume).coarse[:15].any()


def test_real_head_ct_with_its_head_holder(shared_data: Path) -> None:
    files = sorted((shared_data / "dicom" / "ge_tilted_gantry_ct").glob("*.dcm"))
    image = sitk.ReadImage([str(files[10])])
    voxels = sitk.GetArrayFromImage(image)
    geometry = Geometry.regular((0, 0, 0), np.eye(3), (*image.GetSpacing()[:2], 5), voxels.shape)
    mask = fill(outline(Volume(voxels.astype(np.int16), geometry, "CT", "HU")), geometry)
    # The holder's sides are bright, and lie left and right of the head in the lower half.
    assert 150 < mask.sum() * np.prod(image.GetSpacing()[:2]) / 100 < 320


def test_real_ct_has_trunk_and_no_couch(shared_data: Path) -> None:
    files = sorted((shared_data / "dicom" / "j2k_ct").rglob("*"))
    image = sitk.ReadImage([str(files[0])])
    voxels = sitk.GetArrayFromImage(image).reshape(1, 512, 512)
    geometry = Geometry.regular((0, 0, 0), np.eye(3), (*image.GetSpacing()[:2], 2), voxels.shape)
    mask = fill(outline(Volume(voxels.astype(np.int16), geometry, "CT", "HU"), pieces=3), geometry)
    assert mask[0, 200, 256]
    assert not mask[0, 430:].any()
