"""Networks that give a class to a picture, small enough for a processor."""

import torch
from torch import nn
from torch.nn import functional

#: Kernel, stride, factor by which channels are widened, channels out, and blocks, of each stage of EfficientNet-Lite0.
_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
_STEM, _HEAD = 32, 1280


class SamePadded(nn.Conv2d):
    """A convolution whose output has `ceil(size / stride)` pixels; an odd pixel of padding goes right and below.

    So pads TensorFlow, in which the published weights were trained; with stride 2 that is another place than torch's.
    Convolutions of each channel by itself leave autocast: on a processor their gradients in bfloat16 take three times
    as long.
    """

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(batch, channels, rows, columns) to the same with the convolution's channels."""
        if self.groups > 1:
            with torch.autocast(image.device.type, enabled=False):
                return self._padded(image.float())
        return self._padded(image)

    def _padded(self, image: torch.Tensor) -> torch.Tensor:
        padding = []
        for axis in (1, 0):
            size, kernel, stride = image.shape[2 + axis], self.kernel_size[axis], self.stride[axis]
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            padding += [total // 2, total - total // 2]
        left, right, above, below = padding
        if left == right and above == below:
            return functional.conv2d(image, self.weight, self.bias, self.stride, (above, left), 1, self.groups)
        padded = functional.pad(image, padding)
        return functional.conv2d(padded, self.weight, self.bias, self.stride, 0, 1, self.groups)


def _convolved(inside: int, outside: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    return [
        SamePadded(inside, outside, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(outside, eps=1e-3, momentum=0.01),
    ]


class InvertedResidual(nn.Module):
    """Widen, filter each channel by itself, narrow; what came in is added where it has the same size."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int, widen: int) -> None:
        super().__init__()
        wide = inside * widen
        layers = [*_convolved(inside, wide, 1), nn.ReLU6()] if widen > 1 else []
        layers += [*_convolved(wide, wide, kernel, stride, wide), nn.ReLU6(), *_convolved(wide, outside, 1)]
        self.layers = nn.Sequential(*layers)
        self.adds = stride == 1 and inside == outside

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(batch, channels, rows, columns)."""
        out: torch.Tensor = self.layers(image)
        return image + out if self.adds else out


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0 (Tan and Le, ICML 2019, without squeeze-and-excitation and with ReLU6), 3.4 million weights.

    Args:
        in_channels: of the image.
        num_classes: logits.
        dropout: share of the features that a step of training leaves out.

    Input (batch, in_channels, rows, columns), values -1..1. Output (batch, num_classes): logits.
    """

    def __init__(self, in_channels: int = 3, num_classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_convolved(in_channels, _STEM, 3, 2), nn.ReLU6())
        blocks, inside = [], _STEM
        for kernel, stride, widen, outside, count in _STAGES:
            for index in range(count):
                blocks.append(InvertedResidual(inside, outside, kernel, stride if index == 0 else 1, widen))
                inside = outside
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(*_convolved(inside, _HEAD, 1), nn.ReLU6())
        self.dropout = nn.Dropout(dropout)
        self.logits = nn.Linear(_HEAD, num_classes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits of each image."""
        features = self.head(self.blocks(self.stem(image)))
        logits: torch.Tensor = self.logits(self.dropout(features.mean((2, 3))))
        return logits


class PatchNet(nn.Module):
    """A small residual network for patches of some tens of pixels, where what matters is close to the middle.

    Args:
        in_channels: of the patch.
        num_classes: logits.
        filters: channels of the stages, each at half the resolution of what it is given.
        dropout: share of the features that a step of training leaves out.

    Input (batch, in_channels, rows, columns). Output (batch, num_classes): logits.
    """

    def __init__(self, in_channels: int, num_classes: int, filters: list[int], dropout: float = 0.3) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        inside = in_channels
        for outside in filters:
            stages.append(_Residual(inside, outside, 2))
            stages.append(_Residual(outside, outside, 1))
            inside = outside
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(dropout)
        self.logits = nn.Linear(2 * inside, num_classes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits of each patch."""
        features = self.stages(image)
        pooled = torch.cat([features.mean((2, 3)), features.amax((2, 3))], dim=1)
        logits: torch.Tensor = self.logits(self.dropout(pooled))
        return logits


class _Residual(nn.Module):
    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outside)
        self.second = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outside)
        same = stride == 1 and inside == outside
        self.shortcut = nn.Identity() if same else nn.Conv2d(inside, outside, 1, stride, bias=False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        out = functional.relu(self.first_norm(self.first(image)))
        return functional.relu(self.shortcut(image) + self.second_norm(self.second(out)))
