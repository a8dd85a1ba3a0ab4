"""How the journal writes answers down, so that they come back bit for bit.

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

from engine.answers import Answer, Box, Document, ReportedFinding, Score
from engine.edits import AnswerChange, AreaChange, Change
from engine.errors import ReadError
from engine.findings.assessment import Assessment, Evidence, FiledReport, Signature, Stated, Verdict
from engine.measures.measure import Measure
from engine.structures import (
    Approval,
    Code,
    Generation,
    PlaneContours,
    Provenance,
    RawContour,
    Recipe,
    RecipeStep,
    Review,
    ReviewState,
    Roi,
    StructureSet,
)
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
        "recipe": None if roi.recipe is None else asdict(roi.recipe),
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
        recipe=_recipe_from_json(saved.get("recipe")),
    )


def _recipe_from_json(saved: Mapping[str, Any] | None) -> Recipe | None:
    if saved is None:
        return None
    steps = tuple(RecipeStep(**{**step, "values": tuple(map(tuple, step["values"]))}) for step in saved["steps"])
    return Recipe(**{**saved, "steps": steps})


def provenance_from_json(saved: Mapping[str, Any]) -> Provenance:
    """A provenance from its fields; one that was saved before there were reviews has none."""
    told = {name: saved[name] for name in ("review", "reopened") if name in saved}
    reviews = {name: Review(**{**review, "state": ReviewState(review["state"])}) for name, review in told.items()}
    return Provenance(**{**saved, "generation": Generation(saved["generation"]), **reviews})


def document_to_json(document: Document, store: Store) -> dict[str, Any]:
    """Everything of a document but its geometry, which is the series'."""
    structures = document.structures
    return {
        "rois": [roi_to_json(roi, store) for roi in structures.rois],
        "label": structures.label,
        "description": structures.description,
        "sop_instance_uid": structures.sop_instance_uid,
        "notes": list(structures.notes),
        "attachments": structures.attachments,
        "elsewhere": [roi_to_json(roi, store) for roi in structures.elsewhere],
        "approval": asdict(structures.approval),
        "scores": [_score_to_json(score, store) for score in document.scores],
        "boxes": [_box_to_json(box, store) for box in document.boxes],
        "measures": [_measure_to_json(measure, store) for measure in document.measures],
        "reported": [_reported_to_json(finding, store) for finding in document.reported],
    }


def document_from_json(saved: Mapping[str, Any], geometry: Geometry, contours: Mapping[int, PlaneContours]) -> Document:
    """The inverse of `document_to_json`; what was saved before there were scores, boxes and measures has none."""
    structures = StructureSet(
        geometry,
        tuple(roi_from_json(roi, contours) for roi in saved["rois"]),
        saved["label"],
        saved["description"],
        saved["sop_instance_uid"],
        tuple(saved["notes"]),
        saved["attachments"],
        tuple(roi_from_json(roi, contours) for roi in saved.get("elsewhere", ())),
        Approval(**saved.get("approval", {})),
    )
    scores = tuple(_score_from_json(score, contours) for score in saved.get("scores", ()))
    boxes = tuple(_box_from_json(box, contours) for box in saved.get("boxes", ()))
    measures = tuple(_measure_from_json(measure, contours) for measure in saved.get("measures", ()))
    reported = tuple(_reported_from_json(finding, contours) for finding in saved.get("reported", ()))
    return Document(structures, scores, boxes, measures, reported)


def _score_to_json(score: Score, _: Store) -> dict[str, Any]:
    return asdict(score)


def _score_from_json(saved: Mapping[str, Any], _: Mapping[int, PlaneContours]) -> Score:
    values = _finding(saved)
    several = {key: tuple(values.get(key, ())) for key in ("one_of", "classes", "rivals")}
    return Score(**{**values, **several, **_evidence(saved)})


def _box_to_json(box: Box, _: Store) -> dict[str, Any]:
    return asdict(box)


def _box_from_json(saved: Mapping[str, Any], _: Mapping[int, PlaneContours]) -> Box:
    corners = {key: tuple(saved[key]) for key in ("low_kji", "high_kji")}
    return Box(**{**_finding(saved), **corners})


def _measure_to_json(measure: Measure, _: Store) -> dict[str, Any]:
    return asdict(measure)


