"""Inception networks: several convolutions of different reach beside each other in each block.

Channels are those of the papers, times a width. Convolutions keep the size but where they halve it.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

Kernel = int | tuple[int, int]


class _Wide:
    """Channels of the papers as those of a network of another width."""

    def __init__(self, width: float) -> None:
        self.width = width

    def __call__(self, channels: int) -> int:
        return max(round(channels * self.width), 4)


class _Unit(nn.Sequential):
    """A convolution, batch norm and ReLU; `inside` and `outside` are real channels."""

    def __init__(self, inside: int, outside: int, kernel: Kernel, stride: int = 1) -> None:
        rows, columns = (kernel, kernel) if isinstance(kernel, int) else kernel
        super().__init__(
            nn.Conv2d(inside, outside, (rows, columns), stride, (rows // 2, columns // 2), bias=False),
            nn.BatchNorm2d(outside, eps=1e-3),
            nn.ReLU(inplace=True),
        )


def _chain(inside: int, *steps: tuple[int, Kernel]) -> nn.Sequential:
    """Units one after the other; of (channels, kernel) each."""
    units = []
    for outside, kernel in steps:
        units.append(_Unit(inside, outside, kernel))
        inside = outside
    return nn.Sequential(*units)


def _halving(inside: int, *steps: tuple[int, Kernel]) -> nn.Sequential:
    """The same, the last of them at half the resolution."""
    units = list(_chain(inside, *steps[:-1]))
    before = steps[-2][0] if len(steps) > 1 else inside
    return nn.Sequential(*units, _Unit(before, steps[-1][0], steps[-1][1], 2))


class _Beside(nn.Module):
    """Branches whose channels are put behind each other."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.cat([branch(image) for branch in self.branches], dim=1)


def _averaged(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=False), _Unit(inside, outside, 1))


def _largest() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, 2, 1)


class _Dropped(nn.Linear):
    """A dense layer with targeted dropout (Gomez et al., 2018): in training its least weights are at times left out.

    Args:
        target: share of each output's weights, the least ones, that may be left out.
        rate: how often each of those is.
    """

    def __init__(self, inside: int, outside: int, target: float, rate: float) -> None:
        super().__init__(inside, outside)
        self.target, self.rate = target, rate

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        if not self.training or not self.target:
            return super().forward(features)
        size = self.weight.detach().abs()
        level = torch.quantile(size.float(), self.target, dim=1, keepdim=True)
        out = (size <= level) & (torch.rand_like(size) < self.rate)
        return functional.linear(features, self.weight.masked_fill(out, 0.0), self.bias)


def _head(inside: int, dense: Sequence[int], num_classes: int, dropout: float, targeted: float) -> nn.Sequential:
    layers: list[nn.Module] = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout)]
    for width in dense:
        layers += [_Dropped(inside, width, targeted, 0.5), nn.ReLU(inplace=True)]
        inside = width
    return nn.Sequential(*layers, nn.Linear(inside, num_classes))


def _first_layers(in_channels: int, wide: _Wide) -> list[nn.Module]:
    """The first layers of both networks, to an eighth of the resolution and `wide(192)` channels."""
    return [
        _Unit(in_channels, wide(32), 3, 2),
        _Unit(wide(32), wide(32), 3),
        _Unit(wide(32), wide(64), 3),
        _largest(),
        _Unit(wide(64), wide(80), 1),
        _Unit(wide(80), wide(192), 3),
        _largest(),
    ]


