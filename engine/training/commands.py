"""`planimeter train` and `planimeter evaluate`."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import click

_DATA_HELP = "Data set in the nnU-Net raw layout, or a folder of DICOM studies with RTSTRUCTs."


@click.command()
@click.argument("card")
@click.option("--data", type=click.Path(path_type=Path), required=True, help=_DATA_HELP)
@click.option("--validation", type=click.Path(path_type=Path), help="Another one to choose by; else a tenth of --data.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the new card.")
@click.option(
    "--minutes", type=click.FloatRange(min=0, min_open=True), help="Of all networks together; the recipe's else."
)
@click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True), help="In place of the recipe's.")
@click.option("--node", help="Train this one of the card's networks alone.")
@click.option("--go-on", is_flag=True, help="Begin with the card's own weights in place of random ones.")
@click.option("--seed", type=int, help="Of weights and crops; the card's else.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
def train(
    *,
    card: str,
    data: Path,
    validation: Path | None,
    output: Path,
    minutes: float | None,
    seed: int | None,
    learning_rate: float | None,
    node: str | None,
    go_on: bool,
    device: str,
) -> None:
    """Run the recipe of CARD on a data set; the folder -o becomes a card, and a run that stopped there is resumed."""
    from rich.console import Console
    from rich.progress import Progress

    from engine.training.run import train_card

    console = Console(stderr=True)
    # Without a terminal nothing is drawn: a log of thousands of bars helps nobody.
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("Reading", total=1.0)

        def report(fraction: float, text: str) -> None:
            bar.update(task, completed=fraction, description=text)

        scores = train_card(
            card,
            data,
            validation=validation,
            output=output,
            minutes=minutes,
            seed=seed,
            device=device,
            report=report,
            learning_rate=learning_rate,
            go_on=go_on,
            node=node,
        )
    for name, found in scores.items():
        if found:
            each = ", ".join(f"{structure} {dice:.2f}" for structure, dice in found.items() if structure != "mean")
            click.echo(f"Network '{name}' alone, mean Dice {found['mean']:.3f}: {each}")
    click.echo(f"The card is in {output}.")


@click.command()
@click.argument("card")
@click.option("--data", type=click.Path(path_type=Path), required=True, help=_DATA_HELP)
@click.option("--json", "as_json", is_flag=True, help="Write JSON alone to standard output.")
@click.option("--synthetic", is_flag=True, help="Make the cases look as from a scanner: 1 mm pixels, couch, padding.")
@click.option("--cases", "most", type=click.IntRange(min=1), help="Only so many cases, spread over the data set.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True)
@click.option("--record", metavar="NAME", help="Put the figures into the card's table, as measured on NAME.")
@click.option("--split", default="validation", show_default=True, help="Of the data set, for --record.")
def evaluate(
    *,
    card: str,
    data: Path,
    as_json: bool,
    synthetic: bool,
    most: int | None,
    device: str,
    record: str | None,
    split: str,
) -> None:
    """Measure CARD on a data set: Dice, surface Dice at 2 mm, HD95 and volume error of each structure."""
    from rich.console import Console
    from rich.progress import Progress

    from engine.cards.registry import find_card
    from engine.training.dataset import open_data
    from engine.training.evaluate import evaluate as measure
    from engine.training.evaluate import record_metrics

    loaded = find_card(card)
    names = [output.name for output in loaded.card.outputs if output.kind == "mask"]
    dataset = open_data(data, names, loaded.card.inputs)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("Reading", total=1.0)

        def report(fraction: float, text: str) -> None:
            bar.update(task, completed=fraction, description=text)

        scores = measure(loaded, dataset, synthetic=synthetic, most=most or 0, device=device, report=report)
    summary = scores.summary()
    if record:
        record_metrics(loaded, summary, record, f"{split}, as from a scanner" if synthetic else split, date.today())
    click.echo(json.dumps(summary, indent=2) if as_json else _table(summary))


def _table(summary: dict[str, Any]) -> str:
    """The summary as text, a structure a line."""
    lines = [f"{summary['card']}, {summary['n']} cases"]
    lines.append(
        f"{'':16}{'n':>4} {'Dice (95 % interval)':>22} {'surface 2 mm':>13} {'HD95 mm':>8} {'volume':>7} missed"
    )
    for name, row in summary["structures"].items():
        low, high = row["dice_ci"]
        distance = "-" if row["hd95_mm"] is None else f"{row['hd95_mm']:.1f}"
        lines.append(
            f"{name:16}{row['n']:>4} {row['dice']:>8.3f} ({low:.3f}-{high:.3f}) {row['surface_dice_2mm']:>13.3f} "
            f"{distance:>8} {row['volume_error']:>7.1%} {row['missed']:>6}"
        )
    if summary["mean_dice"] is not None:
        lines.append(f"{'mean':16}{'':>4} {summary['mean_dice']:>8.3f}")
    lines += [f"{name}: {why}" for name, why in summary["failed"].items()]
    return "\n".join(lines)
