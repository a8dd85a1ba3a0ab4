"""How the journal writes structures down, so that they come back bit for bit.

Areas are well-known binary: the doubles themselves, ring by ring in their order. The contours of the file that a plane
was read from are kept beside it as compressed JSON. Everything else is JSON that refers to contours by row number.
"""

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import shapely
from shapely import MultiPolygon

from engine.errors import ReadError
from engine.journal.records import PlanesRedrawn, RoiReplaced
from engine.structures import Code, Generation, PlaneContours, Provenance, RawContour, Roi, StructureSet
from engine.volume import Geometry

Store = Callable[[PlaneContours], int]


def contours_to_row(contours: PlaneContours) -> tuple[bytes, bytes | None]:
    """(area, source) as bytes."""
    source = None
    if contours.source:
        source = zlib.compress(json.dumps([_raw_to_json(raw) for raw in contours.source]).encode(), 1)
    return shapely.to_wkb(contours.area), source


def contours_from_row(area: bytes, source: bytes | None) -> PlaneContours:
    """The inverse of `contours_to_row`. Raises ReadError when the bytes are no polygons."""
    geometry = shapely.from_wkb(area)
    if not isinstance(geometry, MultiPolygon):
        raise ReadError("A saved contour is not a polygon.")
    raws = () if source is None else tuple(_raw_from_json(raw) for raw in json.loads(zlib.decompress(source)))
    return PlaneContours(geometry, raws)


def roi_to_json(roi: Roi, store: Store) -> dict[str, Any]:
    """Everything of a ROI; `store` gives the row of each plane's contours."""
    return {
        "number": roi.number,
        "name": roi.name,
        "colour": list(roi.colour),
        "roi_type": roi.roi_type,
        "planes": [[plane, store(contours)] for plane, contours in roi.planes.items()],
        "loose": [_raw_to_json(raw) for raw in roi.loose],
        "provenance": asdict(roi.provenance),
        "code": None if roi.code is None else asdict(roi.code),
        "visible": roi.visible,
        "locked": roi.locked,
        "uid": roi.uid,
        "attachments": roi.attachments,
        "expected_edit": [[plane, area] for plane, area in roi.expected_edit.items()],
    }


def roi_from_json(saved: Mapping[str, Any], contours: Mapping[int, PlaneContours]) -> Roi:
    """The inverse of `roi_to_json`. Raises KeyError, TypeError or ValueError when something is missing or odd."""
    red, green, blue = saved["colour"]
    return Roi(
        number=saved["number"],
        name=saved["name"],
        colour=(red, green, blue),
        roi_type=saved["roi_type"],
        planes={plane: contours[row] for plane, row in saved["planes"]},
        loose=tuple(_raw_from_json(raw) for raw in saved["loose"]),
        provenance=provenance_from_json(saved["provenance"]),
        code=None if saved["code"] is None else Code(**saved["code"]),
        visible=saved["visible"],
        locked=saved["locked"],
        uid=saved["uid"],
        attachments=saved["attachments"],
        expected_edit=dict(saved.get("expected_edit", ())),
    )


def provenance_from_json(saved: Mapping[str, Any]) -> Provenance:
    """A provenance from its fields."""
    return Provenance(**{**saved, "generation": Generation(saved["generation"])})


def structures_to_json(structures: StructureSet, store: Store) -> dict[str, Any]:
    """Everything of a structure set but its geometry, which is the series'."""
    return {
        "rois": [roi_to_json(roi, store) for roi in structures.rois],
        "label": structures.label,
        "description": structures.description,
        "sop_instance_uid": structures.sop_instance_uid,
        "notes": list(structures.notes),
        "attachments": structures.attachments,
    }


def structures_from_json(
    saved: Mapping[str, Any], geometry: Geometry, contours: Mapping[int, PlaneContours]
) -> StructureSet:
    """The inverse of `structures_to_json`."""
    return StructureSet(
        geometry,
        tuple(roi_from_json(roi, contours) for roi in saved["rois"]),
        saved["label"],
        saved["description"],
        saved["sop_instance_uid"],
        tuple(saved["notes"]),
        saved["attachments"],
    )


def _after_to_json(before: Roi | None, after: Roi, store: Store) -> dict[str, Any]:
    """`after`; without its planes where only other things changed."""
    same = before is not None and before.planes == after.planes
    saved = roi_to_json(replace(after, planes={}) if same else after, store)
    return {**saved, "planes": None} if same else saved


def _raw_to_json(raw: RawContour) -> list[Any]:
    return [raw.data, raw.geometric_type, raw.number, [list(uid) for uid in raw.image_uids], raw.attachments]


def _raw_from_json(saved: list[Any]) -> RawContour:
    data, kind, number, uids, attachments = saved
    return RawContour(data, kind, number, tuple((one, two, frame) for one, two, frame in uids), attachments)


def change_to_json(change: PlanesRedrawn | RoiReplaced, store: Store) -> dict[str, Any]:
    """One change of a step; `store` gives the row of each plane's contours."""
    if isinstance(change, PlanesRedrawn):
        return {
            "roi": change.number,
            "planes": [
                [plane, *(None if side is None else store(side) for side in sides)]
                for plane, sides in change.planes.items()
            ],
            "provenance": [asdict(side) for side in change.provenance],
        }
    return {
        "index": change.index,
        "before": None if change.before is None else roi_to_json(change.before, store),
        "after": None if change.after is None else _after_to_json(change.before, change.after, store),
    }


def change_from_json(saved: Mapping[str, Any], contours: Mapping[int, PlaneContours]) -> PlanesRedrawn | RoiReplaced:
    """The inverse of `change_to_json`."""
    if "roi" in saved:
        planes = {
            plane: (None if before is None else contours[before], None if after is None else contours[after])
            for plane, before, after in saved["planes"]
        }
        was, now = (provenance_from_json(side) for side in saved["provenance"])
        return PlanesRedrawn(saved["roi"], planes, (was, now))
    before, after = saved["before"], saved["after"]
    if after is not None and after["planes"] is None:
        after = {**after, "planes": before["planes"]}
    return RoiReplaced(
        None if before is None else roi_from_json(before, contours),
        None if after is None else roi_from_json(after, contours),
        saved["index"],
    )
