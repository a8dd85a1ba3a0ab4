"""The process that looks at data and trains: `check RECIPE DATA VALIDATION`, or `train FOLDER`.

Before anything is read it gives up the network, and the right to write anywhere but to the temporary folder and the
run's. It tells of its work as `engine.process.lines` says.
"""

import os
import sys

from engine.process.confinement import give_up_writing, leave_network

# First of all, while the process has one thread: most of what is imported below starts threads.
_BLOCKED = leave_network() if __name__ == "__main__" else ""
_READ_ONLY = give_up_writing(*(sys.argv[2:] if sys.argv[1:2] == ["train"] else ())) if __name__ == "__main__" else False

from pathlib import Path  # noqa: E402

from engine.errors import CancelledError, PlanimeterError  # noqa: E402
from engine.process.lines import tell_of  # noqa: E402
from engine.progress import Progress  # noqa: E402
from engine.training.check import admission, check_data  # noqa: E402
from engine.training.run import train_card  # noqa: E402
from engine.training_process.run_folder import RunRecord, State, claimed, read_record, write_record  # noqa: E402

#: Others on this machine, the window first of all, go before training.
_NICENESS = 10


def trained(folder: Path, progress: Progress) -> None:
    """Train as the folder's record says, and keep in it how that ended.

    Raises:
        ReadError: there is no record, or another process trains there.
        PlanimeterError: as of `train_card`.
        CancelledError: stopped.
    """
    record = read_record(folder)
    with claimed(folder):

        def ended(state: State, told: str = "", scores: dict[str, dict[str, float]] | None = None) -> None:
            values = {"state": state, "told": told, "scores": scores or {}}
            write_record(folder, record.model_copy(update=values))

        write_record(folder, record.model_copy(update={"state": "going"}))
        try:
            scores = _run(folder, record, progress)
        except CancelledError:
            ended("stopped")
            raise
        except PlanimeterError as error:
            ended("failed", str(error))
            raise
        except OSError as error:
            ended("failed", f"Training failed: {error.strerror or error}.")
            raise
        except Exception as error:
            ended("failed", f"Training failed ({type(error).__name__}).")
            raise
        ended("finished", scores={name: found for name, found in scores.items() if found})


def _run(folder: Path, record: RunRecord, progress: Progress) -> dict[str, dict[str, float]]:
    data, validation = Path(record.data), Path(record.validation) if record.validation else None
    known = admission(record.recipe, data, validation, allowed=bool(record.admitted))
    return train_card(
        record.recipe,
        data,
        validation=validation,
        output=folder,
        minutes=record.minutes,
        seed=None,
        device=record.device,
        report=progress,
        go_on=record.go_on,
        admitted=record.admitted or known,
    )


def main() -> None:
    """Do what the arguments say."""
    what, *arguments = sys.argv[1:]
    if hasattr(os, "nice"):
        os.nice(_NICENESS)

    def work(progress: Progress) -> object:
        if what == "train":
            trained(Path(arguments[0]), progress)
            return None
        recipe, data, validation = arguments
        checked = check_data(recipe, Path(data), validation=Path(validation) if validation else None, progress=progress)
        return checked.model_dump(mode="json")

    tell_of(work, "Training failed" if what == "train" else "The data could not be looked at")


if __name__ == "__main__":
    main()
