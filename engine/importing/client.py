"""Models of other programs brought into the user's folder, taken out again, and passed on. Imports no torch."""

import contextlib
import re
import shutil
import time
import uuid
import zipfile
from pathlib import Path

from engine.cards.registry import CARD_FILE, SHIPPED, LoadedCard, files_of, find_cards, load_card, user_models
from engine.cards.schema import card_json
from engine.errors import CardError, EngineError, WriteError
from engine.importing.scratch import scratch_folder
from engine.process.lines import work_in_process
from engine.progress import Progress, silent
from engine.safe_file import whole_file, write_errors

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_LONGEST_TITLE = 120
#: How folders end that are not yet, or no longer, a model; those that are older than a day were left by a program that
#: was killed.
_NEW, _OLD, _LONG_AGO_S = ".new", ".removed", 86_400.0
AXES = re.compile(r"([LR][AP][SI])?")


def import_model(
    path: Path,
    *,
    card_id: str = "",
    axes: str = "",
    task: str = "",
    replace: bool = False,
    progress: Progress = silent,
) -> LoadedCard:
    """Convert a model in a process of its own, without rights, and put its card among the user's.

    Args:
        path: a folder or a zip.
        card_id: of the card; "" for one that is made of the model's name.
        axes: along which the model was taught, as "RAS"; "" for what it says.
        task: which of several that the folder holds.
        replace: a card of that id that is there already.
        progress: reports and may stop.

    Raises:
        CardError: the model can't be converted; says why.
        WriteError: the card could not be put in place; what was there is unchanged.
    """
    if card_id and not _ID.fullmatch(card_id):
        raise CardError(f"'{card_id}' can't be the id of a model: small letters, digits and dashes, 64 at most.")
    if not AXES.fullmatch(axes):
        raise CardError(f"'{axes}' are no axes; write three letters, such as RAS or LPS.")
    if not path.exists():
        raise CardError(f"There is nothing at {path} to import.")
    home = user_models()
    with write_errors(home, "import"):
        home.mkdir(parents=True, exist_ok=True)
    with scratch_folder() as place:
        made = place / "card"
        made.mkdir()
        _convert([str(path.resolve()), str(made), card_id, axes, task], progress)
        loaded = load_card(made)
        if loaded.problem:
            raise CardError(loaded.problem)
        target = home / loaded.card.id
        if not replace:
            _check_free(loaded.card.id, target)
        _tell_apart(loaded)
        _put(made, target, replace)
    return load_card(target)


def free_id(wanted: str) -> str:
    """An id that no model has, made of the wanted one by a number where it is taken."""
    known, number = wanted, 2
    while (user_models() / known).exists() or (SHIPPED / known / CARD_FILE).exists():
        known, number = f"{wanted}-{number}", number + 1
    return known


def remove_model(card_id: str) -> Path:
    """Delete a card that the user has added, with its weights.

    Raises:
        CardError: there is none of that id, or it came with the program.
        WriteError: it can't be removed; it is still there.
    """
    folder = user_models() / card_id
    if not _ID.fullmatch(card_id) or not (folder / CARD_FILE).is_file():
        raise CardError(f"There is no model '{card_id}' among those that were added, so nothing was removed.")
    aside = folder.with_name(f".{card_id}{_OLD}")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        folder.rename(aside)
    except OSError as error:
        raise WriteError(
            f"The model '{card_id}' could not be removed from {folder.parent}: {error.strerror or error}; it is still "
            "there."
        ) from error
    shutil.rmtree(aside, ignore_errors=True)
    return folder


def export_model(loaded: LoadedCard, target: Path) -> None:
    """A zip of a card, its weights and what it says in words, which another seat can import.

    What else lies in its folder, such as the checkpoints of a training, stays there.

    Raises:
        CardError: the card has a problem.
        WriteError: the file could not be written.
    """
    if loaded.problem:
        raise CardError(loaded.problem)
    with (
        write_errors(target),
        whole_file(target) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED, allowZip64=True) as archive,
    ):
        for file in files_of(loaded):
            archive.write(file, f"{loaded.card.id}/{file.name}")


def _check_free(card_id: str, target: Path) -> None:
    """Refuse an id that would take the place of another model, or hide one that comes with the program."""
    if target.exists():
        raise CardError(f"There is a model '{card_id}' already; remove it first, or give this one another id.")
    if (SHIPPED / card_id / CARD_FILE).exists():
        raise CardError(f"The model '{card_id}' comes with the program already; give this one another id.")


def _tell_apart(loaded: LoadedCard) -> None:
    """Let a card whose title another has bear its id in it: the title is what lists, steps and structures say."""
    card = loaded.card
    others = (other for other in find_cards() if other.id != card.id)
    if any(other.title.casefold() == card.title.casefold() for other in others):
        title = f"{card.title[: _LONGEST_TITLE - len(card.id) - 3]} ({card.id})"
        text = card_json(card.model_copy(update={"title": title}))
        (loaded.folder / CARD_FILE).write_text(text, encoding="utf-8")


def _put(made: Path, target: Path, replace: bool) -> None:
    """Let a folder appear whole at `target`, in place of what stood there.

    Several may do so at once: each has a folder of its own until it is whole.
    """
    _sweep(target.parent)
    own = f".{target.name}.{uuid.uuid4().hex[:12]}"
    aside, old = target.with_name(f"{own}{_NEW}"), target.with_name(f"{own}{_OLD}")
    try:
        with write_errors(target, "import"):
            aside.mkdir()
            for file in made.iterdir():
                shutil.copyfile(file, aside / file.name)
            if not replace:
                # Another import may have been quicker.
                _check_free(target.name, target)
            if target.exists():
                target.rename(old)
            try:
                aside.rename(target)
            except OSError:
                if old.exists() and not target.exists():
                    old.rename(target)
                raise
    finally:
        for left in (aside, old):
            shutil.rmtree(left, ignore_errors=True)


def _sweep(home: Path) -> None:
    """Delete what an import that was killed left long ago."""
    for path in (path for ending in (_NEW, _OLD) for path in home.glob(f".*{ending}")):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _LONG_AGO_S:
                shutil.rmtree(path, ignore_errors=True)


def _convert(arguments: list[str], progress: Progress) -> None:
    last = work_in_process("engine.importing.worker", arguments, progress)
    if "failed" in last:
        raise CardError(str(last["failed"]))
    if not last.get("done"):
        raise EngineError("The process that converts models ended without a word, most likely because memory ran out.")