def _measure_from_json(saved: Mapping[str, Any], _: Mapping[int, PlaneContours]) -> Measure:
    points = tuple((x, y, z) for x, y, z in saved["points_lps"])
    return Measure(**{**saved, "points_lps": points, "normal_lps": tuple(saved["normal_lps"])})


def _reported_to_json(finding: ReportedFinding, _: Store) -> dict[str, Any]:
    return asdict(finding)


def _reported_from_json(saved: Mapping[str, Any], _: Mapping[int, PlaneContours]) -> ReportedFinding:
    return ReportedFinding(**{**_finding(saved), **_evidence(saved)})


def _finding(saved: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that all findings share, as their own types; what an older program saved lacks some."""
    values = {**saved, "code": _code(saved["code"]), "provenance": provenance_from_json(saved["provenance"])}
    if "assessment" in saved:
        told = saved["assessment"]
        stated = tuple(
            Stated(
                **{
                    **said,
                    "concept": Code(**said["concept"]),
                    "code": _code(said["code"]),
                    "derivation": _code(said["derivation"]),
                }
            )
            for said in told["stated"]
        )
        values["assessment"] = Assessment(**{**told, "verdict": Verdict(told["verdict"]), "stated": stated})
    return values


def _evidence(saved: Mapping[str, Any]) -> dict[str, Any]:
    if "evidence" not in saved:
        return {}
    told = saved["evidence"]
    corners = {key: None if told[key] is None else tuple(told[key]) for key in ("low_kji", "high_kji")}
    return {"evidence": Evidence(**{**told, **corners})}


def _code(saved: Mapping[str, Any] | None) -> Code | None:
    return None if saved is None else Code(**saved)


def filed_report(saved: Mapping[str, Any] | None) -> FiledReport | None:
    """A report that was filed, from its fields."""
    if saved is None:
        return None
    signed = saved["signature"]
    return FiledReport(**{**saved, "signature": None if signed is None else Signature(**signed)})


#: Kind of answer → its word in the journal, and how it is written and read. Changes without a word are of ROIs.
_CODECS: dict[type[Answer], tuple[str, Callable[..., dict[str, Any]], Callable[..., Answer]]] = {
    Roi: ("roi", roi_to_json, roi_from_json),
    Score: ("score", _score_to_json, _score_from_json),
    Box: ("box", _box_to_json, _box_from_json),
    Measure: ("measure", _measure_to_json, _measure_from_json),
    ReportedFinding: ("reported", _reported_to_json, _reported_from_json),
}
_READERS = {word: read for word, _, read in _CODECS.values()}


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


def change_to_json(change: Change, store: Store) -> dict[str, Any]:
    """One change of a step; `store` gives the row of each plane's contours."""
    if isinstance(change, AreaChange):
        return {
            "roi": change.number,
            "planes": [
                [plane, *(None if side is None else store(side) for side in sides)]
                for plane, sides in change.planes.items()
            ],
            "provenance": [asdict(side) for side in change.provenance],
        }
    word, write, _ = _CODECS[change.kind]
    before, after = change.before, change.after
    if isinstance(after, Roi) and (before is None or isinstance(before, Roi)):
        now: dict[str, Any] | None = _after_to_json(before, after, store)
    else:
        now = None if after is None else write(after, store)
    return {
        "kind": word,
        "index": change.index,
        "before": None if before is None else write(before, store),
        "after": now,
    }


def change_from_json(saved: Mapping[str, Any], contours: Mapping[int, PlaneContours]) -> Change:
    """The inverse of `change_to_json`."""
    if "roi" in saved:
        planes = {
            plane: (None if before is None else contours[before], None if after is None else contours[after])
            for plane, before, after in saved["planes"]
        }
        was, now = (provenance_from_json(side) for side in saved["provenance"])
        return AreaChange(saved["roi"], planes, (was, now))
    read = _READERS[saved.get("kind", "roi")]
    before, after = saved["before"], saved["after"]
    if after is not None and after.get("planes", ()) is None:
        after = {**after, "planes": before["planes"]}
    return AnswerChange(
        None if before is None else read(before, contours),
        None if after is None else read(after, contours),
        saved["index"],
    )
