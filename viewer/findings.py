"""Findings as the window shows them: in words, in the order of review, and where they were computed from. No Qt."""

from collections.abc import Iterable, Mapping

import numpy as np

from engine.answers import Document, Finding, ReportedFinding, Score
from engine.assessment import Assessment, Evidence, Stated, Verdict
from engine.structures import Roi
from viewer.session import Session, key_of

#: What a verdict is called.
VERDICTS: Mapping[Verdict, str] = {
    Verdict.UNSEEN: "to judge",
    Verdict.ACCEPTED: "accepted",
    Verdict.CHANGED: "changed",
    Verdict.REJECTED: "rejected",
    Verdict.ADDED: "added",
}
_UNITS = {"1": "", "{pixels}": "pixels"}


def is_judged(finding: Finding) -> bool:
    """Whether a person has said something of it; being looked at is nothing."""
    return finding.assessment.verdict is not Verdict.UNSEEN


def judged(document: Document | None) -> tuple[int, int]:
    """How many findings a person has judged, and of how many."""
    findings = document.findings if document is not None else ()
    return sum(map(is_judged, findings)), len(findings)


def model_value(finding: Finding) -> str:
    """The model's own value with its unit; "" where no model gave one."""
    if isinstance(finding, ReportedFinding):
        return ""
    unit = finding.unit if isinstance(finding, Score) else ""
    return with_unit(f"{finding.value:.3g}", unit)


def model_short(finding: Finding) -> str:
    """What the value is held against, in few words: its set, its threshold, or that there is no opinion."""
    if isinstance(finding, ReportedFinding):
        return ""
    if isinstance(finding, Score) and finding.abstained:
        return "no opinion"
    if isinstance(finding, Score) and finding.one_of:
        return f"one of: {', '.join(finding.one_of)}"
    return f"{'≥' if finding.value >= finding.threshold else '<'} {finding.threshold:.3g}"


def model_told(finding: Finding) -> tuple[str, ...]:
    """All that the model tells of its value, in sentences."""
    if isinstance(finding, ReportedFinding):
        return ()
    reaches = "reaches" if finding.value >= finding.threshold else "is below"
    sentences = [f"{model_value(finding)} {reaches} the threshold of {finding.threshold:.3g}."]
    if isinstance(finding, Score):
        if finding.abstained:
            sentences.insert(0, f"The model gives no opinion: {finding.abstained}")
        if finding.one_of:
            sentences.append(f"One of: {', '.join(finding.one_of)}.")
    return (*sentences, finding.note or "The value is not calibrated.")


def source(finding: Finding) -> str:
    """Who or what made it."""
    made = finding.provenance
    if not isinstance(finding, ReportedFinding):
        return made.description or f"{made.algorithm} {made.version}".strip()
    return made.description or made.algorithm or "by hand"


def reader_value(said: Assessment) -> str:
    """What the reader says in place of the model's value; "" where he gives no value of his own."""
    parts = [said_text(each) for each in said.stated]
    if said.value is not None:
        parts.insert(0, f"{said.value:.3g}" if isinstance(said.value, float) else str(said.value))
    return ", ".join(parts)


def judgement(said: Assessment) -> str:
    """Who judged, how and when: "accepted by Doe, 2026-05-04 11:30"."""
    who = f" by {said.reader}" if said.reader else ""
    when = f", {said.time[:16].replace('T', ' ')}" if said.time else ""
    return f"{VERDICTS[said.verdict]}{who}{when}".capitalize()


def said_text(said: Stated) -> str:
    """One thing that a reader filled in, as it is read."""
    return with_unit(f"{said.value:g}", said.unit) if isinstance(said.value, int | float) else said.value


def with_unit(number: str, unit: str) -> str:
    """A number with a unit of UCUM, which calls a bare number 1."""
    shown = _UNITS.get(unit, unit)
    return f"{number}{'' if shown in ('', '%') else ' '}{shown}"


