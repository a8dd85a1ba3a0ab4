"""`planimeter train` and `planimeter evaluate`."""

from pathlib import Path

import click


@click.command()
@click.argument("card")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Data set in the nnU-Net raw layout.")
@click.option("--validation", type=click.Path(path_type=Path), help="Another one to choose by; else a tenth of --data.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the new card.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Length of the schedule; the card's else.")
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
            card, data, validation=validation, output=output, minutes=minutes, seed=seed, device=device, report=report
        )
    if scores:
        click.echo(f"Mean Dice {scores.pop('mean'):.3f}: " + ", ".join(f"{k} {v:.2f}" for k, v in scores.items()))
    click.echo(f"The card is in {output}.")
