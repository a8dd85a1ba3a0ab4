"""Networks that judge a pixel by the patch around it, run over whole planes at once.

A patch classifier is turned into a network of planes by padding its convolutions and by dilating what lies behind a
pooling in place of its stride: each pixel then gets what the classifier would say of the patch around it, but what is
common to neighbouring patches is computed once (Giusti et al., ICIP 2013).
"""

import torch
from torch import nn
from torch.nn import functional


class TwoPathCNN(nn.Module):
    """Two paths of maxout convolutions, one for detail and one for context, and a wide one over both.

    The architecture is that of Havaei et al. (Medical Image Analysis 2017;35:18-31): 7×7 and 3×3 with pooling, beside
    them 13×13; 21×21 over all gives the classes. It sees 33×33 pixels.

    Args:
        in_channels: channels of the image, and probabilities that are fed to it.
        out_channels: classes, background included.
        detail, context: channels of the two paths.
        kernel: of the last convolution.

    Input (batch, in_channels, rows, columns); output (batch, out_channels, rows, columns): logits.
    """

    def __init__(
        self, in_channels: int, out_channels: int, detail: int = 64, context: int = 160, kernel: int = 21
    ) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, 2 * detail, 7, padding="same")
        self.second = nn.Conv2d(detail, 2 * detail, 3, padding="same")
        self.wide = nn.Conv2d(in_channels, 2 * context, 13, padding="same")
        self.head = nn.Conv2d(detail + context, out_channels, kernel, padding="same")

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits of the pixels of `image`."""
        # The poolings of 4×4 and 2×2 lie half a pixel to one side and to the other.
        detail = _pooled(_maxout(self.first(image)), 1, 2)
        detail = _pooled(_maxout(self.second(detail)), 1, 0)
        logits: torch.Tensor = self.head(torch.cat([detail, _maxout(self.wide(image))], dim=1))
        return logits


class PatchAlexNet(nn.Module):
    """AlexNet's five convolutions and three layers behind them (Krizhevsky et al., 2012), for each pixel of a plane.

    Its first convolution has no stride, as patches are small; it sees 51×51 pixels.

    Args:
        in_channels: channels of the image, and probabilities that are fed to it.
        out_channels: classes, background included.
        width: factor of all channels, which are rounded to sixteens.

    Input (batch, in_channels, rows, columns); output (batch, out_channels, rows, columns): logits.
    """

    def __init__(self, in_channels: int, out_channels: int, width: float = 1.0) -> None:
        super().__init__()
        # Whole sixteens: in bfloat16 on a processor, torch 2.13 gives no gradient for 24 channels that are dilated.
        sizes = [max(round(count * width / 16), 1) * 16 for count in (64, 192, 384, 256, 256, 1024, 1024)]
        kernels, dilations = (5, 5, 3, 3, 3, 3, 1), (1, 2, 4, 4, 4, 4, 1)
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, kernel, padding="same", dilation=dilation)
            for before, after, kernel, dilation in zip([in_channels, *sizes], sizes, kernels, dilations, strict=False)
        )
        self.head = nn.Conv2d(sizes[-1], out_channels, 1)
        for layer in self.layers:
            # Nothing between the layers keeps their values in bounds but how they begin (He et al., ICCV 2015).
            assert isinstance(layer, nn.Conv2d)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits of the pixels of `image`."""
        features = image
        for index, layer in enumerate(self.layers):
            features = functional.relu(layer(features))
            if index < 2:
                # A pooling of 3×3; what its stride would leave out, the dilation of the next layer does.
                features = _pooled(features, 1, 1, 2**index)
        logits: torch.Tensor = self.head(features)
        return logits


def _maxout(features: torch.Tensor) -> torch.Tensor:
    """The larger of each two maps (Goodfellow et al., ICML 2013)."""
    first, second = features.chunk(2, dim=1)
    return torch.maximum(first, second)


def _pooled(features: torch.Tensor, before: int, after: int, step: int = 1) -> torch.Tensor:
    """The maximum of a pixel and of those each `step` pixels before and after it, on both axes."""
    reach = (before * step, after * step, before * step, after * step)
    # Padded with what is never the largest.
    padded = functional.pad(features, reach, value=float("-inf"))
    return functional.max_pool2d(padded, before + 1 + after, 1, dilation=step)
