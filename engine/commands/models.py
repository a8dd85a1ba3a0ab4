"""`planimeter models`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from engine.cards.registry import LoadedCard


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
@click.option("--folder", type=click.Path(path_type=Path), multiple=True, help="Look for models here too.")
@click.option("--write-readme", metavar="CARD", help="Write README.md beside the card with this id or path, and end.")
@click.pass_context
def models(context: click.Context, as_json: bool, folder: tuple[Path, ...], write_readme: str | None) -> None:
    """List the models, and where each was found; or bring in those of other programs."""
    if context.invoked_subcommand is None:
        _list(as_json, folder, write_readme)


@models.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
@click.option("--folder", type=click.Path(path_type=Path), multiple=True, help="Look for models here too.")
def list_models(as_json: bool, folder: tuple[Path, ...]) -> None:
    """List the models, and where each was found."""
    _list(as_json, folder, None)


@models.command(name="import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--name", "card_id", default="", metavar="ID", help="Id of the model here; else one made of its own name."
)
@click.option(
    "--axes",
    default="",
    metavar="RAS",
    help="Patient directions along which columns, rows and planes rose where the model was taught, where it does not "
    "say so itself.",
)
@click.option("--task", default="", help="Which of several tasks that a folder of TotalSegmentator's weights holds.")
@click.option("--replace", is_flag=True, help="Take the place of a model of the same id.")
def import_(path: Path, card_id: str, axes: str, task: str, replace: bool) -> None:
    """Convert a model of another program (a folder or a zip), once; nothing in it is executed."""
    from engine.cards.registry import CARD_FILE, SHIPPED
    from engine.commands.console import progress_bar
    from engine.importing.client import import_model

    with progress_bar() as progress:
        loaded = import_model(path, card_id=card_id, axes=axes.upper(), task=task, replace=replace, progress=progress)
    card = loaded.card
    click.echo(f"{card.id}\t{card.title}\t{card.gives}")
    click.echo(f"Licence of the weights: {card.licence.weights or 'absent'}.")
    for note in (*card.provenance.notes, *([card.limits] if card.limits else [])):
        click.echo(f"Note: {note}", err=True)
    if (SHIPPED / card.id / CARD_FILE).exists():
        click.echo(
            f"Note: it takes the place of the '{card.id}' that comes with the program, which "
            f"'planimeter models remove {card.id}' brings back.",
            err=True,
        )


@models.command()
@click.argument("card_id", metavar="ID")
def remove(card_id: str) -> None:
    """Delete a model that was added, with its weights."""
    from engine.importing.client import remove_model

    click.echo(f"Removed: {remove_model(card_id)}")


@models.command()
@click.argument("card_id", metavar="ID")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The zip.")
def export(card_id: str, output: Path) -> None:
    """Write a model as a zip that another seat can import."""
    from engine.cards.registry import find_card
    from engine.importing.client import export_model

    export_model(find_card(card_id), output)
    click.echo(f"Written: {output}")


def _list(as_json: bool, folder: tuple[Path, ...], write_readme: str | None) -> None:
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
