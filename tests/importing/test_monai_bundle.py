"""Imported MONAI bundles set the voxels, and give the probabilities, that MONAI itself does."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import monai.transforms.utils
import numpy as np
import pytest
import SimpleITK as sitk
import torch
from PIL import Image
from scipy import ndimage

from engine.answers import RunOptions, Score
from engine.cards.registry import LoadedCard, load_card
from engine.contouring.fill import fill
from engine.files.image_file import read_image_file
from engine.files.picture_file import read_picture
from engine.importing.source import Wish
from engine.importing.worker import converted
from engine.inference.run import run_card
from engine.progress import silent
from engine.volume import Geometry, SeriesInfo, Volume
from tests.importing.bundles import BUNDLES, CLASSIFIERS, Bundle
from tests.importing.monai_peer import run_bundle
from tests.importing.nnunet_models import soft_image

#: Of all voxels.
ALIKE = 0.9999


def imported(folder: Path, target: Path) -> LoadedCard:
    target.mkdir(parents=True, exist_ok=True)
    converted(folder, target, Wish(), silent)
    loaded = load_card(target)
    assert not loaded.problem, loaded.problem
    return loaded


def images_of(bundle: Bundle, place: Path) -> list[Path]:
    paths = []
    for index in range(len(bundle.channels)):
        paths.append(place / f"image{index}.nii.gz")
        sitk.WriteImage(soft_image(bundle.shape, bundle.apart, index), paths[-1])
    return paths


def read_any(path: Path) -> Volume:
    if path.suffix != ".png":
        return read_image_file(path)
    values = read_picture(path).values
    return Volume(values[None], Geometry.picture((1, *values.shape[:2])), "XC", "rgb", SeriesInfo("1"))


def inputs_of(loaded: LoadedCard, paths: list[Path]) -> dict[str, Volume]:
    return {image.role: read_any(path) for image, path in zip(loaded.card.inputs, paths, strict=True)}


def drawn_by(loaded: LoadedCard, inputs: dict[str, Volume], chosen: bool = True) -> list[np.ndarray]:
    """[plane, row, column] masks of the card's structures."""
    options = RunOptions(override=True, precision="float32", chosen={"exact": chosen})
    result = run_card(loaded, inputs, device="cpu", options=options)
    geometry = next(iter(inputs.values())).geometry
    return [fill({k: plane.area for k, plane in roi.planes.items()}, geometry) for roi in result.rois]


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """MONAI counts pieces by scikit-image; SciPy stands in for it, with the same neighbours."""

    def label(mask: np.ndarray, connectivity: int | None, return_num: bool) -> tuple[np.ndarray, int]:
        near = ndimage.generate_binary_structure(mask.ndim, connectivity or mask.ndim)
        numbers, count = ndimage.label(mask, near)
        return numbers, count

    monkeypatch.setattr(monai.transforms.utils, "measure", SimpleNamespace(label=label))
    monkeypatch.setattr(monai.transforms.utils, "has_measure", True)


@pytest.mark.parametrize("kind", BUNDLES)
def test_voxels_are_those_of_monai(kind: str, tmp_path: Path, pieces: None) -> None:
    bundle = BUNDLES[kind]
    if bundle.needs and importlib.util.find_spec(bundle.needs) is None:
        pytest.skip(f"no {bundle.needs}")
    paths = images_of(bundle, tmp_path)
    folder = bundle.write(tmp_path / "bundle", paths)
    loaded = imported(folder, tmp_path / "card")
    ours = drawn_by(loaded, inputs_of(loaded, paths))
    theirs = run_bundle(folder, paths).transpose(0, 3, 2, 1)

    if len(theirs) == 1:
        theirs = np.stack([theirs[0] == number for number in range(1, len(ours) + 1)])
    assert len(theirs) == len(ours)
    assert sum(0.005 < mask.mean() < 0.995 for mask in theirs) > 1, "a comparison of nothing"
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine == (other > 0)).mean() >= ALIKE


def test_smooth_contours_follow_the_exact_voxels(tmp_path: Path) -> None:
    bundle = Bundle(before=[BUNDLES["probabilities back, CT"].before[2]])
    paths = images_of(bundle, tmp_path)
    loaded = imported(bundle.write(tmp_path / "bundle", paths), tmp_path / "card")
    inputs = inputs_of(loaded, paths)
    smooth, exact = drawn_by(loaded, inputs, chosen=False), drawn_by(loaded, inputs)
    assert exact[0].any()
    for one, other in zip(smooth, exact, strict=True):
        assert (one == other).mean() > 0.99


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_probabilities_are_those_of_monai(kind: str, tmp_path: Path) -> None:
    bundle = CLASSIFIERS[kind]
    if bundle.channels[0] == "R":
        path = tmp_path / "picture.png"
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 52, 3), np.uint8)).save(path)
        paths = [path]
    else:
        paths = images_of(bundle, tmp_path)
    folder = bundle.write(tmp_path / "bundle")
    loaded = imported(folder, tmp_path / "card")
    inputs = inputs_of(loaded, paths)
    options = RunOptions(override=True, precision="float32")
    result = run_card(loaded, inputs, device="cpu", options=options)
    ours = [answer.value for answer in result.answers if isinstance(answer, Score)]
    logits = torch.as_tensor(run_bundle(folder, paths, decided=False))
    theirs = logits.sigmoid() if "itself" in kind else logits.softmax(0)
    assert np.ptp(theirs) > 1e-3, "a comparison of nothing"
    assert np.abs(np.array(ours) - theirs.numpy()).max() < 1e-5
