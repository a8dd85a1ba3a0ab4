"""The command `planimeter`: the engine's commands, and those that open the window."""

import click

from engine import __version__
from engine.__main__ import COMMANDS, LazyGroup, run

VIEWER_COMMANDS = {"open": "viewer.open_command", "demo": "viewer.demo_command"}


@click.group(cls=LazyGroup, lazy={**COMMANDS, **VIEWER_COMMANDS}, invoke_without_command=True)
@click.version_option(__version__, prog_name="planimeter")
@click.pass_context
def commands(context: click.Context) -> None:
    """Contour CT, MR and PET studies, and export RTSTRUCT that can be trusted. Without a command the window opens."""
    if context.invoked_subcommand is None:
        from viewer.open_command import show

        show(None)


def main() -> None:
    """Run `planimeter` on the process's arguments."""
    run(commands)


if __name__ == "__main__":
    main()
