"""Crops: repeatable, of the size asked for, and with labels that follow the image."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from engine.training.augment import Augmentation, draw, flipped
from engine.training.case import Further, ImageKind
from engine.training.nnunet_set import DataSet

MIRROR = np.array([0, 2, 1])
SIZE = (16, 16, 24)


def test_a_mirror_swaps_left_and_right(boxes: Path) -> None:
    case = DataSet(boxes, ["Box_R", "Box_L"]).read("b")
    labels = torch.from_numpy(case.labels)
    swapped, contoured = flipped(labels, case.contoured, MIRROR)
    # The right box, at low columns, is now at high columns and is a left box; only that one is contoured.
    assert contoured.tolist() == [False, True]
    assert set(torch.unique(swapped).tolist()) == {0, 2}
    assert torch.equal(swapped == 2, (labels == 1).flip(-1))


def test_twice_mirrored_is_as_before(boxes: Path) -> None:
    case = DataSet(boxes, ["Box_R", "Box_L"]).read("a")
    labels = torch.from_numpy(case.labels)
    again, contoured = flipped(*flipped(labels, case.contoured, MIRROR), MIRROR)
    assert torch.equal(again, labels) and (contoured == case.contoured).all()


def test_crops_depend_on_the_seed_alone(boxes: Path) -> None:
    dataset = DataSet(boxes, ["Box_R", "Box_L"])
    cases = [dataset.read(name) for name in dataset.names]
    for step in range(20):
        one, other = (draw(np.random.default_rng([1, step]), cases, SIZE, MIRROR, Augmentation()) for _ in range(2))
        assert one.images[0].shape == SIZE and one.labels.shape == SIZE
        assert torch.equal(one.images[0], other.images[0]) and torch.equal(one.labels, other.labels)
        assert torch.isfinite(one.images[0]).all()


def test_labels_follow_the_image_through_rotation_and_scaling(boxes: Path) -> None:
    dataset = DataSet(boxes, ["Box_R", "Box_L"])
    cases = [dataset.read(name) for name in ("a", "c")]
    only_spatial = Augmentation(
        spatial=1, flip=0.5, shift_hu=0, contrast=0, noise_hu=0, blur=0, cut=0, metal=0, couch=0
    )
    for step in range(20):
        crop = draw(np.random.default_rng([2, step]), cases, SIZE, MIRROR, only_spatial)
        bright = crop.images[0] > 75
        assert ((crop.labels > 0) == bright).float().mean() > 0.95


def test_a_structure_is_never_marked_contoured_where_it_was_not(boxes: Path) -> None:
    cases = [DataSet(boxes, ["Box_R", "Box_L"]).read("b")]
    for step in range(20):
        crop = draw(np.random.default_rng([3, step]), cases, SIZE, MIRROR, Augmentation())
        assert crop.contoured.sum() == 1
        assert not (crop.labels[crop.labels > 0] != 1 + int(crop.contoured.argmax())).any()


def test_what_lies_outside_the_image_is_marked_and_turns_with_it(boxes: Path) -> None:
    case = DataSet(boxes, ["Box_R", "Box_L"]).read("a")
    case = replace(case, image=np.full_like(case.image, 40), outside=-1000.0)
    larger = (40, 40, 48)
    plain = Augmentation(shift_hu=0, contrast=0, noise_hu=0, blur=0, cut=0.5, metal=0, couch=0)
    for step in range(10):
        crop = draw(np.random.default_rng([4, step]), [case], larger, MIRROR, plain)
        assert 0 < crop.inside.float().mean() < 1
        # Between the last voxel and half a step beyond, the image fades.
        assert (crop.images[0][~crop.inside] < 40).all() and (crop.images[0][crop.inside] > -1000).all()
        assert not crop.labels[~crop.inside].any()


def test_every_image_of_a_case_is_cut_at_the_same_place_and_varied_by_itself(boxes: Path) -> None:
    case = DataSet(boxes, ["Box_R", "Box_L"]).read("a")
    pet = Further((case.labels > 0) * np.float32(8), ImageKind("PT", "SUVbw"))
    case = replace(case, further=(pet,))
    varied = Augmentation(spatial=0.5, blur=0, shift=0, noise=0, contrast=0, gamma=0, cut=0, metal=0, couch=0)
    for step in range(20):
        crop = draw(np.random.default_rng([5, step]), [case], SIZE, MIRROR, varied)
        assert len(crop.images) == len(crop.intensity) == 2
        # Nothing varies the second but its place, and it is bright where the labels are.
        assert ((crop.images[1] > 4) == (crop.labels > 0)).float().mean() > 0.99


def test_a_crop_of_one_plane_turns_within_its_plane(boxes: Path) -> None:
    case = DataSet(boxes, ["Box_R", "Box_L"]).read("a")
    numbered = np.broadcast_to(np.arange(24, dtype=np.int16)[:, None, None] * 10, case.image.shape)
    case = replace(case, image=np.ascontiguousarray(numbered), outside=-1.0)
    plain = Augmentation(spatial=1, shift_hu=0, contrast=0, noise_hu=0, blur=0, metal=0, couch=0)
    for step in range(10):
        crop = draw(np.random.default_rng([6, step]), [case], (1, 16, 16), MIRROR, plain)
        inside = crop.images[0][crop.inside]
        # The image fades at its edge.
        assert crop.images[0].shape == (1, 16, 16) and ((inside - inside.median()).abs() < 1e-3).float().mean() > 0.8
