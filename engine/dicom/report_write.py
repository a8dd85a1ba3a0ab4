"""Findings → structured report (Comprehensive 3D SR): written beside its target, read back, compared, put in place."""

import hashlib
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pydicom
from highdicom.sr import Comprehensive3DSR
from pydicom.dataset import Dataset
from pydicom.valuerep import DT

from engine import __version__
from engine.answers import Finding, new_uid
from engine.dicom.certified import write_certified
from engine.dicom.image_beside import findings_on, image_beside
from engine.dicom.report_certificate import ReportCertificate, certify_report, content_hash
from engine.dicom.report_codes import SCHEME
from engine.dicom.report_content import report_content
from engine.dicom.report_contours import Contents, contents_of
from engine.dicom.report_file import read_report_file
from engine.dicom.report_read import contents_from
from engine.dicom.report_times import observed, zone_of
from engine.dicom.rtstruct_header import choose_character_set, cut_told, put, stable_uid
from engine.dicom.rtstruct_write import IMPLEMENTATION_UID
from engine.dicom.written_image import PatientIdentity
from engine.errors import PlanimeterError, WriteError
from engine.findings.assessment import FiledReport, Signature, Verdict
from engine.person_name import shown
from engine.structures import StructureSet
from engine.volume import Volume

#: Comprehensive 3D SR Storage.
REPORT_CLASS = "1.2.840.10008.5.1.4.1.1.88.34"


@dataclass(frozen=True, eq=False)
class Reported:
    """A report that was written: its certificate, and what the next one names as its predecessor."""

    certificate: ReportCertificate
    filed: FiledReport


def export_report(
    findings: Sequence[Finding],
    volume: Volume,
    path: Path,
    *,
    signature: Signature | None = None,
    predecessor: FiledReport | None = None,
    structures: StructureSet | None = None,
    patient: PatientIdentity | None = None,
) -> Reported:
    """Write findings to a structured report that has been read back and compared with them.

    The file appears at `path` only when it says the same; its certificate is written beside it as
    `NAME.certificate.json`. A report that says and is signed as its predecessor is written as the same instance; any
    other is a new one that names its predecessor.

    Args:
        findings: to write, each with its UID.
        volume: the image that they are about.
        path: of the file.
        signature: who vouches for it, which makes it complete and verified; None for a partial, unverified report.
        predecessor: the report that was filed of these findings before, if any.
        structures: on the image; of those that findings were computed from, contour and size are written too.
        patient: of an image that is no DICOM image, which is then written too, beside the report, for it to refer to;
            see `image_beside`.

    Raises:
        MismatchError: the patient is not given as a DICOM image needs it.
        CertificationError: the file, read back, differs; what stood at `path` is still there.
        WriteError: nothing to write or nothing to refer to, a finding that nobody judged is to be signed, a signed
            report stands at `path`, or the folder can't be written to.
    """
    path = Path(path)
    findings = tuple(finding if finding.uid else replace(finding, uid=new_uid()) for finding in findings)
    if patient is not None and not volume.instances:
        check_reportable(findings, volume, signature, with_image=True)
        with image_beside(volume, path, patient) as image:
            said = findings_on(findings, volume)
            if structures is not None:
                structures = replace(structures, geometry=image.geometry)
            return export_report(said, image, path, signature=signature, predecessor=predecessor, structures=structures)
    check_reportable(findings, volume, signature)
    contents = contents_of(findings, structures, volume)
    filed = _identity(contents, volume, signature, predecessor)
    refuse_over_signed(path, filed)
    data = report_bytes(contents, volume, filed, predecessor)

    def certify(file: Path) -> ReportCertificate:
        again = contents_from(read_report_file(file), volume, path.name)
        about = {
            "file": path.name,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "predecessor": _names(filed, predecessor),
            "changes": cuts_told(volume),
        }
        return certify_report(contents, again.contents, (filed, again.filed), volume).model_copy(update=about)

    certificate = write_certified(path, data, "report", certify)
    return Reported(certificate, filed)


