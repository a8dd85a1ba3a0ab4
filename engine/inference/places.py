"""Where earlier nodes found something, on the grid of an image."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from engine.inference.preprocess import Prepared
from engine.volume import Geometry


class Places(Protocol):
    """What tells of each voxel whether a label is there: `Maps`, or `Outlines`."""

    @property
    def labels(self) -> Sequence[str]:
        """What it tells of."""

    def dense_on(self, other: Prepared, labels: Sequence[str]) -> NDArray[np.float16]:
        """(labels, planes, rows, columns) probabilities on another image's grid, network axes; 0 where unknown."""


def places_of(given: Sequence[Places], on: Prepared, labels: Sequence[str], level: float) -> NDArray[np.bool_]:
    """(planes, rows, columns) of `on`: where any of the labels, all where none is named, reaches the level."""
    mask = np.zeros(on.shape, np.bool_)
    for places in given:
        chosen = [label for label in places.labels if not labels or label in labels]
        if chosen:
            mask |= (places.dense_on(on, chosen) >= level).any(axis=0)
    return mask


def with_margin(mask: NDArray[np.bool_], geometry: Geometry, margin_mm: float) -> NDArray[np.bool_]:
    """A mask and what is near it: as many steps from face to face as voxels of the mean size fit into the margin."""
    steps = int(margin_mm / np.mean(np.array(geometry.spacing_xyz, np.float32)))
    return ndimage.binary_dilation(mask, iterations=steps) if steps and mask.any() else mask
