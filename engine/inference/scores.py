"""What a classifier answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from engine.errors import CardError


@dataclass(frozen=True, eq=False)
class Scores:
    """A classifier's answer.

    Args:
        labels: in order.
        values: (views, labels), each view on its own.
        strangeness: how unlike the training set the stranger half of the views are, as a multiple of what the card
            takes for familiar; 0 where that is not known.
        features: (views, n) what the network makes of each view just before its scores; None where nobody asks.
        notes: what there is to say beside a label's number, by label.
        attention: (views,) logarithms of how much each view counts; None where the network doesn't say.
    """

    labels: tuple[str, ...]
    values: NDArray[np.float32]
    strangeness: float = 0.0
    features: NDArray[np.float32] | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    attention: NDArray[np.float32] | None = None

    def of(self, label: str) -> float:
        """The mean over the views.

        Raises:
            CardError: there are none.
        """
        if not len(self.values):
            raise CardError("Nothing was found in this image that could be classified.")
        return float(self.values[:, self.labels.index(label)].mean())

    def renamed(self, labels: Mapping[str, str]) -> "Scores":
        """Some of the labels, each under the name that it is given, with all that is known of them."""
        notes = {name: self.notes[label] for label, name in labels.items() if label in self.notes}
        return replace(self, labels=tuple(labels.values()), values=self.columns(list(labels)), notes=notes)

    def columns(self, labels: Sequence[str]) -> NDArray[np.float32]:
        """(views, labels) of some of the labels."""
        return self.values[:, [self.labels.index(label) for label in labels]]