def check_reportable(
    findings: Sequence[Finding], volume: Volume, signature: Signature | None = None, *, with_image: bool = False
) -> None:
    """Raises WriteError, before anything is written, where findings cannot be reported so.

    `with_image` tells that an image that is no DICOM image is written with them.
    """
    if not findings:
        raise WriteError("There are no findings to report.")
    if volume.instances and not volume.info.study_uid:
        raise WriteError("The files of this image name no study (Study Instance UID), which a report must refer to.")
    if not volume.instances and not with_image:
        raise WriteError(
            "This image is no DICOM image, so a DICOM report has nothing to refer to; write the image with it, or save "
            "the findings as CSV, JSON or PDF instead."
        )
    if signature is None:
        return
    if not signature.name.strip() or not signature.organisation.strip():
        raise WriteError("A report is signed with a name and an organisation; give both.")
    unseen = [finding.name for finding in findings if finding.assessment.verdict is Verdict.UNSEEN]
    if unseen:
        others = f" and {len(unseen) - 1} more" if len(unseen) > 1 else ""
        raise WriteError(
            f"'{unseen[0]}'{others} has not been judged yet, so the report cannot be signed; accept, change or reject "
            "it, or save the report unsigned."
        )


def report_bytes(contents: Contents, volume: Volume, filed: FiledReport, predecessor: FiledReport | None) -> bytes:
    """The file's bytes."""
    content = report_content(contents, volume, filed.signature, zone_of(filed.written))
    previous = [_previous(predecessor)] if predecessor and _names(filed, predecessor) else None
    return document_bytes(content, volume, filed, "Planimeter findings", previous)


def document_bytes(
    content: Dataset, volume: Volume, filed: FiledReport, description: str, previous: list[Dataset] | None = None
) -> bytes:
    """The bytes of a report.

    Args:
        content: its root container.
        volume: the image that it is about.
        filed: its identity and signature.
        description: of its series.
        previous: what it names as its predecessors.
    """
    evidence = _evidence(volume)
    signature, zone = filed.signature, zone_of(filed.written)
    with warnings.catch_warnings():
        # About names without a family name, which are as the reader gave them.
        warnings.simplefilter("ignore")
        report = Comprehensive3DSR(
            evidence=evidence,
            content=content,
            series_instance_uid=filed.series_uid,
            series_number=1,
            sop_instance_uid=filed.sop_instance_uid,
            instance_number=filed.number,
            manufacturer="Planimeter",
            is_complete=signature is not None,
            is_final=signature is not None,
            is_verified=signature is not None,
            verifying_observer_name=signature.name if signature else None,
            verifying_organization=signature.organisation if signature else None,
            previous_versions=previous,
            specific_character_set="ISO_IR 192",
            manufacturer_model_name="Planimeter",
            software_versions=__version__,
            series_description=description,
        )
    stamp = datetime.fromisoformat(filed.written)
    for kind in ("InstanceCreation", "Content", "Series"):
        setattr(report, f"{kind}Date", stamp.strftime("%Y%m%d"))
        setattr(report, f"{kind}Time", stamp.strftime("%H%M%S"))
    if zone:
        report.TimezoneOffsetFromUTC = zone
    for equipment in report.ContributingEquipmentSequence:
        equipment.ContributionDateTime = DT(stamp.strftime("%Y%m%d%H%M%S"))
    if signature is not None:
        signed = observed(signature.time, zone)
        report.VerifyingObserverSequence[0].VerificationDateTime = signed or DT(stamp.strftime("%Y%m%d%H%M%S"))
    report.CodingSchemeIdentificationSequence = [_coding_scheme()]
    choose_character_set(report)
    report.file_meta.ImplementationClassUID = pydicom.uid.UID(IMPLEMENTATION_UID)
    report.file_meta.ImplementationVersionName = "PLANIMETER"
    out = io.BytesIO()
    pydicom.dcmwrite(out, report, enforce_file_format=True)
    return out.getvalue()