def unexported_findings(now: Document | None, filed: Iterable[Finding]) -> list[str]:
    """Names of the findings that a person judged or added and no file holds so.

    Args:
        now: as they are.
        filed: as files hold them.
    """
    safe = {key_of(finding): finding for finding in filed}
    findings = now.findings if now is not None else ()
    return [each.name for each in findings if is_judged(each) and safe.get(key_of(each)) != each]


# Evidence -----------------------------------------------------------------------------------------------------------


def evidence_text(session: Session, finding: Finding) -> str:
    """Where it was computed from, in few words."""
    place, structures = finding.evidence, session.structures
    if place.series_uid and session.volume is not None and place.series_uid != session.volume.info.series_uid:
        return "another series"
    roi = _roi_of(session, finding)
    if roi is not None:
        return roi.name
    if place.roi_number is not None and structures is not None:
        return "a structure that is gone"
    if place.low_kji is not None and place.high_kji is not None:
        first, last = round(place.low_kji[0]) + 1, round(place.high_kji[0]) + 1
        return f"plane {first}" if first == last else f"planes {first}–{last}"
    return "the whole image" if place.plane is None else f"plane {place.plane + 1}"


def show_evidence(session: Session, finding: Finding) -> str:
    """Bring into view what a finding was computed from; a sentence where there is nothing more to show, else ""."""
    volume = session.volume
    if volume is None:
        return ""
    place, where = finding.evidence, evidence_text(session, finding)
    if where == "another series":
        return f"'{finding.name}' is about another series ({place.series_uid}); open that to see it."
    roi = _roi_of(session, finding)
    geometry = volume.geometry
    if roi is not None:
        _reveal_roi(session, roi)
    elif place.roi_number is not None:
        return f"The structure that '{finding.name}' was computed from is no longer there."
    elif place.low_kji is not None and place.high_kji is not None:
        middle = [(low + high) / 2 for low, high in zip(place.low_kji, place.high_kji, strict=True)]
        # A plane that is shown, near the middle.
        middle[0] = min(max(round(middle[0]), 0), geometry.shape[0] - 1)
        points = geometry.lps_from_kji([middle, place.low_kji, place.high_kji])
        session.reveal(points[0], points[1:])
    elif place.plane is not None:
        plane = min(max(place.plane, 0), geometry.shape[0] - 1)
        u, v = geometry.plane_from_lps(plane, session.cursor_lps)[0]
        session.reveal(geometry.lps_from_plane(plane, [(u, v)])[0])
    else:
        return f"'{finding.name}' was computed from the whole image."
    return ""


def _roi_of(session: Session, finding: Finding) -> Roi | None:
    place, structures = finding.evidence, session.structures
    if structures is None or place.roi_number is None:
        return None
    if place.roi_uid:
        return next((roi for roi in structures.rois if roi.uid == place.roi_uid), None)
    return next((roi for roi in structures.rois if roi.number == place.roi_number), None)


def _reveal_roi(session: Session, roi: Roi) -> None:
    """Its largest area, with all of that on the screen."""
    session.set_active(roi.number)
    areas = {plane: roi.area(plane) for plane in roi.planes}
    largest = max(areas, key=lambda plane: areas[plane].area, default=None)
    if largest is None or areas[largest].is_empty or session.volume is None:
        return
    inside = areas[largest].representative_point()
    u0, v0, u1, v1 = areas[largest].bounds
    corners = [(inside.x, inside.y), (u0, v0), (u1, v1), (u0, v1), (u1, v0)]
    points = session.volume.geometry.lps_from_plane(largest, corners)
    session.reveal(points[0], points[1:])


def around_cursor(session: Session, side_mm: float) -> Evidence:
    """A cube of that side around the crosshair, on the planes of the open series."""
    volume = session.volume
    assert volume is not None, "a crosshair lies in an open series"
    geometry = volume.geometry
    middle = geometry.kji_from_lps(session.cursor_lps)[0]
    half = side_mm / 2 / np.array(geometry.spacing_xyz[::-1])
    if geometry.shape[0] == 1:
        middle[0] = half[0] = 0.0
    (k0, j0, i0), (k1, j1, i1) = (middle - half).tolist(), (middle + half).tolist()
    return Evidence(low_kji=(k0, j0, i0), high_kji=(k1, j1, i1))
