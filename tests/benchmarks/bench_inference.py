"""Inference on the CPU: tiles a second beside MONAI and nnU-Net, click to contours, peak memory, start of the process.

nnU-Net lives in an environment of its own: set PLANIMETER_PEERS to its site-packages to have it in the table.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch
from monai.inferers.utils import sliding_window_inference
from numpy.typing import NDArray

from engine.answers import RunOptions
from engine.cards.nodes import Node
from engine.cards.registry import SHIPPED, LoadedCard, find_card
from engine.inference import openvino
from engine.inference.context import Context
from engine.inference.devices import Device, cpu_has_bf16
from engine.inference.networks import load_networks
from engine.inference.preprocess import Prepared, prepare
from engine.inference.segment import Sweep, tile_starts
from engine.process.client import EngineClient
from engine.process.messages import Finished, Progress
from engine.progress import silent
from engine.volume import Geometry, Volume

CARD = "head-neck-oar"
ROUNDS = 5
Labels = NDArray[np.intp]

if os.environ.get("PLANIMETER_PEERS"):
    sys.path.append(os.environ["PLANIMETER_PEERS"])
for variable in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
    os.environ.setdefault(variable, "/nonexistent")
nnUNetPredictor: Any = None  # noqa: N816 - its name there
with suppress(ImportError):
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor


def demo_ct(shape: tuple[int, int, int]) -> Volume:
    """The built-in patient on 0.98 mm pixels and 2.5 mm planes, repeated along itself to fill `shape`."""
    image = sitk.ReadImage(str(SHIPPED.parent / "demo" / "average.nii.gz"))
    frame = sitk.Image([shape[2], shape[1], round(image.GetSize()[2] * image.GetSpacing()[2] / 2.5)], sitk.sitkInt16)
    frame.SetSpacing((0.98, 0.98, 2.5))
    middle = image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()])
    frame.SetOrigin([m - (n - 1) * s / 2 for m, n, s in zip(middle, frame.GetSize(), frame.GetSpacing(), strict=True)])
    fine = sitk.GetArrayFromImage(sitk.Resample(image, frame, sitk.Transform(), sitk.sitkLinear, -1000.0))
    fine = fine + np.random.default_rng(0).normal(0, 10, fine.shape).astype(np.int16)
    voxels = np.concatenate([fine] * -(-shape[0] // len(fine)))[: shape[0]].astype(np.int16)
    return Volume(voxels, Geometry.regular((0, 0, 0), np.eye(3), (0.98, 0.98, 2.5), shape), "CT", "HU")


def tiles_a_second(planes: int = 100) -> None:
    """The same network over the same tiles of the same image, interleaved; seconds of the processor beside the clock's.

    On a machine with other work the processor's seconds say more.
    """
    loaded = find_card(CARD)
    node = next(node for node in loaded.card.graph if node.op == "segment")

    def networks() -> Any:
        # Each has its own, laid out in memory as it likes.
        return load_networks(loaded.folder, node.params.network.arguments, node.weights)[:1]

    # No tile is left out, however empty, so that all do the same work.
    prepared = replace(prepare(demo_ct((planes, 512, 512)), loaded.card.preprocess), outside=float("nan"))
    patch = node.params.patch
    starts = [tile_starts(a, b, 0.5) for a, b in zip(prepared.shape, patch, strict=True)]
    tiles = int(np.prod([len(s) for s in starts]))
    image = torch.from_numpy(prepared.tile(tuple(slice(0, n) for n in prepared.shape)))  # type: ignore[arg-type]
    full, half = Device("cpu"), Device("cpu", torch.bfloat16)
    cases: dict[str, Callable[[], Labels]] = {
        "Planimeter, float32": partial(_ours, loaded, node, networks(), prepared, full),
        "MONAI sliding window, float32": partial(_monai, networks()[0], image, patch),
    }
    if nnUNetPredictor is not None:
        channels = len(node.params.labels) + 1
        cases["nnU-Net predictor, float32"] = partial(_nnunet, networks()[0], image, patch, channels)
    if cpu_has_bf16():
        cases["Planimeter, default (bfloat16)"] = partial(_ours, loaded, node, networks(), prepared, half)
    if openvino.is_installed():
        openvino.WORTHWHILE = 1
        device = half if cpu_has_bf16() else full
        # The first round, which is the slowest, converts the network.
        cases[f"the same by OpenVINO, {'bfloat16' if cpu_has_bf16() else 'float32'}"] = partial(
            _ours, loaded, node, networks(), prepared, device, names=("network",)
        )
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    work: dict[str, list[float]] = {name: [] for name in cases}
    labels: dict[str, Labels] = {}
    for turn in range(ROUNDS):
        # Each round begins with another, since what one leaves in caches and threads is the next one's burden.
        order = list(cases.items())
        for name, run in order[turn % len(order) :] + order[: turn % len(order)]:
            began, worked = time.perf_counter(), time.process_time()
            labels[name] = run()
            seconds[name].append(time.perf_counter() - began)
            work[name].append(time.process_time() - worked)
    reference, own = labels["MONAI sliding window, float32"], labels["Planimeter, float32"]
    print(
        f"{CARD}, {torch.get_num_threads()} threads, grid {prepared.shape}, {tiles} tiles of {patch}, {ROUNDS} rounds"
    )
    print(
        f"{'':34}{'s':>8}{'slowest':>9}{'tiles/s':>9}{'CPU s':>8}{'labels as MONAI':>17}{'own float32, in organs':>24}"
    )
    for name, times in seconds.items():
        median = statistics.median(times)
        organs = (labels[name] > 0) | (own > 0)
        inside = (labels[name] == own)[organs].mean() if organs.any() else 1.0
        shown = f"{median:8.2f}{max(times):9.2f}{tiles / median:9.2f}{statistics.median(work[name]):8.1f}"
        print(f"{name:34}{shown}{(labels[name] == reference).mean():17.5f}{inside:24.4f}")
    if nnUNetPredictor is None:
        print("nnU-Net is not installed here, so it is not in the table.")


def _ours(
    loaded: LoadedCard,
    node: Node,
    networks: Any,
    prepared: Prepared,
    device: Device,
    *,
    names: tuple[str, ...] = (),
) -> Labels:
    # Without the card's temperature, which changes no label of one network but would be work that the others lack.
    context = Context(loaded, {"ct": prepared.volume}, "cpu", RunOptions(flips=False, overlap=0.5))
    maps = Sweep(node.params, networks, device, node.params.patch, context, names).run(prepared, silent)
    found = torch.from_numpy(maps.dense(maps.labels)).float()
    background = 1 - found.sum(dim=0, keepdim=True)
    return np.asarray(torch.cat([background, found]).argmax(dim=0).numpy())


def _monai(network: torch.nn.Module, image: torch.Tensor, patch: tuple[int, int, int]) -> Labels:
    with torch.inference_mode():
        logits = sliding_window_inference(
            image[None], patch, 1, network, 0.5, "gaussian", padding_mode="constant", cval=-1
        )
    assert isinstance(logits, torch.Tensor)
    return np.asarray(logits[0].argmax(0).numpy())


def _nnunet(network: torch.nn.Module, image: torch.Tensor, patch: tuple[int, int, int], classes: int) -> Labels:
    predictor = nnUNetPredictor(0.5, True, False, False, torch.device("cpu"), False, False, False)
    predictor.network = network
    predictor.configuration_manager = SimpleNamespace(patch_size=patch)
    predictor.label_manager = SimpleNamespace(num_segmentation_heads=classes)
    logits = predictor.predict_sliding_window_return_logits(image)
    return np.asarray(logits.argmax(0).numpy())


def click_to_contours(planes: int) -> None:
    """A run through the inference process, with the share of each stage and the peak memory of both processes."""
    code = f"import runpy; runpy.run_path({str(Path(__file__))!r}, run_name='bench')['one_run']({planes})"
    subprocess.run([sys.executable, "-c", code], check=True)


def one_run(planes: int) -> None:
    """One run of `planes` planes of 512², in a process of its own; of many, without overlap, for the memory alone."""
    options = RunOptions() if planes <= 200 else RunOptions(flips=False, overlap=0.0)
    volume = demo_ct((planes, 512, 512))
    before = _peak(os.getpid())
    client = EngineClient()
    client.start()
    client.wait_ready(60)
    assert client.ready is not None
    tiles: list[int] = []
    began = time.perf_counter()

    def count(message: Progress) -> None:
        tiles.append(message.tiles)

    message = client.wait(client.run(find_card(CARD).folder, {"ct": volume}, options=options), progress=count)
    seconds = time.perf_counter() - began
    assert isinstance(message, Finished) and client.process_id is not None, message
    worker, here = _peak(client.process_id), _peak(os.getpid())
    idle = _resident(client.process_id)
    client.close()
    stages = ", ".join(f"{name} {share:.2f} s ({100 * share / seconds:.0f} %)" for name, share in message.result.stages)
    print(
        f"512×512×{planes}: {seconds:.1f} s on {message.result.device}, {max(tiles, default=0)} tiles; {stages}\n"
        f"  peak memory: inference process {worker:.2f} GB (the image's {volume.voxels.nbytes / 1e9:.2f} GB shared), "
        f"program {here:.2f} GB (before the run {before:.2f}); inference process after the run {idle:.2f} GB\n"
        f"  process up after {client.ready.seconds:.2f} s"
    )


def _peak(process: int) -> float:
    return _status(process, "VmHWM")


def _resident(process: int) -> float:
    return _status(process, "RssAnon")


def _status(process: int, key: str) -> float:
    """GB, of Linux's account of a process; not a number elsewhere."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1]) / 1e6
    return float("nan")


def main() -> None:
    """All of it."""
    tiles_a_second()
    for planes in (200, 1000):
        click_to_contours(planes)
