"""Opens a path as one volume: a folder, a DICOMDIR, a DICOM file, or a NIfTI, NRRD or MetaImage file."""

from dataclasses import replace
from pathlib import Path

from engine.dicom.read import read_series
from engine.errors import ReadError
from engine.grid_file import Placement
from engine.progress import Progress, silent
from engine.stored.scan import Catalogue, Series, scan
from engine.volume import Volume


def open_volume(
    path: Path, series_uid: str | None = None, progress: Progress = silent, placement: Placement = ""
) -> Volume:
    """Read the image series at `path`.

    Args:
        path: a folder (searched recursively), a DICOMDIR, one file of a DICOM series (all its files in that folder are
            read), or a NIfTI, NRRD or MetaImage file.
        series_uid: which series; by default the one with the most planes, or the one that a given file belongs to.
        progress: reports and may stop.
        placement: which form places NIfTI files; "" for the file's own choice.

    Raises:
        ReadError: nothing there can be opened; the sentence says why.
        CancelledError: `progress` asked to stop.
    """
    if not path.exists():
        raise ReadError(f"{path} does not exist.")

    def scanning(fraction: float, stage: str) -> None:
        progress(0.3 * fraction, stage)

    def reading(fraction: float, stage: str) -> None:
        progress(0.3 + 0.7 * fraction, stage)

    catalogue = scan([path], scanning)
    volume = read_series(placed(choose_series(catalogue, path, series_uid), placement), reading)
    told = " ".join(volume.notes)
    damaged = [file.path.name for file in catalogue.unreadable if file.damaged and file.path.name not in told]
    if damaged:
        others = f" and {len(damaged) - 1} more" if len(damaged) > 1 else ""
        note = f"Damaged files lie beside this series and may belong to it: {damaged[0]}{others}."
        volume.notes = (*volume.notes, note)
    return volume


def choose_series(catalogue: Catalogue, path: Path, series_uid: str | None = None) -> Series:
    """The image series to open of all that were found at `path`.

    Raises:
        ReadError: there is none, or none with that UID, or it has a problem.
    """
    images = [series for series in catalogue.series() if series.kind == "image"]
    if series_uid is not None:
        named = [s for s in images if s.uid == series_uid] or [s for s in images if s.info.series_uid == series_uid]
        if not named:
            raise ReadError(f"{path} holds no image series {series_uid}.")
        images = named
    elif not path.is_dir():
        own = [series for series in images if path.absolute() in series.files]
        images = own or images
    if not images:
        raise ReadError(_nothing(catalogue, path))
    usable = [series for series in images if not series.problem]
    if not usable:
        raise ReadError(images[0].problem)
    return max(usable, key=lambda series: series.plane_count)


def placed(series: Series, placement: Placement) -> Series:
    """A series of a NIfTI file, to be placed by the form that was asked for; any other series as it is."""
    return replace(series, placement=placement) if placement and not series.planes else series


def _nothing(catalogue: Catalogue, path: Path) -> str:
    """Why there is nothing to open at `path`."""
    others = list(catalogue.series())
    if others:
        return f"{path} holds no image series to open: {others[0].problem or 'only ' + others[0].modality}"
    if catalogue.unreadable:
        first = catalogue.unreadable[0].reason
        more = f" ({len(catalogue.unreadable) - 1} more)" if len(catalogue.unreadable) > 1 else ""
        return f"{path} holds no image that can be opened: {first}{more}"
    return f"{path} holds no image."
