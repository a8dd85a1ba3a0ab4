"""Progress on a terminal."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from engine.progress import Progress, silent


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A `Progress` that draws a bar on standard error where that is a terminal, and is silent elsewhere."""
    if not sys.stderr.isatty():
        yield silent
        return
    # Imported where there is something to draw on: it takes a tenth of the start of a command.
    console = importlib.import_module("rich.console").Console(stderr=True)
    with importlib.import_module("rich.progress").Progress(console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def report(fraction: float, stage: str) -> None:
            bar.update(task, completed=fraction, description=stage)

        yield report
