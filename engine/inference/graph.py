"""A card's graph, node by node."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shapely import MultiPolygon

from engine.cards.blocks import BodyOutline
from engine.cards.schema import ClassicNode
from engine.errors import CardError
from engine.inference.body import outline
from engine.progress import Progress

if TYPE_CHECKING:
    from engine.inference.run import Context


@dataclass(frozen=True, eq=False)
class Found:
    """One structure, on the planes of the image.

    Args:
        areas: plane index → polygons, `(u, v)` mm.
        doubt: plane index → expected share of the plane's area in doubt, 0..1.
        bands: "inner" and "outer" → areas, where they were asked for.
    """

    areas: Mapping[int, MultiPolygon]
    doubt: Mapping[int, float] = field(default_factory=dict)
    bands: Mapping[str, Mapping[int, MultiPolygon]] = field(default_factory=dict)


def run_graph(context: Context) -> dict[str, Found]:
    """The structures of a card, by their labels.

    Raises:
        CardError: a node can't be run, or an output is made by none.
    """
    found: dict[str, Found] = {}
    for index, node in enumerate(context.card.graph):
        progress = _part(context.progress, index, len(context.card.graph))
        if isinstance(node, ClassicNode) and isinstance(node.params, BodyOutline):
            found[node.params.label] = _body(context, node.params, progress)
    missing = [output.label for output in context.card.outputs if output.label not in found]
    if missing:
        raise CardError(f"No node of the model '{context.card.id}' makes its output '{missing[0]}'.")
    return found


def _body(context: Context, params: BodyOutline, progress: Progress) -> Found:
    began = time.perf_counter()
    air = context.options.air or params.air
    areas = outline(context.volume, air, params.pieces, params.least_cm3, progress)
    context.timed("body outline", began)
    return Found(areas)


def _part(progress: Progress, index: int, count: int) -> Progress:
    def part(fraction: float, stage: str) -> None:
        progress((index + fraction) / count, stage)

    return part
