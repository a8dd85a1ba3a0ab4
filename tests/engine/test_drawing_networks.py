"""Networks that draw planes: what they see of them, and that a plane at once gives what patch by patch would."""

from typing import Any

import pytest
import torch
from torch.nn import functional

from engine.inference.networks import build_network, last_layers

Json = dict[str, Any]

SMALL: list[Json] = [
    {"network": "DilatedResNet", "depth": 10, "width": 0.125},
    {"network": "SideOutputResNet", "depth": 10, "width": 0.125},
    {"network": "TwoPathCNN", "detail": 4, "context": 4},
    {"network": "PatchAlexNet", "width": 0.05},
]


def built(arguments: Json) -> torch.nn.Module:
    torch.manual_seed(1)
    return build_network({"in_channels": 2, "out_channels": 3, **arguments}).eval()


@pytest.mark.parametrize("arguments", SMALL, ids=lambda arguments: arguments["network"])
def test_each_pixel_gets_a_value_a_class_whatever_the_size(arguments: Json) -> None:
    network = built(arguments)
    with torch.inference_mode():
        assert network(torch.randn(1, 2, 70, 53)).shape == (1, 3, 70, 53)
    assert last_layers(network)


@pytest.mark.parametrize(("arguments", "size"), [(SMALL[2], 33), (SMALL[3], 51)])
def test_a_pixel_is_judged_by_the_patch_around_it_and_nothing_else(arguments: Json, size: int) -> None:
    network, plane = built(arguments), torch.randn(1, 2, 90, 90)
    row, column, half = 44, 47, size // 2
    with torch.inference_mode():
        whole = network(plane)[0, :, row, column]
        patch = plane[..., row - half : row + half + 1, column - half : column + half + 1]
        assert torch.allclose(network(patch)[0, :, half, half], whole, atol=1e-5)
        smaller = network(patch[..., 1:-1, 1:-1])[0, :, half - 1, half - 1]
    assert not torch.allclose(smaller, whole, atol=1e-5)


def test_planes_at_once_are_what_alexnet_says_patch_by_patch() -> None:
    network, plane = built(SMALL[3]), torch.randn(1, 2, 80, 80)
    with torch.inference_mode():
        whole = network(plane)
        for row, column in ((30, 41), (47, 25)):
            features = plane[..., row - 25 : row + 26, column - 25 : column + 26]
            for index, layer in enumerate(network.layers):  # type: ignore[arg-type]
                # As it is for a picture: no padding, no dilation, poolings that halve.
                features = functional.relu(functional.conv2d(features, layer.weight, layer.bias))
                features = functional.max_pool2d(features, 3, 2) if index < 2 else features
            assert features.shape[2:] == (1, 1)
            said = functional.conv2d(features, network.head.weight, network.head.bias)[0, :, 0, 0]  # type: ignore[union-attr, arg-type]
            assert torch.allclose(said, whole[0, :, row, column], atol=1e-5)


def test_a_dilated_trunk_keeps_an_eighth_of_the_resolution_and_the_weights_of_its_classifier() -> None:
    network, side = built(SMALL[0]), built(SMALL[1])
    assert {name: value.shape for name, value in network.trunk.state_dict().items()} == {  # type: ignore[union-attr, operator]
        name: value.shape
        for name, value in side.trunk.state_dict().items()  # type: ignore[union-attr, operator]
    }
    shapes = []
    for each in (network, side):
        each.trunk.layer4.register_forward_hook(lambda module, given, made: shapes.append(tuple(made.shape[2:])))  # type: ignore[union-attr]
        with torch.inference_mode():
            each(torch.randn(1, 2, 64, 64))
    assert shapes == [(8, 8), (2, 2)]


def test_a_depth_that_there_is_not_is_said() -> None:
    from engine.errors import CardError

    with pytest.raises(CardError, match="no ResNet of depth 7"):
        built({"network": "DilatedResNet", "depth": 7})
