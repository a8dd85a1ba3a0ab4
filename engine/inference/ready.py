"""Networks brought to a device, in the form that is fastest there."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from engine.errors import CardError, EngineError
from engine.inference import openvino
from engine.inference.context import Context
from engine.inference.convolutions import faster_convolutions
from engine.inference.devices import Device
from engine.inference.networks import faster_norms, last_layers_in_float32, load_networks
from engine.inference.onnx_graph import OnnxGraph
from engine.memory import ran_out


def named_networks(arguments: Mapping[str, Any], context: Context) -> tuple[list[nn.Module], list[str]]:
    """The networks of the node that is run, and for each a name that tells its weights from any others.

    Raises:
        CardError: weights or network don't fit the card.
    """
    networks = load_networks(context.loaded.folder, arguments, context.weights)
    return networks, [f"{weights.sha256} {arguments}" for weights in context.weights]


@contextmanager
def freed_where_it_fails(networks: Sequence[nn.Module]) -> Iterator[None]:
    """Work on a device; where it fails, the networks leave that device, and its memory with them."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError):
        _release(networks)
        raise


def answer_of(network: nn.Module, image: torch.Tensor, device: Device, shown: str) -> Any:
    """What a network gives for (1, channels, ...) of an image, whatever that is.

    Args:
        network: on the device.
        image: likewise.
        device: it computes on.
        shown: what the image is to the network, for the sentence: "a patch".

    Raises:
        CardError: the network can't take it.
    """
    try:
        with device.autocast():
            return network(image)
    except (RuntimeError, ValueError) as error:
        if ran_out(error):
            raise
        size, reason = " x ".join(map(str, image.shape[2:])), " ".join(str(error).split())[:160]
        raise CardError(
            f"The model's network can't take {shown} of {size} with {image.shape[1]} channels ({reason})."
        ) from error


def ready_networks(
    networks: Sequence[nn.Module],
    names: Sequence[str],
    device: Device,
    *,
    shape: Sequence[int],
    voxels: int,
    context: Context,
) -> tuple[list[nn.Module], bool]:
    """The networks on the device, and whether they are run by OpenVINO.

    Args:
        networks: on the CPU; changed in place.
        names: of the networks, each telling its weights from any others; without them OpenVINO is not used.
        device: to compute on.
        shape: of a tile, (1, channels, ...).
        voxels: that will go through a network.
        context: told where OpenVINO could not be used.
    """
    if any(isinstance(network, OnnxGraph) for network in networks):
        return list(networks), False
    if device.name == "cpu" and names and voxels >= openvino.WORTHWHILE and openvino.is_installed():
        try:
            return [
                openvino.converted(network, name, shape, device.precision)
                for network, name in zip(networks, names, strict=True)
            ], True
        except EngineError as error:
            context.note(f"{error} PyTorch was used instead.")
    for network in networks:
        if device.name == "cpu":
            faster_convolutions(faster_norms(network))
        if device.precision != torch.float32:
            last_layers_in_float32(network)
    flat = len(shape) == 4
    convert = nn.utils.convert_conv2d_weight_memory_format if flat else nn.utils.convert_conv3d_weight_memory_format
    return [convert(network.to(device.name), layout(device, flat)) for network in networks], False


def layout(device: Device, flat: bool) -> torch.memory_format:
    """Convolutions in half precision are fastest with channels last, those in float32 with channels first."""
    if device.precision == torch.float32:
        return torch.contiguous_format
    return torch.channels_last if flat else torch.channels_last_3d


def _release(networks: Sequence[nn.Module]) -> None:
    for network in networks:
        network.to("cpu")
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
