"""Networks of convolutions one after the other, as the first systems of their kind had them."""

from collections.abc import Sequence

import torch
from monai.networks.layers.factories import Conv, Norm, Pool
from torch import nn
from torch.nn import functional


def _convolved(dimensions: int, inside: int, outside: int, kernel: int = 3, groups: int = 1) -> list[nn.Module]:
    """A convolution that keeps the size, batch norm and ReLU."""
    convolution = Conv[Conv.CONV, dimensions](inside, outside, kernel, padding=kernel // 2, groups=groups, bias=False)
    return [convolution, Norm[Norm.BATCH, dimensions](outside), nn.ReLU(inplace=True)]


def _dense(inside: int, widths: Sequence[int], num_classes: int, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(inside, width), nn.ReLU(inplace=True), nn.Dropout(dropout)]
        inside = width
    return nn.Sequential(*layers, nn.Linear(inside, num_classes))


class CNN(nn.Module):
    """Stages of convolutions, each at half the resolution of the one before, and dense layers behind them.

    Args:
        in_channels: of the image.
        num_classes: logits.
        stages: the filters of each stage's convolutions; a stage ends with the largest of 2 x 2 (x 2) pixels.
        dense: widths of the layers before the logits.
        spatial_dims: 2 or 3.
        pooled: edge of the grid that features are averaged to before the dense layers.
        kernel: edge of the convolutions.
        dropout: share of a dense layer's values that a step of training leaves out.

    Input (batch, in_channels, [planes,] rows, columns). Output (batch, num_classes): logits.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        stages: Sequence[Sequence[int]],
        *,
        dense: Sequence[int] = (),
        spatial_dims: int = 2,
        pooled: int = 1,
        kernel: int = 3,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inside = in_channels
        for stage in stages:
            for outside in stage:
                layers += _convolved(spatial_dims, inside, outside, kernel)
                inside = outside
            # Of an edge of one pixel, one is left.
            layers.append(Pool[Pool.MAX, spatial_dims](2, ceil_mode=True))
        self.features = nn.Sequential(*layers)
        self.pool = Pool[Pool.ADAPTIVEAVG, spatial_dims](pooled)
        self.dense = _dense(inside * pooled**spatial_dims, dense, num_classes, dropout)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits of each image."""
        logits: torch.Tensor = self.dense(self.pool(self.features(image)).flatten(1))
        return logits


class AlexNet(nn.Module):
    """AlexNet (Krizhevsky et al., NeurIPS 2012; one stream, as Krizhevsky, arXiv 1404.5997), with a head of any width.

    Args:
        in_channels: of the image.
        num_classes: logits.
        width: its channels as a share of the published ones.
        dense: widths of the layers before the logits; none for the mean over the image, as Bien et al. have it.
        dropout: share of a dense layer's values that a step of training leaves out.

    Input (batch, in_channels, rows, columns), at least 63 pixels each way. Output (batch, num_classes): logits.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        *,
        width: float = 1.0,
        dense: Sequence[int] = (),
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        first, second, third, fourth = (max(round(count * width), 1) for count in (64, 192, 384, 256))
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, first, 11, 4, 2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(first, second, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(second, third, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(third, fourth, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(fourth, fourth, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
        )
        self.pool = nn.AdaptiveAvgPool2d(6 if dense else 1)
        self.dense = _dense(fourth * (36 if dense else 1), dense, num_classes, dropout)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits of each image."""
        logits: torch.Tensor = self.dense(self.pool(self.features(image)).flatten(1))
        return logits


class MultiStreamCNN(nn.Module):
    """A stream of convolutions a plane, fused by dense layers; the planes of one scale share their weights.

    The pattern of Ciompi et al., Sci Rep 2017;7:46479: three orthogonal planes at three scales.

    Args:
        scales: sizes at which the planes are shown.
        num_classes: logits.
        planes: of each scale.
        filters: of the convolutions of a stream; each but the first is followed by the largest of 2 x 2.
        dense: widths of the layers behind the streams.
        dropout: share of a dense layer's values that a step of training leaves out.

    Input (batch, scales x planes, rows, columns), scale by scale. Output (batch, num_classes): logits.
    """

    def __init__(
        self,
        scales: int,
        num_classes: int,
        *,
        planes: int = 3,
        filters: Sequence[int] = (32, 32, 64, 64),
        dense: Sequence[int] = (256,),
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.planes = planes
        self.streams = nn.ModuleList(_stream(filters) for _ in range(scales))
        self.dense = _dense(scales * planes * filters[-1], dense, num_classes, dropout)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits of each view."""
        features = []
        for stream, shown in zip(self.streams, torch.split(image, self.planes, dim=1), strict=True):
            each = stream(shown.reshape(-1, 1, *shown.shape[2:]))
            features.append(each.reshape(len(image), -1))
        logits: torch.Tensor = self.dense(torch.cat(features, dim=1))
        return logits


def _stream(filters: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    inside = 1
    for index, outside in enumerate(filters):
        layers += _convolved(2, inside, outside)
        if index:
            layers.append(nn.MaxPool2d(2))
        inside = outside
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten())


class PartitionedCNN(nn.Module):
    """Bands of light in groups of neighbours, each with convolutions of its own, before one network for all of them.

    The pattern of Jeyaraj and Samuel Nadar, J Cancer Res Clin Oncol 2019;145:829, which has two such layers.

    Args:
        in_channels: bands.
        num_classes: logits.
        partitions: groups of bands; the bands are shared out evenly, the last group filled up with blank ones.
        filters: of each group.
        joined: filters of the convolutions over all groups.
        dense: widths of the layers before the logits.
        dropout: share of a dense layer's values that a step of training leaves out.

    Input (batch, in_channels, rows, columns). Output (batch, num_classes): logits.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        *,
        partitions: int = 2,
        filters: int = 16,
        joined: Sequence[int] = (64, 64),
        dense: Sequence[int] = (64,),
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        each = -(-in_channels // partitions)
        self.blank = each * partitions - in_channels
        wide = partitions * filters
        self.parts = nn.Sequential(
            *_convolved(2, each * partitions, wide, groups=partitions),
            *_convolved(2, wide, wide, groups=partitions),
            nn.MaxPool2d(2),
        )
        layers: list[nn.Module] = []
        inside = wide
        for outside in joined:
            layers += [*_convolved(2, inside, outside), nn.MaxPool2d(2)]
            inside = outside
        self.joined = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1))
        self.dense = _dense(inside, dense, num_classes, dropout)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits of each patch."""
        filled = functional.pad(image, (0, 0, 0, 0, 0, self.blank))
        logits: torch.Tensor = self.dense(self.joined(self.parts(filled)).flatten(1))
        return logits
