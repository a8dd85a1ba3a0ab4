"""How much is expected to be wrong on each plane of the image, counted while a network goes through it.

It is told without keeping a probability a class: of the labels whose voxels are set by other programs' rules.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from engine.contouring.stack import Areas
from engine.inference.maps import voted
from engine.inference.preprocess import Prepared
from engine.inference.structures import edits_on
from engine.volume import Float32Array, FloatArray, Geometry


class PlaneDoubt:
    """The voxels of each label that are expected to be wrong: each one's chance to be on the wrong side.

    Args:
        labels: in the order of the channels.
        prepared: the network's grid.
        exclusive: softmax, whose first channel is the background; else labels may overlap.
        threshold: of a sigmoid, above which a label is there.
    """

    def __init__(self, labels: Sequence[str], prepared: Prepared, *, exclusive: bool, threshold: float = 0.5) -> None:
        self._labels, self._prepared, self._exclusive, self._threshold = labels, prepared, exclusive, threshold
        # Which of the network's axes runs along the normal of the image's planes.
        self._across = prepared.axes.order.index(0)
        self._wrong = np.zeros((len(labels), prepared.shape[self._across]))

    def add(self, plane: int, probabilities: Float32Array, doubt: Float32Array | None = None) -> None:
        """Count what is expected to be wrong on a plane of the network's grid.

        Args:
            plane: of the network's grid.
            probabilities: (channels, rows, columns).
            doubt: as for `maps.voted`; None where the probabilities say it.
        """
        shares = probabilities if doubt is None else voted(probabilities, doubt, self._exclusive)
        if self._across == 0:
            self._wrong[:, plane] += self._wrong_of(probabilities, shares, (1, 2))
        else:
            self._wrong += self._wrong_of(probabilities, shares, (3 - self._across,))

    def _wrong_of(self, probabilities: Float32Array, shares: Float32Array, along: tuple[int, ...]) -> FloatArray:
        """(labels, …) chances to be on the wrong side, summed along axes: p outside of a label, 1 - p inside."""
        if not self._exclusive:
            inside = probabilities > self._threshold
            return np.asarray(np.where(inside, 1 - shares, shares).sum(axis=along, dtype=np.float64))
        # Of many labels each voxel is inside of one: p everywhere, and 1 - 2 p there.
        total = shares.sum(axis=along, dtype=np.float64)
        drawn = probabilities.argmax(axis=0)
        more = 1 - 2 * np.take_along_axis(shares, drawn[None], axis=0)[0].astype(np.float64)
        apart = total[0].size
        place = np.arange(apart).reshape([1 if axis in along else -1 for axis in (1, 2)])
        inside = np.bincount((drawn * apart + place).ravel(), more.ravel(), total.size).reshape(total.shape)
        return np.asarray(np.maximum(total + inside, 0)[1:])

    def edits(self, image: Geometry, areas: Mapping[str, Areas]) -> dict[str, dict[int, float]]:
        """Label → plane of the image → mm² that are expected to be wrong, of the labels that are drawn; nothing where
        nothing was counted.
        """
        if not self._wrong.any():
            return {}
        grid = self._prepared.geometry
        u, v = grid.spacing_uv
        along = self._wrong[:, ::-1] if self._across in self._prepared.axes.reversed_axes else self._wrong
        return {
            label: edits_on(image, areas[label], grid.positions, along[index] * u * v)
            for index, label in enumerate(self._labels)
            if label in areas
        }
