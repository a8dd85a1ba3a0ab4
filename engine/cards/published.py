"""Recipes of published systems: cards without weights, a file each in `resources/recipes`, found by their names."""

from engine.cards.registry import LoadedCard, load_card
from engine.cards.schema import Card
from engine.errors import CardError
from engine.shipped import shipped

#: Where they lie, as `ID.json`.
RECIPES = shipped("recipes")


#: What the limits of a recipe say, and of a card that was trained by it.
UNTRAINED, TRAINED = "Trained by nobody yet", "Trained on its user's own data"


def find_recipes() -> list[LoadedCard]:
    """All recipes, by body part, task and what they look at."""
    loaded = [load_card(path) for path in RECIPES.glob("*.json")]
    return sorted(loaded, key=_order)


def find_recipe(name: str) -> LoadedCard:
    """The recipe with this id.

    Raises:
        CardError: there is none.
    """
    recipes = {loaded.id: loaded for loaded in find_recipes()}
    if name not in recipes:
        raise CardError(f"There is no recipe '{name}'; `planimeter recipes` lists those there are.")
    return recipes[name]


def result_of(card: Card) -> str:
    """The figures of a recipe's paper, and whether they were checked; "" where none are at hand."""
    paper = card.paper
    assert paper is not None, "a recipe follows a paper"
    return f"{paper.result} (recalled, not checked)" if paper.result and paper.recalled else paper.result


def cited(card: Card) -> str:
    """The paper of a recipe with its number in the review, if it has one, which some citations name already."""
    paper = card.paper
    assert paper is not None, "a recipe follows a paper"
    numbered = f"reference {card.seed_ref} of "
    told = card.seed_ref is None or numbered in paper.citation
    return paper.citation if told else f"{paper.citation}, {numbered}the review"


def _order(loaded: LoadedCard) -> tuple[str, ...]:
    paper = loaded.card.paper if loaded.is_readable else None
    if paper is None:
        return ("", "", "", loaded.id)
    return (paper.body_part.casefold(), loaded.card.task, paper.takes.casefold(), loaded.id)
