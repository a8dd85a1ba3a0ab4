"""A training run from a card's name to a new card: reading, training, publishing."""

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from engine.cards.registry import find_cards, load_card
from engine.cards.schema import Card
from engine.cards.weights import read_weights
from engine.errors import CardError, MismatchError
from engine.inference.packing import unpacked
from engine.training.dataset import Case, DataSource, open_data
from engine.training.loop import AVERAGE_FILE
from engine.training.segmenter import SegmenterTrainer
from engine.training.publish import params_of, publish, segmenters_of
from engine.training.recipe import Recipe
from engine.training.seen import as_prepared, spacing_behind


def train_card(
    card: str,
    data: Path,
    *,
    validation: Path | None,
    output: Path,
    minutes: float | None,
    seed: int | None,
    device: str,
    report: Callable[[float, str], None],
    learning_rate: float | None = None,
    go_on: bool = False,
    node: str | None = None,
) -> dict[str, dict[str, float]]:
    """Train the networks of a card, one after the other, and write the new card.

    Args:
        card: id or path of a card with a recipe.
        data, validation: folders in the nnU-Net raw layout, or of DICOM studies with RTSTRUCTs; without a validation
            set a share of the data, by the recipe, is held out.
        output: the new card's folder.
        minutes: of all networks together, shared out as the recipe's minutes are; None for the recipe's.
        seed, learning_rate: in place of the recipe's.
        go_on: begin with the card's own weights in place of random ones.
        device: "auto", "cpu" or "cuda".
        node: which of the card's networks; None for all.
        report: told the fraction done and what is going on.

    Returns:
        For each network, by its node: Dice of each structure and their "mean" on the validation cases, by the network
        alone; empty without any cases.

    Raises:
        PlanimeterError: the card can't be trained, the data don't fit it, or training failed.
    """
    described, place = card_to_train(card)
    names = [chosen.node for chosen in segmenters_of(described, node)]
    starts = [_own_weights(described, place, name) if go_on else None for name in names]
    recipes = [recipe_of(described, name) for name in names]
    if minutes is not None:
        whole = sum(recipe.minutes for recipe in recipes)
        recipes = [dataclasses.replace(recipe, minutes=minutes * recipe.minutes / whole) for recipe in recipes]
    if seed is not None:
        recipes = [dataclasses.replace(recipe, seed=seed) for recipe in recipes]
    if learning_rate is not None:
        recipes = [dataclasses.replace(recipe, learning_rate=learning_rate) for recipe in recipes]
    scores = {}
    single = len(segmenters_of(described)) == 1
    for name, recipe, start in zip(names, recipes, starts, strict=True):
        named = report if single else _named(report, name)
        dataset = open_data(data, recipe.structures, described.inputs)
        chosen_by = open_data(validation, recipe.structures, described.inputs) if validation else None
        spacing = spacing_behind(described, segmenters_of(described, name)[0])
        steps, *further = [described.steps_of(image.role) for image in described.inputs]
        prepared = partial(as_prepared, steps=steps, spacing_mm=spacing, further_steps=further)
        cases, held_out = _cases(recipe, dataset, chosen_by, prepared, named)
        # Each network's run is resumed by itself.
        folder = output if single else output / name
        progression = SegmenterTrainer(recipe, cases, held_out, folder, resolve_device(device), start=start).run(named)
        described = publish(described, folder / AVERAGE_FILE, output, name=name, source=place)
        last = progression.history[-1] if progression.history else {}
        scores[name] = {key: last[key] for key in ("mean", *recipe.structures) if key in last}
    return scores


def _named(report: Callable[[float, str], None], name: str) -> Callable[[float, str], None]:
    return lambda fraction, text: report(fraction, f"{name}: {text}")


def card_to_train(name: str) -> tuple[Card, Path]:
    """The card with this id or path, and its folder; one without usable weights is fine.

    Raises:
        CardError: there is none, or it is not readable.
    """
    path = Path(name)
    found = [load_card(path)] if path.exists() else [loaded for loaded in find_cards() if loaded.id == name]
    if not found:
        raise CardError(f"There is no model '{name}'; `planimeter models` lists those there are.")
    return found[0].card, found[0].folder


def _own_weights(card: Card, folder: Path, name: str) -> dict[str, torch.Tensor]:
    (node,) = segmenters_of(card, name)
    if len(node.weights) != 1:
        raise CardError(f"The model '{card.id}' needs exactly one file of weights to go on from.")
    own = node.weights[0]
    return {name: value.float() for name, value in unpacked(read_weights(folder, own)).items()}


def recipe_of(card: Card, name: str) -> Recipe:
    """The recipe in the card's provenance, with the network, crop and structures of the segmenter of this name.

    What `recipe.nodes` says of a node goes before what the recipe says of all.

    Raises:
        CardError: the card has no recipe, or it is not usable.
    """
    if not card.provenance.recipe:
        raise CardError(f"The model '{card.id}' has no training recipe.")
    params = params_of(segmenters_of(card, name)[0])
    if params.context_planes:
        raise CardError(f"The network '{name}' of '{card.id}' sees neighbouring planes, which training can't give it.")
    drawn = {
        "network": params.network.arguments,
        "patch": params.patch,
        "dimensions": params.dimensions,
        "structures": list(params.labels),
        "mirror_pairs": [list(pair) for pair in params.mirror_pairs],
        "padding": params.padding,
    }
    common = dict(card.provenance.recipe)
    nodes = common.pop("nodes", {})
    own = nodes.get(name, {}) if isinstance(nodes, dict) else None
    if not isinstance(own, dict):
        raise CardError(f"The 'nodes' of the training recipe of '{card.id}' are not a table of recipes.")
    return Recipe.from_dict({**common, **own, **drawn})


def resolve_device(device: str) -> str:
    """ "cuda" or "cpu"; "auto" takes the former where there is one."""
    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"


def _cases(
    recipe: Recipe,
    dataset: DataSource,
    held_out: DataSource | None,
    prepared: Callable[[Case], Case],
    report: Callable[[float, str], None],
) -> tuple[list[Case], list[Case]]:
    names = dataset.names
    chosen: list[str] = []
    if held_out is None and recipe.holdout > 0 and len(names) > 1:
        order = np.random.default_rng(recipe.seed).permutation(len(names))
        chosen = sorted(names[index] for index in order[: max(round(recipe.holdout * len(names)), 1)])
        names = [name for name in names if name not in chosen]
    cases = []
    for index, name in enumerate(names):
        report(0.0, f"reading case {index + 1} of {len(names)}")
        out = recipe.left_out.get(name, [])
        cases.append(prepared(dataset.read(name)).without([structure in out for structure in recipe.structures]))
    if not any(case.voxels_of for case in cases):
        raise MismatchError(f"No case of the data set has any of {', '.join(recipe.structures)} contoured.")
    source, chosen = (held_out, held_out.names) if held_out else (dataset, chosen)
    return cases, [prepared(source.read(name)) for name in chosen]
