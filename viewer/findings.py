"""Findings as the window shows them: in the order of review, and where they were computed from. No Qt."""

from collections.abc import Iterable

import numpy as np

from engine.answers import Document, Finding, key_of, structure_of
from engine.findings.assessment import Evidence
from engine.findings.words import is_judged, place_text
from engine.structures import Roi
from viewer.session import Session


def judged(document: Document | None) -> tuple[int, int]:
    """How many findings a person has judged, and of how many."""
    findings = document.findings if document is not None else ()
    return sum(map(is_judged, findings)), len(findings)


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
    return place_text(finding, session.volume, session.structures)


def show_evidence(session: Session, finding: Finding) -> str:
    """Bring into view what a finding was computed from; a sentence where there is nothing more to show, else ""."""
    volume = session.volume
    if volume is None:
        return ""
    place, where = finding.evidence, evidence_text(session, finding)
    if where == "another series":
        return f"'{finding.name}' is about another series ({place.series_uid}); open that to see it."
    roi = structure_of(place, session.structures)
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


def size_unit(session: Session) -> str:
    """What sizes on the open series are told in, in UCUM: pixels where no millimetres are known."""
    return "{pixels}" if session.volume is not None and session.volume.geometry.unit == "px" else "mm"


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
