"""What a classifier's score loses where the picture is hidden (Zeiler and Fergus, arXiv:1311.2901, 2013, section 4.2).

A square is laid over the view, place after place, each half a square on, and filled with the mean of the view, channel
by channel. The map at a place is the mean of what the score lost under the squares that hid it. It needs no gradients,
so it tells of networks of every kind; it sees nothing that is smaller than a part of the square, and nothing that
stands twice in the picture.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.inference.mapped_score import Maker, Target
from engine.operations.classify import Mirror
from engine.progress import Progress

#: Places along the shorter side of a view; a square is two of them wide.
PLACES = 8
_BATCH = 8


def occlusion(network: nn.Module, views: NDArray[np.float32]) -> Maker:
    """What maps a network by hiding parts of the view. Mirrored copies are not looked at: they would take as long."""

    def make(
        views: NDArray[np.float32], targets: Sequence[Target], mirrors: Sequence[Mirror], progress: Progress
    ) -> list[NDArray[np.float32]]:
        return occluded(network, views, targets, progress)

    return make


def occluded(
    network: nn.Module, views: NDArray[np.float32], targets: Sequence[Target], progress: Progress
) -> list[NDArray[np.float32]]:
    """(rows, columns) of each target on one view (1, channels, rows, columns): what it lost where that was hidden."""
    view = torch.from_numpy(views)
    edges = [_edges(size, min(view.shape[2:])) for size in view.shape[2:]]
    rows, columns = (len(along) - 1 for along in edges)
    grey = view.mean((2, 3), keepdim=True)[0]
    places = list(_squares(rows, columns))
    lost = np.zeros((len(targets), rows, columns))
    hidden = np.zeros((rows, columns))
    with torch.inference_mode():
        plain = network(view).float()
        whole = [float(target(plain)[0]) for target in targets]
        for begin in range(0, len(places), _BATCH):
            progress(begin / len(places), f"Hiding part {begin + 1} of {len(places)}")
            some = places[begin : begin + _BATCH]
            shown = view.repeat(len(some), 1, 1, 1)
            for number, (down, across) in enumerate(some):
                top, bottom = edges[0][down.start], edges[0][down.stop]
                left, right = edges[1][across.start], edges[1][across.stop]
                shown[number, :, top:bottom, left:right] = grey
            logits = network(shown).float()
            for index, target in enumerate(targets):
                for (down, across), score in zip(some, target(logits).tolist(), strict=True):
                    lost[index, down, across] += whole[index] - score
            for down, across in some:
                hidden[down, across] += 1
    return [np.asarray(each / hidden, np.float32) for each in lost]


def _edges(size: int, shorter: int) -> list[int]:
    """Where the places along a side begin and end, pixels; about square, whatever the shape of the view."""
    count = min(max(round(PLACES * size / shorter), 2), size)
    return [int(edge) for edge in np.rint(np.linspace(0, size, count + 1))]


def _squares(rows: int, columns: int) -> Iterator[tuple[slice, slice]]:
    """The places that each square hides, two by two."""
    for row in range(max(rows - 1, 1)):
        for column in range(max(columns - 1, 1)):
            yield slice(row, min(row + 2, rows)), slice(column, min(column + 2, columns))
