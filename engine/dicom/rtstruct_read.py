"""RTSTRUCT → StructureSet: every contour placed on the real planes of the image, and nothing dropped unnamed.

How contours become areas. Contours of one ROI on one plane are combined by even-odd, so that holes written as keyholes,
as CLOSEDPLANAR_XOR (PS3.3 C.8.8.6.3) and as nested plain CLOSED_PLANAR contours all read as holes. Where a reader that
takes the union of contours would see something else, a note says so.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from shapely import MultiPolygon

from engine.contouring.rings import area_from_rings
from engine.dicom.contour_geometry import geometry_from_contours
from engine.dicom.references import References, references_of
from engine.dicom.rtstruct_drafts import Draft, drafts_of, planes_named
from engine.dicom.rtstruct_file import RtstructFile, parse_rtstruct
from engine.dicom.rtstruct_frames import in_other_frames
from engine.dicom.rtstruct_items import header_json, string
from engine.dicom.rtstruct_match import PLANE_TOLERANCE_MM, check_match, contour_planes, patient_notes
from engine.loose import CLOSED, points_of
from engine.structures import Approval, Review, ReviewState, Roi, StructureSet
from engine.volume import FloatArray, Geometry, Volume


def read_rtstruct(path: Path, volume: Volume | None) -> StructureSet:
    """Structures of an RTSTRUCT file on the planes of an image series.

    Args:
        path: the file.
        volume: the image that it belongs to; None opens the structures alone, on planes made from their contours.

    Returns:
        A StructureSet whose `notes` name everything that was unusual, put aside or left out.

    Raises:
        ReadError: the file is unreadable or no RTSTRUCT.
        MismatchError: the file belongs to another image.
    """
    return structures_from(parse_rtstruct(path), volume)


def structures_from(file: RtstructFile, volume: Volume | None, alone: Geometry | None = None) -> StructureSet:
    """As `read_rtstruct`, from a file that has been parsed; `alone` gives the planes where there is no image."""
    notes: list[str] = []
    header = file.header
    if file.after:
        notes.append(f"{file.after} bytes after the end of the RTSTRUCT are no part of it and were left out.")
    notes += file.remarks
    drafts = drafts_of(header, file.roi_contours, notes)
    for draft in drafts:
        draft.read_points(notes)
    references = references_of(header, file.roi_contours)
    apart = in_other_frames(header, drafts, volume, notes)
    elsewhere = tuple(draft.kept_aside() for draft in drafts if draft.number in apart)
    drafts = [draft for draft in drafts if draft.number not in apart]
    if volume is not None:
        geometry = volume.geometry
        notes += patient_notes(string(header, "PatientID"), string(header, "PatientName"), volume)
        notes += _matched(references, volume, drafts)
    else:
        geometry = alone or geometry_from_contours([points for draft in drafts for points in draft.closed_points()])
        notes.append("The images of these structures are not here: the structures are shown alone.")
    rois = tuple(draft.placed(geometry, notes) for draft in drafts)
    if not rois and not elsewhere:
        notes.append("The RTSTRUCT holds no structures.")
    approval = Approval(
        string(header, "ApprovalStatus").upper(),
        string(header, "ReviewerName"),
        string(header, "ReviewDate"),
        string(header, "ReviewTime")[:6],
    )
    if approval.status == "APPROVED":
        rois, elsewhere = (tuple(_approved(roi, approval) for roi in each) for each in (rois, elsewhere))
        notes.append(f"These structures are {approval}, and locked until somebody reopens them with a reason.")
    elif approval.is_decided:
        notes.append(f"These structures are {approval}; what is exported from here is unapproved.")
    return StructureSet(
        geometry=geometry,
        rois=rois,
        elsewhere=elsewhere,
        approval=approval,
        label=string(header, "StructureSetLabel"),
        description=string(header, "StructureSetDescription"),
        sop_instance_uid=string(header, "SOPInstanceUID"),
        notes=tuple(dict.fromkeys(notes)),
        attachments=header_json(header),
    )


def _approved(roi: Roi, approval: Approval) -> Roi:
    review = Review(ReviewState.APPROVED, approval.reviewer, approval.date, approval.time)
    return replace(roi, locked=True, provenance=replace(roi.provenance, review=review))


def filled_areas(structures: StructureSet) -> tuple[Callable[[Roi], Mapping[int, MultiPolygon]], list[str]]:
    """What to fill for masks: the areas on the planes, and closed contours between planes on the nearest one.

    A mask can't hold a contour between planes, so one within half a plane's thickness is drawn on the nearest plane
    where the structure has no area of its own.

    Returns:
        A function from a structure to its areas by plane index, and a note for each structure where that was needed.
    """
    geometry = structures.geometry
    added: dict[int, dict[int, MultiPolygon]] = {}
    notes: list[str] = []
    for roi in structures.rois:
        levels: dict[int, dict[float, list[FloatArray]]] = defaultdict(lambda: defaultdict(list))
        for contour in roi.loose:
            points = points_of(contour.data)
            if contour.geometric_type not in CLOSED or points is None or len(points) < 3:
                continue
            position = points @ geometry.normal
            plane = int(np.abs(geometry.positions - position.mean()).argmin())
            apart = abs(float(position.mean()) - float(geometry.positions[plane]))
            if np.ptp(position) <= PLANE_TOLERANCE_MM and apart <= geometry.plane_thickness[plane] / 2 + 1e-6:
                levels[plane][round(apart, 2)].append(geometry.plane_from_lps(plane, points))
        drawn = {
            plane: area_from_rings(by_level[min(by_level)])[0]
            for plane, by_level in levels.items()
            if roi.area(plane).is_empty
        }
        if drawn:
            added[roi.number] = drawn
            notes.append(
                f"'{roi.name}' has contours between the planes: drawn on the nearest of {planes_named(sorted(drawn))}."
            )

    def areas(roi: Roi) -> Mapping[int, MultiPolygon]:
        return {k: c.area for k, c in roi.planes.items()} | added.get(roi.number, {})

    return areas, notes


def _matched(references: References, volume: Volume, drafts: Sequence[Draft]) -> list[str]:
    every = [points for draft in drafts for points in draft.points]
    planes = contour_planes(every, volume.geometry)
    return [*check_match(references, volume, every, planes), *_misnamed(drafts, planes.tolist(), volume)]


def _misnamed(drafts: Sequence[Draft], planes: Sequence[int], volume: Volume) -> list[str]:
    """A sentence where contours name another image of the series than the one on whose plane they lie."""
    images: dict[str, set[int]] = defaultdict(set)
    for plane, instance in enumerate(volume.instances):
        images[instance.sop_instance_uid].add(plane)
    contours = [contour for draft in drafts for contour in draft.contours]
    wrong = 0
    for contour, plane in zip(contours, planes, strict=True):
        named = {k for _, instance, _ in contour.image_uids for k in images.get(instance, ())}
        wrong += bool(named) and plane >= 0 and plane not in named
    if not wrong:
        return []
    refer = "1 contour names" if wrong == 1 else f"{wrong} contours name"
    return [f"{refer} another image than the one on whose plane the coordinates lie: drawn where the coordinates are."]
