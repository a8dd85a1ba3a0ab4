"""Measures → structured report: written beside its target, read back, compared number by number, put in place."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from engine import __version__
from engine.answers import new_uid
from engine.dicom.certified import write_certified
from engine.dicom.measures_content import MeasureGroup, measure_groups, measures_content
from engine.dicom.report_certificate import ReportCertificate
from engine.dicom.report_file import Group, Outline, ReportFile, read_report_file
from engine.dicom.report_write import REPORT_CLASS, cuts_told, document_bytes, refuse_over_signed
from engine.dicom.rtstruct_header import stable_uid
from engine.errors import WriteError
from engine.findings.assessment import FiledReport
from engine.measures.table_file import Row
from engine.structures import Code
from engine.volume import Volume

#: Coordinates are stored in 32 bits: pixels and mm differ by less than this.
_POINTS_WITHIN = 1e-3
#: Numbers are stored with sixteen letters.
_NUMBERS_WITHIN = 1e-9


def export_measures(rows: Iterable[Row], base: str, volume: Volume, path: Path) -> ReportCertificate:
    """Write measures to a structured report that has been read back and compared with them.

    The file appears at `path` only when it says the same; its certificate is written beside it as
    `NAME.certificate.json`. It is partial and unverified.

    Args:
        rows: the numbers of the measures, as `engine.dicom.measures_content.measure_groups` wants them.
        base: name of the image that they were drawn on.
        volume: that image.
        path: of the file.

    Raises:
        CertificationError: the file, read back, differs; what stood at `path` is still there.
        WriteError: nothing to write or nothing to refer to, a signed report stands at `path`, or the folder can't be
            written to.
    """
    path = Path(path)
    if not volume.instances or not volume.info.study_uid:
        raise WriteError(
            "This image is no DICOM image of a study, so a DICOM report has nothing to refer to; save the measures as "
            "a table instead."
        )
    groups = measure_groups(rows, base, volume)
    if not groups:
        raise WriteError("There are no measures to report.")
    info = volume.info
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    series = stable_uid("SR series of measures", info.study_uid, info.series_uid)
    filed = FiledReport(REPORT_CLASS, new_uid(), series, info.study_uid, 1, "", None, now)
    refuse_over_signed(path, filed)
    data = document_bytes(measures_content(groups, volume), volume, filed, "Planimeter measures")

    def certify(file: Path) -> ReportCertificate:
        again = read_report_file(file)
        problems = _problems(groups, again, filed, volume)
        return ReportCertificate(
            ok=not problems,
            file=path.name,
            sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
            sop_instance_uid=again.filed.sop_instance_uid,
            program=f"Planimeter {__version__}",
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            findings=tuple(_told(group) for group in groups),
            problems=tuple(problems),
            changes=cuts_told(volume),
        )

    return write_certified(path, data, "report", certify)


def _told(group: MeasureGroup) -> dict[str, str]:
    numbers = {
        (derivation or concept).meaning: f"{value:.6g} {unit.value}"
        for concept, derivation, value, unit in group.numbers
    }
    return {"name": group.name, "uid": group.uid, **numbers}


def _problems(said: Sequence[MeasureGroup], read: ReportFile, filed: FiledReport, volume: Volume) -> list[str]:
    """What differs between what was to be written and what the file holds, in sentences."""
    problems = []
    if read.filed.sop_instance_uid != filed.sop_instance_uid or read.filed.study_uid != filed.study_uid:
        problems.append("The file is of another report or study than it was to be.")
    there = {group.uid: group for group in read.groups}
    if len(read.groups) != len(said):
        problems.append(f"The file holds {len(read.groups)} measures and was to hold {len(said)}.")
    for group in said:
        if group.uid not in there:
            problems.append(f"'{group.name}' is not in the file.")
            continue
        problems += [f"'{group.name}': {text} in the file." for text in _differing(group, there[group.uid], volume)]
    return problems


def _differing(said: MeasureGroup, read: Group, volume: Volume) -> list[str]:
    out = [] if read.name == said.name else [f"its name is '{read.name}'"]
    if len(read.numbers) != len(said.numbers):
        out.append(f"it has {len(read.numbers)} numbers, not {len(said.numbers)},")
    for (concept, derivation, value, unit), number in zip(said.numbers, read.numbers, strict=False):
        same = (_key(concept), _key(derivation), _key(unit)) == tuple(
            map(_key, (number.concept, number.derivation, number.unit))
        )
        close = number.value is not None and np.isclose(number.value, value, rtol=_NUMBERS_WITHIN, atol=1e-12)
        if not (same and close):
            out.append(f"{(derivation or concept).meaning} is {number.value} {number.unit.value}, not {value:.9g},")
    if not read.outlines or not all(_same_line(said, outline, volume) for outline in read.outlines):
        out.append("its line lies elsewhere")
    return out


def _same_line(said: MeasureGroup, outline: Outline, volume: Volume) -> bool:
    line = said.line
    if outline.points.shape != line.points.shape or np.abs(outline.points - line.points).max() > _POINTS_WITHIN:
        return False
    if line.plane is None:
        return outline.frame_of_reference_uid == volume.info.frame_of_reference_uid
    instance = volume.instances[line.plane]
    return outline.image == (instance.sop_instance_uid, instance.frame_number)


def _key(code: Code | None) -> tuple[str, str] | None:
    return (code.value, code.scheme) if code is not None else None
