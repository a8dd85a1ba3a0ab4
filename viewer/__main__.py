"""The command `planimeter`: the engine's commands, and those that open the window."""

import click

from engine import __version__
from engine.__main__ import COMMANDS, LazyGroup, run

VIEWER_COMMANDS = {"open": "viewer.open_command", "demo": "viewer.demo_command"}


@click.group(cls=LazyGroup, lazy={**COMMANDS, **VIEWER_COMMANDS})
@click.version_option(__version__, prog_name="planimeter")
def commands() -> None:
    """Contour CT, MR and PET studies, and export RTSTRUCT that can be trusted."""


def main() -> None:
    """Run `planimeter` on the process's arguments."""
    run(commands)


if __name__ == "__main__":
    main()
