"""Networks that draw with the trunk of a classifier, a ResNet: dilated, or with side outputs that are fused."""

import torch
from monai.networks.nets.resnet import ResNet
from torch import nn
from torch.nn import functional

#: Depth → block and its number in each of the four stages (He et al., CVPR 2016, table 1; 10 as in MedicalNet).
_STAGES = {
    10: ("basic", [1, 1, 1, 1]),
    18: ("basic", [2, 2, 2, 2]),
    34: ("basic", [3, 4, 6, 3]),
    50: ("bottleneck", [3, 4, 6, 3]),
    101: ("bottleneck", [3, 4, 23, 3]),
    152: ("bottleneck", [3, 8, 36, 3]),
}
_CHANNELS = [64, 128, 256, 512]


def trunk_of(in_channels: int, depth: int, width: float) -> tuple[ResNet, list[int]]:
    """A ResNet for planes without its classifier, and the channels that its four stages give.

    Raises:
        ValueError: there is none of this depth.
    """
    if depth not in _STAGES:
        raise ValueError(f"there is no ResNet of depth {depth}; there are {', '.join(map(str, _STAGES))}")
    block, blocks = _STAGES[depth]
    trunk = ResNet(
        block,
        blocks,
        _CHANNELS,
        spatial_dims=2,
        n_input_channels=in_channels,
        conv1_t_stride=2,
        widen_factor=width,
        feed_forward=False,
        bias_downsample=False,
    )
    expansion = 4 if block == "bottleneck" else 1
    return trunk, [int(channels * width) * expansion for channels in _CHANNELS]


def _stem(trunk: ResNet, image: torch.Tensor) -> torch.Tensor:
    """What comes before the first stage, at a quarter of the resolution."""
    features: torch.Tensor = trunk.maxpool(trunk.act(trunk.bn1(trunk.conv1(image))))
    return features


def _dilate(stage: nn.Module, dilation: int) -> None:
    """Take the stride out of a stage, and look as far apart instead (Yu and Koltun, ICLR 2016)."""
    for module in stage.modules():
        if isinstance(module, nn.Conv2d):
            module.stride = (1, 1)
            if module.kernel_size == (3, 3):
                module.dilation = module.padding = (dilation, dilation)


class DilatedResNet(nn.Module):
    """A ResNet whose last two stages are dilated in place of halved, so that it draws at an eighth of the resolution.

    The logits are interpolated to the image's pixels.

    Args:
        in_channels: channels of the image.
        out_channels: classes, background included.
        depth: 10, 18, 34, 50, 101 or 152.
        width: factor of all channels of the trunk.

    Input (batch, in_channels, rows, columns); output (batch, out_channels, rows, columns): logits.
    """

    def __init__(self, in_channels: int, out_channels: int, depth: int = 101, width: float = 1.0) -> None:
        super().__init__()
        self.trunk, channels = trunk_of(in_channels, depth, width)
        _dilate(self.trunk.layer3, 2)
        _dilate(self.trunk.layer4, 4)
        self.head = nn.Conv2d(channels[3], out_channels, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits of the pixels of `image`."""
        features = _stem(self.trunk, image)
        for stage in (self.trunk.layer1, self.trunk.layer2, self.trunk.layer3, self.trunk.layer4):
            features = stage(features)
        return _at(self.head(features), image)


class SideOutputResNet(nn.Module):
    """A ResNet that draws at the end of each of its last three stages; one convolution fuses what they draw.

    Args:
        in_channels: channels of the image.
        out_channels: classes, background included.
        depth: 10, 18, 34, 50, 101 or 152.
        width: factor of all channels of the trunk.

    Input (batch, in_channels, rows, columns); output (batch, out_channels, rows, columns): logits.
    """

    def __init__(self, in_channels: int, out_channels: int, depth: int = 50, width: float = 1.0) -> None:
        super().__init__()
        self.trunk, channels = trunk_of(in_channels, depth, width)
        self.sides = nn.ModuleList(nn.Conv2d(count, out_channels, 1) for count in channels[1:])
        self.head = nn.Conv2d(3 * out_channels, out_channels, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits of the pixels of `image`."""
        features = self.trunk.layer1(_stem(self.trunk, image))
        drawn = []
        for stage, side in zip((self.trunk.layer2, self.trunk.layer3, self.trunk.layer4), self.sides, strict=True):
            features = stage(features)
            drawn.append(_at(side(features), image))
        logits: torch.Tensor = self.head(torch.cat(drawn, dim=1))
        return logits


def _at(logits: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """Logits at the resolution of the image."""
    return functional.interpolate(logits, image.shape[2:], mode="bilinear", align_corners=False)
