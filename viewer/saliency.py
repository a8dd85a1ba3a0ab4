"""Maps of where a network looked, as layers over the image that they are of. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.answers import Finding, Score
from engine.later import later
from engine.resample import onto_regular_grid
from engine.saliency_map import SaliencyMap
from engine.transform import Transform
from engine.volume import Volume
from viewer.layers import Layer, Window

if TYPE_CHECKING:
    from engine.cards import saliency
    from engine.cards.registry import LoadedCard
    from engine.cards.saliency import MapMethod
else:
    saliency = later("engine.cards.saliency")

#: A map covers what is below no more than this at first.
_OPACITY = 0.4
#: Values of a score that differ by more are of other images or other weights.
_SAME = 1e-3


def map_offered(
    finding: Finding | None, cards: Sequence[LoadedCard]
) -> tuple[LoadedCard, tuple[MapMethod, ...]] | None:
    """The model that gave a score, and by which methods its map may be shown; None where there is no map.

    Other weights than those that gave the score would look elsewhere.
    """
    if not isinstance(finding, Score):
        return None
    made = finding.provenance
    for loaded in cards:
        if loaded.id == made.algorithm and loaded.is_readable:
            card = loaded.card
            if made.weights_sha256 == " ".join(weights.sha256 for weights in card.weights):
                methods = saliency.methods_shown(card, finding.label)
                return (loaded, methods) if methods else None
    return None


def why_another(finding: Score, scores: Sequence[Score]) -> str:
    """Why a map would not be of this score, given those of the run that made it; "" where it is."""
    value = next((score.value for score in scores if score.label == finding.label), None)
    if value is not None and abs(value - finding.value) <= _SAME:
        return ""
    return (
        f"The model gives another value for '{finding.name}' on the image as it is now than the one shown, so there is "
        "no map of that; run the model again."
    )


def map_layer(made: SaliencyMap, volume: Volume) -> Layer:
    """A map as a layer over its image, said in every view to be no proof of place."""
    laid = made.laid_on(volume)
    return Layer(
        laid, onto_regular_grid(laid), Window.between(0.0, 1.0), "hot", _OPACITY,
        transform=Transform.identity(volume.info.frame_of_reference_uid),
        derived="Network map: no proof of place",
    )  # fmt: skip
