"""Findings as the content of a report: TID 1500 with a measurement group a finding (TID 1501, 1410 or 1411).

The model's value and the reader's stand beside each other in a group, told apart by the method of each measurement.
"""

import math
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from highdicom.sr import (
    AlgorithmIdentification,
    CodeContentItem,
    CodedConcept,
    ContainerContentItem,
    ContentSequence,
    DeviceObserverIdentifyingAttributes,
    ImageContentItem,
    ImageRegion,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    NumContentItem,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    PnameContentItem,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    SourceImageForRegion,
    TextContentItem,
    TrackingIdentifier,
    UIDRefContentItem,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from pydicom.dataset import Dataset

from engine import __version__
from engine.answers import Box, Finding, ReportedFinding, Score
from engine.dicom import report_codes as codes
from engine.dicom.fields import one_line
from engine.dicom.report_contours import Contents
from engine.dicom.report_places import is_elsewhere, plane_of, regions_of
from engine.dicom.report_times import observed
from engine.dicom.rtstruct_header import stable_uid
from engine.errors import WriteError
from engine.findings.assessment import Signature
from engine.findings.conclusions import agrees, conclusion, is_share
from engine.structures import Code, Provenance
from engine.volume import FloatArray, Instance, Volume

_Group = (
    MeasurementsAndQualitativeEvaluations
    | PlanarROIMeasurementsAndQualitativeEvaluations
    | VolumetricROIMeasurementsAndQualitativeEvaluations
)
_LONGEST_MEANING = 64


def report_content(contents: Contents, volume: Volume, signature: Signature | None, zone: str = "") -> Dataset:
    """The root container of a report, whose times are of `zone` where they give no offset from UTC.

    Raises:
        WriteError: a finding has a value that is no number.
    """
    report = MeasurementReport(
        observation_context=observers(signature),
        procedure_reported=coded(codes.IMAGING),
        imaging_measurements=[_group(finding, volume, contents, zone) for finding in contents.findings],
        title=coded(codes.MEASUREMENT_REPORT),
    )
    root: Dataset = report[0]
    content = root.ContentSequence
    content.insert(len(content) - 1, library(volume))
    return root


def coded(code: Code) -> CodedConcept:
    """A code as a report has it: on one line, its meaning no longer than the standard allows."""
    meaning = one_line(code.meaning).replace("\\", "/").strip()[:_LONGEST_MEANING].strip() or code.value
    return CodedConcept(code.value, code.scheme, meaning)


# Groups -------------------------------------------------------------------------------------------------------------


def _group(finding: Finding, volume: Volume, contents: Contents, zone: str) -> _Group:
    contour, words = contents.contour(finding), contents.words.get(finding.uid, "")
    tracking = TrackingIdentifier(uid=finding.uid, identifier=one_line(finding.name))
    about: dict[str, Any] = {
        "tracking_identifier": tracking,
        "finding_type": coded(finding.code or _own_code(finding)),
        "measurements": list(_measurements(finding)),
    }
    outlines = [(region.plane, region.corners) for region in regions_of(finding, volume)]
    if contour is not None:
        outlines, unit = list(contour.outlines), Code(contour.unit, "UCUM", contour.unit)
        about["measurements"].append(_number(finding, contour.concept, contour.size, unit, codes.OF_CONTOUR))
    regions = [_region(volume.instances[plane], corners) for plane, corners in outlines]
    plane = plane_of(finding, volume)
    group: _Group
    if len(regions) == 1:
        group = PlanarROIMeasurementsAndQualitativeEvaluations(referenced_region=regions[0], **about)
    elif regions:
        group = VolumetricROIMeasurementsAndQualitativeEvaluations(referenced_regions=regions, **about)
    else:
        images = [_source(volume.instances[plane])] if plane is not None else None
        group = MeasurementsAndQualitativeEvaluations(source_images=images, **about)
    group[0].ContentSequence.extend([*_evaluations(finding, zone), *_texts(finding, volume, words)])
    return group


def _own_code(finding: Finding) -> Code:
    if isinstance(finding, ReportedFinding):
        return codes.ours("FINDING", finding.name)
    return codes.output_code(finding)


def _measurements(finding: Finding) -> Iterator[Measurement]:
    said = finding.assessment
    if isinstance(finding, Score | Box):
        concept, unit = codes.value_concept(finding), codes.PERCENT if is_share(finding) else _unit(finding)
        scale = 100.0 if is_share(finding) else 1.0
        algorithm = _algorithm(finding.provenance)
        yield _number(finding, concept, finding.value * scale, unit, codes.OF_MODEL, algorithm=algorithm)
        yield _number(finding, codes.THRESHOLD, finding.threshold * scale, unit, codes.OF_MODEL)
        if isinstance(said.value, int | float):
            yield _number(finding, concept, said.value * scale, unit, codes.OF_READER)
    for each in said.stated:
        if isinstance(each.value, int | float):
            derivation = None if each.derivation is None else coded(each.derivation)
            yield _number(
                finding, each.concept, each.value, codes.unit_code(each.unit), codes.OF_READER, derivation=derivation
            )


def _unit(finding: Score | Box) -> Code:
    return codes.unit_code(finding.unit if isinstance(finding, Score) else "")


def _number(
    finding: Finding,
    concept: Code,
    value: float,
    unit: Code,
    method: Code,
    *,
    algorithm: AlgorithmIdentification | None = None,
    derivation: CodedConcept | None = None,
) -> Measurement:
    """A measurement, of which readers want to be told the method: some fail where nothing stands below it."""
    if not math.isfinite(value):
        raise WriteError(
            f"'{finding.name}' has a value that is no number, so it cannot be reported; reject or delete it."
        )
    return Measurement(
        name=coded(concept),
        value=float(value),
        unit=coded(unit),
        method=coded(method),
        algorithm_id=algorithm,
        derivation=derivation,
    )


def _algorithm(provenance: Provenance) -> AlgorithmIdentification | None:
    if not provenance.algorithm:
        return None
    return AlgorithmIdentification(
        name=one_line(provenance.algorithm),
        version=one_line(provenance.version) or "unknown",
        parameters=codes.weights_texts(provenance) or None,
        family=coded(codes.ARTIFICIAL_INTELLIGENCE),
    )


def _evaluations(finding: Finding, zone: str) -> Iterator[CodeContentItem]:
    yield _code(codes.KIND, _kind(finding))
    said = finding.assessment
    verdict = _code(codes.VERDICT, codes.VERDICTS[said.verdict])
    if said.reader:
        name = PnameContentItem(
            coded(codes.PERSON_NAME), one_line(said.reader), relationship_type=RelationshipTypeValues.HAS_OBS_CONTEXT
        )
        verdict.ContentSequence = ContentSequence([name])
    time = observed(said.time, zone)
    if time is not None:
        verdict.ObservationDateTime = time  # type: ignore[assignment]
    yield verdict
    holds, agreed = conclusion(finding), agrees(finding)
    if holds is not None:
        yield _code(codes.CONCLUSION, codes.CONCLUSIONS[holds])
    if agreed is not None:
        yield _code(codes.COMPARISON, codes.AGREEMENT if agreed else codes.DISAGREEMENT)
    for each in said.stated:
        if each.code is not None:
            yield _code(each.concept, each.code)


def _kind(finding: Finding) -> Code:
    if isinstance(finding, Score):
        return codes.SCORE
    return codes.BOX if isinstance(finding, Box) else codes.REPORTED


def _texts(finding: Finding, volume: Volume, words: str) -> Iterator[TextContentItem | UIDRefContentItem]:
    said = finding.assessment
    texts: list[tuple[Code, str]] = [
        (codes.IN_WORDS, words), (codes.FORM, finding.form), (codes.MODEL_TITLE, finding.provenance.description),
    ]  # fmt: skip
    if isinstance(finding, Score | Box):
        texts += [(codes.OUTPUT, finding.label), (codes.CALIBRATION, finding.note)]
    if isinstance(finding, Score):
        texts += [(codes.ONE_OF, name) for name in finding.one_of]
        texts.append((codes.ABSTAINED, finding.abstained))
        texts += [(codes.CLASS, label) for label in finding.classes]
        texts += [(codes.RIVAL, label) for label in finding.rivals]
    if isinstance(said.value, str):
        texts.append((codes.OF_READER, said.value))
    texts += [(each.concept, each.value) for each in said.stated if isinstance(each.value, str) and each.code is None]
    texts.append((codes.COMMENT, said.comment))
    evidence = finding.evidence
    if evidence.roi_number is not None:
        texts.append((codes.STRUCTURE, f"{evidence.roi_number} {evidence.roi_uid}".strip()))
    for concept, text in texts:
        if text.strip():
            yield TextContentItem(coded(concept), text.strip(), relationship_type=RelationshipTypeValues.CONTAINS)
    if is_elsewhere(evidence, volume):
        yield UIDRefContentItem(
            coded(codes.OTHER_SERIES), evidence.series_uid, relationship_type=RelationshipTypeValues.CONTAINS
        )


def _code(concept: Code, value: Code) -> CodeContentItem:
    return CodeContentItem(coded(concept), coded(value), relationship_type=RelationshipTypeValues.CONTAINS)


# Images -------------------------------------------------------------------------------------------------------------


def _region(instance: Instance, corners: FloatArray) -> ImageRegion:
    image = SourceImageForRegion(instance.sop_class_uid, instance.sop_instance_uid, _frames([instance]))
    return ImageRegion(graphic_type="POLYLINE", graphic_data=corners, source_image=image)


def _source(instance: Instance) -> SourceImageForMeasurementGroup:
    return SourceImageForMeasurementGroup(instance.sop_class_uid, instance.sop_instance_uid, _frames([instance]))


def _frames(instances: Iterable[Instance]) -> list[int] | None:
    return [each.frame_number for each in instances if each.frame_number is not None] or None


def library(volume: Volume) -> ContainerContentItem:
    """TID 1600: the images of the series in one group, with what they share."""
    context = RelationshipTypeValues.HAS_ACQ_CONTEXT
    _, rows, columns = volume.geometry.shape
    group = ContainerContentItem(coded(codes.IMAGE_LIBRARY_GROUP), relationship_type=RelationshipTypeValues.CONTAINS)
    group.ContentSequence = ContentSequence()
    modality = volume.modality or "OT"
    named = Code(modality, "DCM", codes.MODALITIES.get(modality, modality))
    group.ContentSequence.append(CodeContentItem(coded(codes.MODALITY), coded(named), relationship_type=context))
    frame = volume.info.frame_of_reference_uid
    if frame:
        group.ContentSequence.append(
            UIDRefContentItem(coded(codes.FRAME_OF_REFERENCE), frame, relationship_type=context)
        )
    for concept, size in ((codes.ROWS, rows), (codes.COLUMNS, columns)):
        number = NumContentItem(coded(concept), size, coded(codes.PIXELS), relationship_type=context)
        group.ContentSequence.append(number)
    for (sop_class, uid), members in groupby(
        volume.instances, lambda each: (each.sop_class_uid, each.sop_instance_uid)
    ):
        frames = _frames(members)
        whole = frames is not None and frames == list(range(1, len(frames) + 1))
        image = ImageContentItem(
            coded(codes.SOURCE), sop_class, uid, None if whole else frames,
            relationship_type=RelationshipTypeValues.CONTAINS,
        )  # fmt: skip
        group.ContentSequence.append(image)
    library = ContainerContentItem(coded(codes.IMAGE_LIBRARY), relationship_type=RelationshipTypeValues.CONTAINS)
    library.ContentSequence = ContentSequence([group])
    return library


def observers(signature: Signature | None) -> ObservationContext:
    """Who observed it: the person who signs, if any, and this program."""
    person = None
    if signature is not None:
        attributes = PersonObserverIdentifyingAttributes(
            one_line(signature.name), organization_name=one_line(signature.organisation) or None
        )
        person = ObserverContext(coded(Code("121006", "DCM", "Person")), attributes)
    device = DeviceObserverIdentifyingAttributes(
        uid=stable_uid("device", __version__),
        name="Planimeter",
        manufacturer_name="Planimeter",
        model_name=f"Planimeter {__version__}",
    )
    return ObservationContext(
        observer_person_context=person,
        observer_device_context=ObserverContext(coded(Code("121007", "DCM", "Device")), device),
    )
