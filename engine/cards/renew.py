"""Cards of version 0.1, in which letters stood for operations, brought to the present form."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

#: Letter → word; what joined nodes (G) and classic operations (O) had their word already.
_WORDS = {"S": "segment", "F": "fuse", "D": "detect", "C": "classify", "B": "pool", "H": "head"}
_NAMED_BY_PARAMS = ("G", "O")
#: What version 0.1 could say and nothing ran, with the value that said nothing.
_DROPPED_PARAMS: Json = {"features": False}
_DROPPED_OF_VIEW: Json = {"rotations": 1, "magnification": None, "least_tissue": 0.0}
_DROPPED_OF_INPUT: Json = {"variables": []}
_DROPPED: Json = {"explain": {"methods": []}}

_AIR: Json = {
    "label": "Air inside the body",
    "kind": "choice",
    "tip": "Airways, sinuses and bowel gas count as body, or are holes in its outline",
    "choices": {"filled": "Filled", "kept": "Kept as holes"},
}
_BANDS: Json = {
    "key": "bands",
    "label": "Inner and outer contours too",
    "kind": "flag",
    "sets": "uncertainty.draw_bands",
    "tip": "Two more structures each, at the risk that the model was calibrated for",
}


def renewed(values: Any) -> Any:
    """What is in a `card.json`, in the present form; what is no card of version 0.1 is given back as it is.

    What version 0.1 offered of its own accord, the air of body outlines and the inner and outer contours of calibrated
    models, becomes options.
    """
    if not _is_old(values):
        return values
    card: Json = dict(values)
    card["graph"] = [_node(node) if isinstance(node, dict) else node for node in values["graph"]]
    if isinstance(card.get("inputs"), list):
        card["inputs"] = [_without(image, _DROPPED_OF_INPUT) for image in card["inputs"]]
    card = _without(card, _DROPPED)
    options = list(_options(card))
    return card | {"options": options} if options and "options" not in card else card


def _is_old(values: Any) -> bool:
    graph = values.get("graph") if isinstance(values, dict) else None
    return isinstance(graph, list) and any(isinstance(node, dict) and "block" in node for node in graph)


def _node(node: Json) -> Json:
    node = dict(node)
    letter, params = node.pop("block", None), node.get("params")
    if not isinstance(params, dict):
        return node | {"op": letter}
    params = dict(params)
    if letter in _NAMED_BY_PARAMS:
        return node | {"op": params.pop("op", None), "params": params}
    params = _without(params, _DROPPED_PARAMS)
    view = params.get("view")
    if isinstance(view, dict):
        view = _without(view, _DROPPED_OF_VIEW)
        # What crops were around was named in the view; now it is an input like any other.
        around = view.pop("around", None)
        if around is not None and isinstance(node.get("in"), list):
            node["in"] = [*node["in"], around]
        params["view"] = view
    return node | {"op": _WORDS.get(letter, letter) if isinstance(letter, str) else letter, "params": params}


def _without(values: Any, dropped: Json) -> Any:
    """A copy without fields that said nothing; one that said something stays, to be refused by its name."""
    if not isinstance(values, dict):
        return values
    return {key: value for key, value in values.items() if key not in dropped or value not in (dropped[key], ())}


def _options(card: Json) -> Iterator[Json]:
    outlines = [node for node in card["graph"] if isinstance(node, dict) and node.get("op") == "body_outline"]
    for node in outlines:
        name = node.get("node")
        yield {"key": "air" if len(outlines) == 1 else f"air-{name}".lower(), "sets": f"{name}.air", **_AIR}
    uncertainty = card.get("uncertainty")
    calibration = uncertainty.get("calibration") if isinstance(uncertainty, dict) else None
    if isinstance(calibration, dict) and calibration.get("bands"):
        yield _BANDS
