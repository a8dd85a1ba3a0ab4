"""The process that converts a model: `python -m engine.importing.worker PATH TARGET ID AXES TASK`.

Before anything of the model is read it gives up the network, and the right to write anywhere but to the temporary
folder, where TARGET must lie. It tells of its work as `engine.process.lines` says.
"""

import json
import sys

from engine.process.confinement import give_up_writing, leave_network

# First of all, while the process has one thread: most of what is imported below starts threads.
_BLOCKED = leave_network() if __name__ == "__main__" else ""
_READ_ONLY = give_up_writing() if __name__ == "__main__" else False

import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

from engine.cards.registry import CARD_FILE  # noqa: E402
from engine.cards.schema import card_json, parse_card  # noqa: E402
from engine.errors import CardError  # noqa: E402
from engine.importing.about import notes_on  # noqa: E402
from engine.importing.source import Source, Wish, unpacked  # noqa: E402
from engine.importing.table import IMPORTERS, SUFFIXES  # noqa: E402
from engine.process.lines import tell_of  # noqa: E402
from engine.progress import Progress, part  # noqa: E402


def converted(path: Path, target: Path, wish: Wish, progress: Progress) -> None:
    """Convert the model at `path` to a card in `target`.

    Raises:
        CardError: it is of no known kind, damaged, or something in it is not known here.
    """
    if path.is_dir() or (path.is_file() and path.suffix.lower() in SUFFIXES):
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
    if card.get("provenance", {}).get("imported_from"):
        card["provenance"]["notes"] = notes_on(card)
    # Names may come from bytes that are no text.
    text = json.dumps(card, ensure_ascii=False).encode("utf-8", "replace")
    (target / CARD_FILE).write_text(card_json(parse_card(text, f"The card made of {path.name}")), encoding="utf-8")


def main() -> None:
    """Convert what the arguments name."""
    path, target, card_id, axes, task = sys.argv[1:]

    def work(progress: Progress) -> None:
        converted(Path(path), Path(target), Wish(card_id, axes, task), progress)

    tell_of(work, "The model could not be converted")


if __name__ == "__main__":
    main()
