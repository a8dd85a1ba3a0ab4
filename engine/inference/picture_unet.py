"""A network that gives a class to each pixel of a picture, from an encoder that has seen other pictures before."""

import torch
from torch import nn
from torch.nn import functional

from engine.inference.picture_networks import EfficientNetLite0

#: Blocks of the encoder after which a map is handed across, the last at a given resolution, and its channels.
_ACROSS = ((0, 16), (2, 24), (4, 40), (10, 112))
_DEEPEST = 320


class EfficientNetLite0UNet(nn.Module):
    """EfficientNet-Lite0 as the encoder of a U-Net (Ronneberger et al., MICCAI 2015); 4 million weights.

    The encoder's names are those of `EfficientNetLite0`, so that its published weights fit. A grey picture is shown to
    it three times.

    Args:
        in_channels: of the picture; with any number but 1 or 3 the first layer has weights of its own.
        out_channels: classes, background included.
        filters: channels of the decoder from the deepest, at strides 16, 8, 4, 2 and 1.

    Input (batch, in_channels, rows, columns), values about -1..1. Output (batch, out_channels, rows, columns): logits.
    """

    def __init__(self, in_channels: int, out_channels: int, filters: tuple[int, ...] = (112, 64, 48, 32, 16)) -> None:
        super().__init__()
        self.grey = in_channels == 1
        encoder = EfficientNetLite0(3 if self.grey else in_channels, 1)
        self.stem, self.blocks = encoder.stem, encoder.blocks
        stages, inside = [], _DEEPEST
        across = [channels for _, channels in reversed(_ACROSS)] + [0]
        for channels, outside in zip(across, filters, strict=True):
            stages.append(_Stage(inside + channels, outside))
            inside = outside
        self.stages = nn.ModuleList(stages)
        self.logits = nn.Conv2d(inside, out_channels, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits of each pixel."""
        size = image.shape[2:]
        features = self.stem(image.expand(-1, 3, -1, -1) if self.grey else image)
        across = []
        for index, block in enumerate(self.blocks):
            features = block(features)
            if index in dict(_ACROSS):
                across.append(features)
        for stage in self.stages:
            beside = across.pop() if across else None
            features = functional.interpolate(features, size if beside is None else beside.shape[2:], mode="bilinear")
            features = stage(features if beside is None else torch.cat([features, beside], dim=1))
        logits: torch.Tensor = self.logits(features)
        return logits


class _Stage(nn.Sequential):
    def __init__(self, inside: int, outside: int) -> None:
        layers: list[nn.Module] = []
        for channels in (inside, outside):
            layers += [
                nn.Conv2d(channels, outside, 3, padding=1, bias=False),
                nn.BatchNorm2d(outside, momentum=0.01),
                nn.ReLU(),
            ]
        super().__init__(*layers)