class InceptionV3(nn.Module):
    """Inception-v3 (Szegedy et al., CVPR 2016, table 1), without its auxiliary classifier.

    Args:
        in_channels: of the image.
        num_classes: logits.
        width: channels as a share of the published ones.
        dense: widths of layers before the logits, which the paper has none of.
        dropout: share of the features that a step of training leaves out.
        targeted: share of the weights of `dense`, the least ones, that a step of training may leave out.

    Input (batch, in_channels, rows, columns). Output (batch, num_classes): logits.
    """

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 1000,
        *,
        width: float = 1.0,
        dense: Sequence[int] = (),
        dropout: float = 0.2,
        targeted: float = 0.0,
    ) -> None:
        super().__init__()
        wide = _Wide(width)
        self.stem = nn.Sequential(*_first_layers(in_channels, wide))
        blocks: list[nn.Module] = []
        inside = wide(192)
        for pooled in (32, 64, 64):
            blocks.append(
                _Beside(
                    _chain(inside, (wide(64), 1)),
                    _chain(inside, (wide(48), 1), (wide(64), 5)),
                    _chain(inside, (wide(64), 1), (wide(96), 3), (wide(96), 3)),
                    _averaged(inside, wide(pooled)),
                )
            )
            inside = 2 * wide(64) + wide(96) + wide(pooled)
        blocks.append(
            _Beside(
                _halving(inside, (wide(384), 3)),
                _halving(inside, (wide(64), 1), (wide(96), 3), (wide(96), 3)),
                _largest(),
            )
        )
        inside += wide(384) + wide(96)
        for narrow in (128, 160, 160, 192):
            few, last = wide(narrow), wide(192)
            blocks.append(
                _Beside(
                    _chain(inside, (last, 1)),
                    _chain(inside, (few, 1), (few, (1, 7)), (last, (7, 1))),
                    _chain(inside, (few, 1), (few, (7, 1)), (few, (1, 7)), (few, (7, 1)), (last, (1, 7))),
                    _averaged(inside, last),
                )
            )
            inside = 4 * last
        last = wide(192)
        blocks.append(
            _Beside(
                _halving(inside, (last, 1), (wide(320), 3)),
                _halving(inside, (last, 1), (last, (1, 7)), (last, (7, 1)), (last, 3)),
                _largest(),
            )
        )
        inside += wide(320) + last
        for _ in range(2):
            blocks.append(
                _Beside(
                    _chain(inside, (wide(320), 1)),
                    nn.Sequential(_chain(inside, (wide(384), 1)), _crossed(wide(384), wide(384))),
                    nn.Sequential(_chain(inside, (wide(448), 1), (wide(384), 3)), _crossed(wide(384), wide(384))),
                    _averaged(inside, last),
                )
            )
            inside = wide(320) + 4 * wide(384) + last
        self.blocks = nn.Sequential(*blocks)
        self.head = _head(inside, dense, num_classes, dropout, targeted)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits of each image."""
        logits: torch.Tensor = self.head(self.blocks(self.stem(image)))
        return logits


def _crossed(inside: int, outside: int) -> _Beside:
    return _Beside(_Unit(inside, outside, (1, 3)), _Unit(inside, outside, (3, 1)))


class _Residual(nn.Module):
    """Branches beside each other, whose scaled sum is added to what came in."""

    def __init__(self, inside: int, joined: int, scale: float, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = _Beside(*branches)
        self.back = nn.Conv2d(joined, inside, 1)
        self.scale = scale

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return functional.relu(image + self.scale * self.back(self.branches(image)))


class InceptionResNetV2(nn.Module):
    """Inception-ResNet-v2 (Szegedy et al., AAAI 2017), with Inception-v3's first layers, as it was published in code.

    Args:
        in_channels: of the image.
        num_classes: logits.
        width: channels as a share of the published ones.
        repeats: how often each of the three kinds of residual blocks is there.
        dropout: share of the features that a step of training leaves out.

    Input (batch, in_channels, rows, columns). Output (batch, num_classes): logits.
    """

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 1000,
        *,
        width: float = 1.0,
        repeats: Sequence[int] = (10, 20, 10),
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        wide = _Wide(width)
        first, second, third = repeats
        layers = _first_layers(in_channels, wide)
        inside = wide(192)
        layers.append(
            _Beside(
                _chain(inside, (wide(96), 1)),
                _chain(inside, (wide(48), 1), (wide(64), 5)),
                _chain(inside, (wide(64), 1), (wide(96), 3), (wide(96), 3)),
                _averaged(inside, wide(64)),
            )
        )
        inside = 2 * wide(96) + 2 * wide(64)
        for _ in range(first):
            few = wide(32)
            layers.append(
                _Residual(
                    inside,
                    2 * few + wide(64),
                    0.17,
                    _chain(inside, (few, 1)),
                    _chain(inside, (few, 1), (few, 3)),
                    _chain(inside, (few, 1), (wide(48), 3), (wide(64), 3)),
                )
            )
        layers.append(
            _Beside(
                _halving(inside, (wide(384), 3)),
                _halving(inside, (wide(256), 1), (wide(256), 3), (wide(384), 3)),
                _largest(),
            )
        )
        inside += 2 * wide(384)
        for _ in range(second):
            layers.append(
                _Residual(
                    inside,
                    2 * wide(192),
                    0.10,
                    _chain(inside, (wide(192), 1)),
                    _chain(inside, (wide(128), 1), (wide(160), (1, 7)), (wide(192), (7, 1))),
                )
            )
        layers.append(
            _Beside(
                _halving(inside, (wide(256), 1), (wide(384), 3)),
                _halving(inside, (wide(256), 1), (wide(288), 3)),
                _halving(inside, (wide(256), 1), (wide(288), 3), (wide(320), 3)),
                _largest(),
            )
        )
        inside += wide(384) + wide(288) + wide(320)
        for _ in range(third):
            layers.append(
                _Residual(
                    inside,
                    wide(192) + wide(256),
                    0.20,
                    _chain(inside, (wide(192), 1)),
                    _chain(inside, (wide(192), 1), (wide(224), (1, 3)), (wide(256), (3, 1))),
                )
            )
        layers.append(_Unit(inside, wide(1536), 1))
        self.layers = nn.Sequential(*layers)
        self.head = _head(wide(1536), (), num_classes, dropout, 0.0)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits of each image."""
        logits: torch.Tensor = self.head(self.layers(image))
        return logits
