"""Which scores of a card have a map of where the network looked, and the test that comes before one is shown.

No torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StringConstraints

from engine.cards.graph import made_in, maker_of
from engine.cards.nodes import Node
from engine.operations import classify, hierarchy
from engine.values import Identifier, Share, Short, Strict

if TYPE_CHECKING:
    from engine.cards.schema import Card, Output

MapMethod = Literal["hirescam", "occlusion"]


@dataclass(frozen=True)
class MapName:
    """What a method is called, what its maps show, and where it comes from; for people."""

    name: str
    shows: str
    source: str


MAP_METHODS: Mapping[MapMethod, MapName] = {
    "hirescam": MapName(
        "HiResCAM",
        "what in the network's last feature map spoke for the score",
        "HiResCAM (Draelos and Carin, 2020)",
    ),
    "occlusion": MapName(
        "occlusion", "what the score loses where the picture is hidden", "occlusion (Zeiler and Fergus, 2013)"
    ),
}


class SaliencyTest(Strict):
    """The weight-randomisation test of a classifier's maps (Adebayo et al., NeurIPS 2018), as `evaluate` runs it.

    Args:
        method: of the maps.
        node: the classifier.
        weights: SHA-256 of its files; maps of other weights were not tested.
        similarity: of the maps with those of the same network with its weights shuffled: the mean absolute rank
            correlation over pictures and shuffles, of the label that comes nearest to its limit.
        limit: below which that must lie: the likeness of maps of different pictures, and 0.5 at most.
        n: pictures.
        shuffles: of the weights.
        dataset: that the pictures are of.
    """

    method: MapMethod = "hirescam"
    node: Identifier
    weights: tuple[Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")], ...]
    similarity: Share
    limit: Share
    n: Annotated[int, Field(ge=1)]
    shuffles: Annotated[int, Field(ge=1)]
    dataset: Short = ""
    when: Annotated[date | None, Field(alias="date")] = None

    @property
    def passed(self) -> bool:
        """Whether the maps change with the weights."""
        return self.similarity < self.limit


@dataclass(frozen=True)
class Mapped:
    """What a map of a score is of.

    Args:
        node: the classifier.
        labels: of the classifier's, summed to the score.
        against: the other labels of which one holds instead; none where the label holds or not by itself.
    """

    node: Node
    labels: tuple[str, ...]
    against: tuple[str, ...]

    @property
    def params(self) -> classify.Params:
        """What the card says of the classifier."""
        assert isinstance(self.node.params, classify.Params), "only classifiers are mapped"
        return self.node.params


def mapped(card: "Card", output: "Output") -> Mapped | None:
    """The classifier of whole pictures behind a score; None where a score has none, or not it alone."""
    if output.kind != "score":
        return None
    nodes = {name: node for node in card.graph for name in node.names}
    name = maker_of(card, made_in(card), output)
    labels: tuple[str, ...] = (output.label,)
    while name in nodes and isinstance(sums := nodes[name].params, hierarchy.Params):
        labels = tuple(leaf for label in labels for leaf in sums.parents[label])
        name = nodes[name].inputs[0]
    params = nodes[name].params if name in nodes else None
    if (
        not isinstance(params, classify.Params)
        or params.dimensions != 2
        or params.view.kind != "whole"
        or params.attention
    ):
        return None
    if nodes[name].inputs[0] not in {image.role for image in card.inputs}:
        return None
    group = next((group for group in params.groups if set(labels) <= set(group)), None)
    if group is None:
        return Mapped(nodes[name], labels, ()) if len(labels) == 1 and not params.groups else None
    against = tuple(label for label in group if label not in labels)
    return Mapped(nodes[name], labels, against) if against else None


def mapped_outputs(card: "Card") -> "list[tuple[Output, Mapped]]":
    """The scores of which a map can be made, all of the same classifier: that of the first."""
    every = [(output, how) for output in card.outputs if (how := mapped(card, output)) is not None]
    return [(output, how) for output, how in every if how.node == every[0][1].node]


def why_no_map(card: "Card", label: str, method: MapMethod = "hirescam") -> str:
    """Why no map of a score may be shown, in one sentence; "" where one may."""
    how = next((how for output, how in mapped_outputs(card) if output.label == label), None)
    if how is None:
        return f"The model '{card.id}' gives no score '{label}' for a whole picture, so there is no map of it."
    test = next((test for test in card.saliency if test.method == method), None)
    if test is None or test.node != how.node.node or test.weights != tuple(w.sha256 for w in how.node.weights):
        more = " --occlusion" if method == "occlusion" else ""
        return (
            f"The maps of the model '{card.id}' by {MAP_METHODS[method].name} have not passed the test with shuffled "
            f"weights; `planimeter evaluate --record{more}` runs it."
        )
    if not test.passed:
        return (
            f"The maps of the model '{card.id}' by {MAP_METHODS[method].name} did not pass the test with shuffled "
            f"weights (likeness {test.similarity:.2f}, must be below {test.limit:.2f}), so none is shown."
        )
    return ""


def methods_shown(card: "Card", label: str) -> tuple[MapMethod, ...]:
    """The methods whose maps of a score may be shown, in the order of the table."""
    return tuple(method for method in MAP_METHODS if not why_no_map(card, label, method))