def _identity(
    contents: Contents, volume: Volume, signature: Signature | None, predecessor: FiledReport | None
) -> FiledReport:
    content = content_hash(contents, volume)
    if predecessor is not None and predecessor.content == content and _same_person(predecessor.signature, signature):
        return predecessor
    return FiledReport(
        REPORT_CLASS,
        new_uid(),
        stable_uid("SR series", volume.info.study_uid, volume.info.series_uid),
        volume.info.study_uid,
        1 if predecessor is None else predecessor.number + 1,
        content,
        signature,
        _now(contents.findings),
    )


def _now(findings: Sequence[Finding]) -> str:
    """This moment, with its offset from UTC unless times of findings, from files that give none, would gain it."""
    now = datetime.now()
    times = [finding.assessment.time for finding in findings]
    return (now.astimezone() if all(map(zone_of, filter(None, times))) else now).isoformat(timespec="seconds")


def _same_person(one: Signature | None, other: Signature | None) -> bool:
    if one is None or other is None:
        return one is other
    return (one.name, one.organisation) == (other.name, other.organisation)


def _names(filed: FiledReport, predecessor: FiledReport | None) -> str:
    """The SOP Instance UID that a report names as its predecessor; "" where it names none."""
    if predecessor is None or predecessor.sop_instance_uid == filed.sop_instance_uid:
        return ""
    return predecessor.sop_instance_uid


def refuse_over_signed(path: Path, filed: FiledReport) -> None:
    """A signed report is never replaced by another."""
    if not path.exists():
        return
    try:
        there = read_report_file(path).filed
    except PlanimeterError:
        # Something else stands there, which the user chose to replace.
        return
    if there.signature is not None and there.sop_instance_uid != filed.sop_instance_uid:
        raise WriteError(
            f"{path.name} is a report that {shown(there.signature.name)} signed, which is kept as it is; choose "
            "another name, and the new report will name it as its predecessor."
        )


def cuts_told(volume: Volume) -> tuple[str, ...]:
    """A sentence for each text of the image that a report of it holds cut."""
    return tuple(told for header in _evidence(volume)[:1] for told in cut_told(header, volume.info))


def _evidence(volume: Volume) -> list[Dataset]:
    """The headers of the image's instances, as far as a report needs them."""
    info = volume.info
    first = Dataset()
    for keyword, value in (
        ("PatientName", info.patient_name),
        ("PatientID", info.patient_id),
        ("PatientBirthDate", info.patient_birth_date),
        ("PatientSex", info.patient_sex if info.patient_sex in ("M", "F", "O") else ""),
        ("AccessionNumber", info.accession_number),
        ("StudyID", info.study_id),
        ("StudyDate", info.study_date if len(info.study_date) == 8 and info.study_date.isdigit() else ""),
        ("StudyTime", info.study_time if info.study_time.partition(".")[0].isdigit() else ""),
        ("ReferringPhysicianName", info.referring_physician),
        ("StudyDescription", info.study_description),
    ):
        put(first, keyword, value)
    evidence = []
    for sop_class, uid in dict.fromkeys((each.sop_class_uid, each.sop_instance_uid) for each in volume.instances):
        header = Dataset()
        header.update(first)
        header.StudyInstanceUID, header.SeriesInstanceUID = info.study_uid, info.series_uid
        header.SOPClassUID, header.SOPInstanceUID = sop_class, uid
        evidence.append(header)
    return evidence


def _coding_scheme() -> Dataset:
    """What our private scheme of codes is, for those who don't know it (PS3.3 C.12.1.1.10)."""
    item = Dataset()
    item.CodingSchemeDesignator = SCHEME
    item.CodingSchemeName = "Findings and the reader's verdicts on them in Planimeter"
    item.CodingSchemeVersion = "1"
    item.CodingSchemeResponsibleOrganization = "Planimeter"
    return item


def _previous(predecessor: FiledReport) -> Dataset:
    header = Dataset()
    header.StudyInstanceUID, header.SeriesInstanceUID = predecessor.study_uid, predecessor.series_uid
    header.SOPClassUID, header.SOPInstanceUID = predecessor.sop_class_uid, predecessor.sop_instance_uid
    return header
