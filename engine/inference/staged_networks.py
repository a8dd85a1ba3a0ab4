"""The networks of nnU-Net v2: stages of convolutions down and up again, plain or with residual blocks on the way down.

Isensee et al., Nat Methods 2021;18:203 (plain), and MICCAI 2024, LNCS 15009:488 (residual encoders); the residual
blocks are those of He et al., CVPR 2019, 558 ("ResNet-D"). Layers have the names that they have in nnU-Net's
checkpoints, each once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

Steps = Sequence[int]

_CONVOLUTIONS: dict[int, Any] = {2: nn.Conv2d, 3: nn.Conv3d}
_TRANSPOSED: dict[int, Any] = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
_POOLINGS: dict[int, Any] = {2: nn.AvgPool2d, 3: nn.AvgPool3d}
_NORMS: dict[tuple[str, int], type[nn.Module]] = {
    ("instance", 2): nn.InstanceNorm2d,
    ("instance", 3): nn.InstanceNorm3d,
    ("batch", 2): nn.BatchNorm2d,
    ("batch", 3): nn.BatchNorm3d,
}


@dataclass(frozen=True)
class _Style:
    """What all convolutions of a network have in common."""

    dimensions: int
    bias: bool
    norm_name: str
    norm_arguments: Mapping[str, Any]
    activation_name: str
    slope: float

    def norm(self, channels: int) -> nn.Module:
        return _NORMS[self.norm_name, self.dimensions](channels, **self.norm_arguments)

    def activation(self) -> nn.Module:
        if self.activation_name == "leakyrelu":
            return nn.LeakyReLU(self.slope, inplace=True)
        return nn.ReLU(inplace=True)


class _Convolution(nn.Module):
    """Convolution, norm and, unless it is left out, activation."""

    def __init__(
        self,
        style: _Style,
        channels: tuple[int, int],
        kernel: Steps,
        stride: Steps,
        *,
        bias: bool | None = None,
        activated: bool = True,
    ) -> None:
        super().__init__()
        padding = [(size - 1) // 2 for size in kernel]
        with_bias = style.bias if bias is None else bias
        self.conv = _CONVOLUTIONS[style.dimensions](*channels, tuple(kernel), tuple(stride), padding, bias=with_bias)
        self.norm = style.norm(channels[1])
        self.nonlin = style.activation() if activated else nn.Identity()

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.nonlin(self.norm(self.conv(features)))
        return out


class _Convolutions(nn.Module):
    """Several, of which the first has the stride."""

    def __init__(self, style: _Style, count: int, channels: tuple[int, int], kernel: Steps, stride: Steps) -> None:
        super().__init__()
        still = (1,) * style.dimensions
        self.convs = nn.Sequential(
            _Convolution(style, channels, kernel, stride),
            *(_Convolution(style, (channels[1], channels[1]), kernel, still) for _ in range(count - 1)),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.convs(features)
        return out


class _Residual(nn.Module):
    """Two convolutions beside a way that is averaged where there is a stride, and projected where channels change."""

    def __init__(self, style: _Style, channels: tuple[int, int], kernel: Steps, stride: Steps) -> None:
        super().__init__()
        still = (1,) * style.dimensions
        self.conv1 = _Convolution(style, channels, kernel, stride)
        self.conv2 = _Convolution(style, (channels[1], channels[1]), kernel, still, activated=False)
        self.nonlin2 = style.activation()
        beside: list[nn.Module] = []
        if any(step != 1 for step in stride):
            beside.append(_POOLINGS[style.dimensions](tuple(stride), tuple(stride)))
        if channels[0] != channels[1]:
            beside.append(_Convolution(style, channels, still, still, bias=False, activated=False))
        self.skip = nn.Sequential(*beside)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        out = self.conv2(self.conv1(features))
        out += self.skip(features)
        added: torch.Tensor = self.nonlin2(out)
        return added


class _Residuals(nn.Module):
    def __init__(self, style: _Style, count: int, channels: tuple[int, int], kernel: Steps, stride: Steps) -> None:
        super().__init__()
        still = (1,) * style.dimensions
        self.blocks = nn.Sequential(
            _Residual(style, channels, kernel, stride),
            *(_Residual(style, (channels[1], channels[1]), kernel, still) for _ in range(count - 1)),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.blocks(features)
        return out


class _Encoder(nn.Module):
    def __init__(self, stages: Sequence[nn.Module], stem: nn.Module | None) -> None:
        super().__init__()
        self.stem = stem
        self.stages = nn.Sequential(*stages)

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        features = image if self.stem is None else self.stem(image)
        found = []
        for stage in self.stages:
            features = stage(features)
            found.append(features)
        return found


class _Decoder(nn.Module):
    def __init__(
        self,
        style: _Style,
        *,
        classes: int,
        features: Sequence[int],
        kernels: Sequence[Steps],
        strides: Sequence[Steps],
        convolutions: Sequence[int],
    ) -> None:
        super().__init__()
        up: list[nn.Module] = []
        stages: list[nn.Module] = []
        still = (1,) * style.dimensions
        for level, count in zip(range(len(features) - 1, 0, -1), convolutions, strict=True):
            below, beside, stride = features[level], features[level - 1], tuple(strides[level])
            up.append(_TRANSPOSED[style.dimensions](below, beside, stride, stride, bias=style.bias))
            stages.append(_Convolutions(style, count, (2 * beside, beside), kernels[level - 1], still))
        self.transpconvs = nn.ModuleList(up)
        self.stages = nn.ModuleList(stages)
        self.head = _CONVOLUTIONS[style.dimensions](features[0], classes, 1)

    def forward(self, found: list[torch.Tensor]) -> torch.Tensor:
        features = found[-1]
        for up, stage, beside in zip(self.transpconvs, self.stages, reversed(found[:-1]), strict=True):
            features = stage(torch.cat((up(features), beside), 1))
        logits: torch.Tensor = self.head(features)
        return logits


class StagedUNet(nn.Module):
    """One of nnU-Net's networks.

    Args:
        dimensions: 2 or 3.
        in_channels: of the image.
        out_channels: classes, background included where there is one.
        features: channels of each stage.
        kernels, strides: of each stage, each one number an axis.
        blocks: convolutions, or residual blocks, of each stage on the way down.
        decoder_convolutions: of each stage on the way up, from the coarsest.
        residual: residual blocks on the way down, behind a first convolution.
        stem: channels of that; 0 for those of the first stage.
        bias: of the convolutions.
        norm, norm_arguments: behind each.
        activation, slope: behind that.

    Input (batch, in_channels, …), output (batch, out_channels, …): logits.
    """

    def __init__(
        self,
        *,
        dimensions: int,
        in_channels: int,
        out_channels: int,
        features: Sequence[int],
        kernels: Sequence[Steps],
        strides: Sequence[Steps],
        blocks: Sequence[int],
        decoder_convolutions: Sequence[int],
        residual: bool = False,
        stem: int = 0,
        bias: bool = True,
        norm: Literal["instance", "batch"] = "instance",
        norm_arguments: dict[str, Any] | None = None,
        activation: Literal["leakyrelu", "relu"] = "leakyrelu",
        slope: float = 0.01,
    ) -> None:
        super().__init__()
        if not len(features) == len(kernels) == len(strides) == len(blocks) == len(decoder_convolutions) + 1:
            raise ValueError("its stages are not as many in each list")
        if any(len(steps) != dimensions for steps in (*kernels, *strides)):
            raise ValueError(f"kernels and strides need {dimensions} numbers")
        style = _Style(dimensions, bias, norm, norm_arguments or {}, activation, slope)
        first: nn.Module | None = None
        channels = in_channels
        if residual:
            channels = stem or features[0]
            first = _Convolutions(style, 1, (in_channels, channels), kernels[0], (1,) * dimensions)
        stages: list[nn.Module] = []
        for count, wider, kernel, stride in zip(blocks, features, kernels, strides, strict=True):
            if residual:
                stages.append(_Residuals(style, count, (channels, wider), kernel, stride))
            else:
                stages.append(nn.Sequential(_Convolutions(style, count, (channels, wider), kernel, stride)))
            channels = wider
        self.encoder = _Encoder(stages, first)
        self.decoder = _Decoder(
            style,
            classes=out_channels,
            features=features,
            kernels=kernels,
            strides=strides,
            convolutions=decoder_convolutions,
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits of the voxels of `image`."""
        logits: torch.Tensor = self.decoder(self.encoder(image))
        return logits
