"""The averaged patient finds itself in an image that was moved and cropped; what builds it does as it says."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from engine.cards.registry import SHIPPED, load_card
from engine.errors import CancelledError, ReadError
from engine.inference.atlas import AtlasImage, load_atlas, register_atlas
from engine.operations.atlas import Params
from engine.training.atlas import similarity

FOLDER = SHIPPED / "head-neck-atlas"


@pytest.fixture(scope="module")
def atlas() -> AtlasImage:
    node = load_card(FOLDER).card.graph[0]
    assert isinstance(node.params, Params)
    return load_atlas(FOLDER, list(node.params.labels))


def test_left_is_left_and_the_brainstem_above_the_cord(atlas: AtlasImage) -> None:
    centre = {}
    for name, image in atlas.probabilities.items():
        index = np.argwhere(sitk.GetArrayViewFromImage(image) > 0.5).mean(axis=0)[::-1]
        centre[name] = image.TransformContinuousIndexToPhysicalPoint([float(v) for v in index])
    assert centre["Parotid_L"][0] > centre["Parotid_R"][0] + 60
    assert centre["Brainstem"][2] > centre["SpinalCord"][2]
    assert centre["Bone_Mandible"][1] < centre["SpinalCord"][1]


def test_the_atlas_finds_itself_moved_and_cropped(atlas: AtlasImage) -> None:
    moved = sitk.AffineTransform(3)
    moved.SetTranslation((9.0, -6.0, 12.0))
    moved.Scale(1.05)
    size = list(atlas.image.GetSize())
    size[2] -= 20  # the top of the head is not imaged
    grid = sitk.Image(size, sitk.sitkUInt8)
    grid.CopyInformation(atlas.image[: size[0], : size[1], : size[2]])
    image = sitk.Resample(atlas.image, grid, moved, sitk.sitkLinear, -1024.0)
    truth = sitk.Resample(atlas.probabilities["Parotid_L"], grid, moved, sitk.sitkLinear)
    found = register_atlas(sitk.GetArrayFromImage(image), image.GetSpacing(), atlas, (15, 8, 0))
    index = list(atlas.probabilities).index("Parotid_L")
    assert found.shape == (len(atlas.probabilities), *size[::-1])
    a, b = found[index] > 0.5, sitk.GetArrayFromImage(truth) > 0.5
    assert 2 * (a & b).sum() / (a.sum() + b.sum()) > 0.85


def test_it_stops_when_asked(atlas: AtlasImage) -> None:
    def stop(fraction: float, stage: str) -> None:
        if stage.startswith("Deforming the atlas, to"):
            raise CancelledError("Stopped.")

    with pytest.raises(CancelledError):
        register_atlas(sitk.GetArrayFromImage(atlas.image), atlas.image.GetSpacing(), atlas, (50, 50, 50), stop)


def test_a_missing_or_unfitting_atlas_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="could not be read"):
        load_atlas(tmp_path, ["a"])
    with pytest.raises(ReadError, match="maps"):
        load_atlas(FOLDER, ["only one"])


def test_similarity_recovers_a_known_transform() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(0, 50, (6, 3))
    turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    images = 1.2 * points @ turn.T + [3, -7, 20]
    transform = similarity(points, images)
    for point, image in zip(points, images, strict=True):
        assert np.allclose(transform.TransformPoint([float(v) for v in point]), image)
