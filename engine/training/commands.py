"""`planimeter train`, `planimeter evaluate` and `planimeter calibrate`."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from engine.progress import Progress

#: As of `engine.commands.console`: done, but on a part of what was given.
_PART_STATUS = 3
_DATA_HELP = (
    "Folder of a data set. For structures: in the nnU-Net raw layout, images/ and labels/, images/ and masks/, or "
    "DICOM studies with RTSTRUCTs. For scores: with labels.csv (path, patient, label, split), or laid out as a set "
    "that is known; for risks with time_months and event too."
)


@click.command()
@click.argument("card")
@click.option("--data", type=click.Path(path_type=Path), required=True, help=_DATA_HELP)
@click.option("--validation", type=click.Path(path_type=Path), help="Another one to choose by; else a tenth of --data.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder of the new card.")
@click.option("--check", is_flag=True, help="Look at the data alone; exit status 1 when they fall short.")
@click.option("--json", "as_json", is_flag=True, help="With --check: write JSON alone to standard output.")
@click.option(
    "--minutes", type=click.FloatRange(min=0, min_open=True), help="Of all networks together; the recipe's else."
)
@click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True), help="In place of the recipe's.")
@click.option("--node", help="Train this one of the card's networks alone.")
@click.option("--go-on", is_flag=True, help="Begin with the card's own weights in place of random ones.")
@click.option(
    "--shared", is_flag=True, help="Train although patients are learned from and judged by as well; the card says so."
)
@click.option("--seed", type=int, help="Of weights and crops; the card's else.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
def train(
    *,
    card: str,
    data: Path,
    validation: Path | None,
    output: Path | None,
    check: bool,
    as_json: bool,
    minutes: float | None,
    seed: int | None,
    learning_rate: float | None,
    node: str | None,
    go_on: bool,
    shared: bool,
    device: str,
) -> None:
    """Run the recipe of CARD on a data set; the folder -o becomes a card, and a run that stopped there is resumed.

    The data are looked at first, and what should be known of them is told: how many cases and patients there are, on
    which side of the split, how fine, which labels are missing or not learned, which structures overlap, who would be
    on both sides, and what can't be read. With --check nothing else is done.
    """
    if check:
        _check(card, data, validation, as_json=as_json)
        return
    if output is None:
        raise click.UsageError("Say where the card is to go (-o), or look at the data alone (--check).")
    from engine.progress import part
    from engine.safe_file import write_errors
    from engine.training.check import looked_before
    from engine.training.run import card_to_train, train_card
    from engine.training_process.run_folder import claimed

    card_to_train(card)
    with _reporting() as report:
        looking = part(report, 0.0, 0.0)
        admitted, doubts = looked_before(card, data, validation, node=node, allowed=shared, progress=looking)
    for doubt in doubts:
        click.echo(f"Note: {doubt}", err=True)
    with write_errors(output, "start"):
        output.mkdir(parents=True, exist_ok=True)
    with _reporting() as report, claimed(output):
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
            admitted=admitted,
        )
    for name, found in scores.items():
        if not found:
            click.echo(f"'{name}' has no score: it could not be judged by what was held out.")
            continue
        each = ", ".join(f"{label} {score:.2f}" for label, score in found.items() if label != "mean")
        click.echo(f"'{name}' alone, on what was held out, mean {found['mean']:.3f}: {each}")
    click.echo(f"The card is in {output}.")


@click.command()
@click.argument("card")
@click.option("--data", type=click.Path(path_type=Path), required=True, help=_DATA_HELP)
@click.option("--json", "as_json", is_flag=True, help="Write JSON alone to standard output.")
@click.option("--synthetic", is_flag=True, help="Make the cases look as from a scanner: 1 mm pixels, couch, padding.")
@click.option("--cases", "most", type=click.IntRange(min=1), help="Only so many cases, spread over the data set.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True)
@click.option("--record", metavar="NAME", help="Put the figures into the card's table, as measured on NAME.")
@click.option("--learned", is_flag=True, help="Judge by what the card learned from as well, which is left out else.")
@click.option("--split", default="validation", show_default=True, help="Of the data set, for --record.")
@click.option(
    "--occlusion",
    is_flag=True,
    help="Test maps by occlusion with shuffled weights as well as those by HiResCAM; some minutes.",
)
@click.option(
    "--pictures",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write a picture of each case here: the model's contours in colours, the reference white.",
)
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
    learned: bool,
    occlusion: bool,
    pictures: Path | None,
) -> None:
    """Measure CARD on a data set.

    Of structures Dice, surface Dice at 2 mm, HD95 and volume error; of scores the area under the curve, sensitivities,
    accuracy, confusion and calibration, on the pictures that the model did not learn from; of boxes the sensitivity at
    so many false ones a picture (FROC); of a risk in time Harrell's C and calibration at the horizon. What the card
    learned from, and what can't be read, is left out and told. Exit status 3 says that a case could not be read, or
    that CARD could not be run on it.
    """
    from engine.cards.registry import find_card
    from engine.training.assess import Request, assess
    from engine.training.assess import record as put_into_card

    loaded = find_card(card)
    with _reporting() as report:
        assessment = assess(
            Request(
                loaded,
                data,
                dataset=record or data.name,
                split=split,
                when=date.today(),
                synthetic=synthetic,
                most=most or 0,
                occlusion=occlusion,
                device=device,
                report=report,
                pictures=pictures,
                with_learned=learned,
            )
        )
    click.echo(json.dumps(assessment.summary, indent=2) if as_json else assessment.table)
    if record:
        put_into_card(loaded, assessment)
    if assessment.not_run:
        click.echo(f"planimeter: {assessment.not_run}", err=True)
        sys.exit(_PART_STATUS)


@click.command()
@click.argument("card")
@click.option("--data", type=click.Path(path_type=Path), required=True, help=_DATA_HELP)
@click.option("--name", default="", help="How the card names the data set; the folder's name else.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True)
def calibrate(*, card: str, data: Path, name: str, device: str) -> None:
    """Make the probabilities of CARD honest, on cases that it did not learn from, and write that into the card.

    Of structures a temperature and the levels of inner and outer contours. Of scores a temperature and offsets, sets of
    classes at 90 % coverage, and what is familiar: of the set that the model was trained on, the recipe's share that
    was held out is used, and the rest to know what the training set looks like. A card that gives both has its scores
    calibrated.
    """
    from engine.cards.registry import find_card
    from engine.training.calibrate import calibrate_structures
    from engine.training.calibrate_classes import calibrate_classes
    from engine.training.classes import classifier_of
    from engine.training.labelled.sample import labels_in, split
    from engine.training.labelled.table import labelled_samples, notes_of_labelled
    from engine.training.run import recipe_of

    loaded = find_card(card)
    with _reporting() as report:
        given = {output.kind for output in loaded.card.outputs}
        if "mask" in given and "score" not in given:
            made, notes = calibrate_structures(loaded, data, name or data.name, device=device, report=report)
        else:
            recipe = recipe_of(loaded.card, classifier_of(loaded.card).node)
            learned, held_out = split(labelled_samples(data, labels_in(loaded.card)), recipe.holdout)
            notes = notes_of_labelled(data, labels_in(loaded.card))
            made = calibrate_classes(loaded, learned, held_out, name or data.name, report=report)
    for note in notes:
        click.echo(f"Note: {note}", err=True)
    assert made.uncertainty.calibration is not None, "just made"
    click.echo(made.uncertainty.calibration.model_dump_json(indent=2, exclude_defaults=True))


def _check(card: str, data: Path, validation: Path | None, *, as_json: bool) -> None:
    from engine.training.check import check_data
    from engine.training_process.check_lines import lines_of

    with _reporting() as report:
        checked = check_data(card, data, validation=validation, progress=report)
    summary = checked.summary()
    click.echo(json.dumps(summary, ensure_ascii=False, indent=2) if as_json else "\n".join(lines_of(checked)))
    if not summary["ok"]:
        sys.exit(1)


@contextmanager
def _reporting() -> "Iterator[Progress]":
    """A bar on the terminal, told the fraction done and what is going on."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    # Without a terminal nothing is drawn: a log of thousands of bars helps nobody.
    with Bar(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("Reading", total=1.0)

        def report(fraction: float, stage: str) -> None:
            bar.update(task, completed=fraction, description=stage)

        yield report
