"""`planimeter recipes`."""

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from engine.cards.schema import Card


@click.command()
@click.argument("recipe", metavar="[ID]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
def recipes(recipe: str | None, as_json: bool) -> None:
    """List the published systems that can be trained on one's own data, or tell all about one of them."""
    from engine.cards.published import find_recipe, find_recipes, result_of

    found = [loaded.card for loaded in ([find_recipe(recipe)] if recipe else find_recipes())]
    if as_json:
        described = [described_recipe(card) for card in found]
        click.echo(json.dumps(described[0] if recipe else described, ensure_ascii=False, indent=2))
    elif recipe:
        click.echo("\n".join(_told(found[0])))
    else:
        for card in found:
            paper = card.paper
            assert paper is not None, "a recipe follows a paper"
            click.echo(f"{card.id}\t{paper.body_part}\t{card.task}\t{paper.takes}\t{result_of(card) or 'no figures'}")


def described_recipe(card: "Card") -> dict[str, Any]:
    """A recipe for people and programs: what it is of, how true to the paper it is, and what data it needs."""
    paper = card.paper
    assert paper is not None, "a recipe follows a paper"
    return {
        "id": card.id,
        "title": card.title,
        "ref": card.seed_ref,
        "task": card.task,
        "fidelity": card.fidelity,
        **paper.model_dump(mode="json"),
        "inputs": [image.model_dump(mode="json", exclude_defaults=True) for image in card.inputs],
        "outputs": [output.name for output in card.outputs],
    }


def _told(card: "Card") -> list[str]:
    from engine.cards.published import cited, result_of

    paper = card.paper
    assert paper is not None, "a recipe follows a paper"
    lines = [
        f"{card.title} ({card.id})",
        f"After {cited(card)}; {card.fidelity}.",
        f"Looks at: {paper.body_part}, {paper.takes}. Gives: {', '.join(output.name for output in card.outputs)}.",
        f"The paper's result: {result_of(card) or 'no figures at hand'}.",
        "Keeps of the paper:",
        *(f"  - {line}" for line in paper.keeps),
    ]
    if paper.changes:
        lines += ["Changes:", *(f"  - {line}" for line in paper.changes)]
    return [*lines, f"Data: {paper.layout}", f"Train: planimeter train {card.id} --data DIR -o CARD"]
