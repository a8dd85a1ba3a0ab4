"""Imported models beside the programs that they come from, nnU-Net v2, MONAI and ONNX Runtime.

Equal voxels, seconds, peak memory, each in a fresh process.

Set PLANIMETER_PEERS to an environment with nnunetv2 (its interpreter or its site-packages). Networks have random
weights. The images are crops of real ones where PLANIMETER_TEST_DATA, or ../shared/data, has them, else soft noise.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from engine.answers import RunOptions
from engine.cards.registry import load_card
from engine.contouring.fill import fill
from engine.image_file import read_image_file
from engine.importing.source import Wish
from engine.importing.worker import converted
from engine.inference.run import run_card
from engine.progress import silent
from tests.benchmarks import import_bundles
from tests.benchmarks.clock import Clock, columns, heads
from tests.importing.nnunet_models import KINDS, Model, soft_image
from tests.importing.peers import nnunet_python, predicted

ROOT = Path(__file__).resolve().parents[2]
#: (planes, rows, columns) of a crop.
CROP = (24, 56, 56)
LARGE = (96, 160, 160)
MANY = "117 classes, larger"


def kinds() -> dict[str, Model]:
    """Those of the tests, and one whose logits take room."""
    many = Model(
        name="Dataset007_Many", patch=(32, 64, 64), spacing=(2.6, 2.2, 2.2), mirrors=None,
        labels={"background": 0} | {f"organ {n}": n for n in range(1, 118)},
    )  # fmt: skip
    return KINDS | {MANY: many}


def images(model: Model, place: Path, shape: tuple[int, int, int]) -> list[str]:
    """A file a channel."""
    data = Path(os.environ.get("PLANIMETER_TEST_DATA", ROOT.parent / "shared" / "data"))
    folder = data / {("CT", "PET"): "sts_petct", ("T2",): "liver_mr"}.get(model.channels, "abdomen_ct") / "imagesTr"
    paths = []
    for index in range(len(model.channels)):
        found = sorted(folder.glob(f"*_{index:04}.nii.gz"))
        if found and shape == CROP:
            image = sitk.ReadImage(str(found[0]))
            size = [min(a, b) for a, b in zip(shape[::-1], image.GetSize(), strict=True)]
            image = sitk.RegionOfInterest(
                image, size, [(n - s) // 2 for n, s in zip(image.GetSize(), size, strict=True)]
            )
        else:
            image = soft_image(shape, (1.5, 1.5, 2.0), index)
        paths.append(str(place / f"{model.name}_{index:04}.nii.gz"))
        sitk.WriteImage(image, paths[-1])
    return paths


def ours(card: Path, told: Path, model: str, paths: list[str]) -> None:
    """Run a card exactly, in a process of its own."""
    loaded = load_card(card)
    inputs = {image.role: read_image_file(Path(p)) for image, p in zip(loaded.card.inputs, paths, strict=True)}
    began = Clock()
    options = RunOptions(override=True, chosen={"exact": True})
    result = run_card(loaded, inputs, device="cpu", options=options)
    took = began.told()
    geometry = inputs[loaded.card.inputs[0].role].geometry
    labels = np.zeros(geometry.shape, np.uint8)
    kind = kinds()[model]
    values = list(kind.order) or [value for value in kind.labels.values() if value]
    for roi, value in zip(result.rois, values, strict=True):
        labels[fill({k: plane.area for k, plane in roi.planes.items()}, geometry)] = value
    np.save(told.with_suffix(".npy"), labels)
    told.write_text(json.dumps(took))


def compare(kind: str, model: Model, python: Path, place: Path) -> str:
    """A line of the table."""
    paths = images(model, place, LARGE if kind == MANY else CROP)
    cases = []
    for number, stage in enumerate(stage for stage in (model.previous, model) if stage is not None):
        out = place / f"out{number}" / model.name
        out.parent.mkdir()
        cases.append({
            "name": str(number), "model": str(stage.write(place)), "images": paths, "out": str(out),
            "previous": str(place / f"out{number - 1}") if number else "", "mirrors": stage.mirrors,
            "folds": stage.folds,
        })  # fmt: skip
    told = predicted(python, place, cases)
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(f"{cases[-1]['out']}.nii.gz"))
    card = place / "card"
    card.mkdir()
    converted(place / model.name, card, Wish(), silent)
    command = [sys.executable, __file__, str(card), str(place / "ours.json"), kind, *paths]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    mine = json.loads((place / "ours.json").read_text())
    alike = 100 * (np.load(place / "ours.npy") == theirs).mean()
    both = {key: sum(stage[key] for stage in told.values()) for key in ("seconds", "processor_seconds")}
    both["peak_mb"] = max(stage["peak_mb"] for stage in told.values())
    return f"{kind:24} {alike:8.4f} %  {columns(mine, both)}"


def main() -> None:
    """Print the tables."""
    import_bundles.table()
    python = nnunet_python()
    if python is None:
        print("No nnU-Net: set PLANIMETER_PEERS to an environment with nnunetv2.")
        return
    print(f"{'':24} {'equal':>10}  {heads('nnU-Net')}")
    for kind, model in kinds().items():
        with tempfile.TemporaryDirectory() as place:
            print(compare(kind, replace(model), python, Path(place)), flush=True)


if __name__ == "__main__":
    ours(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4:])
