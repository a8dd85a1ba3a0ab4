"""RetinaNet (Lin et al., ICCV 2017) with MONAI's heads and feature pyramid, on stages of this program's own.

MONAI's ready-made extractor needs torchvision, which this program does without.
"""

from collections import OrderedDict

import torch
from monai.apps.detection.networks.retinanet_network import RetinaNet as Heads
from monai.networks.blocks.feature_pyramid_network import FeaturePyramidNetwork
from monai.networks.layers.factories import Conv
from torch import nn


class _Pyramid(nn.Module):
    """Stages at half the resolution each, of which the last `levels` become a pyramid of `width` channels."""

    def __init__(self, spatial_dims: int, in_channels: int, filters: list[int], levels: int, width: int) -> None:
        super().__init__()
        convolution = Conv["conv", spatial_dims]
        stages, inside = [], in_channels
        for outside in filters:
            stages.append(
                nn.Sequential(
                    convolution(inside, outside, 3, 2, 1, bias=False),
                    nn.GroupNorm(min(8, outside), outside),
                    nn.ReLU(),
                    convolution(outside, outside, 3, 1, 1, bias=False),
                    nn.GroupNorm(min(8, outside), outside),
                    nn.ReLU(),
                )
            )
            inside = outside
        self.stages = nn.ModuleList(stages)
        self.levels, self.out_channels = levels, width
        self.pyramid = FeaturePyramidNetwork(spatial_dims, filters[-levels:], width)

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """The levels, the finest first."""
        found = []
        for stage in self.stages:
            image = stage(image)
            found.append(image)
        named = OrderedDict((str(index), level) for index, level in enumerate(found[-self.levels :]))
        return list(self.pyramid(named).values())


class RetinaNet(nn.Module):
    """Boxes and what they hold, at each place of a pyramid.

    Args:
        in_channels: of the image.
        num_classes: labels.
        num_anchors: box shapes at each place.
        filters: channels of the stages, each at half the resolution of the one before.
        levels: how many of the last stages boxes are looked for in.
        width: channels of the pyramid.
        spatial_dims: 2 or 3.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        num_anchors: int,
        filters: list[int],
        *,
        levels: int = 2,
        width: int = 32,
        spatial_dims: int = 2,
    ) -> None:
        super().__init__()
        self.spatial_dims, self.levels, self.num_classes = spatial_dims, levels, num_classes
        self.divisor = 2 ** len(filters)
        self.heads = Heads(
            spatial_dims, num_classes, num_anchors, _Pyramid(spatial_dims, in_channels, filters, levels, width),
            size_divisible=self.divisor,
        )  # fmt: skip

    def forward(self, image: torch.Tensor) -> dict[str, list[torch.Tensor]]:
        """Of (batch, channels, ...) "classification" and "box_regression", a tensor a level."""
        out: dict[str, list[torch.Tensor]] = self.heads(image)
        return out
