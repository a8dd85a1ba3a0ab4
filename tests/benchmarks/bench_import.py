"""Imported models beside the programs that they come from, nnU-Net v2, TotalSegmentator, MONAI and ONNX Runtime.

Equal voxels, seconds, peak memory, each in a fresh process.

Set PLANIMETER_PEERS to an environment with nnunetv2 and TotalSegmentator (its interpreter or its site-packages).
Networks are trained for a minute by nnU-Net itself on crops of real images where PLANIMETER_TEST_DATA, or
../shared/data, has them; else, and for plans that nnU-Net makes no more, they have random weights and draw soft noise.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from engine.answers import RunOptions
from engine.cards.registry import load_card
from engine.contouring.fill import fill
from engine.files.image_file import read_image_file
from engine.importing.source import Wish
from engine.importing.worker import converted
from engine.inference.run import run_card
from engine.progress import silent
from tests.benchmarks import import_bundles, import_many, import_trained
from tests.benchmarks.clock import Clock, columns, heads, seconds_of_lines
from tests.importing.nnunet_models import KINDS, Model, soft_image
from tests.importing.peers import nnunet_python, predicted

ROOT = Path(__file__).resolve().parents[2]
#: (planes, rows, columns) of a soft image.
SHAPE = (24, 56, 56)


@dataclass(frozen=True)
class Row:
    """A model and what it draws.

    Args:
        source: that is imported.
        stages: what nnU-Net does in turn; see `tests/importing/nnunet_peer.py`.
        values: of the structures in a file of labels.
    """

    source: Path
    stages: Sequence[dict[str, Any]]
    images: Sequence[str]
    values: Sequence[int]


def of_random_weights(model: Model, place: Path) -> Row:
    """A kind of the tests."""
    paths = []
    for index in range(len(model.channels)):
        paths.append(str(place / f"{model.name}_{index:04}.nii.gz"))
        sitk.WriteImage(soft_image(SHAPE, (1.5, 1.5, 2.0), index), paths[-1])
    stages = [
        {"model": str(stage.write(place)), "mirrors": stage.mirrors, "folds": stage.folds}
        for stage in (model.previous, model)
        if stage is not None
    ]
    values = list(model.order) or [value for value in model.labels.values() if value]
    return Row(place / model.name, stages, paths, values)


def of_training(kind: str, place: Path, images: Sequence[str]) -> Row:
    """What nnU-Net trained in a place."""
    asked = import_trained.KINDS[kind]
    source = place / "results" / asked.name
    stages = [
        {"model": str(source / f"nnUNetTrainer__nnUNetPlans__{name}"), "mirrors": (0,), "folds": asked.folds}
        for name in asked.configurations
    ]
    return Row(source, stages, images, asked.values)


def ours(card: Path, told: Path, values: str, paths: list[str]) -> None:
    """Run a card exactly, in a process of its own."""
    loaded = load_card(card)
    inputs = {image.role: read_image_file(Path(p)) for image, p in zip(loaded.card.inputs, paths, strict=True)}
    # Modules are loaded, as theirs are before their clock starts.
    import_module("engine.inference.nnunet")
    began = Clock()
    options = RunOptions(override=True, chosen={"exact": True})
    result = run_card(loaded, inputs, device="cpu", options=options)
    took = began.told()
    geometry = inputs[loaded.card.inputs[0].role].geometry
    labels = np.zeros(geometry.shape, np.uint8)
    for roi, value in zip(result.rois, json.loads(values), strict=True):
        labels[fill({k: plane.area for k, plane in roi.planes.items()}, geometry)] = value
    np.save(told.with_suffix(".npy"), labels)
    took["lines_seconds"] = seconds_of_lines(labels, geometry, int(labels.max()))
    told.write_text(json.dumps(took))


def compare(kind: str, row: Row, python: Path, place: Path) -> str:
    """A line of the table."""
    cases = []
    for number, stage in enumerate(row.stages):
        # nnU-Net looks for what a cascade continues by the name of its image.
        out = place / f"out{number}" / Path(row.images[0]).name.removesuffix("_0000.nii.gz")
        out.parent.mkdir()
        before = str(place / f"out{number - 1}") if number else ""
        cases.append({"name": str(number), "images": row.images, "out": str(out), "previous": before} | stage)
    told = predicted(python, place, cases)
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(f"{cases[-1]['out']}.nii.gz"))
    card = place / "card"
    card.mkdir()
    converted(row.source, card, Wish(), silent)
    command = [sys.executable, __file__, str(card), str(place / "ours.json"), json.dumps(row.values), *row.images]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    mine = json.loads((place / "ours.json").read_text())
    alike = 100 * (np.load(place / "ours.npy") == theirs).mean()
    both = {key: sum(stage[key] for stage in told.values()) for key in ("seconds", "processor_seconds")}
    both["peak_mb"] = max(stage["peak_mb"] for stage in told.values())
    structures = 100 * (theirs > 0).mean()
    return f"{kind:24} {alike:8.4f} %  {structures:4.0f} %  {columns(mine, both)}"


def nnunet_table(python: Path, kinds: Sequence[str] = ()) -> None:
    """Print it.

    Args:
        python: an interpreter with nnunetv2.
        kinds: some of them; all by default.
    """
    print(f"{'':24} {'equal':>10}  {'drawn':>6}  {heads('nnU-Net')}")
    chosen = [kind for kind in KINDS if not kinds or kind in kinds]
    learned = [kind for kind in chosen if kind in import_trained.KINDS and import_trained.data_folder().is_dir()]
    with tempfile.TemporaryDirectory() as school:
        drawn = import_trained.trained(learned, python, Path(school)) if learned else {}
        for kind in chosen:
            with tempfile.TemporaryDirectory() as folder:
                place = Path(folder)
                if kind in drawn:
                    print(compare(kind, of_training(kind, Path(school), drawn[kind]), python, place), flush=True)
                    continue
                row = of_random_weights(replace(KINDS[kind]), place)
                print(compare(f"{kind} (random)", row, python, place), flush=True)


def main() -> None:
    """Print the tables."""
    import_bundles.table()
    python = nnunet_python()
    if python is None:
        print("No nnU-Net: set PLANIMETER_PEERS to an environment with nnunetv2.")
        return
    nnunet_table(python)
    import_many.table()


if __name__ == "__main__":
    ours(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4:])
