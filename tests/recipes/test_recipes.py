"""Every recipe is a card that training accepts, and has a trial; one is trained for seconds."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.__main__ import commands
from engine.cards.published import RECIPES, cited, find_recipe, find_recipes
from engine.cards.schema import Card, card_json, parse_card
from engine.errors import CardError
from engine.inference.networks import build_network
from engine.training.publish import networks_of
from engine.training.run import card_to_train, recipe_of
from tests.recipes.trial import Trial, run_trial, trials

NAMES = sorted(path.stem for path in RECIPES.glob("*.json"))
TRIALS = trials()


def test_each_number_of_the_review_has_a_recipe_and_each_recipe_a_trial() -> None:
    refs = [loaded.card.seed_ref for loaded in find_recipes() if loaded.card.seed_ref is not None]
    assert sorted(refs) == list(range(2, 35))
    assert sorted(TRIALS) == NAMES


def test_a_paper_outside_the_review_is_cited_without_a_number() -> None:
    card = find_recipe("retinal-detachment").card
    assert "reference" not in cited(card.model_copy(update={"seed_ref": None}))


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_a_card_that_can_be_trained(name: str) -> None:
    card, folder = card_to_train(name)
    assert (card.id, folder) == (name, RECIPES) and card.badge == "runs" and not card.weights
    assert card.paper is not None and card.paper.layout
    assert parse_card(card_json(card).encode(), "again") == card
    for node in networks_of(card):
        assert recipe_of(card, node.node).network


def test_a_folder_of_data_with_the_name_of_a_recipe_does_not_hide_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "copd-ct").mkdir()
    monkeypatch.chdir(tmp_path)
    assert card_to_train("copd-ct")[0].id == "copd-ct"
    (tmp_path / "phrenology").mkdir()
    with pytest.raises(CardError, match="no model card"):
        card_to_train("phrenology")


def labels_in_data(card: Card) -> set[str]:
    """What a data set has to call what is learned from it."""
    nodes = [node.params.model_dump(mode="json") for node in card.graph if hasattr(node.params, "network")]
    labels = {label for params in nodes for label in params.get("labels", ())}
    made = {label for node in networks_of(card) for label in getattr(recipe_of(card, node.node), "unions", {})}
    return labels - made


@pytest.mark.parametrize("name", sorted({*NAMES} - {"microaneurysm-fundus"}))
def test_the_text_on_data_writes_each_label_as_a_data_set_has_to(name: str) -> None:
    card, _ = card_to_train(name)
    assert card.paper is not None
    labels = labels_in_data(card)
    assert labels and not {label for label in labels if label not in card.paper.layout}


@pytest.mark.parametrize("name", NAMES)
def test_the_small_card_of_a_trial_is_one_too(name: str) -> None:
    card = parse_card(json.dumps(TRIALS[name].values).encode(), name)
    for node in networks_of(card):
        recipe = recipe_of(card, node.node)
        assert 0 < recipe.steps <= 2000 and not recipe.minutes and not recipe.compile
        assert sum(value.numel() for value in build_network(recipe.network).parameters()) < 6e6


def test_a_recipe_that_is_trained_becomes_a_card_that_draws(tmp_path: Path) -> None:
    trial: Trial = replace(TRIALS["liver-tumour-mr"], learn=3, judge=1, schedule={"steps": 50, "learning_rate": 1e-2})
    assert run_trial(trial, tmp_path).scores[0] > 0.25


def test_the_list_tells_what_each_keeps_and_needs() -> None:
    result = CliRunner().invoke(commands, ["recipes", "--json"], catch_exceptions=False)
    listed = {entry["id"]: entry for entry in json.loads(result.stdout)}
    assert sorted(listed) == NAMES
    assert all(entry["keeps"] and entry["layout"] and entry["body_part"] for entry in listed.values())
    told = CliRunner().invoke(commands, ["recipes", NAMES[0]], catch_exceptions=False).stdout
    assert all(line in told for line in listed[NAMES[0]]["keeps"]) and f"planimeter train {NAMES[0]}" in told


def test_a_recipe_that_is_not_there_is_said() -> None:
    result = CliRunner().invoke(commands, ["recipes", "phrenology"])
    assert "There is no recipe 'phrenology'" in str(result.exception)


@pytest.mark.parametrize("name", ["copd-ct", "retinal-detachment"])
def test_the_number_in_the_review_is_told_once(name: str) -> None:
    assert CliRunner().invoke(commands, ["recipes", name]).output.count("reference ") == 1
