"""Checkpoints as nnU-Net v2 writes them, without nnU-Net."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.importing.nnunet import configuration_of
from engine.importing.nnunet_plans import Plans, labels_of
from engine.inference.networks import build_network
from tests.importing.nnunet_models import Model


def write_checkpoint(model: Model, place: Path, fold: str = "0", seed: int = 0, **changes: Any) -> Path:
    """A results folder with a fold of random weights; the path of its checkpoint."""
    folder = model.write(place)
    params = Plans(model.plans(), "plans").params(configuration_of(folder))
    labels = labels_of({"labels": model.labels, "regions_class_order": list(model.order)}, "dataset")
    torch.manual_seed(seed)
    previous = len(labels["names"]) if model.previous is not None else 0
    channels = len(labels["names"]) + int(labels["activation"] == "softmax")
    sizes = {"in_channels": len(model.channels) + previous, "out_channels": channels}
    network = build_network(params["network"] | sizes).eval()
    with torch.no_grad():
        logits = network(torch.randn(1, sizes["in_channels"], *model.patch))
        # No class is to be the likeliest everywhere.
        network.decoder.head.bias -= logits.mean([0, *range(2, logits.ndim)])
    weights = network.state_dict()
    stored = {}
    for name, value in weights.items():
        # nnU-Net stores a layer several times, and heads that only training uses.
        if name.startswith("decoder.head."):
            part = name.rpartition(".")[2]
            stored[f"decoder.seg_layers.0.{part}"] = torch.zeros(1)
            stored[f"decoder.seg_layers.1.{part}"] = value
        else:
            stored[name] = value
            stored[name.replace(".conv.", ".all_modules.0.")] = value
        if name.startswith("encoder."):
            stored[f"decoder.{name}"] = value
    values = {
        "network_weights": stored, "init_args": {"configuration": model.configuration}, "trainer_name": "nnUNetTrainer",
        "inference_allowed_mirroring_axes": model.mirrors, "_best_ema": np.float64(0.5),
        "logging": {"ema_fg_dice": [np.float32(0.5)]},
    }  # fmt: skip
    path = folder / f"fold_{fold}" / "checkpoint_final.pth"
    path.parent.mkdir(exist_ok=True)
    torch.save(values | changes, path)
    return path
