"""The loss of a partly contoured case: a structure that nobody drew teaches nothing about where it is."""

import torch
from torch.nn import functional

#: In place of the logarithm of zero: exp of it is zero in float32, and its gradients are not NaN.
_NEVER = -1e4


def marginal_cross_entropy(logits: torch.Tensor, labels: torch.Tensor, contoured: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy over voxels, with the classes that were not contoured counted as part of the background.

    A voxel labelled background in a case without a contoured larynx may be larynx, so there the probability of the
    label is the sum of both (Shi et al., Medical Image Analysis 2021;70:101979).

    Args:
        logits: (batch, classes, planes, rows, columns), float32; class 0 is the background.
        labels: (batch, planes, rows, columns), whole numbers; 0 for background.
        contoured: (batch, classes - 1), 1 where the structure of class index + 1 was contoured, else 0.

    Returns:
        A scalar, nats a voxel.
    """
    total = torch.logsumexp(logits, dim=1)
    closed = functional.pad(contoured, (1, 0))  # the background itself is always open
    background = torch.logsumexp(logits + closed[:, :, None, None, None] * _NEVER, dim=1)
    labels = labels.long()
    chosen = torch.where(labels == 0, background, torch.gather(logits, 1, labels[:, None])[:, 0])
    return (total - chosen).mean()


def contoured_dice(logits: torch.Tensor, labels: torch.Tensor, contoured: torch.Tensor) -> torch.Tensor:
    """One minus the mean soft Dice over the structures that were contoured and lie in the crop.

    A structure that lies outside the crop has no overlap to measure; the cross-entropy alone keeps it away.

    Args and returns as in `marginal_cross_entropy`; 0 to 1.
    """
    probabilities = torch.softmax(logits, dim=1)[:, 1:]
    classes = torch.arange(1, logits.shape[1], device=logits.device)[None, :, None, None, None]
    truth = (labels[:, None] == classes).float()
    axes = (2, 3, 4)
    size = truth.sum(axes)
    dice = (2 * (probabilities * truth).sum(axes) + 1) / (probabilities.sum(axes) + size + 1)
    weight = contoured * (size > 0).float()
    return 1 - (dice * weight).sum() / weight.sum().clamp(min=1) - (weight.sum() == 0).float()


def segmentation_loss(logits: torch.Tensor, labels: torch.Tensor, contoured: torch.Tensor) -> torch.Tensor:
    """`marginal_cross_entropy` + `contoured_dice`, in float32 whatever the precision of the network."""
    logits = logits.float()
    return marginal_cross_entropy(logits, labels, contoured) + contoured_dice(logits, labels, contoured)
