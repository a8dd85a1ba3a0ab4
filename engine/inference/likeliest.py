"""Which of several channels is highest."""

import torch


def likeliest(values: torch.Tensor) -> torch.Tensor:
    """The first of the channels that are highest at each place, as `argmax(dim=0)` tells, in a tenth to half its time.

    Args:
        values: (channels, …), none of them without a number.

    Returns:
        (…) int16.
    """
    highest = values[0].clone()
    at = torch.zeros(highest.shape, dtype=torch.int16)
    for channel in range(1, len(values)):
        at.masked_fill_(values[channel] > highest, channel)
        torch.maximum(highest, values[channel], out=highest)
    return at
