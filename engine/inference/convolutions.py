"""Convolutions in the form that is fastest on a processor."""

import torch
from torch import nn


class DirectConv3d(nn.Conv3d):
    """A convolution that oneDNN computes for a single window too, as torch lets it do for several at once.

    For one window of few channels or few voxels torch unfolds the image instead, which takes up to nine times as long
    (torch 2.13); programs that batch their windows never meet this.
    """

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(batch, channels, planes, rows, columns) to the same with the convolution's channels."""
        plain = image.device.type == "cpu" and image.dtype == torch.float32 and image.dim() == 5 and image.numel() > 0
        if not plain or torch.is_autocast_enabled("cpu"):
            return super().forward(image)
        padding = [int(width) for width in self.padding]
        return torch.mkldnn_convolution(
            image, self.weight, self.bias, padding, self.stride, self.dilation, self.groups
        )  # fmt: skip


def faster_convolutions(network: nn.Module) -> nn.Module:
    """The same network, changed in place, whose 3D convolutions of more than single voxels are `DirectConv3d`.

    That is the same formula, and the names of the weights stay.
    """
    known = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    for module in network.modules():
        if not known or type(module) is not nn.Conv3d or set(module.kernel_size) == {1}:
            continue
        if module.padding_mode == "zeros" and not isinstance(module.padding, str):
            # Nothing but `forward` differs.
            module.__class__ = DirectConv3d
    return network
