"""Convolutions of a single window on a processor, against torch's own."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from engine.inference.convolutions import DirectConv3d, faster_convolutions
from engine.inference.likeliest import likeliest
from tests.engine.models import network_of

UNET = {
    "network": "DynUNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 3, "kernel_size": [[1, 3, 3], 3, 3],
    "strides": [1, 2, 2], "upsample_kernel_size": [2, 2], "filters": [6, 8, 12], "norm_name": "batch",
}  # fmt: skip


def unfolding(network: nn.Module, image: torch.Tensor) -> int:
    """How many convolutions of a network unfold the image."""
    with torch.inference_mode(), torch.profiler.profile() as profile:
        network(image)
    return sum(event.count for event in profile.key_averages() if event.key == "aten::slow_conv3d")


def test_a_single_window_is_convolved_as_several_are_and_gives_the_same() -> None:
    slow, fast = network_of(UNET, 3), faster_convolutions(network_of(UNET, 3))
    assert list(fast.state_dict()) == list(slow.state_dict())
    image = torch.randn(1, 1, 8, 16, 16)
    assert unfolding(slow, image) > 1
    # The last, of single voxels.
    assert unfolding(fast, image) == 1
    with torch.inference_mode():
        expected = slow(torch.cat([image, image]))[:1]
        assert torch.allclose(fast(image), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("made", [
    {"kernel_size": 3, "padding": 1, "stride": 2},
    {"kernel_size": (1, 3, 3), "padding": (0, 1, 1), "bias": False},
    {"kernel_size": 3, "padding": 2, "dilation": 2},
    {"kernel_size": 3, "groups": 2},
])  # fmt: skip
def test_a_direct_convolution_has_torchs_values(made: dict[str, Any]) -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv3d(4, 6, **made))
    image = torch.randn(2, 4, 7, 8, 9)
    with torch.inference_mode():
        expected = plain(image)
        (direct,) = faster_convolutions(plain)
        assert isinstance(direct, DirectConv3d)
        for window, there in zip(image, expected, strict=True):
            assert torch.allclose(direct(window[None])[0], there, rtol=1e-4, atol=1e-5)
        in_double = functional.conv3d(
            image.double(), direct.weight.double(), None if direct.bias is None else direct.bias.double(),
            direct.stride, direct.padding, direct.dilation, direct.groups,
        )  # fmt: skip
        assert torch.allclose(direct.double()(image.double()), in_double)


def test_what_torch_does_well_or_otherwise_is_left_to_it() -> None:
    left = [
        nn.Conv3d(2, 2, 1),
        nn.Conv3d(2, 2, 3, padding=1, padding_mode="reflect"),
        nn.Conv3d(2, 2, 3, padding="same"),
    ]
    assert not any(isinstance(layer, DirectConv3d) for layer in faster_convolutions(nn.Sequential(*left)))
    direct = faster_convolutions(nn.Sequential(nn.Conv3d(2, 2, 3)))
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert direct(torch.randn(1, 2, 4, 4, 4)).dtype == torch.bfloat16


@pytest.mark.parametrize("channels", [1, 2, 7])
def test_the_likeliest_channel_is_the_first_of_the_highest(channels: int) -> None:
    torch.manual_seed(0)
    # Whole numbers, so that many are tied.
    values = torch.randint(0, 4, (channels, 5, 6)).float()
    before = values.clone()
    found = likeliest(values)
    assert torch.equal(found.long(), values.argmax(dim=0))
    assert torch.equal(values, before)
