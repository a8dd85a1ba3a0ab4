"""`planimeter models`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from engine.cards.registry import LoadedCard


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
@click.option("--folder", type=click.Path(path_type=Path), multiple=True, help="Look for models here too.")
@click.option("--write-readme", metavar="CARD", help="Write README.md beside the card with this id or path, and end.")
def models(as_json: bool, folder: tuple[Path, ...], write_readme: str | None) -> None:
    """List the models, and where each was found."""
    from engine.cards.registry import find_cards, load_card
    from engine.errors import CardError

    cards = find_cards(folder)
    if write_readme is not None:
        from engine.cards.readme import readme

        path = Path(write_readme)
        chosen = [load_card(path)] if path.exists() else [loaded for loaded in cards if loaded.id == write_readme]
        if not chosen:
            raise CardError(f"There is no model '{write_readme}'; `planimeter models` lists those there are.")
        target = chosen[0].folder / "README.md"
        target.write_text(readme(chosen[0].card), encoding="utf-8")
        click.echo(f"Written: {target}")
        return
    if as_json:
        click.echo(json.dumps([_described(loaded) for loaded in cards], ensure_ascii=False, indent=2))
        return
    for loaded in cards:
        state = loaded.problem or f"{loaded.card.badge}, {', '.join(output.name for output in loaded.card.outputs)}"
        version = f" {loaded.card.version}" if loaded.is_readable else ""
        click.echo(f"{loaded.id}{version}\t{loaded.title}\t{state}")


def _described(loaded: "LoadedCard") -> dict[str, Any]:
    described: dict[str, Any] = {"id": loaded.id, "folder": str(loaded.folder), "problem": loaded.problem}
    if loaded.is_readable:
        card = loaded.card.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"id"})
        described |= card
    return described
