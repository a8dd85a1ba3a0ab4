"""A folder in which a recipe is trained: what was asked for, how far it came, and its curves."""

import contextlib
import csv
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AwareDatetime, Field, ValidationError

from engine.cards.registry import CARD_FILE, LoadedCard
from engine.cards.schema import Card
from engine.data_folder import data_folder
from engine.errors import ReadError
from engine.later import later
from engine.safe_file import whole_file, write_errors
from engine.values import Strict

if TYPE_CHECKING:
    import filelock
else:
    filelock = later("filelock")

#: What is known of a run, in its folder; JSON, but not by that name, as it tells where patients' data lie and must not
#: go with the card.
RECORD_FILE = "training.run"
_LOCK_FILE = "training.lock"
CURVES_FILE = "curves.csv"
#: What a network goes on from; in the folder of each.
CHECKPOINT_FILE = "checkpoint.safetensors"

State = Literal["going", "stopped", "failed", "finished"]
#: Minutes of a recipe that does not say, as of `engine.training.recipe.Schedule`.
_MINUTES = 100.0
#: Operations of which a network is trained by the clock.
_TAUGHT = frozenset({"segment", "classify", "detect", "sieve"})


class RunRecord(Strict):
    """What is known of a run.

    Args:
        recipe: id of a published system's recipe or a card, or path of a card.
        title: of it.
        data, validation: folders; "" for a share of the data.
        minutes: of all networks together; None for the recipe's.
        go_on: begin with the card's own weights.
        admitted: what the card says of patients on both sides, whom the user allowed; "" for none.
        device: "auto", "cpu" or "cuda".
        began: when it was first started.
        state: how it stands.
        told: why it failed.
        scores: node → label → score on what was held out, once it has finished.
    """

    recipe: str
    title: str
    data: str
    validation: str = ""
    minutes: Annotated[float, Field(gt=0)] | None = None
    go_on: bool = False
    admitted: str = ""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    began: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))
    state: State = "going"
    told: str = ""
    scores: dict[str, dict[str, float]] = Field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """A run, and the folder that it lies in."""

    folder: Path
    record: RunRecord

    @property
    def has_card(self) -> bool:
        """Whether there is a card that may be used: all of it was trained once."""
        return self.record.state == "finished" and (self.folder / CARD_FILE).is_file()


def has_checkpoint(folder: Path) -> bool:
    """Whether anything that was learned in a run's folder can be gone on from."""
    return any(folder.rglob(CHECKPOINT_FILE))


@dataclass(frozen=True)
class Curve:
    """How one network learned: (minutes, value) of what was logged, as lines of `curves.csv`.

    Args:
        name: of the network's folder below the run's; "" where there is one alone.
        losses, rates, scores: training loss, learning rate, and mean score on what is held out.
    """

    name: str
    losses: tuple[tuple[float, float], ...] = ()
    rates: tuple[tuple[float, float], ...] = ()
    scores: tuple[tuple[float, float], ...] = ()


def argument_of(loaded: LoadedCard) -> str:
    """How `train` is told of a card: a recipe by its id, a model by its folder, as it may have the id of a recipe."""
    return str(loaded.folder) if loaded.card.files else loaded.id


def runs_home() -> Path:
    """Where runs lie that were given no other folder."""
    return data_folder() / "training"


def new_folder(recipe: str) -> Path:
    """A folder in `runs_home` that is not there yet, named after a recipe."""
    name = re.sub(r"[^A-Za-z0-9-]+", "-", Path(recipe).name).strip("-") or "card"
    number = 1
    while (folder := runs_home() / f"{name}-{number}").exists():
        number += 1
    return folder


def find_runs() -> list[Run]:
    """The runs in `runs_home`, the youngest first; folders that tell nothing usable are left out."""
    runs = []
    with contextlib.suppress(OSError):
        for path in runs_home().glob(f"*/{RECORD_FILE}"):
            with contextlib.suppress(ReadError):
                runs.append(Run(path.parent, read_record(path.parent)))
    return sorted(runs, key=lambda run: run.record.began, reverse=True)


