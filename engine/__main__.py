"""The command line of the engine: `python -m engine`, and the shared part of `planimeter`."""

import importlib
import sys

import click

from engine import __version__
from engine.errors import PlanimeterError
from engine.memory import RAN_OUT, ran_out

#: Command → the module that defines it, imported only when it is called, so that no command pays for another's imports.
COMMANDS = {
    "models": "engine.commands.models",
    "recipes": "engine.commands.recipes",
    "run": "engine.commands.run",
    "contour": "engine.commands.run",
    "rtstruct": "engine.commands.rtstruct",
    "calibrate": "engine.training.commands",
    "evaluate": "engine.training.commands",
    "train": "engine.training.commands",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def __init__(self, *args: object, lazy: dict[str, str] | None = None, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.lazy = lazy or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, loaded or not."""
        return sorted({*self.commands, *self.lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now where it is lazy."""
        if cmd_name in self.lazy:
            module = importlib.import_module(self.lazy[cmd_name])
            command = getattr(module, cmd_name)
            assert isinstance(command, click.Command)
            return command
        return super().get_command(ctx, cmd_name)


@click.group(cls=LazyGroup, lazy=COMMANDS)
@click.version_option(__version__, prog_name="planimeter")
def commands() -> None:
    """Contour CT, MR and PET studies, and export RTSTRUCT that can be trusted."""


def run(group: click.Group) -> None:
    """Run `group` on the process's arguments; an error is one line on standard error and exit status 2."""
    try:
        group(prog_name="planimeter", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        sys.exit(exit_.exit_code)
    except click.ClickException as error:
        click.echo(f"planimeter: {error.format_message()}", err=True)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("planimeter: stopped.", err=True)
        sys.exit(130)
    except PlanimeterError as error:
        click.echo(f"planimeter: {' '.join(str(error).split())}", err=True)
        sys.exit(2)
    except Exception as error:
        if not ran_out(error) and not isinstance(error, OSError):
            raise
        click.echo(f"planimeter: {RAN_OUT if ran_out(error) else ' '.join(str(error).split())}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    run(commands)
