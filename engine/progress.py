"""How long work reports and is asked to stop, in every room of the engine."""

from collections.abc import Callable
from typing import Protocol

from engine.errors import CancelledError


class Progress(Protocol):
    """Called as `progress(fraction, stage)`; raises `CancelledError` when the user asked to stop.

    `fraction` runs from 0 to 1 over the whole task; `stage` is a short text such as "Reading plane 12 of 300".
    """

    def __call__(self, fraction: float, stage: str) -> None:
        """Report, or raise `CancelledError`."""


def silent(fraction: float, stage: str) -> None:
    """A `Progress` that reports to nobody and never stops."""


def stoppable(report: Progress, stop_requested: Callable[[], bool]) -> Progress:
    """A `Progress` that raises `CancelledError` once `stop_requested()` is true, else forwards to `report`."""

    def progress(fraction: float, stage: str) -> None:
        if stop_requested():
            raise CancelledError(f"Stopped as asked while: {stage}.")
        report(fraction, stage)

    return progress


def part(report: Progress, start: float, stop: float) -> Progress:
    """A `Progress` for a part of the work, whose 0 to 1 are `start` to `stop` of the whole."""

    def progress(fraction: float, stage: str) -> None:
        report(start + (stop - start) * fraction, stage)

    return progress


def rising(report: Progress) -> Progress:
    """A `Progress` that never goes back: work that is begun anew stands still until it is as far as it was."""
    most = 0.0

    def progress(fraction: float, stage: str) -> None:
        nonlocal most
        most = max(most, fraction)
        report(most, stage)

    return progress


def titled(report: Progress, title: str) -> Progress:
    """A `Progress` for a part of the work that has a name: "Network 2 of 5, tile 3 of 8"."""

    def progress(fraction: float, stage: str) -> None:
        report(fraction, f"{title}, {stage[:1].lower()}{stage[1:]}")

    return progress
