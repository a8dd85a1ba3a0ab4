"""Progress on a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress as Bar

from engine.progress import Progress


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A `Progress` that draws a bar on standard error where that is a terminal, and is silent elsewhere."""
    console = Console(stderr=True)
    with Bar(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def report(fraction: float, stage: str) -> None:
            bar.update(task, completed=fraction, description=stage)

        yield report
