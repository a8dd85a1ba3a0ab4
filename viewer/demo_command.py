"""The command that opens the built-in study: `planimeter demo`."""

from pathlib import Path

import click

from engine.demo import built_in_study
from viewer.open_command import show


@click.command()
@click.option("--screenshot", type=click.Path(path_type=Path), help="Write the window to this PNG file and exit.")
def demo(screenshot: Path | None) -> None:
    """Open the built-in study, an average of many patients that shows nobody."""
    show(built_in_study(), None, screenshot)
