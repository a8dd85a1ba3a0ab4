"""A U-Net with an encoder of its own for each of several images, whose features are fused at every level."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from monai.networks.blocks.dynunet_block import UnetBasicBlock, UnetOutBlock, UnetUpBlock
from monai.networks.utils import pixelshuffle, pixelunshuffle
from torch import nn

_NORM = ("instance", {"affine": True})
_ACT = ("leakyrelu", {"inplace": False, "negative_slope": 0.01})


class TwoEncoderUNet(nn.Module):
    """As PET and CT are read: each by its own encoder, both by one decoder; at half resolution on blocks of 2×2×2.

    The pattern is that of W-shaped networks for PET and CT (Zhang et al., lymphoma nodes); a convolution of 1×1×1 fuses
    the encoders' features at each level.

    Blocks are handled as in `engine.inference.networks.SubvoxelUNet`.

    Args:
        in_channels: of each image, in the order in which they lie in the input.
        out_channels: classes, background included.
        filters: channels of the levels of each encoder and of the decoder, from half resolution down.

    Input (batch, sum of in_channels, planes, rows, columns); each size a multiple of `2 ** len(filters)`.
    Output (batch, out_channels, planes, rows, columns): logits.
    """

    def __init__(self, in_channels: Sequence[int], out_channels: int, filters: Sequence[int]) -> None:
        super().__init__()
        self.in_channels = list(in_channels)
        # Level, then image.
        self.encoders = nn.ModuleList(
            nn.ModuleList(
                _block(8 * channels if level == 0 else filters[level - 1], count, level) for channels in in_channels
            )
            for level, count in enumerate(filters)
        )
        self.fusions = nn.ModuleList(nn.Conv3d(len(in_channels) * count, count, 1) for count in filters)
        self.ups = nn.ModuleList(
            UnetUpBlock(3, below, above, 3, 2, 2, _NORM, _ACT) for above, below in reversed(list(pairwise(filters)))
        )
        self.output_block = UnetOutBlock(3, filters[0], 8 * out_channels)
        self.refine = nn.Conv3d(sum(in_channels) + out_channels, out_channels, 3, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits of the voxels of `image`."""
        features = [pixelunshuffle(part, 3, 2) for part in torch.split(image, self.in_channels, dim=1)]
        levels = []
        for level, fusion in zip(self.encoders, self.fusions, strict=True):
            assert isinstance(level, nn.ModuleList)
            features = [block(own) for block, own in zip(level, features, strict=True)]
            levels.append(fusion(torch.cat(features, dim=1)))
        fused = levels.pop()
        for up, skip in zip(self.ups, reversed(levels), strict=True):
            fused = up(fused, skip)
        blocks = pixelshuffle(self.output_block(fused), 3, 2)
        logits: torch.Tensor = blocks + self.refine(torch.cat([blocks, image], dim=1))
        return logits


def _block(before: int, after: int, level: int) -> nn.Module:
    """A block of an encoder; each but the first halves the resolution."""
    return UnetBasicBlock(3, before, after, 3, 1 if level == 0 else 2, _NORM, _ACT)
