"""The proof that a report says what was to be said: the file, read back, against the findings."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
from pydantic import BaseModel, ConfigDict

from engine import __version__
from engine.answers import Box, Finding, Score
from engine.dicom.report_contours import Contents, Contour
from engine.dicom.report_places import is_elsewhere, plane_of, regions_of
from engine.findings.assessment import FiledReport, Stated
from engine.findings.conclusions import conclusion
from engine.findings.words import yes_or_no
from engine.structures import Code
from engine.volume import Volume

#: What a finding says, part by part, in words that are the same before and after a file.
Told = Mapping[str, str]


class ReportCertificate(BaseModel):
    """What was compared after a report was written, and the outcome. `problems` are what forbids the file.

    `changes` are sentences on what it says otherwise than the image, such as a text that was too long.
    """

    model_config = ConfigDict(frozen=True)

    ok: bool
    file: str = ""
    sha256: str = ""
    sop_instance_uid: str = ""
    predecessor: str = ""
    program: str
    created: str
    signed_by: str = ""
    findings: tuple[dict[str, str], ...]
    problems: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()


def told(finding: Finding, volume: Volume, contour: Contour | None = None, words: str = "") -> Told:
    """What a report is to say of a finding, and of the contour that it was computed from; empty parts are left out.

    Values are as the model and the reader gave them, with all digits; `words` are all of it in a sentence.
    """
    said, source = finding.assessment, finding.provenance
    parts = {
        "name": finding.name,
        "conclusion of the reader": yes_or_no(conclusion(finding)),
        "uid": finding.uid,
        "kind": type(finding).__name__,
        "form": finding.form,
        "verdict": said.verdict.value,
        "comment": said.comment,
        "reader": said.reader,
        "time": _moment(said.time),
        "what the reader stated": "; ".join(sorted(map(_stated, said.stated))),
        "code": _code(finding.code),
        "model's title": source.description,
        "place": _place(finding, volume, contour),
        "contour": contour.told if contour is not None else "",
    }
    if isinstance(finding, Score | Box):
        parts |= {
            "output": finding.label,
            "value of the model": _number(finding.value),
            "threshold": _number(finding.threshold),
            "value of the reader": said.value if isinstance(said.value, str) else _number(said.value),
            "calibration": finding.note,
            "model": f"{source.algorithm} {source.version if source.algorithm else ''}",
            "weights": source.weights_sha256 if source.algorithm else "",
        }
    if isinstance(finding, Score):
        parts |= {"unit": finding.unit, "one of": ", ".join(finding.one_of), "no opinion": finding.abstained}
        parts |= {"classes": " ".join(finding.classes), "classes that exclude it": " ".join(finding.rivals)}
    # Last: where a part differs, that part is told first.
    parts["in words"] = words
    return {name: text for name, part in parts.items() if (text := " ".join(part.split()))}


def content_hash(contents: Contents, volume: Volume) -> str:
    """A hash of what a report says, whenever and wherever that is written."""
    every = [dict(_told(finding, volume, contents)) for finding in contents.findings]
    return hashlib.sha256(json.dumps(every, sort_keys=True).encode()).hexdigest()


def certify_report(
    said: Contents, read: Contents, filed: tuple[FiledReport, FiledReport], volume: Volume
) -> ReportCertificate:
    """Compare findings with the same findings read back from a file.

    Args:
        said: what was to be written.
        read: what the file holds.
        filed: the identity that the file was to have, and the one that it has.
        volume: the image.
    """
    ours, theirs = ({finding.uid: _told(finding, volume, each) for finding in each.findings} for each in (said, read))
    problems = [f"'{ours[uid]['name']}' is not in the file." for uid in ours if uid not in theirs]
    problems += [
        f"The file holds '{theirs[uid]['name']}', which was not to be written." for uid in set(theirs) - set(ours)
    ]
    for uid in ours:
        if uid in theirs:
            problems += _differing(ours[uid], theirs[uid])
    wanted, there = filed
    problems += [
        f"The {what} is '{found}' in the file and was to be '{asked}'."
        for what, asked, found in (
            ("SOP Instance UID", wanted.sop_instance_uid, there.sop_instance_uid),
            ("study", wanted.study_uid, there.study_uid),
            ("name of the person who signed", *(f.signature.name if f.signature else "" for f in filed)),
            ("organisation", *(f.signature.organisation if f.signature else "" for f in filed)),
        )
        if asked != found
    ]
    return ReportCertificate(
        ok=not problems,
        sop_instance_uid=there.sop_instance_uid,
        program=f"Planimeter {__version__}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        signed_by=there.signature.name if there.signature else "",
        findings=tuple(dict(each) for each in ours.values()),
        problems=tuple(problems),
    )


def _told(finding: Finding, volume: Volume, contents: Contents) -> Told:
    return told(finding, volume, contents.contour(finding), contents.words.get(finding.uid, ""))


def _differing(said: Told, read: Told) -> list[str]:
    return [
        f"'{said['name']}': {part} is '{read.get(part, '')}' in the file and was to be '{said.get(part, '')}'."
        for part in dict.fromkeys((*said, *read))
        if said.get(part) != read.get(part)
    ]


def _place(finding: Finding, volume: Volume, contour: Contour | None) -> str:
    evidence = finding.evidence
    if is_elsewhere(evidence, volume):
        return f"series {evidence.series_uid}"
    if contour is not None:
        return f"structure {evidence.roi_number} {evidence.roi_uid}"
    regions = regions_of(finding, volume)
    plane = plane_of(finding, volume)
    parts = [f"plane {region.plane} {_pixels(region.low)} {_pixels(region.high)}" for region in regions]
    parts += [f"plane {plane}"] if plane is not None else []
    if evidence.roi_number is not None:
        parts.append(f"structure {evidence.roi_number} {evidence.roi_uid}")
    return ", ".join(parts)


def _pixels(corner: tuple[float, float]) -> str:
    """As the file has it: 32-bit numbers, to a thousandth of a pixel."""
    return " ".join(f"{np.float32(value):.3f}" for value in corner)


def _stated(said: Stated) -> str:
    value = _number(said.value) if isinstance(said.value, int | float) else _code(said.code) or str(said.value)
    return f"{_code(said.concept)} = {value} {said.unit if said.unit != '1' else ''} {_code(said.derivation)}".strip()


def _code(code: Code | None) -> str:
    return "" if code is None else f"{code.value} {code.scheme}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.9g}"


def _moment(time: str) -> str:
    """A time to the second."""
    try:
        return datetime.fromisoformat(time).isoformat(timespec="seconds")
    except ValueError:
        return ""
