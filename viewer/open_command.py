"""The command that opens the window: `planimeter open`."""

import signal
import socket
import sys
import time
from pathlib import Path

import click
from PySide6.QtCore import QSocketNotifier, QTimer
from PySide6.QtWidgets import QApplication

from engine.commands.console import exit_if_part
from engine.errors import PlanimeterError, ReadError
from viewer.features.application import build_window, create_application
from viewer.features.opening import Opener
from viewer.features.recovery import RecoveryBar
from viewer.features.viewing import save_screenshot
from viewer.widgets.main_window import MainWindow

#: How long a screenshot waits for the surfaces of the 3D view, s.
_SURFACES_S = 60.0


@click.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--rtstruct", type=click.Path(path_type=Path), help="Structures to load onto the series.")
@click.option("--screenshot", type=click.Path(path_type=Path), help="Write the window to this PNG file and exit.")
def open(path: Path | None, rtstruct: Path | None, screenshot: Path | None) -> None:
    """Open the window, on a study: a folder, a DICOMDIR, a DICOM, NIfTI, NRRD, MetaImage, JPEG, PNG or TIFF file."""
    if path is None and (rtstruct or screenshot):
        raise click.UsageError("--rtstruct and --screenshot need the PATH of a study.")
    for given in (path, rtstruct):
        if given is not None and not given.exists():
            raise ReadError(f"{given} does not exist.")
    show(path, rtstruct, screenshot)


def show(path: Path | None, rtstruct: Path | None = None, screenshot: Path | None = None) -> None:
    """Run the window until it is closed, or until its screenshot is written; exits with the status.

    With `screenshot`, what was left out of the series is told on standard error as well.

    Raises:
        PlanimeterError: with `screenshot`, when the study cannot be opened or the picture cannot be written.
    """
    application = create_application()
    window = build_window()
    opener = window.findChild(Opener)
    assert isinstance(opener, Opener), "every window has its opener"
    window.show()
    if screenshot is None:
        _close_on_interrupt(window)
        if path is not None:
            # After the first frame, so that the window is there before anything is read.
            QTimer.singleShot(0, opener, lambda: opener.open_paths([path], rtstruct, show=True))
        sys.exit(application.exec())

    # The picture is of the study alone.
    offers = window.findChild(RecoveryBar)
    assert isinstance(offers, RecoveryBar), "every window offers sessions back"
    offers.silence()
    outcome: list[str] = []
    opener.opened.connect(lambda: outcome.append(""))
    opener.failed.connect(outcome.append)
    assert path is not None, "a screenshot is of a study"
    opener.open_paths([path], rtstruct, show=True)
    try:
        while not outcome:
            application.processEvents()
            time.sleep(0.01)
        if outcome[0]:
            raise PlanimeterError(outcome[0])
        _settle(application, window)
        save_screenshot(window, screenshot)
        volume = window.session.volume
        left_out = volume.left_out if volume is not None else ()
    finally:
        window.close()
        application.processEvents()
    for left in left_out:
        click.echo(f"Note: {left.sentence}", err=True)
    exit_if_part(left_out)


def _close_on_interrupt(window: MainWindow) -> None:
    """Let Ctrl-C in the terminal close the window as its own button does.

    Python handles a signal only between its own instructions, of which Qt's loop has none; a byte in a socket wakes it.
    """
    heard, told = socket.socketpair()
    for end in (heard, told):
        end.setblocking(False)
    signal.set_wakeup_fd(told.fileno())

    def close(*_: object) -> None:
        # Not now: the signal may have come while the window was being painted.
        QTimer.singleShot(0, window, window.close)

    signal.signal(signal.SIGINT, close)
    notifier = QSocketNotifier(heard.fileno(), QSocketNotifier.Type.Read, window)
    # The window's own slot holds both ends, so that they live as long as it.
    notifier.activated.connect(lambda *_, ends=(heard, told): ends[0].recv(64))


def _settle(application: QApplication, window: MainWindow) -> None:
    """Let everything that the window still makes, the surfaces above all, come to the screen."""
    deadline = time.monotonic() + _SURFACES_S
    quiet_since = time.monotonic()
    while time.monotonic() < deadline and time.monotonic() - quiet_since < 0.5:
        application.processEvents()
        if window.panes.three_d.scene.busy:
            quiet_since = time.monotonic()
        time.sleep(0.01)
