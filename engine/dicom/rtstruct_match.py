"""Which image series an RTSTRUCT belongs to: by its references, else by frame of reference, else by geometry."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.dicom.references import References
from engine.errors import MismatchError
from engine.volume import FloatArray, Geometry, Volume

#: A contour is on a plane when all its points are within this share of the plane's thickness, and ...
PLANE_TOLERANCE_SHARE = 0.25
#: ... within this many mm of it.
PLANE_TOLERANCE_MM = 0.5


def share_inside(contours: Sequence[FloatArray], geometry: Geometry) -> float:
    """Share of the contours whose centre lies within the image's extent, half a voxel of margin allowed."""
    if not contours:
        return 0.0
    starts = np.concatenate([[0], np.cumsum([len(points) for points in contours])[:-1]]).astype(np.intp)
    every = np.concatenate(contours)
    centres = (np.minimum.reduceat(every, starts) + np.maximum.reduceat(every, starts)) / 2
    index = geometry.kji_from_lps(centres)
    inside = ((index >= -0.5) & (index <= np.array(geometry.shape) - 0.5)).all(axis=1)
    return float(inside.mean())


def contour_planes(points: Sequence[FloatArray], geometry: Geometry) -> NDArray[np.intp]:
    """Plane index of each contour, -1 for those that are not within tolerance of one plane.

    Args:
        points: (n, 3) LPS mm of each contour; none may be empty.
        geometry: of the image.
    """
    if not points:
        return np.empty(0, dtype=np.intp)
    starts = np.concatenate([[0], np.cumsum([len(p) for p in points])[:-1]]).astype(np.intp)
    position = np.concatenate(points) @ geometry.normal
    low, high = np.minimum.reduceat(position, starts), np.maximum.reduceat(position, starts)
    middle = (low + high) / 2
    upper = np.clip(np.searchsorted(geometry.positions, middle), 1, max(len(geometry.positions) - 1, 1))
    upper = np.minimum(upper, len(geometry.positions) - 1)
    lower = np.maximum(upper - 1, 0)
    nearest = np.where(middle - geometry.positions[lower] <= geometry.positions[upper] - middle, lower, upper)
    tolerance = np.minimum(PLANE_TOLERANCE_SHARE * geometry.plane_thickness, PLANE_TOLERANCE_MM)[nearest]
    apart = np.maximum(np.abs(low - geometry.positions[nearest]), np.abs(high - geometry.positions[nearest]))
    return np.asarray(np.where(apart <= tolerance, nearest, -1), dtype=np.intp)


def check_match(
    references: References,
    volume: Volume,
    contours: Sequence[FloatArray],
    planes: NDArray[np.intp],
    who: str = "The RTSTRUCT",
) -> list[str]:
    """Notes on how a set of structures belongs to the image.

    Args:
        references: of the file.
        volume: the image.
        contours: (n, 3) LPS mm of every contour.
        who: what to call the file in a sentence.
        planes: for each contour the image's plane that it lies on, -1 for none.

    Raises:
        MismatchError: it belongs to another image.
    """
    info = volume.info
    instances = {instance.sop_instance_uid for instance in volume.instances}
    by_series = info.series_uid != "" and info.series_uid in references.series_uids
    by_instance = bool(instances & references.instance_uids)
    by_frame = info.frame_of_reference_uid != "" and info.frame_of_reference_uid in references.frame_of_reference_uids
    inside = share_inside(contours, volume.geometry)
    on_planes = float((planes >= 0).mean()) if len(planes) else 0.0
    if by_series or by_instance:
        if contours and inside == 0:
            return ["None of the contours lies within the image, although the file refers to it."]
        if instances - {""} and references.instance_uids and not by_instance:
            return [
                f"{who} refers to this series, but to none of the images of this volume: make sure that it was drawn "
                "on this phase or part of it."
            ]
        return []
    what = f"the image series '{info.description}'" if info.description else "this image series"
    if by_frame:
        if contours and inside == 0:
            raise MismatchError(
                f"{who} shares the frame of reference of {what}, but none of its contours lies within it; "
                "open it with the series that it was drawn on."
            )
        return [f"{who} refers to images that are not in this series; it was matched by its frame of reference."]
    fits = not contours or (inside > 0.5 and on_planes > 0.5)
    if (not references.series_uids and not references.frame_of_reference_uids) or not info.frame_of_reference_uid:
        if fits:
            return [f"{who} and the image do not refer to each other; they were matched by geometry alone."]
        raise MismatchError(
            f"{who} does not refer to {what}, and its contours do not lie on its planes; "
            "open it with the series that it was drawn on."
        )
    if info.study_uid and info.study_uid in references.study_uids and contours and fits:
        return [
            f"{who} was drawn on another series of this study, in another frame of reference. Its contours lie "
            "on the planes of this one and were matched by geometry alone: make sure that the patient lies in the "
            "same place in both."
        ]
    raise MismatchError(
        f"{who} belongs to another image: neither its series nor its frame of reference is that of {what}."
    )


def patient_notes(patient_id: str, patient_name: str, volume: Volume, who: str = "The RTSTRUCT") -> list[str]:
    """A sentence where a set of structures names another patient than its image; none where either says nothing."""
    info = volume.info
    if patient_id and info.patient_id and patient_id.strip() != info.patient_id.strip():
        return [
            f"{who} has another patient ID ({patient_id}) than the image ({info.patient_id}): make sure that they are "
            "of the same person."
        ]
    names = [" ".join(name.replace("^", " ").split()).casefold() for name in (patient_name, info.patient_name)]
    if all(names) and names[0] != names[1]:
        return [f"{who} names another patient than the image: make sure that they are of the same person."]
    return []
