"""What a classifier answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Scores:
    """A classifier's answer: (views, labels) values, each view on its own."""

    labels: tuple[str, ...]
    values: NDArray[np.float32]

    def of(self, label: str) -> float:
        """The mean over the views."""
        return float(self.values[:, self.labels.index(label)].mean())

    def columns(self, labels: Sequence[str]) -> NDArray[np.float32]:
        """(views, labels) of some of the labels."""
        return self.values[:, [self.labels.index(label) for label in labels]]
