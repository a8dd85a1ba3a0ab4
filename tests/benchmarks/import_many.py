"""117 structures on a whole body, and tasks that are cropped: beside nnU-Net and TotalSegmentator themselves.

Each as it is used, with all its processes and from its start to its end: ours through the inference process, exactly.
Networks have the layout and labels of TotalSegmentator's and few filters, and random weights that draw areas and no
noise. What would take more than `MOST_GB` is stopped, and told so.

    python tests/benchmarks/import_many.py [KIND PLANES ROWS COLUMNS]
"""

import os
import pickle
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from shapely import from_wkb

from engine.answers import RunOptions
from engine.cards.registry import load_card
from engine.contouring.fill import fill
from engine.files.image_file import read_image_file
from engine.importing.source import Wish
from engine.importing.worker import converted
from engine.process.client import EngineClient
from engine.process.messages import Finished
from engine.progress import silent
from engine.shipped import read_list
from tests.benchmarks.clock import columns, heads
from tests.benchmarks.process_tree import measured
from tests.importing.nnunet_models import Model, soft_image
from tests.importing.peers import nnunet_python, peer_command

ROOT = Path(__file__).resolve().parents[2]
MOST_GB = 11.0
Shape = tuple[int, int, int]
#: Standard deviations by which the background is likelier, so that structures fill about a tenth of the image.
BACKGROUND = 3.0
_BLOBS_MM, _APART_MM = 20.0, 8.0


@dataclass(frozen=True)
class Kind:
    """What is run.

    Args:
        models: (data set, its trainer, configuration, spacing, edge of a tile) each.
        task: of TotalSegmentator; "" for nnU-Net's own predictor.
        fast: the task's form of 3 mm.
        cropped: the image has something in one corner alone, since the task looks around what another model finds.
    """

    models: tuple[tuple[str, str, str, tuple[float, float, float], int], ...]
    task: str = ""
    fast: bool = False
    cropped: bool = False

    @property
    def written(self) -> list[Model]:
        """Models of few filters, with TotalSegmentator's labels."""
        return [
            Model(
                name=name, trainer=trainer, configuration=configuration, patch=(edge,) * 3, spacing=spacing,
                reader="NibabelIOWithReorient", mirrors=None, features=4, labels=_labels(name),
            )
            for name, trainer, configuration, spacing, edge in self.models
        ]  # fmt: skip


def _labels(name: str) -> dict[str, int]:
    number = name.removeprefix("Dataset")[:3]
    # What is no data set of TotalSegmentator's has all that it draws.
    labels = read_list("totalsegmentator.json")["labels"]
    return {"background": 0} | {label: value for value, label in enumerate(labels.get(number, labels["297"]), start=1)}


_LONG, _HIGH = "nnUNetTrainer_4000epochs_NoMirroring", "nnUNetTrainer_DASegOrd0_NoMirroring"
_COARSE = ("Dataset298_TotalSegmentator_total_6mm_1559subj", _LONG, "3d_fullres", (6.0,) * 3, 40)
_FINE = (0.75, 0.75, 1.0)
NNUNET, TOTAL, TOTAL_FINE = "nnU-Net, 117 classes", "TotalSegmentator, total, 3 mm", "TotalSegmentator, total, 1.5 mm"
KINDS = {
    NNUNET: Kind((("Dataset008_Many", _LONG, "3d_fullres", (3.0,) * 3, 112),)),
    TOTAL: Kind(
        (("Dataset297_TotalSegmentator_total_3mm_1559subj", _LONG, "3d_fullres", (3.0,) * 3, 112),), "total", fast=True
    ),
    TOTAL_FINE: Kind(
        tuple(
            (f"Dataset{number}_TotalSegmentator_part{number}", "nnUNetTrainerNoMirroring", "3d_fullres", (1.5,) * 3, 96)
            for number in range(291, 296)
        ), "total",
    ),
    "headneck_muscles": Kind(
        (_COARSE, *((f"Dataset{n}_headneck_muscles", _HIGH, "3d_fullres_high", _FINE, 64) for n in (778, 779))),
        "headneck_muscles", cropped=True,
    ),
    "headneck_bones_vessels": Kind(
        (_COARSE, ("Dataset776_headneck_bones_vessels", _HIGH, "3d_fullres_high", _FINE, 64)),
        "headneck_bones_vessels", cropped=True,
    ),
    "abdominal_muscles": Kind(
        (("Dataset300_body_6mm_1559subj", "nnUNetTrainer", "3d_fullres", (6.0,) * 3, 40),
         ("Dataset952_abdominal_muscles", _HIGH, "3d_fullres_high", _FINE, 64)),
        "abdominal_muscles", cropped=True,
    ),
    "kidney_cysts": Kind(
        (_COARSE, ("Dataset789_kidney_cyst", _HIGH, "3d_fullres", (1.5,) * 3, 64)), "kidney_cysts", cropped=True
    ),
}  # fmt: skip
#: (planes, rows, columns), of 1 × 0.8 × 0.8 mm where nothing is cropped.
ROWS: tuple[tuple[str, Shape], ...] = (
    *((kind, (36, 54, 50)) for kind in KINDS if KINDS[kind].cropped),
    (TOTAL_FINE, (200, 256, 256)), (TOTAL, (600, 512, 512)), (NNUNET, (100, 192, 192)), (NNUNET, (100, 512, 512)),
    (NNUNET, (600, 512, 512)),
)  # fmt: skip


