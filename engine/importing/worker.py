"""The process that converts a model: `python -m engine.importing.worker PATH TARGET ID AXES TASK`.

Before anything of the model is read it gives up the network, and the right to write anywhere but to the temporary
folder, where TARGET must lie. It prints a line of JSON for each step: {"fraction", "stage"}, and last {"done"} or
{"failed"}.
"""

import json
import os
import sys

from engine.process.confinement import give_up_writing, leave_network

# First of all, while the process has one thread: most of what is imported below starts threads.
_BLOCKED = leave_network() if __name__ == "__main__" else ""
_READ_ONLY = give_up_writing() if __name__ == "__main__" else False

import tempfile  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, TextIO  # noqa: E402

from engine.cards.registry import CARD_FILE  # noqa: E402
from engine.cards.schema import card_json, parse_card  # noqa: E402
from engine.errors import CardError, PlanimeterError  # noqa: E402
from engine.importing.source import Source, Wish, unpacked  # noqa: E402
from engine.importing.table import IMPORTERS  # noqa: E402
from engine.progress import Progress, part  # noqa: E402

_SELDOM = 0.05


def converted(path: Path, target: Path, wish: Wish, progress: Progress) -> None:
    """Convert the model at `path` to a card in `target`.

    Raises:
        CardError: it is of no known kind, damaged, or something in it is not known here.
    """
    if path.is_dir() or (path.is_file() and path.suffix.lower() == ".onnx"):
        _convert(path, path, target, wish, progress)
        return
    if not path.is_file():
        raise CardError(f"There is nothing at {path} to import.")
    with tempfile.TemporaryDirectory(prefix="planimeter-zip-", dir=target.parent) as place:
        folder = unpacked(path, Path(place), part(progress, 0.0, 0.4))
        try:
            _convert(folder, path, target, wish, part(progress, 0.4, 1.0))
        except CardError as error:
            # Where a zip was unpacked means nothing to a person.
            raise CardError(str(error).replace(str(folder), path.name)) from error


def _convert(folder: Path, path: Path, target: Path, wish: Wish, progress: Progress) -> None:
    importer = next((importer for importer in IMPORTERS if importer.recognises(folder)), None)
    if importer is None:
        kinds = ", ".join(importer.name for importer in IMPORTERS)
        raise CardError(f"{path.name} is no model that can be imported; those are: {kinds}.")
    for what in {"axes", "task"} - importer.heeds:
        if getattr(wish, what):
            raise CardError(f"{path.name} is {importer.name}, for which no {what} can be chosen; leave it out.")
    card = importer.convert(
        Source(folder if folder.is_dir() else folder.parent, path.resolve().name, wish, progress), target
    )
    text = json.dumps(card, ensure_ascii=False).encode()
    (target / CARD_FILE).write_text(card_json(parse_card(text, f"The card made of {path.name}")), encoding="utf-8")


class _Reports:
    def __init__(self, sink: TextIO) -> None:
        self._sink, self._last = sink, 0.0

    def __call__(self, fraction: float, stage: str) -> None:
        now = time.monotonic()
        if now - self._last >= _SELDOM:
            self._last = now
            self.tell(fraction=fraction, stage=stage)

    def tell(self, **values: Any) -> None:
        """Print a line."""
        print(json.dumps(values), file=self._sink, flush=True)


def main() -> None:
    """Convert what the arguments name."""
    path, target, card_id, axes, task = sys.argv[1:]
    reports = _Reports(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)  # what a library prints must not run into the lines
    try:
        converted(Path(path), Path(target), Wish(card_id, axes, task), reports)
    except PlanimeterError as error:
        reports.tell(failed=str(error))
    except MemoryError:
        reports.tell(failed="Memory ran out; close other programs.")
    except OSError as error:
        reports.tell(failed=f"The model could not be converted: {error.strerror or error}.")
    except Exception as error:  # a fault of the program must reach the user as a sentence
        text = " ".join(str(error).split())[:300]
        reports.tell(failed=f"The model could not be converted ({type(error).__name__}: {text}).")
    else:
        reports.tell(done=True)


if __name__ == "__main__":
    main()
