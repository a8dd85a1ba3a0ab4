"""Progress on a terminal, and the exit status of a command that had only a part of a series."""

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from engine.progress import Progress, silent

#: Exit status of a command that did what was asked, but on a part of the series; `left_out` in its JSON names the rest.
PART_STATUS = 3


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


def exit_if_part(left_out: Sequence[object], series_uid: str | None = None) -> None:
    """End with `PART_STATUS` where something was left out, unless `series_uid` names the part (UID#25%, UID#2)."""
    if left_out and "#" not in (series_uid or ""):
        sys.exit(PART_STATUS)
