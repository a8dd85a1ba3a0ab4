"""Reads a session of the journals' folder, with its series, so that it can be put onto the screen at once. No Qt."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.edits import replay
from engine.errors import MismatchError, PlanimeterError, ReadError
from engine.journal import About, Journal, SessionRecord
from engine.later import later
from engine.progress import Progress, part
from engine.resample import onto_regular_grid
from engine.stored.catalogue import Catalogue, Series
from engine.volume import Volume
from viewer.layers import Window
from viewer.left import Left
from viewer.recording import Kept, label

if TYPE_CHECKING:
    from engine.stored import read, scan
else:
    read, scan = later("engine.stored.read"), later("engine.stored.scan")


@dataclass(frozen=True)
class Reopened:
    """A session with its series, for `Recording.open`; its journal is held until somebody closes or abandons it."""

    catalogue: Catalogue
    volume: Volume
    display: Volume
    kept: Kept
    journal: Journal


def reopen(record: SessionRecord, progress: Progress, folder: Path | None = None) -> Reopened:
    """Read the series of a session, and what was done on it. Touches nothing that is open.

    Args:
        record: of the session.
        progress: reports and may stop.
        folder: of the journals.

    Raises:
        ReadError: its files are gone or hold other series now, or its journal is damaged or held by another window.
        MismatchError: the series has other planes now.
        CancelledError: `progress` asked to stop.
    """
    catalogue, candidates = _candidates(record, part(progress, 0.0, 0.3))
    journal = Journal.resume(record.id, folder)
    try:
        # One UID may stand for several stacks of planes.
        fitting = [series for series in candidates if journal.fits(read.read_grid(series).geometry)]
        if not fitting:
            raise MismatchError("Its series has other planes now than when it was worked on; bring back the old files.")
        # Phases of a series share its UID and its planes.
        fitting.sort(key=lambda series: label(series.info, series.modality) != record.subject.label)
        units = str(record.about.look.get("units", ""))
        volume = in_units_left(read.read_series(fitting[0], part(progress, 0.3, 0.8)), fitting[0], units, progress)
        progress(0.9, "Putting every step back")
        kept = kept_in(journal, volume, record.about)
        return Reopened(catalogue, volume, onto_regular_grid(volume), kept, journal)
    except BaseException:
        journal.abandon()
        raise


def in_units_left(volume: Volume, series: Series, units: str, progress: Progress) -> Volume:
    """The image in the unit in which it was left, read anew where that isn't the one that comes by itself.

    Raises: as `read_series`.
    """
    if units == volume.units or units not in volume.other_units:
        return volume
    return read.read_series(series, part(progress, 0.8, 0.9), units)


def kept_in(journal: Journal, volume: Volume, about: About) -> Kept:
    """The session of a journal, as it was left on a series.

    Raises:
        MismatchError: the session belongs to planes elsewhere.
        ReadError: the journal is damaged.
    """
    saved = journal.replay(volume.geometry)
    document, done, undone = replay(saved.base, saved.steps)
    left = Left(document, saved.filed(), saved.seen, **_place(about), filed_findings=saved.filed_findings())
    return Kept(volume.info, volume.geometry, left, done, undone, about.look, journal.id)


def brought_up(kept: Kept, volume: Volume, folder: Path | None = None) -> Kept:
    """How a series was left, with what another window has since done in the same session.

    What can't be read, or is in that other window still, is passed over: `kept` itself holds all that was done here.
    """
    try:
        journal = Journal.resume(kept.session_id, folder)
    except PlanimeterError:
        return kept
    try:
        return kept_in(journal, volume, About(look=kept.look)) if journal.describe().steps > kept.steps else kept
    except PlanimeterError:
        return kept
    finally:
        journal.abandon()


def _candidates(record: SessionRecord, progress: Progress) -> tuple[Catalogue, list[Series]]:
    paths = [Path(source) for source in record.subject.sources]
    gone = [path for path in paths if not path.exists()]
    if gone or not paths:
        where = str(gone[0]) if gone else "unknown"
        raise ReadError(f"its images are not where they were ({where}); bring them back, then go on with it.")
    catalogue = scan.scan(paths, progress)
    found = [series for series in catalogue.images() if series.info.series_uid == record.subject.series_uid]
    if not found:
        raise ReadError(f"its series is not in {paths[0]} any more; bring it back, then go on with it.")
    return catalogue, found


def _place(about: About) -> Mapping[str, Any]:
    """Where one looked, as far as it can be made out: the file may have been written by another version."""
    look = about.look
    place: dict[str, Any] = {}
    cursor, window, active = numbers(look.get("cursor_lps"), 3), numbers(look.get("window"), 2), look.get("active")
    if cursor is not None:
        place["cursor_lps"] = cursor
    if window is not None and window[1] > 0:
        place["window"], place["units"] = Window(*window), str(look.get("units", ""))
    if isinstance(active, int):
        place["active"] = active
    return place


def numbers(value: object, count: int) -> tuple[float, ...] | None:
    """A list of so many finite numbers out of a file; None where it is anything else."""
    if not isinstance(value, list | tuple) or len(value) != count:
        return None
    right = all(isinstance(number, int | float) and math.isfinite(number) for number in value)
    return tuple(float(number) for number in value) if right else None
