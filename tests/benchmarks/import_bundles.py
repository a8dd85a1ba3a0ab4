"""Imported MONAI bundles and ONNX files beside MONAI and ONNX Runtime, each in a fresh process on the same image."""

import json
import os
import subprocess
import sys
import tempfile
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
from engine.inference.nnunet_crop import cut_out
from engine.inference.run import run_card
from engine.progress import silent
from tests.benchmarks.clock import Clock, columns, heads, seconds_of_lines
from tests.importing.nnunet_models import soft_image

ROOT = Path(__file__).resolve().parents[2]
#: (planes, rows, columns).
LARGE = (64, 160, 160)
CORNER = (slice(0, 12), slice(0, 24), slice(0, 24))
#: Blobs about as large as organs: outlines of noise would take longer than all else.
BLOBS_MM = 8.0
#: Steps and crops of a network's teaching.
STEPS, EDGE = 60, 48
KINDS = ("probabilities back, CT", "SegResNetDS, logits back", "24 classes, labels back", "ONNX")


def bundle_of(kind: str) -> Any:
    """The bundle of a kind, with as many filters as published ones have; none of 24 classes is among the tests."""
    from tests.importing.bundles import ARGMAX, BUNDLES, ORIENT, RANGE, SOFTMAX, Bundle, invert, spacing, windows

    large = {"shape": LARGE, "apart": (1.5, 1.5, 2.0)}
    if kind in BUNDLES:
        known = BUNDLES[kind]
        after = [step for step in known.after if "Largest" not in step["_target_"]]
        wider = {"init_filters": 16} if "init_filters" in known.network else {"channels": [16, 32, 32]}
        return Bundle(known.network | wider, known.before, after, windows(48, 48, 48), classes=known.classes, **large)
    network = dict(Bundle().network, out_channels=24, channels=[16, 32, 32])
    return Bundle(
        network, [ORIENT, spacing(2.0, 2.0, 2.0), RANGE], [SOFTMAX, invert(False), ARGMAX], windows(48, 48, 48),
        classes=("background", *(f"organ {n}" for n in range(1, 24))), **large,
    )  # fmt: skip


def taught(folder: Path, classes: int, image: Path) -> None:
    """Teach a bundle's network for some seconds to tell how bright the image is on the whole, a class a band.

    Weights that were never taught give a chequered noise, and outlines of noise take longer than all else.
    """
    import torch
    from monai.bundle import ConfigParser
    from scipy import ndimage

    from tests.importing.bundles import network_of

    values = json.loads((folder / "configs" / "inference.json").read_text())
    parser = ConfigParser({key: values[key] for key in ("image_key", "preprocessing")})
    data = parser.get_parsed_content("preprocessing")({"image": str(image)})["image"].as_tensor()[0]
    soft = ndimage.gaussian_filter(data.numpy(), 2.0)
    # The first is the background: half of the image.
    edges = np.quantile(soft, np.linspace(0.5, 1, classes)[:-1])
    bands = torch.from_numpy(np.digitize(soft, edges))
    network = network_of(values["network_def"]).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        corner = [int(rng.integers(0, max(n - EDGE, 0) + 1)) for n in data.shape]
        place = tuple(slice(first, first + EDGE) for first in corner)
        logits = network(data[place][None, None])
        logits = logits[0] if isinstance(logits, list | tuple) else logits
        loss = torch.nn.functional.cross_entropy(logits, bands[place][None])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    torch.save({"model": network.eval().state_dict()}, folder / "models" / "model.pt")


def ours(card: Path, out: Path, image: Path) -> None:
    """Run a card exactly."""
    loaded = load_card(card)
    volume = read_image_file(image)
    role = loaded.card.inputs[0].role
    options = RunOptions(override=True, chosen={"exact": True})
    # Modules are loaded and kernels made, as theirs are before their clock starts.
    run_card(loaded, {role: cut_out(volume, CORNER)}, device="cpu", options=options)
    began = Clock()
    volume = read_image_file(image)
    result = run_card(loaded, {role: volume}, device="cpu", options=options)
    took = began.told()
    labels = np.zeros(volume.geometry.shape, np.uint8)
    for number, roi in enumerate(result.rois, start=1):
        labels[fill({k: plane.area for k, plane in roi.planes.items()}, volume.geometry)] = number
    took["lines_seconds"] = seconds_of_lines(labels, volume.geometry, len(result.rois))
    out.write_text(json.dumps(took))
    np.save(out.with_suffix(".npy"), labels)


def by_onnxruntime(model: Path, out: Path, image: Path) -> None:
    """An ONNX file by ONNX Runtime, with MONAI's transforms and windows around it."""
    import onnxruntime
    import torch
    from monai.inferers import sliding_window_inference
    from monai.transforms import (
        Compose,
        EnsureChannelFirstd,
        Invertd,
        LoadImaged,
        Orientationd,
        ScaleIntensityRanged,
        Spacingd,
    )  # fmt: skip

    before = Compose([
        LoadImaged("image"), EnsureChannelFirstd("image"), Orientationd("image", "SPL"),
        Spacingd("image", (2.5, 2.0, 2.0), mode="bilinear"), ScaleIntensityRanged("image", -157, 264, 0, 1, clip=True),
    ])  # fmt: skip
    # The first run makes kernels.
    for _ in range(2):
        began = Clock()
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        data = before({"image": str(image)})
        data["pred"] = sliding_window_inference(
            data["image"][None], (32, 48, 48), 1,
            lambda values, made=session: torch.from_numpy(made.run(None, {"image": np.asarray(values)})[0]),
            0.5, "gaussian",
        )[0].softmax(0)  # fmt: skip
        found = np.asarray(Invertd("pred", before, "image", nearest_interp=False)(data)["pred"]).argmax(0)[None]
        began.tell(out)
    np.save(out.with_suffix(".npy"), found.astype(np.uint8))


def compare(kind: str, place: Path) -> str:
    """A line of the table."""
    image = place / "image.nii.gz"
    sitk.WriteImage(soft_image(LARGE, (1.5, 1.5, 2.0), blobs_mm=BLOBS_MM), image)
    if kind == "ONNX":
        from tests.importing.onnx_models import DRAWS, network, write

        model = write(place / "model", network(), DRAWS, patch=[32, 48, 48])
        theirs = [__file__, "onnx", str(model)]
    else:
        bundle = bundle_of(kind)
        model = bundle.write(place / "model")
        taught(model, len(bundle.classes), image)
        theirs = [str(ROOT / "tests" / "importing" / "monai_peer.py"), str(model)]
    card = place / "card"
    card.mkdir()
    converted(model, card, Wish(), silent)
    figures = []
    for name, command in (("ours", [__file__, "ours", str(card)]), ("theirs", theirs)):
        out = place / f"{name}.json"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        subprocess.run(
            [sys.executable, "-W", "ignore", *command, str(out), str(image)], check=True, env=environment,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        figures.append(json.loads(out.read_text()))
    other = np.load(place / "theirs.npy")[0].transpose(2, 1, 0)
    alike = 100 * (np.load(place / "ours.npy") == other).mean()
    mine, upstream = figures
    return f"{kind:26} {alike:8.4f} %  {columns(mine, upstream)}"


def table() -> None:
    """Print it."""
    print(f"{'':26} {'equal':>10}  {heads('theirs')}")
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as place:
            print(compare(kind, Path(place)), flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        table()
    else:
        {"ours": ours, "onnx": by_onnxruntime}[sys.argv[1]](*map(Path, sys.argv[2:]))
