"""117 structures on a whole body: imported models beside nnU-Net and TotalSegmentator themselves.

Each as it is used, with all its processes and from its start to its end: ours through the inference process, exactly.
Networks have the layout and labels of TotalSegmentator's of 3 mm and few filters, and random weights that draw areas
and no noise. What would take more than `MOST_GB` is stopped, and told so.

    python tests/benchmarks/import_many.py [KIND PLANES ROWS COLUMNS]
"""

import os
import pickle
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from shapely import from_wkb

from engine.answers import RunOptions
from engine.cards.registry import load_card
from engine.contouring.fill import fill
from engine.image_file import read_image_file
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
NNUNET, TOTAL = "nnU-Net, 117 classes", "TotalSegmentator, total, 3 mm"
Shape = tuple[int, int, int]
#: (planes, rows, columns) of 1 × 0.8 × 0.8 mm.
ROWS: tuple[tuple[str, Shape], ...] = (
    (TOTAL, (600, 512, 512)), (NNUNET, (100, 192, 192)), (NNUNET, (600, 512, 512)),
)  # fmt: skip
#: Standard deviations by which the background is likelier, so that structures fill about a tenth of the image.
BACKGROUND = 3.0
_BLOBS_MM, _APART_MM = 20.0, 8.0


def network(kind: str) -> Model:
    """TotalSegmentator's of 3 mm, which has all structures in one, with a tenth of its filters."""
    labels = read_list("totalsegmentator.json")["labels"]["297"]
    name = "Dataset297_TotalSegmentator_total_3mm_1559subj" if kind == TOTAL else "Dataset008_Many"
    return Model(
        name=name, trainer="nnUNetTrainer_4000epochs_NoMirroring",
        patch=(112, 112, 112), spacing=(3.0, 3.0, 3.0), reader="NibabelIOWithReorient", mirrors=None, features=4,
        labels={"background": 0} | {name: value for value, name in enumerate(labels, start=1)},
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
    model = network(kind)
    case: dict[str, Any] = {
        "name": "it", "images": [], "out": str(place / "theirs"), "mirrors": None, "calm": True, "previous": "",
    }  # fmt: skip
    folder = str(model.write(results))
    case["favoured"] = {folder: {"0": BACKGROUND}}
    if kind == TOTAL:
        case |= {"task": "total", "fast": True, "models": [folder], "results": str(results)}
    else:
        case["model"] = folder
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for theirs in (True, False):
        command, there = peer_command(python, place, [case])
        if theirs:
            assert measured(command, there, MOST_GB), "no weights could be made"
    card = place / "card"
    card.mkdir()
    converted(
        results if kind == TOTAL else results / model.name, card, Wish(task="total_fast" * (kind == TOTAL)), silent
    )
    path = place / "image.nii"
    sitk.WriteImage(image(shape), path)
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