def read_record(folder: Path) -> RunRecord:
    """What is known of the run in a folder; one that was going when its process was killed is stopped.

    Raises:
        ReadError: there is none, or it is not readable.
    """
    path = folder / RECORD_FILE
    try:
        record = RunRecord.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ReadError(f"{folder} holds no run of training that can be read.") from error
    if record.state == "going" and not is_going(folder):
        return record.model_copy(update={"state": "stopped"})
    return record


def write_record(folder: Path, record: RunRecord) -> None:
    """Put the record into a folder, made where it is not there.

    Raises:
        WriteError: it can't be written.
    """
    with write_errors(folder / RECORD_FILE, "start"):
        folder.mkdir(parents=True, exist_ok=True)
        with whole_file(folder / RECORD_FILE) as file:
            file.write_text(record.model_dump_json(indent=1), encoding="utf-8")


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold a run's folder for one process; the system lets go of it whatever ends the process.

    Raises:
        ReadError: another process has it.
    """
    path = folder / _LOCK_FILE
    lock = filelock.FileLock(path, timeout=0)
    try:
        lock.acquire()
        if not path.exists():
            # Whoever had it took it away in the meantime, and the next one makes another.
            lock.release()
            lock.acquire()
    except filelock.Timeout as error:
        raise ReadError(f"The run in {folder} is going on already, from another window or command.") from error
    try:
        yield
    finally:
        # Where an open file can be removed this must come first, so that no other process holds what is gone.
        with contextlib.suppress(OSError):
            path.unlink()
        lock.release()
        if os.name == "nt":
            with contextlib.suppress(OSError):
                path.unlink()


def is_going(folder: Path) -> bool:
    """Whether a process holds a run's folder."""
    try:
        with claimed(folder):
            return False
    except ReadError:
        return True
    except OSError:
        return False


def read_curves(folder: Path) -> list[Curve]:
    """The curves of all networks of a run, in the order in which they began; lines half written are left out."""
    paths = []
    with contextlib.suppress(OSError):
        paths = sorted(folder.rglob(CURVES_FILE), key=lambda path: path.stat().st_mtime)
    return [_curve(path, path.parent.relative_to(folder)) for path in paths]


def _curve(path: Path, name: Path) -> Curve:
    columns: dict[str, list[tuple[int, float, float]]] = {"loss": [], "learning_rate": [], "validation": []}
    with contextlib.suppress(OSError, csv.Error), path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            step, minutes = _number(row.get("step")), _number(row.get("minutes"))
            if step is None or minutes is None:
                continue
            for column, points in columns.items():
                # A run that was killed goes on from its checkpoint, and does some steps once more.
                while points and points[-1][0] > step:
                    points.pop()
                value = _number(row.get(column))
                if value is not None:
                    points.append((int(step), minutes, value))
    losses, rates, scores = ([(minutes, value) for _, minutes, value in points] for points in columns.values())
    return Curve("" if name == Path() else name.as_posix(), tuple(losses), tuple(rates), tuple(scores))


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def planned_minutes(card: Card) -> float:
    """How long a card's recipe trains all its networks together."""
    recipe = card.provenance.recipe or {}
    nodes = recipe.get("nodes")
    total = 0.0
    for node in card.graph:
        if node.op in _TAUGHT:
            own = nodes.get(node.node) if isinstance(nodes, dict) else None
            told = ({**recipe, **own} if isinstance(own, dict) else recipe).get("minutes", _MINUTES)
            total += float(told) if isinstance(told, int | float) else _MINUTES
    return total or _MINUTES


def minutes_left(begun: tuple[float, float], now: tuple[float, float]) -> float | None:
    """Minutes to the end at the pace so far, from two (seconds, fraction done); None while that can't be told."""
    seconds, done = now[0] - begun[0], now[1] - begun[1]
    if seconds < 5 or done <= 0:
        return None
    return (1 - now[1]) * seconds / done / 60
