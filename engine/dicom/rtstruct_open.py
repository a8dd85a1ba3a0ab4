"""Finds, among all that lies at a path, the image series that an RTSTRUCT was drawn on."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.dicom.rtstruct_file import RtstructFile
from engine.dicom.rtstruct_match import References, contour_planes, references_of, share_inside
from engine.dicom.stack import make_geometry
from engine.errors import GeometryError, ReadError
from engine.grid_file import Placement, read_grid
from engine.image_file import read_image_file
from engine.loose import points_of
from engine.masks import nominal_geometry, same_voxels
from engine.opening import placed
from engine.progress import Progress, silent
from engine.stored.scan import Series, scan
from engine.volume import FloatArray, Geometry, Instance, Volume


@dataclass(frozen=True)
class Choice:
    """The series that was chosen, as a volume without voxels, and why, in one sentence."""

    volume: Volume
    reason: str


def find_images(path: Path, progress: Progress = silent, placement: Placement = "") -> list[Series]:
    """The image series at a path that can be opened, those of NIfTI files by the form that is asked for.

    Raises:
        ReadError: there is nothing at the path, or none can be opened, with the reason.
    """
    if not path.exists():
        raise ReadError(f"{path} does not exist.")
    catalogue = scan([path], progress)
    images = [series for series in catalogue.series() if series.kind == "image"]
    if placement:
        images = [placed(series, placement) for series in images if not series.placement]
    usable = [series for series in images if not series.problem]
    if not usable:
        raise ReadError(
            f"{path} holds no image series that can be opened" + (f": {images[0].problem}" if images else ".")
        )
    if path.is_file():
        own = [series for series in usable if path.absolute() in series.files]
        usable = own or usable
    return usable


def grid_of(series: Series) -> Volume:
    """The series with its geometry, identity and instances, and voxels that are all zero and take no memory.

    Raises:
        GeometryError: its planes make no stack.
    """
    if not series.planes:
        return read_image_file(series.files[0], placement=series.placement)
    geometry = make_geometry(series.planes)
    return Volume(
        voxels=np.broadcast_to(np.int16(0), geometry.shape),
        geometry=geometry,
        modality=series.modality,
        info=series.info,
        instances=tuple(
            Instance(plane.image.sop_class_uid, plane.image.sop_instance_uid, plane.frame) for plane in series.planes
        ),
        notes=series.notes,
    )


def series_of(
    file: RtstructFile, rtstruct: Path, path: Path, progress: Progress = silent, placement: Placement = ""
) -> Choice:
    """The image series at `path` that an RTSTRUCT was drawn on.

    Chosen by the series that it refers to, else by the instances, else by the frame of reference, else by geometry;
    where several are left, the one on whose planes the contours lie best, then the nearest in the folder tree.

    Args:
        file: the RTSTRUCT, parsed.
        rtstruct: where it lies.
        path: folder or file to look in.
        progress: reports and may stop.
        placement: which form places NIfTI files; "" for the file's own choice.

    Raises:
        ReadError: no image series can be opened.
    """
    images = find_images(path, progress, placement)
    references = references_of(file.header, file.roi_contours)
    points = [points_of(c.data) for roi in file.roi_contours for c in roi.contours]
    contours = [p for p in points if p is not None and len(p)]
    for reason, wanted in (
        ("the one that the RTSTRUCT refers to", _by_series),
        ("the one whose images the RTSTRUCT refers to", _by_instances),
        ("matched by its frame of reference", _by_frame),
    ):
        left = [series for series in images if wanted(series, references)]
        if left:
            return _best(left, contours, rtstruct, reason, images)
    return _best(images, contours, rtstruct, "matched by geometry alone", images)


def _by_series(series: Series, references: References) -> bool:
    return series.info.series_uid in references.series_uids


def _by_instances(series: Series, references: References) -> bool:
    return any(plane.image.sop_instance_uid in references.instance_uids for plane in series.planes)


def _by_frame(series: Series, references: References) -> bool:
    return series.info.frame_of_reference_uid in references.frame_of_reference_uids


def _best(
    candidates: list[Series], contours: list[FloatArray], rtstruct: Path, reason: str, images: list[Series]
) -> Choice:
    scored: list[tuple[tuple[float, ...], Series, Volume]] = []
    problem = ""
    for series in candidates:
        try:
            volume = grid_of(series)
        except (GeometryError, ReadError) as error:
            problem = str(error)
            continue
        scored.append(
            ((*_fit(contours, volume.geometry), -_steps(rtstruct, series), series.plane_count), series, volume)
        )
    if not scored:
        raise ReadError(problem)
    _, series, volume = max(scored, key=lambda entry: entry[0])
    return Choice(volume, _why(series, reason, images))


def _fit(contours: list[FloatArray], geometry: Geometry) -> tuple[float, float, float]:
    """(share of contours on planes, share inside, minus the rounded mean distance from their planes in mm)."""
    if not contours:
        return 0.0, 0.0, 0.0
    on = contour_planes(contours, geometry)
    position = np.array([float((points @ geometry.normal).mean()) for points in contours])
    apart = np.abs(position[:, None] - geometry.positions[None, :]).min(axis=1)
    share = round(float((on >= 0).mean()), 2)
    return share, round(share_inside(contours, geometry), 2), -round(float(apart.mean()), 3)


def _steps(first: Path, series: Series) -> int:
    """Steps through the folder tree from one file to a series."""
    one, two = first.absolute().parent, series.files[0].absolute().parent
    common = Path(os.path.commonpath([one, two]))
    return len(one.relative_to(common).parts) + len(two.relative_to(common).parts)


def _why(series: Series, reason: str, images: list[Series]) -> str:
    name = f"{series.modality or 'image'} series"
    if series.info.description:
        name += f" '{series.info.description}'"
    if len(images) == 1:
        return f"{name} with {series.plane_count} planes, the only one there ({reason})."
    return f"{name} with {series.plane_count} planes, one of {len(images)} there ({reason})."


def image_for_masks(
    masks: list[Path],
    path: Path,
    series_uid: str | None = None,
    progress: Progress = silent,
    placement: Placement = "",
) -> Choice:
    """The image series at `path` for masks: the one that is named, or whose grid is theirs, or else the largest.

    Raises:
        ReadError: there is no such series, or a mask can't be read.
    """
    images = find_images(path, progress, placement)
    if series_uid is not None:
        images = [series for series in images if series_uid in (series.uid, series.info.series_uid)]
        if not images:
            raise ReadError(f"{path} holds no image series {series_uid}.")
        return Choice(grid_of(images[0]), _why(images[0], "the one that was named", images))
    if len(images) > 1:
        header = read_grid(masks[0], placement)
        for series in images:
            with contextlib.suppress(GeometryError, ReadError):
                volume = grid_of(series)
                if same_voxels(header, nominal_geometry(volume.geometry)):
                    return Choice(volume, _why(series, f"its grid is that of {masks[0].name}", images))
    series = max(images, key=lambda s: s.plane_count)
    return Choice(grid_of(series), _why(series, "the one with the most planes", images))
