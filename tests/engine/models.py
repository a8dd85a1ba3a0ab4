"""Small cards with small networks, made on the spot."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from engine.cards.registry import LoadedCard, load_card
from engine.cards.weights import sha256_of
from engine.inference.networks import build_network
from engine.volume import Geometry, Volume

Json = dict[str, Any]

UNET: Json = {
    "network": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 3, "channels": [4, 8, 8],
    "strides": [2, 2], "num_res_units": 1, "norm": "batch",
}  # fmt: skip


def write_weights(folder: Path, name: str, network: torch.nn.Module) -> Json:
    """Save a network's weights beside a card; returns what the card says of them."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, path)
    return {"file": path.name, "sha256": sha256_of(path), "licence": "Apache-2.0"}


def network_of(arguments: Json, seed: int = 0) -> torch.nn.Module:
    """The network with weights from a seed, ready to run; strong enough that all classes occur."""
    torch.manual_seed(seed)
    network = build_network(arguments).eval()
    with torch.no_grad():
        for value in network.parameters():
            value.mul_(1.6)
    return network


def segmenter_node(folder: Path, seeds: tuple[int, ...] = (0,), arguments: Json = UNET, **params: Any) -> Json:
    weights = [write_weights(folder, f"weights{seed}", network_of(arguments, seed)) for seed in seeds]
    defaults = {"network": arguments, "patch": [16, 32, 32], "padding": -1.0, "labels": ["Left", "Right"]}
    return {"node": "net", "op": "segment", "in": ["ct"], "weights": weights, "params": defaults | params}


def write_card(folder: Path, graph: list[Json], outputs: list[str | Json], **changes: Any) -> LoadedCard:
    """A card in `folder` whose outputs are masks, unless they are told to be something else."""
    values: Json = {
        "id": folder.name, "version": "1.0", "task": "segment", "title": "A small model", "fidelity": "modern",
        "badge": "runs", "inputs": [{"role": "ct", "modality": ["CT"], "units": "HU"}],
        "preprocess": [{"op": "orient", "params": {}}, {"op": "windows", "params": {"windows": [[-500, 500]]}}],
        "graph": graph,
        "outputs": [o if isinstance(o, dict) else {"kind": "mask", "label": o, "name": o} for o in outputs],
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "card.json").write_text(json.dumps(values | changes))
    loaded = load_card(folder)
    assert not loaded.problem, loaded.problem
    return loaded


def noisy(shape: tuple[int, int, int], seed: int = 0) -> Volume:
    """An image of soft blocks in which small networks find all their classes."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(0, 400, [n // 4 + 2 for n in shape])
    image = np.kron(coarse, np.ones((4, 4, 4)))[: shape[0], : shape[1], : shape[2]]
    return Volume(image.astype(np.int16), Geometry.regular((0, 0, 0), np.eye(3), (2, 2, 2), shape), "CT", "HU")