def image(shape: Shape) -> sitk.Image:
    """Soft areas as large as organs."""
    spacing = (0.8, 0.8, 1.0)
    size = [max(round(n * step / _APART_MM), 6) for n, step in zip(shape[::-1], spacing, strict=True)]
    coarse = soft_image((size[2], size[1], size[0]), (_APART_MM,) * 3, blobs_mm=_BLOBS_MM)
    frame = sitk.Image(shape[::-1], sitk.sitkInt16)
    frame.SetSpacing(spacing)
    scale = [n * step / m for n, step, m in zip(frame.GetSize(), spacing, size, strict=True)]
    coarse.SetSpacing(scale)
    coarse.SetOrigin([(big - small) / 2 for big, small in zip(scale, spacing, strict=True)])
    moved = sitk.Resample(coarse, frame, sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkInt16, True)
    return moved


def cornered(shape: Shape) -> sitk.Image:
    """Soft areas in one corner of an image of air, of voxels of 4 to 5 mm."""
    spacing = (4.0, 4.2, 5.0)
    values = np.full(shape, -1000, np.int16)
    values[20:30, 6:20, 28:42] = sitk.GetArrayFromImage(soft_image((10, 14, 14), spacing, 1))
    made = sitk.GetImageFromArray(values)
    made.SetSpacing(spacing)
    return made


def ours(card: Path, path: Path, out: Path) -> None:
    """Through the inference process, exactly."""
    volume = read_image_file(path)
    role = load_card(card).card.inputs[0].role
    client = EngineClient()
    client.start()
    job = client.run(
        card, {role: volume}, device="cpu", options=RunOptions(override=True, chosen={"exact": True})
    )  # fmt: skip
    message = client.wait(job)
    assert isinstance(message, Finished), message
    client.close()
    planes = [{k: plane.area.wkb for k, plane in roi.planes.items()} for roi in message.result.rois]
    out.write_bytes(pickle.dumps(planes))


def alike(path: Path, found: Path, theirs: Path) -> float:
    """Percent of equal voxels."""
    geometry = read_image_file(path).geometry
    there = sitk.GetArrayFromImage(sitk.ReadImage(str(theirs)))
    labels = np.zeros(geometry.shape, np.uint8)
    for value, planes in enumerate(pickle.loads(found.read_bytes()), start=1):
        labels[fill({k: from_wkb(area) for k, area in planes.items()}, geometry)] = value
    return float(100 * (labels == there).mean())


def row(kind: str, shape: Shape, python: Path, place: Path) -> str:
    """A line of the table."""
    results = place / "results"
    asked = KINDS[kind]
    folders = [str(model.write(results)) for model in asked.written]
    case: dict[str, Any] = {
        "name": "it", "images": [], "out": str(place / "theirs"), "mirrors": None, "calm": True, "previous": "",
    }  # fmt: skip
    if not asked.cropped:
        case["favoured"] = {folder: {"0": BACKGROUND} for folder in folders}
    if asked.task:
        case |= {"task": asked.task, "fast": asked.fast, "models": folders, "results": str(results)}
    else:
        (case["model"],) = folders
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert measured(*peer_command(python, place, [case]), MOST_GB), "no weights could be made"
    card = place / "card"
    card.mkdir()
    source = results if asked.task else results / asked.written[0].name
    converted(source, card, Wish(task=asked.task + "_fast" * asked.fast), silent)
    path = place / "image.nii"
    sitk.WriteImage(cornered(shape) if asked.cropped else image(shape), path)
    found = place / "ours.pickle"
    mine = measured([sys.executable, "-W", "ignore", __file__, "ours", card, path, found], environment, MOST_GB)
    command, there = peer_command(python, place, [case | {"images": [str(path)]}])
    upstream = measured(command, there, MOST_GB)
    told = f"{kind:30} {' × '.join(map(str, shape)):>15}"
    if mine is None or upstream is None:
        nothing = {"seconds": float("nan"), "processor_seconds": float("nan"), "peak_mb": float("nan")}
        return f"{told} {'':>10}  {columns(mine or nothing, upstream or nothing)}"
    return f"{told} {alike(path, found, place / 'theirs.nii.gz'):8.4f} %  {columns(mine, upstream)}"


def table(rows: tuple[tuple[str, Shape], ...] = ROWS) -> None:
    """Print it."""
    python = nnunet_python()
    if python is None:
        print("No nnU-Net: set PLANIMETER_PEERS to an environment with nnunetv2 and TotalSegmentator.")
        return
    print(f"{'':46} {'equal':>10}  {heads('theirs')}; not a number where it took more than {MOST_GB:g} GB")
    for kind, shape in rows:
        with tempfile.TemporaryDirectory() as place:
            began = time.perf_counter()
            print(row(kind, shape, python, Path(place)), f"({time.perf_counter() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["ours"]:
        ours(*map(Path, sys.argv[2:]))
    elif len(sys.argv) > 1:
        table(((sys.argv[1], (int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))),))
    else:
        table()
