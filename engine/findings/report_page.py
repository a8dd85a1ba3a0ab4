"""What a report of findings says on one page for people: facts, rows and sentences, for whatever draws it."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine import __version__
from engine.answers import Finding, ReportedFinding, Score
from engine.findings.assessment import Signature
from engine.findings.conclusions import contradictions
from engine.findings.words import (
    VERDICTS,
    is_judged,
    judgement,
    model_short,
    model_value,
    place_text,
    reader_says,
    source,
)
from engine.person_name import shown
from engine.structures import StructureSet
from engine.volume import SeriesInfo, Volume

HEADS = ("Finding", "Model", "Reader", "Comment", "Where")
_SHORT_HASH = 12


@dataclass(frozen=True)
class PageRow:
    """A finding, with two lines a column: what is said, and beneath it what that rests on; columns as in `HEADS`."""

    finding: Finding
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ReportPage:
    """A page.

    Args:
        title: of the page.
        facts: (what, value) of the patient, the study and the images; what the files do not say is left out.
        rows: one a finding, in their order.
        sentences: what holds for the rows: calibration, models, what nobody judged. Never empty.
        signature: who signed and when, or that nobody has.
        footer: the program.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    rows: tuple[PageRow, ...]
    sentences: tuple[str, ...]
    signature: str
    footer: str


def report_page(
    findings: Sequence[Finding],
    volume: Volume,
    structures: StructureSet | None = None,
    signature: Signature | None = None,
) -> ReportPage:
    """The page about findings on an image.

    Args:
        findings: in their order.
        volume: the image.
        structures: on it, for what was computed from one.
        signature: None while nobody has signed.
    """
    return ReportPage(
        title="Findings" if signature is not None else "Findings – draft, not signed",
        facts=tuple(_facts(volume.info, volume)),
        rows=tuple(_row(finding, volume, structures) for finding in findings),
        sentences=tuple(_sentences(findings)),
        signature=_signed(signature),
        footer=f"Planimeter {__version__}, for research only.",
    )


def _facts(info: SeriesInfo, volume: Volume) -> list[tuple[str, str]]:
    planes = volume.geometry.shape[0]
    series = " ".join(part for part in (volume.modality, info.description) if part)
    every = (
        ("Patient", shown(info.patient_name)),
        ("Patient ID", info.patient_id),
        ("Born", _day(info.patient_birth_date)),
        ("Sex", info.patient_sex),
        ("Accession number", info.accession_number),
        ("Study", " ".join(part for part in (info.study_description, _day(info.study_date)) if part)),
        ("Series", f"{series}, {planes} plane{'' if planes == 1 else 's'}".lstrip(", ")),
    )
    return [(what, value) for what, value in every if value.strip()]


def _row(finding: Finding, volume: Volume, structures: StructureSet | None) -> PageRow:
    said = finding.assessment
    reader = reader_says(finding) or VERDICTS[said.verdict]
    return PageRow(
        finding,
        (
            (finding.name, source(finding)),
            (model_value(finding), model_short(finding)),
            (reader, judgement(said) if is_judged(finding) else ""),
            (said.comment, ""),
            (place_text(finding, volume, structures), ""),
        ),
    )


def _sentences(findings: Sequence[Finding]) -> list[str]:
    sentences: list[str] = []
    models = dict.fromkeys(
        (source(f), f.provenance.algorithm, f.provenance.version, f.provenance.weights_sha256)
        for f in findings
        if not isinstance(f, ReportedFinding)
    )
    for title, algorithm, version, weights in models:
        hashes = ", ".join(each[:_SHORT_HASH] for each in weights.split())
        of = f", weights {hashes}…" if hashes else ""
        sentences.append(f"{title}: {algorithm} {version}{of}.")
    about: dict[str, list[str]] = {}
    for finding in findings:
        if not isinstance(finding, ReportedFinding):
            abstained = finding.abstained if isinstance(finding, Score) else ""
            told = f"the model gives no opinion. {abstained}" if abstained else finding.note or "not calibrated."
            about.setdefault(told, []).append(finding.name)
    sentences += [f"{', '.join(names)}: {told}" for told, names in about.items()]
    sentences += [each.sentence for each in contradictions(findings)]
    unseen = [f.name for f in findings if not is_judged(f)]
    if unseen:
        sentences.append(f"Not judged by a person: {', '.join(unseen)}.")
    if models:
        sentences.append("The value of a model is no diagnosis; the reader's stands beside it and goes before it.")
    return list(dict.fromkeys(sentences)) or ["All findings were added by a reader; no model was run."]


def _signed(signature: Signature | None) -> str:
    if signature is None:
        return "Not signed."
    when = signature.time[:16].replace("T", " ")
    return f"Signed by {shown(signature.name)}, {signature.organisation}, {when}."


def _day(date: str) -> str:
    return f"{date[:4]}-{date[4:6]}-{date[6:]}" if len(date) == 8 and date.isdigit() else date
