"""All operations: what a card's graph can say is what the engine can do. A new one is a file, and a line here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.operations import (
    atlas,
    body_outline,
    candidates,
    choose,
    classify,
    combine,
    components,
    concatenate,
    crop,
    detect,
    features,
    gate,
    graph_cut,
    grow_into,
    head,
    hierarchy,
    mask,
    merge_planes,
    nnunet,
    overlay,
    patch_statistics,
    pool,
    refine_edges,
    saliency,
    segment,
    sieve,
    sliding_window,
    threshold,
    vesselness,
    whole_image,
)
from engine.operations.kinds import Made
from engine.values import Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.graph import Value


@dataclass(frozen=True)
class Operation:
    """One operation of a graph.

    Args:
        stage: what its time is counted as, for people.
        params: what a card says of it.
        makes: of params and what a node is given, what it makes; ValueError where it can't.
        run: of params, the inputs' values and the run, the value; imports what it needs when it is called.
        needs_weights: a node without weights files can't run.
        is_ready: of params, whether it can run; None for what needs no fitting.
        as_acquired: images among its inputs are volumes, not prepared for a network.
        beside: files that it reads in the card's folder besides weights.
    """

    stage: str
    params: type[Strict]
    makes: Callable[[Any, Sequence[Made]], Made]
    run: "Callable[[Any, Sequence[Any], Context], Value]"
    needs_weights: bool = False
    as_acquired: bool = False
    is_ready: Callable[[Any], bool] | None = None
    beside: tuple[str, ...] = ()


OPERATIONS: dict[str, Operation] = {
    "segment": Operation("network", segment.Params, segment.makes, segment.run, needs_weights=True),
    "classify": Operation("network", classify.Params, classify.makes, classify.run, needs_weights=True),
    "candidates": Operation("candidates", candidates.Params, candidates.makes, candidates.run),
    "sieve": Operation("network", sieve.Params, sieve.makes, sieve.run, needs_weights=True),
    "detect": Operation("network", detect.Params, detect.makes, detect.run, needs_weights=True),
    "nnunet": Operation("network", nnunet.Params, nnunet.makes, nnunet.run, needs_weights=True, as_acquired=True),
    "sliding_window": Operation(
        "network", sliding_window.Params, sliding_window.makes, sliding_window.run, needs_weights=True, as_acquired=True
    ),
    "whole_image": Operation(
        "network", whole_image.Params, whole_image.makes, whole_image.run, needs_weights=True, as_acquired=True
    ),
    "atlas": Operation("registration", atlas.Params, atlas.makes, atlas.run, beside=atlas.FILES),
    "body_outline": Operation(
        "body outline", body_outline.Params, body_outline.makes, body_outline.run, as_acquired=True
    ),
    "threshold": Operation("threshold", threshold.Params, threshold.makes, threshold.run),
    "vesselness": Operation("vessels", vesselness.Params, vesselness.makes, vesselness.run),
    "components": Operation("candidates", components.Params, components.makes, components.run),
    "merge_planes": Operation("joining", merge_planes.Params, merge_planes.makes, merge_planes.run),
    "graph_cut": Operation("graph cut", graph_cut.Params, graph_cut.makes, graph_cut.run),
    "saliency": Operation("saliency", saliency.Params, saliency.makes, saliency.run),
    "refine_edges": Operation("joining", refine_edges.Params, refine_edges.makes, refine_edges.run),
    "crop": Operation("joining", crop.Params, crop.makes, crop.run),
    "mask": Operation("joining", mask.Params, mask.makes, mask.run),
    "concatenate": Operation("joining", concatenate.Params, concatenate.makes, concatenate.run),
    "combine": Operation("joining", combine.Params, combine.makes, combine.run),
    "overlay": Operation("joining", overlay.Params, overlay.makes, overlay.run),
    "grow_into": Operation("joining", grow_into.Params, grow_into.makes, grow_into.run),
    "pool": Operation("joining", pool.Params, pool.makes, pool.run),
    "gate": Operation("joining", gate.Params, gate.makes, gate.run),
    "hierarchy": Operation("joining", hierarchy.Params, hierarchy.makes, hierarchy.run),
    "features": Operation("joining", features.Params, features.makes, features.run),
    "patch_statistics": Operation(
        "joining",
        patch_statistics.Params,
        patch_statistics.makes,
        patch_statistics.run,
        is_ready=patch_statistics.is_ready,
    ),
    "head": Operation("head", head.Params, head.makes, head.run, is_ready=head.is_ready),
    "choose": Operation("joining", choose.Params, choose.makes, choose.run),
}
