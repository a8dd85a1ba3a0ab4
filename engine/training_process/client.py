"""Looking at data and training, in processes of their own; called on a thread, as both take long."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.errors import CancelledError, EngineError
from engine.process.lines import work_in_process
from engine.progress import Progress, silent
from engine.training_process.checked import DataCheck
from engine.training_process.run_folder import Curve, RunRecord, read_curves, read_record, write_record

_MODULE = "engine.training.worker"
#: How long a run may take to write its checkpoint when it is told to stop, s; a step may be long.
STOPPING_S = 60.0
#: How often curves are read, s.
_CURVES_S = 1.0


def check_data(recipe: str, data: Path, validation: Path | None = None, *, progress: Progress = silent) -> DataCheck:
    """A look at a data set for a recipe; see `engine.training.check.check_data`.

    Raises:
        EngineError: it can't be done; says why.
        CancelledError: it was stopped.
    """
    last = work_in_process(_MODULE, ["check", recipe, str(data), str(validation or "")], progress)
    return DataCheck.model_validate(_done(last))


def train(
    folder: Path,
    record: RunRecord,
    *,
    progress: Progress = silent,
    curves: Callable[[Sequence[Curve]], None] = lambda read: None,
) -> RunRecord:
    """Train in a folder, or go on with what stopped there.

    Args:
        folder: of the run.
        record: what is asked for.
        progress: told how far all of it is; may stop it, and the checkpoint is then written.
        curves: given the curves now and then, on this thread.

    Returns:
        The record of the finished run.

    Raises:
        EngineError: it failed; says why, and what was learned is kept.
        WriteError: the folder can't be written.
        CancelledError: stopped; the same call goes on from there.
    """
    write_record(folder, record.model_copy(update={"state": "going", "told": "", "scores": {}}))
    last_read = 0.0

    def watched(fraction: float, stage: str) -> None:
        nonlocal last_read
        now = time.monotonic()
        if now - last_read >= _CURVES_S:
            last_read = now
            curves(read_curves(folder))
        progress(fraction, stage)

    try:
        last = work_in_process(_MODULE, ["train", str(folder)], watched, grace_s=STOPPING_S)
    finally:
        curves(read_curves(folder))
    if last.get("stopped"):
        raise CancelledError("Stopped as asked.")
    _done(last)
    return read_record(folder)


def _done(last: dict[str, object]) -> object:
    if "failed" in last:
        raise EngineError(str(last["failed"]))
    if "done" not in last:
        raise EngineError("The process ended without a word, most likely because memory ran out; close other programs.")
    return last["done"]
