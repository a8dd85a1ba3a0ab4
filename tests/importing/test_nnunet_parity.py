"""Imported models of nnU-Net v2 set the voxels that nnU-Net's own predictor sets."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from engine.answers import RunOptions
from engine.cards.registry import LoadedCard, load_card
from engine.contouring.fill import fill
from engine.files.image_file import read_image_file
from engine.importing.source import Wish
from engine.importing.worker import converted
from engine.inference.run import run_card
from engine.progress import silent
from engine.volume import Volume
from tests.importing.nnunet_models import KINDS, Model, soft_image
from tests.importing.peers import needs_nnunet, predicted

#: Of all voxels. What is left is rounding: two builds of one library add up numbers in another order.
ALIKE = 0.9999


def imported(folder: Path, target: Path, wish: Wish | None = None) -> LoadedCard:
    target.mkdir(parents=True, exist_ok=True)
    converted(folder, target, wish or Wish(), silent)
    loaded = load_card(target)
    assert not loaded.problem, loaded.problem
    return loaded


def labels_of(loaded: LoadedCard, inputs: dict[str, Volume], model: Model) -> np.ndarray:
    """[plane, row, column] of the first input: the classes that its outlines say, exactly as nnU-Net writes them."""
    result = run_card(loaded, inputs, device="cpu", options=RunOptions(override=True, chosen={"exact": True}))
    geometry = inputs[loaded.card.inputs[0].role].geometry
    labels = np.zeros(geometry.shape, np.uint8)
    values = list(model.order) or [value for value in model.labels.values() if value]
    for roi, value in zip(result.rois, values, strict=True):
        labels[fill({k: plane.area for k, plane in roi.planes.items()}, geometry)] = value
    return labels


@dataclass(frozen=True)
class Compared:
    """What nnU-Net made of a kind of model.

    Args:
        model: folder of the data set.
        images: paths, in order of the channels.
        labels: [plane, row, column], as nnU-Net wrote them.
    """

    model: Path
    images: tuple[Path, ...]
    labels: np.ndarray


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Compared]:
    """All kinds, done by nnU-Net in one process, since it takes long to start."""
    python = needs_nnunet()
    place = tmp_path_factory.mktemp("nnunet")
    cases = [case for kind in KINDS for case in cases_of(kind, place)]
    predicted(python, place, cases)
    found = {}
    for kind, model in KINDS.items():
        last = [case for case in cases if case["name"].startswith(kind)][-1]
        labels = sitk.GetArrayFromImage(sitk.ReadImage(f"{last['out']}.nii.gz"))
        found[kind] = Compared(place / model.name, tuple(map(Path, last["images"])), labels)
    return found


def cases_of(kind: str, place: Path) -> list[dict[str, Any]]:
    """Images, models, and what `nnunet_peer.py` is to do with them: the stages of a kind."""
    model = KINDS[kind]
    coarse = "anisotropic" in kind
    paths = []
    for index in range(len(model.channels)):
        path = place / f"{model.name}_{index:04}.nii.gz"
        image = soft_image(
            (9, 46, 42) if coarse else (20, 40, 46), (1.2, 1.2, 6.5) if coarse else (1.5, 1.4, 2.2), index
        )
        sitk.WriteImage(image, path)
        paths.append(str(path))
    cases: list[dict[str, Any]] = []
    for number, stage in enumerate(stage for stage in (model.previous, model) if stage is not None):
        out = place / f"{model.name}-{number}" / model.name
        out.parent.mkdir()
        cases.append({
            "name": f"{kind} {number}", "model": str(stage.write(place)), "images": paths, "out": str(out),
            "previous": str(place / f"{model.name}-{number - 1}") if number else "", "mirrors": stage.mirrors,
            "folds": stage.folds,
        })  # fmt: skip
    return cases


@pytest.mark.parametrize("kind", KINDS)
def test_voxels_are_those_of_nnunet(kind: str, compared: dict[str, Compared], tmp_path: Path) -> None:
    given = compared[kind]
    loaded = imported(given.model, tmp_path / "card")
    inputs = {image.role: read_image_file(path) for image, path in zip(loaded.card.inputs, given.images, strict=True)}
    ours = labels_of(loaded, inputs, KINDS[kind])

    shares = np.bincount(given.labels.ravel()) / given.labels.size
    assert (shares > 0.02).sum() > 2, "a comparison of nothing"
    assert (ours == given.labels).mean() >= ALIKE
