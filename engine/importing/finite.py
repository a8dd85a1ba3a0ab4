"""Weights are finite numbers: a network with others finds nothing anywhere, and says nothing of it."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from engine.errors import CardError


def check_finite(weights: Mapping[str, torch.Tensor], where: str) -> None:
    """Refuse weights that hold infinite values, or what is no number.

    Args:
        weights: by name.
        where: they come from, for people.

    Raises:
        CardError: names the first that do.
    """
    for name, value in weights.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise not_finite(name, where)


def not_finite(name: str, where: str) -> CardError:
    """The error for the weights of that name."""
    return CardError(
        f"The weights in {where} hold values that are no finite numbers ('{name[:100]}'), so the model would find "
        "nothing anywhere; its training failed, or the file is damaged."
    )


def check_numbers(path: Path) -> None:
    """Likewise of a file of weights beside a card.

    Raises:
        CardError: names the first that do, or the file is damaged.
    """
    if path.suffix == ".onnx":
        # The extra is not needed by anything else.
        from engine.inference.onnx_graph import checked

        model = checked(path.read_bytes(), path.name, allow_external=True)
        from engine.importing.onnx_weights import check_finite_graph

        check_finite_graph(model, path.name)
        return
    try:
        with safe_open(path, "pt") as stored:
            for name in stored.keys():  # noqa: SIM118 - it is no dict
                check_finite({name: stored.get_tensor(name)}, path.name)
    except SafetensorError as error:
        raise CardError(f"The weights {path.name} are damaged; fetch the model again.") from error
