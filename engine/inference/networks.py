"""Networks, built from a card's parameters and given its weights."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from monai.networks.nets.dynunet import DynUNet
from monai.networks.utils import pixelshuffle, pixelunshuffle
from monai.utils import OptionalImportError
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn
from torch.nn import functional

from engine.cards.weights import Weights, read_weights
from engine.errors import CardError
from engine.inference.packing import unpacked
from engine.operations.networks import NETWORKS


def dyn_unet(**arguments: Any) -> nn.Module:
    """MONAI's DynUNet, which knows each block by two names, with one of them, so that no weight is stored twice."""
    network: nn.Module = DynUNet(**arguments)
    del network.input_block, network.downsamples, network.bottleneck, network.upsamples
    return network


class SubvoxelUNet(nn.Module):
    """A U-Net that works at half resolution on blocks of 2×2×2 voxels, so that full resolution costs next to nothing.

    Each block's eight voxels are eight channels (pixel unshuffle) of a MONAI DynUNet, whose output channels are
    shuffled back to voxels; one convolution over logits and image at full resolution removes what pattern of the
    blocks remains. On a processor without matrix units the layers at full resolution take most of the time of an
    ordinary U-Net of this size.

    Args:
        in_channels: channels of the image.
        out_channels: classes, background included.
        filters: channels of the levels, from half resolution down.
        spatial_dims: 3, or 2 for single planes, whose blocks are 2×2.

    Input (batch, in_channels, planes, rows, columns), without planes in 2D; each size a multiple of
    `2 ** len(filters)`. Output (batch, out_channels, planes, rows, columns): logits.
    """

    def __init__(self, in_channels: int, out_channels: int, filters: list[int], spatial_dims: int = 3) -> None:
        super().__init__()
        levels = len(filters)
        self.spatial_dims = spatial_dims
        self.trunk = dyn_unet(
            spatial_dims=spatial_dims,
            in_channels=2**spatial_dims * in_channels,
            out_channels=2**spatial_dims * out_channels,
            kernel_size=[3] * levels,
            strides=[1] + [2] * (levels - 1),
            upsample_kernel_size=[2] * (levels - 1),
            filters=filters,
            norm_name=("instance", {"affine": True}),
            # Not in place: a compiled training step would have to copy.
            act_name=("leakyrelu", {"inplace": False, "negative_slope": 0.01}),
        )
        convolution = nn.Conv3d if spatial_dims == 3 else nn.Conv2d
        self.refine = convolution(in_channels + out_channels, out_channels, 3, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits of the voxels of `image`."""
        dims = self.spatial_dims
        blocks = pixelshuffle(self.trunk(pixelunshuffle(image, dims, 2)), dims, 2)
        logits: torch.Tensor = blocks + self.refine(torch.cat([blocks, image], dim=1))
        return logits


def faster_norms(network: nn.Module) -> nn.Module:
    """The same network, changed in place, with its instance norms done as group norms of one channel a group.

    That is the same formula, and the names of the weights stay; but torch's instance norm on a processor copies what
    comes with channels last, and runs batch norm on it.
    """
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.InstanceNorm2d | nn.InstanceNorm3d) and not child.track_running_stats:
                norm = nn.GroupNorm(child.num_features, child.num_features, child.eps, child.affine)
                norm.weight, norm.bias = child.weight, child.bias
                setattr(module, name, norm.train(child.training))
    return network


class SubsampledConv2d(nn.Conv2d):
    """A convolution of single pixels with a stride, done on no more than the pixels that it looks at."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(batch, channels, rows, columns) to the same with the convolution's channels."""
        down, across = self.stride
        looked_at = image[:, :, ::down, ::across]
        return functional.conv2d(looked_at, self.weight, self.bias, groups=self.groups)


def safe_strides(network: nn.Module) -> nn.Module:
    """The same network, changed in place, whose convolutions of single pixels with a stride subsample first.

    That is the same formula, and the names of the weights stay. But on a processor oneDNN 3.12 (torch 2.13), which
    subsamples by itself, reads and writes past its memory where it takes the gradient of such weights in bfloat16 from
    fewer than 16 channels: the process may end without a word.
    """
    for module in network.modules():
        for name, child in module.named_children():
            if type(child) is nn.Conv2d and set(child.kernel_size) == {1} and max(child.stride) > 1:
                if child.padding not in {(0, 0), "valid"}:
                    continue
                sparse = SubsampledConv2d(
                    child.in_channels, child.out_channels, 1, (child.stride[0], child.stride[1]), groups=child.groups,
                    bias=child.bias is not None, device="meta",
                )  # fmt: skip
                sparse.weight, sparse.bias = child.weight, child.bias
                setattr(module, name, sparse.train(child.training))
    return network


#: Names that the networks give to the layers that make logits of features.
_LAST_LAYERS = {"output_block", "conv_final", "refine", "head"}


def last_layers_in_float32(network: nn.Module) -> nn.Module:
    """The same network, changed in place, whose last layers leave autocast.

    They are cheap, and logits rounded to half precision are what most of its other labels come from.
    """
    for module in last_layers(network):
        module.forward = partial(_in_float32, module.forward)
    return network


def last_layers(network: nn.Module) -> list[nn.Module]:
    """The layers that make logits of features, where the network names them."""
    return [module for name, module in network.named_modules() if name.rpartition(".")[2] in _LAST_LAYERS]


def _in_float32(forward: Callable[[torch.Tensor], torch.Tensor], features: torch.Tensor) -> torch.Tensor:
    with torch.autocast(features.device.type, enabled=False):
        return forward(features.float())


def build_network(params: Mapping[str, Any]) -> nn.Module:
    """The network that a card's graph node describes, with random weights.

    Args:
        params: `network` names one of `engine.operations.networks.NETWORKS`; all else are the arguments of the network.

    Raises:
        CardError: the network is not known, or its arguments don't fit it.
    """
    name = str(params.get("network", ""))
    if name not in NETWORKS:
        raise CardError(f"The card asks for a network named '{name}'; this version has {', '.join(sorted(NETWORKS))}.")
    arguments = {key: value for key, value in params.items() if key != "network"}
    try:
        network: nn.Module = network_class(name)(**arguments)
    except OptionalImportError as error:
        raise CardError(f"The network {name} needs the extra planimeter[bundles]; install it and try again.") from error
    except (
        TypeError,
        ValueError,
        KeyError,
        IndexError,
        AssertionError,
        AttributeError,
        RuntimeError,
        NotImplementedError,
        ArithmeticError,
    ) as error:
        reason = " ".join(str(error).split())[:300]
        raise CardError(f"The card's parameters do not fit the network {name}: {reason}.") from error
    return network


def network_class(name: str) -> Callable[..., Any]:
    """What builds the network of that name in `NETWORKS`."""
    module, attribute = NETWORKS[name]
    made: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    return made


def load_networks(folder: Path, params: Mapping[str, Any], files: Sequence[Weights]) -> list[nn.Module]:
    """The networks of a node, one a weights file, ready to run on the CPU.

    Args:
        folder: of the card.
        params: as for `build_network`.
        files: of the node.

    Raises:
        CardError: the weights are altered, damaged, or of another network.
    """
    if params.get("network") == "OnnxGraph":
        return [_onnx_graph(folder, files)]
    networks = []
    for weights in files:
        data = read_weights(folder, weights)
        network = build_network(params)
        misfit = ""
        try:
            values = unpacked(data)
            misfit = _misfit(network.state_dict(), values)
            network.load_state_dict(values)
        except (SafetensorError, RuntimeError, ValueError) as error:
            where = folder / weights.file
            told = f": {misfit}" if misfit else ""
            raise CardError(
                f"The weights {where} are not those of the network that the card describes{told}."
            ) from error
        networks.append(network.eval().requires_grad_(False))
    return networks


def _misfit(wanted: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> str:
    """What of a network's weights does not fit, the first of it; "" where all does."""
    for name, value in wanted.items():
        if name not in given:
            return f"they have no '{name}'"
        if value.shape != given[name].shape:
            sizes = [" x ".join(map(str, each.shape)) or "one number" for each in (given[name], value)]
            return f"their '{name}' is {sizes[0]}, and by the card it is {sizes[1]}"
    more = sorted(set(given) - set(wanted))
    return f"the card's network has no '{more[0]}'" if more else ""


def _onnx_graph(folder: Path, files: Sequence[Weights]) -> nn.Module:
    """The network of an ONNX file, and of the file with its weights where they are too many for one."""
    # The extra is not needed by anything else.
    from engine.inference.onnx_graph import OnnxGraph, checked  # noqa: PLC0415

    path = folder / files[0].file
    if [Path(weights.file).suffix for weights in files] not in ([".onnx"], [".onnx", ".safetensors"]):
        raise CardError(f"The weights {path} are no ONNX file, which the card asks for.")
    beside = {}
    for weights in files[1:]:
        try:
            beside = load(read_weights(folder, weights))
        except (SafetensorError, ValueError) as error:
            raise CardError(f"The weights {folder / weights.file} are damaged; fetch the model again.") from error
    data = read_weights(folder, files[0])
    checked(data, str(path), beside=frozenset(beside))
    return OnnxGraph(data, str(path), beside).eval()
