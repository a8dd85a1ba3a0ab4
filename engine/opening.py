"""Which series opens, and which image a set of structures belongs to: decided here, for window and command line alike.

An image opens: CT before MR before others, a localizer last, then the one with the most planes.

Structures belong to the image series that they refer to, else to the one whose images they refer to, else to one in
their frame of reference; where the file refers to none that is there, geometry alone decides. Of several that are left,
it is the one on whose planes the outlines lie best, then the nearest in the folder tree, then the one that would open.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.dicom.references import References
from engine.dicom.rtstruct_match import contour_planes, share_inside
from engine.errors import GeometryError, ReadError
from engine.files.grid_file import Placement
from engine.progress import Progress, part, silent
from engine.stored.catalogue import Catalogue, Series
from engine.stored.read import name_of, read_grid, read_outlines, read_series
from engine.stored.scan import scan
from engine.volume import FloatArray, Geometry, LeftOut, Volume

_MODALITIES = {"CT": 0, "MR": 1}
#: Pictures come last: those that lie beside a study may be its logo.
_PICTURES = 3


@dataclass(frozen=True)
class Choice:
    """The image series that was chosen, as a volume without voxels, and why, in one sentence."""

    series: Series
    volume: Volume
    reason: str


def open_volume(
    path: Path,
    series_uid: str | None = None,
    progress: Progress = silent,
    placement: Placement = "",
    units: str = "",
    *,
    modalities: Sequence[str] = (),
) -> Volume:
    """Read the image series at `path`.

    Args:
        path: a folder (searched recursively), a DICOMDIR, one file of a DICOM series (all its files in that folder are
            read), or a NIfTI, NRRD or MetaImage file.
        series_uid: which series, with #MEMBER or #NUMBER after it for one of its volumes ("1.2.3#25%"); by default the
            one that `choose_series` prefers.
        progress: reports and may stop.
        placement: which form places NIfTI files; "" for the file's own choice.
        units: of the values, where the file gives them in several; "" for the best known.
        modalities: that go before all others; none for the usual order.

    Raises:
        ReadError: nothing there can be opened; the sentence says why.
        CancelledError: `progress` asked to stop.
    """
    catalogue = _scan(path, part(progress, 0.0, 0.3))
    series = choose_series(catalogue, path, series_uid, modalities)
    volume = read_series(_placed(series, placement), part(progress, 0.3, 1.0), units)
    strays = _strays(catalogue, volume.notes)
    return replace(
        volume,
        notes=(*volume.notes, *(left.sentence for left in strays)),
        left_out=(*volume.left_out, *strays),
    )


def choose_series(
    catalogue: Catalogue, path: Path, series_uid: str | None = None, modalities: Sequence[str] = ()
) -> Series:
    """The image series to open of all that were found at `path`: the one with that UID, else the one that is preferred.

    Of a single file it is the one that the file belongs to. Series of `modalities` go before all others.

    Raises:
        ReadError: there is none, or none with that UID, or it has a problem.
    """
    images = [series for series in catalogue.series() if series.is_image]
    if series_uid is not None:
        images = named_series(images, series_uid, str(path))
    elif not path.is_dir():
        own = [series for series in images if path.absolute() in series.files]
        images = own or images
    if not images:
        raise ReadError(_nothing(catalogue, path))
    usable = [series for series in images if not series.problem]
    if not usable:
        raise ReadError(images[0].problem)
    return min([series for series in usable if series.modality in modalities] or usable, key=order_of)


def order_of(series: Series) -> tuple[bool, int, int]:
    """What to sort images by, so that the one that readers want as the base of their work comes first."""
    return (
        _is_localizer(series),
        _PICTURES if series.handler.pages else _MODALITIES.get(series.modality, 2),
        -series.plane_count,
    )


def referred(structures: Series, images: Iterable[Series]) -> tuple[list[Series], str]:
    """The images that structures refer to most closely, and by what, in words; ([], "") where they refer to none."""
    usable = [series for series in images if series.is_image and not series.problem]
    for wanted, reason in _REFERENCES:
        left = [series for series in usable if wanted(series, structures.references)]
        if left:
            # Of the phases of one series it is the one whose images they name.
            return [series for series in left if _by_instances(series, structures.references)] or left, reason
    return [], ""


def owner_of(structures: Series, images: Iterable[Series]) -> Series | None:
    """The image that structures belong to, as far as headers tell; None where they refer to none.

    Where several are left, `image_of` looks at the outlines as well.
    """
    left, _ = referred(structures, images)
    return min(left, key=lambda series: (_steps(structures, series), *order_of(series)), default=None)


def image_of(structures: Series, images: Sequence[Series]) -> Choice:
    """The image that structures belong to.

    Args:
        structures: what a scan found in their file.
        images: to choose from; those that cannot be opened are passed over.

    Raises:
        ReadError: no image can be opened, or the file of the structures cannot be read.
    """
    usable = [series for series in images if series.is_image and not series.problem]
    if not usable:
        raise ReadError(f"There is no image series that can be opened for {structures.files[0].name}.")
    left, reason = referred(structures, usable)
    outlines = read_outlines(structures) if len(left) != 1 else []
    scored: list[tuple[tuple[float, ...], Choice]] = []
    problem = ""
    for series in left or usable:
        try:
            volume = read_grid(series)
        except (GeometryError, ReadError) as error:
            problem = str(error)
            continue
        order = (*_misfit(outlines, volume.geometry), _steps(structures, series), *order_of(series))
        scored.append((order, Choice(series, volume, _why(series, reason or "matched by geometry alone", usable))))
    if not scored:
        raise ReadError(problem)
    return min(scored, key=lambda entry: entry[0])[1]


def find_images(path: Path, progress: Progress = silent, placement: Placement = "") -> list[Series]:
    """The image series at a path that can be opened: of a single file the one that it belongs to.

    Args:
        path: folder or file to look in.
        progress: reports and may stop.
        placement: which form places NIfTI files; "" for the file's own choice.

    Raises:
        ReadError: there is nothing at the path, or none can be opened, with the reason.
    """
    catalogue = _scan(path, progress)
    images = catalogue.images()
    if placement:
        images = [_placed(series, placement) for series in images if not series.placement]
    if not images:
        raise ReadError(_nothing(catalogue, path))
    if path.is_file():
        own = [series for series in images if path.absolute() in series.files]
        images = own or images
    found = []
    for series in images:
        strays = _strays(catalogue, series.notes) if series.planes else ()
        notes = (*series.notes, *(left.sentence for left in strays))
        found.append(replace(series, notes=notes, left_out=(*series.left_out, *strays)) if strays else series)
    return found


def find_structures(path: Path) -> Series:
    """The set of structures in a file.

    Raises:
        ReadError: it holds none, or cannot be read.
    """
    catalogue = _scan(path, silent)
    own = [series for series in catalogue.structures() if path.absolute() in series.files]
    if own:
        return own[0]
    if catalogue.unreadable:
        raise ReadError(catalogue.unreadable[0].reason)
    what = next((name_of(series) for series in catalogue.series()), "nothing that is known")
    raise ReadError(f"{path.name} holds no structures, but {what}.")


def image_that_fits(
    images: Sequence[Series], series_uid: str | None, fits: Callable[[Geometry], bool], reason: str
) -> Choice:
    """The image that is named, or else the first whose grid fits, or else the one that opens.

    Args:
        images: to choose from, at least one.
        series_uid: of the series, None where it isn't named.
        fits: tells whether a grid is the one that is looked for.
        reason: why a series with such a grid is chosen, in a few words.

    Raises:
        ReadError: there is no such series, or it can't be read.
    """
    if series_uid is not None:
        named = named_series(images, series_uid)[0]
        return Choice(named, read_grid(named), _why(named, "the one that was named", [named]))
    for series in images if len(images) > 1 else ():
        with contextlib.suppress(GeometryError, ReadError):
            volume = read_grid(series)
            if fits(volume.geometry):
                return Choice(series, volume, _why(series, reason, images))
    series = min(images, key=order_of)
    return Choice(series, read_grid(series), _why(series, "the one that opens first", images))


def why_not_over(series: Series, volume: Volume | None) -> str:
    """Why a series cannot be laid over a volume; "" when it can."""
    if not series.is_image:
        return "Only an image can be laid over another."
    if series.problem:
        return series.problem
    if volume is None:
        return "Open a series first; then another can be laid over it."
    if series.handler.pages or not volume.geometry.in_patient:
        return "A picture has no place in the patient, so nothing can be laid over it, and it over nothing."
    if series.info.frame_of_reference_uid != volume.info.frame_of_reference_uid:
        return f"{name_of(series)} has another frame of reference than the open series, so it cannot be laid over it."
    return ""


def _strays(catalogue: Catalogue, told: Sequence[str]) -> tuple[LeftOut, ...]:
    """What may belong to a series and is not in it: files beside it that are damaged, or absent from a DICOMDIR."""
    already = " ".join(told)
    damaged = [file.path for file in catalogue.unreadable if file.damaged and file.path.name not in already]
    absent = [file.path for file in catalogue.unreadable if file.absent]
    found = []
    for kind, files, what in (
        ("damaged", damaged, "Damaged files lie beside this series"),
        ("absent", absent, "Files that the DICOMDIR names beside this series are absent"),
    ):
        if files:
            others = f" and {len(files) - 1} more" if len(files) > 1 else ""
            sentence = f"{what} and may belong to it: {files[0].name}{others}."
            found.append(LeftOut(kind, len(files), tuple(files), sentence))
    return tuple(found)


def _scan(path: Path, progress: Progress) -> Catalogue:
    if not path.exists():
        raise ReadError(f"{path} does not exist.")
    return scan([path], progress)


def _placed(series: Series, placement: Placement) -> Series:
    """A series of a NIfTI file, to be placed by the form that was asked for; any other series as it is."""
    return replace(series, placement=placement) if placement and not series.planes else series


def named_series(images: Sequence[Series], series_uid: str, where: str = "The folder") -> list[Series]:
    """The images of a Series Instance UID, or of one of its volumes where #MEMBER or #NUMBER comes after it.

    Raises:
        ReadError: there is none.
    """
    named = (
        [s for s in images if s.member and f"{s.info.series_uid}#{s.member}" == series_uid]
        or [s for s in images if s.uid == series_uid]
        or [s for s in images if series_uid in (s.info.series_uid, f"{s.info.series_uid}#1")]
    )
    if not named:
        raise ReadError(f"{where} holds no image series {series_uid}.")
    return named


def _nothing(catalogue: Catalogue, path: Path) -> str:
    """Why there is nothing to open at `path`."""
    others = list(catalogue.series())
    if others:
        first = others[0]
        problem = first.problem or first.handler.why_damaged(first) or f"only {first.modality}"
        return f"{path} holds no image series to open: {problem}"
    if catalogue.unreadable:
        reason = catalogue.unreadable[0].reason
        more = f" ({len(catalogue.unreadable) - 1} more)" if len(catalogue.unreadable) > 1 else ""
        return f"{path} holds no image that can be opened: {reason}{more}"
    return f"{path} holds no image."


def _is_localizer(series: Series) -> bool:
    return any("LOCALIZER" in plane.trait("ImageType").upper() for plane in series.planes[:1])


def _by_series(series: Series, references: References) -> bool:
    if series.handler.pages and references.instance_uids:
        # Each picture of a series is one by itself.
        return _by_instances(series, references)
    return series.info.series_uid in references.series_uids


def _by_instances(series: Series, references: References) -> bool:
    return any(plane.image.sop_instance_uid in references.instance_uids for plane in series.planes)


def _by_frame(series: Series, references: References) -> bool:
    return series.info.frame_of_reference_uid in references.frame_of_reference_uids


_REFERENCES: tuple[tuple[Callable[[Series, References], bool], str], ...] = (
    (_by_series, "the one that the structures refer to"),
    (_by_instances, "the one whose images the structures refer to"),
    (_by_frame, "matched by its frame of reference"),
)


def _misfit(outlines: Sequence[FloatArray], geometry: Geometry) -> tuple[float, float, float]:
    """(minus the share of outlines on planes, minus the share inside, rounded mean mm from the nearest planes)."""
    if not outlines:
        return 0.0, 0.0, 0.0
    on = contour_planes(outlines, geometry)
    position = np.array([float((points @ geometry.normal).mean()) for points in outlines])
    apart = np.abs(position[:, None] - geometry.positions[None, :]).min(axis=1)
    inside = share_inside(outlines, geometry)
    return -round(float((on >= 0).mean()), 2), -round(inside, 2), round(float(apart.mean()), 3)


def _steps(structures: Series, series: Series) -> int:
    """Steps through the folder tree from a file of structures to a series; on another drive it is far away."""
    here, there = structures.files[0].absolute().parent, series.files[0].absolute().parent
    try:
        common = Path(os.path.commonpath([here, there]))
    except ValueError:
        return len(here.parts) + len(there.parts)
    return len(here.relative_to(common).parts) + len(there.relative_to(common).parts)


def _why(series: Series, reason: str, images: Sequence[Series]) -> str:
    name = f"{series.modality or 'image'} series"
    if series.info.description:
        name += f" '{series.info.description}'"
    if len(images) == 1:
        return f"{name} with {series.plane_count} planes, the only one there ({reason})."
    return f"{name} with {series.plane_count} planes, one of {len(images)} there ({reason})."
