"""What a classifier is shown of an image: the kinds of views."""

from typing import Any

import numpy as np
import pytest

from engine.errors import CardError
from engine.inference.boxes import Boxes
from engine.inference.classify import build_views
from engine.inference.maps import Maps
from engine.inference.preprocess import Prepared, prepare
from engine.operations.classify import Params as ClassifierParams
from engine.volume import Geometry, Volume


def looks(kind: str, *pixels: int, flat: bool = True, **more: Any) -> ClassifierParams:
    values = {
        "network": {"network": "ConvClassifier"}, "dimensions": 2 if flat else 3, "labels": ["a", "b"],
        "view": {"kind": kind, "pixels": list(pixels), **more},
    }  # fmt: skip
    return ClassifierParams.model_validate(values)


def ramp(shape: tuple[int, int, int] = (12, 16, 20)) -> Prepared:
    voxels = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    return prepare(Volume(voxels, Geometry.regular((0, 0, 0), np.eye(3), (2, 2, 2), shape), "CT", "HU"), [])


@pytest.mark.parametrize(
    ("params", "shape"),
    [
        (looks("whole", 6, 8, 10, flat=False), (1, 1, 6, 8, 10)),
        (looks("slices", 1, 16, 20), (12, 1, 16, 20)),
        (looks("slices", 1, 12, 20, axis="coronal", every=4), (4, 1, 12, 20)),
        (looks("montage", 1, 8, 10, grid=[2, 3]), (1, 1, 16, 30)),
    ],
)
def test_views_have_the_shape_that_the_card_says(params: ClassifierParams, shape: tuple[int, ...]) -> None:
    assert build_views(params, ramp(), None).shape == shape


def test_slices_are_the_planes_of_the_image_and_coronal_ones_stand_upright() -> None:
    image = ramp()
    axial = build_views(looks("slices", 1, 16, 20), image, None)
    assert np.array_equal(axial[5, 0], image.values[5])
    coronal = build_views(looks("slices", 1, 12, 20, axis="coronal"), image, None)
    assert np.array_equal(coronal[3, 0], image.values[::-1, 3])


def found_box(image: Prepared) -> Maps:
    mask = np.zeros((1, *image.shape), np.float32)
    mask[0, 5:8, 6:11, 7:14] = 1
    return Maps.from_dense(["found"], image, mask)


def test_crops_are_centred_on_what_was_found_at_each_size() -> None:
    image = ramp()
    around = found_box(image)
    centre = image.values[6, 8, 10]
    cube = build_views(looks("crops", 3, 3, 3, flat=False, sizes_mm=[6, 12]), image, around)
    assert cube.shape == (1, 2, 3, 3, 3)
    assert cube[0, :, 1, 1, 1] == pytest.approx([centre, centre])
    assert cube[0, 0, 1, 1] == pytest.approx(image.values[6, 8, 9:12])


def test_triplets_are_the_planes_through_what_was_found_at_each_size() -> None:
    image = ramp()
    planes = build_views(looks("triplets", 1, 5, 5, sizes_mm=[10, 20], rotations=2), image, found_box(image))
    assert planes.shape == (2, 6, 5, 5)
    # Whatever the size, the plane and the turn, the middle is the middle.
    assert planes[:, :, 2, 2] == pytest.approx(np.full((2, 6), image.values[6, 8, 10]), rel=1e-5)
    axial, coronal, sagittal = planes[0, :3]
    assert axial == pytest.approx(image.values[6, 6:11, 8:13])
    assert coronal == pytest.approx(image.values[4:9, 8, 8:13])
    assert sagittal == pytest.approx(image.values[4:9, 6:11, 10])
    # Turned planes show other voxels.
    assert not np.allclose(planes[1, 0], axial)


def test_each_box_is_looked_at_by_itself() -> None:
    image = ramp()
    low = np.array([[2.0, 3, 4], [6, 8, 10]])
    boxes = Boxes(("spot",), image, low, low + 2, np.ones((2, 1), np.float32))
    crops = build_views(looks("crops", 1, 3, 3, sizes_mm=[6]), image, boxes)
    assert crops[:, 0, 1, 1] == pytest.approx([image.values[3, 4, 5], image.values[7, 9, 11]])


def test_montages_take_other_slices_out_of_the_same_parts() -> None:
    image = ramp()
    montages = build_views(looks("montage", 1, 16, 20, grid=[1, 2], count=2), image, None)
    shown = [[int(half[0, 0] // (16 * 20)) for half in np.split(one[0], 2, axis=1)] for one in montages]
    assert shown == [[1, 7], [4, 10]]


def slide() -> Volume:
    """A slide of glass whose left half, but for its upper quarter, is tissue."""
    colours = np.full((1, 64, 128, 3), 240, np.uint8)
    colours[0, 16:, :64] = (200, 120, 170)
    return Volume(colours, Geometry.picture((1, 64, 128)), "XC", "rgb")


@pytest.mark.parametrize(
    ("least", "magnification", "count"), [(0.0, None, 8), (0.6, None, 2), (0.3, None, 4), (0.0, 10, 2), (0.5, 10, 1)]
)
def test_tiles_without_tissue_are_left_out(least: float, magnification: float | None, count: int) -> None:
    image = prepare(slide(), [], colour=True)
    asked = looks("tiles", 1, 32, 32, least_tissue=least, magnification=magnification, taken_at=20)
    assert build_views(asked, image, None).shape == (count, 3, 32, 32)


def test_a_slide_without_tissue_or_too_coarse_is_told() -> None:
    image = prepare(slide(), [], colour=True)
    with pytest.raises(CardError, match="shows tissue"):
        build_views(looks("tiles", 1, 32, 32, least_tissue=1.0, magnification=5, taken_at=10), image, None)
    with pytest.raises(CardError, match="was taken at 20×"):
        build_views(looks("tiles", 1, 32, 32, magnification=40, taken_at=20), image, None)
