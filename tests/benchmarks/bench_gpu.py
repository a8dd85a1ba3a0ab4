"""Inference on a GPU: tiles a second beside MONAI, and one card end to end beside the processor, with what differs."""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from monai.inferers.utils import sliding_window_inference

from engine.answers import Result, RunOptions
from engine.cards.nodes import Node
from engine.cards.registry import LoadedCard, find_card
from engine.contouring.fill import fill
from engine.contouring.measure import mask_dice
from engine.inference.context import Context
from engine.inference.devices import Device, devices_to_try
from engine.inference.networks import load_networks
from engine.inference.preprocess import Prepared, prepare
from engine.inference.run import run_card
from engine.inference.segment import Sweep, tile_starts
from engine.progress import silent
from engine.volume import Volume
from tests.benchmarks.bench_inference import CARD, demo_ct

ROUNDS = 5


def main() -> None:
    """All of it, where there is a GPU."""
    if not torch.cuda.is_available():
        print("There is no GPU here that PyTorch sees.")
        return
    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}, {torch.get_num_threads()} threads")
    loaded, image = find_card(CARD), demo_ct((200, 512, 512))
    tiles_a_second(loaded, image)
    end_to_end(loaded, image)


def tiles_a_second(loaded: LoadedCard, image: Volume) -> None:
    """The card's first network over the same tiles of the same image, no tile left out, the methods in turns."""
    node = next(node for node in loaded.card.graph if node.op == "segment")
    (network,) = load_networks(loaded.folder, node.params.network.arguments, node.weights)[:1]
    network = network.cuda()
    prepared = replace(prepare(image, loaded.card.preprocess), outside=float("nan"))
    starts = [tile_starts(a, b, 0.5) for a, b in zip(prepared.shape, node.params.patch, strict=True)]
    tiles = int(np.prod([len(each) for each in starts]))
    whole = torch.from_numpy(prepared.tile(tuple(slice(0, n) for n in prepared.shape))).cuda()  # type: ignore[arg-type]
    half = devices_to_try("cuda")[0]

    def monai(precision: torch.dtype) -> None:
        with torch.inference_mode(), Device("cuda", precision).autocast():
            sliding_window_inference(whole[None], node.params.patch, 4, network, 0.5, "gaussian", cval=-1)

    cases: dict[str, Callable[[], None]] = {
        f"Planimeter, default ({half.precision})": lambda: _ours(loaded, node, network, prepared, half),
        "Planimeter, float32": lambda: _ours(loaded, node, network, prepared, Device("cuda")),
        f"MONAI sliding window, {half.precision}": lambda: monai(half.precision),
        "MONAI sliding window, float32": lambda: monai(torch.float32),
    }
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(-1, ROUNDS):
        for name, run in cases.items():
            torch.cuda.synchronize()
            began = time.perf_counter()
            run()
            torch.cuda.synchronize()
            if turn >= 0:  # the first turn chooses convolutions
                seconds[name].append(time.perf_counter() - began)
    print(f"{CARD}, first network, grid {prepared.shape}, {tiles} tiles of {node.params.patch}, {ROUNDS} rounds")
    for name, times in seconds.items():
        print(f"{name:44}{statistics.median(times):8.3f} s {tiles / statistics.median(times):8.1f} tiles/s")


def _ours(loaded: LoadedCard, node: Node, network: torch.nn.Module, prepared: Prepared, device: Device) -> None:
    context = Context(loaded, {"ct": prepared.volume}, "cuda", RunOptions(flips=False, overlap=0.5))
    Sweep(node.params, [network], device, node.params.patch, context).run(prepared, silent)


def end_to_end(loaded: LoadedCard, image: Volume) -> None:
    """The whole card, in this process, on either device, and how far the two draw the same."""
    results: dict[str, Result] = {}
    for device in ("cuda", "cuda", "cpu"):
        began = time.perf_counter()
        result = run_card(loaded, {"ct": image}, device=device)
        seconds = time.perf_counter() - began
        stages = ", ".join(f"{name} {share:.2f} s" for name, share in result.stages)
        notes = "" if device in results else " (the first time)"
        print(f"{CARD} on 512×512×{len(image.voxels)}, {result.device}{notes}: {seconds:.2f} s; {stages}")
        results[device] = result
    for roi, other in zip(results["cuda"].rois, results["cpu"].rois, strict=True):
        masks = [fill({k: plane.area for k, plane in each.planes.items()}, image.geometry) for each in (roi, other)]
        dice = mask_dice(*masks) if masks[0].any() and masks[1].any() else float("nan")
        print(f"  {roi.name}: Dice of the two {dice:.5f}, {masks[0].sum()} and {masks[1].sum()} voxels")
