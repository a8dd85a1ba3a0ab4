"""A training run from a card's name to a new card: reading, training, publishing."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.cards.nodes import Node
from engine.cards.published import find_recipes
from engine.cards.registry import CARD_FILE, LoadedCard, find_cards, load_card
from engine.cards.schema import Card
from engine.cards.weights import read_weights
from engine.errors import CardError, MismatchError
from engine.inference.packing import unpacked
from engine.progress import Progress, part
from engine.training import classifier, detector, head, patch_code, segmenter, sieve
from engine.training.anew import taught_anew
from engine.training.learned import learned_from, learned_in, with_learned
from engine.training.loop import AVERAGE_FILE, Lesson, Trainer
from engine.training.publish import learners_of, networks_of, publish, publish_fitted, with_score, with_weights_in
from engine.training.recipe import ClassifierRecipe, Recipe, Schedule
from engine.training_process.checked import listed_names
from engine.training_process.run_folder import CHECKPOINT_FILE
from engine.values import Strict


def train_card(
    card: str,
    data: Path,
    *,
    validation: Path | None,
    output: Path,
    minutes: float | None,
    seed: int | None,
    device: str,
    report: Progress,
    learning_rate: float | None = None,
    go_on: bool = False,
    node: str | None = None,
    admitted: str = "",
) -> dict[str, dict[str, float]]:
    """Train the networks of a card, and fit its heads, one after the other, and write the new card.

    Args:
        card: id or path of a card with a recipe, or id of a published system's recipe.
        data, validation: folders of labelled images (`engine.training.dataset.open_data`) or of labelled pictures
            (`engine.training.labelled`); without a validation set a share of the data, by the recipe, is held out.
        output: the new card's folder.
        minutes: of all networks together, shared out as the recipe's minutes are; None for the recipe's.
        seed, learning_rate: in place of the recipe's.
        go_on: begin with the card's own weights in place of random ones.
        device: "auto", "cpu" or "cuda".
        node: which of the card's networks and heads; None for all.
        admitted: what the card's limits say of patients who are learned from and judged by as well
            (`engine.training_process.checked.admission_of`), "" where there are none.
        report: told the fraction of all that is done and what is going on; may stop, and what was learned is kept.

    Returns:
        For each network or head, by its node: its scores on the validation cases, by it alone, and their "mean"; empty
        where nothing could be judged.

    Raises:
        PlanimeterError: the card can't be trained, the data don't fit it, or training failed.
        CancelledError: stopped; the same call goes on from there.
    """
    described, place = card_to_train(card)
    _check_folders(described, data, validation, output)
    described = taught_anew(described, data, whole=not go_on and node is None)
    described = _admitting(described, admitted)
    chosen = learners_of(described, node)
    names = [each.node for each in chosen if each.op in _TAUGHT]
    starts = [_own_weights(described, place, name) if go_on else None for name in names]
    recipes = [recipe_of(described, name) for name in names]
    shares = _shares(recipes)
    if minutes is not None:
        paired = zip(recipes, shares, strict=True)
        recipes = [dataclasses.replace(recipe, minutes=minutes * float(share)) for recipe, share in paired]
    if seed is not None:
        recipes = [dataclasses.replace(recipe, seed=seed) for recipe in recipes]
    if learning_rate is not None:
        recipes = [dataclasses.replace(recipe, learning_rate=learning_rate) for recipe in recipes]
    learned = learned_in(output)
    if go_on or node is not None:
        learned |= learned_from(LoadedCard(place, parsed=card_to_train(card)[0]))
    scores = {}
    single = len(learners_of(described)) == 1
    for name, recipe, start, share, end in zip(names, recipes, starts, shares, np.cumsum(shares), strict=True):
        whole = part(report, float(end - share), float(end))
        named = whole if single else _named(whole, name)
        # Each network's run is resumed by itself.
        own = output if single else output / name
        count = recipe.ensemble if isinstance(recipe, ClassifierRecipe) else 1
        folders = [own / f"member-{number + 1}" for number in range(count)] if count > 1 else [own]
        known = with_weights_in(output, described)
        home = output if all((output / weights.file).exists() for weights in known.weights) else place
        (taught,) = networks_of(known, name)
        for number, folder in enumerate(folders):
            report_of = part(named, number / count, (number + 1) / count)
            lesson = Lesson(known, taught, data, validation, folder, resolve_device(device), start, report_of, home)
            member = recipe
            if count > 1:
                member = dataclasses.replace(recipe, minutes=recipe.minutes / count, seed=recipe.seed + number)
            trainer = _TAUGHT[taught.op].trainer(lesson, member)
            learned |= lesson.learned
            if lesson.untaught and not go_on:
                described = _admitting(described, _untaught_told(lesson.untaught))
            described = with_learned(described, learned, output)
            progression = trainer.run(report_of)
        described = publish(described, [folder / AVERAGE_FILE for folder in folders], output, name=name, source=place)
        last = progression.history[-1] if progression.history else {}
        scores[name] = {key: value for key, value in last.items() if key not in {"step", "minutes", "n"}}
    for each in chosen:
        if each.op not in _TAUGHT:
            known = with_weights_in(output, described)
            home = output if all((output / weights.file).exists() for weights in known.weights) else place
            report_of = _named(part(report, 1.0, 1.0), each.node)
            lesson = Lesson(known, each, data, validation, output, resolve_device(device), None, report_of, home)
            described, scores[each.node] = _fit(lesson, place, learned)
    # What stands before the last of them gives no answer of its own.
    if scores.get(learners_of(described)[-1].node):
        with_score(described, output)
    return scores


def _check_folders(card: Card, data: Path, validation: Path | None, output: Path) -> None:
    """Refuse to write over a card that no run of this one made, and to be judged by what is learned from.

    Raises:
        CardError: there is another card in `output`.
        MismatchError: `validation` is the data set itself.
    """
    if validation is not None and validation.resolve() == data.resolve():
        raise MismatchError(
            f"{validation} is the data set that is learned from, so nothing could be judged by it; name another one, "
            "or none, and a share of the patients is held out."
        )
    if (output / CARD_FILE).exists():
        there = load_card(output)
        own = there.is_readable and there.id == card.id
        if not own or (there.card.files and not any(output.rglob(CHECKPOINT_FILE))):
            raise CardError(
                f"{output} holds the card '{there.id}', which would be written over; choose another folder, or remove "
                "it first."
            )


def _admitting(card: Card, admitted: str) -> Card:
    """The card, whose limits say so where there is something to say."""
    if admitted in card.limits:
        return card
    return card.model_copy(update={"limits": f"{card.limits} {admitted}".strip()})


def _untaught_told(structures: Sequence[str]) -> str:
    """What a card must say of structures that it lists, and that it could not learn."""
    lacking, them = (
        (listed_names(structures), "it")
        if len(structures) == 1
        else (f"any of {listed_names(structures, len(structures))}", "them")
    )
    return f"No case that it learned from has {lacking}, so what it draws of {them} means nothing."


def _shares(recipes: Sequence[Schedule]) -> NDArray[np.float64]:
    """Of each recipe, its share of the time of all; alike where they end by steps alone."""
    minutes = np.array([recipe.minutes for recipe in recipes], np.float64)
    return minutes / minutes.sum() if minutes.any() else np.full(len(minutes), 1 / max(len(minutes), 1))


def _fit(lesson: Lesson, place: Path, learned: set[int]) -> tuple[Card, dict[str, float]]:
    """The card with a head or a code fitted, written to the lesson's folder, and how it does on those held out.

    Args:
        lesson: whose node it is.
        place: folder of the card that was trained.
        learned: fingerprints of what was learned from before; those of the lesson are added.
    """
    card, folder = lesson.card, lesson.folder
    _, told = _told_of(card, lesson.node.node)
    holdout = told.get("holdout", Schedule.holdout)
    if not isinstance(holdout, int | float):
        raise CardError(f"The 'holdout' of the training recipe of '{card.id}' is no number.")
    params, scores = _FITTED[lesson.node.op](lesson, holdout)
    learned |= lesson.learned
    card = with_learned(card, learned, folder)
    return publish_fitted(card, folder, name=lesson.node.node, params=params, source=place), scores


@dataclasses.dataclass(frozen=True)
class _Taught:
    """How networks of one operation are taught: the recipe of a node, and the run of a recipe."""

    recipe: Callable[[Card, Node, dict[str, Any]], Any]
    trainer: Callable[[Lesson, Any], Trainer]


#: Operation → how its networks are taught.
_TAUGHT = {
    "segment": _Taught(segmenter.recipe_of, segmenter.trainer_of),
    "classify": _Taught(classifier.recipe_of, classifier.trainer_of),
    "detect": _Taught(detector.recipe_of, detector.trainer_of),
    "sieve": _Taught(sieve.recipe_of, sieve.trainer_of),
}


#: Operation → what is fitted, of a lesson and the share that is held out: its params, and its scores.
_FITTED: dict[str, Callable[[Lesson, float], tuple[Strict, dict[str, float]]]] = {
    "head": head.fitted_head,
    "patch_statistics": patch_code.fitted_code,
}


def _named(report: Progress, name: str) -> Progress:
    def named(fraction: float, stage: str) -> None:
        report(fraction, f"{name}: {stage}")

    return named


def card_to_train(name: str) -> tuple[Card, Path]:
    """The card with this id or path, or the recipe, and its folder; one without usable weights is fine.

    A folder without a card, such as one of data that has the name of a recipe, hides no id.

    Raises:
        CardError: there is none, or it is not readable.
    """
    path = Path(name)
    is_card = path.is_file() or (path / CARD_FILE).exists()
    found = [] if is_card else [loaded for loaded in (*find_recipes(), *find_cards()) if loaded.id == name]
    if not found and path.exists():
        found = [load_card(path)]
    if not found:
        raise CardError(
            f"There is no model and no recipe '{name}'; `planimeter models` and `planimeter recipes` list them."
        )
    return found[0].card, found[0].folder


def _own_weights(card: Card, folder: Path, name: str) -> dict[str, torch.Tensor]:
    (node,) = networks_of(card, name)
    if len(node.weights) != 1:
        raise CardError(f"The model '{card.id}' needs exactly one file of weights to go on from.")
    own = node.weights[0]
    return {name: value.float() for name, value in unpacked(read_weights(folder, own)).items()}


def recipe_of(card: Card, name: str) -> Recipe | ClassifierRecipe:
    """The recipe in the card's provenance, with what its graph says of the network of this name.

    What `recipe.nodes` says of a node goes before what the recipe says of all.

    Raises:
        CardError: the card has no recipe, or it is not usable.
    """
    node, told = _told_of(card, name)
    recipe: Recipe | ClassifierRecipe = _TAUGHT[node.op].recipe(card, node, told)
    return recipe


def _told_of(card: Card, name: str) -> tuple[Node, dict[str, Any]]:
    """A node, and what the card's recipe says of it."""
    if not card.provenance.recipe:
        raise CardError(f"The model '{card.id}' has no training recipe.")
    common = dict(card.provenance.recipe)
    nodes = common.pop("nodes", {})
    own = nodes.get(name, {}) if isinstance(nodes, dict) else None
    if not isinstance(own, dict):
        raise CardError(f"The 'nodes' of the training recipe of '{card.id}' are not a table of recipes.")
    (node,) = learners_of(card, name)
    return node, {**common, **own}


def resolve_device(device: str) -> str:
    """ "cuda" or "cpu"; "auto" takes the former where there is one."""
    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"
