"""Images that seem to be parts of one volume although their files name several series or patients: told, not joined."""

from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.dicom.places import is_whole, positions_of
from engine.stored.catalogue import Series
from engine.volume import LeftOut

#: Places nearer to each other than this (mm, along the normal) are one.
_SAME_MM = 0.05


def with_beside(every: Sequence[Series]) -> list[Series]:
    """The series, each with what continues it under another series UID among what it leaves out.

    Two images seem to be parts of one volume when they are of one study, modality and frame of reference, their planes
    lie in one direction on pixels of one size, and no place has two of them; together they are one even stack.
    """
    groups: dict[Hashable, list[Series]] = {}
    for series in every:
        if series.planes and series.is_image and not series.problem and not series.axis and not series.handler.pages:
            groups.setdefault(_kind(series), []).append(series)
    parts: dict[str, list[Series]] = {}
    for members in groups.values():
        places = {series.uid: np.sort(positions_of(series.planes)) for series in members} if len(members) > 1 else {}
        for series in members:
            others = [
                other
                for other in members
                if other.info.series_uid != series.info.series_uid and _continue(places[series.uid], places[other.uid])
            ]
            if others:
                parts[series.uid] = others
    return [_told(series, parts[series.uid]) if series.uid in parts else series for series in every]


def with_other_patients(every: Sequence[Series]) -> list[Series]:
    """The series, each with what has its UID in its folder under another patient ID among what it leaves out."""
    groups: dict[str, list[Series]] = {}
    for series in every:
        if series.planes and series.is_image and series.info.series_uid:
            groups.setdefault(series.info.series_uid, []).append(series)
    found = []
    for series in every:
        folders = {file.parent for file in series.files}
        others = [
            other
            for other in groups.get(series.info.series_uid, ())
            if series.planes
            and other.info.patient_id != series.info.patient_id
            and folders & {file.parent for file in other.files}
        ]
        found.append(_with_patients(series, others) if others else series)
    return found


def _with_patients(series: Series, others: Sequence[Series]) -> Series:
    planes = sum(other.plane_count for other in others)
    what = "1 plane has" if planes == 1 else f"{planes} planes have"
    names = ", ".join(sorted({f"“{other.info.patient_id}”" for other in others})[:3])
    sentence = (
        f"{what} the UID of this series but another patient ID ({names}): left out. If they are of this patient, "
        "correct their ID; if not, their UID."
    )
    left = LeftOut("patients", planes, tuple(file for other in others for file in other.files), sentence)
    return replace(series, notes=(*series.notes, sentence), left_out=(*series.left_out, left))


def _kind(series: Series) -> Hashable:
    plane = series.planes[0]
    assert plane.orientation is not None and plane.spacing_uv is not None, "series that open have both"
    return (
        *(series.info.patient_id, series.info.study_uid, series.modality, series.info.frame_of_reference_uid),
        *(plane.image.rows, plane.image.columns),
        *np.round(plane.orientation, 2).tolist(),
        *np.round(plane.spacing_uv, 3).tolist(),
    )


def _continue(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    together = np.sort(np.concatenate([one, other]))
    return bool(np.diff(together).min() > _SAME_MM) and is_whole(together)


def _told(series: Series, others: Sequence[Series]) -> Series:
    planes = sum(other.plane_count for other in others)
    what = "1 other series" if len(others) == 1 else f"{len(others)} other series"
    continues = "continues" if len(others) == 1 else "continue"
    sentence = (
        f"{what} ({planes} plane{'s' if planes > 1 else ''}) of this study {continues} the stack of planes of this "
        "one and may belong to it: left out."
    )
    files = tuple(file for other in others for file in other.files)
    left = LeftOut("series", planes, files, sentence)
    return replace(series, notes=(*series.notes, sentence), left_out=(*series.left_out, left))
