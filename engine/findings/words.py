"""Findings in words, the same in the window, in tables and on the page that is printed."""

import re
from collections.abc import Iterable, Mapping

from engine.answers import Finding, ReportedFinding, Score, structure_of
from engine.findings.assessment import Assessment, Stated, Verdict
from engine.findings.conclusions import conclusion, contradictions
from engine.person_name import shown
from engine.structures import StructureSet
from engine.volume import Volume

#: What a verdict is called.
VERDICTS: Mapping[Verdict, str] = {
    Verdict.UNSEEN: "to judge",
    Verdict.ACCEPTED: "accepted",
    Verdict.CHANGED: "changed",
    Verdict.REJECTED: "rejected",
    Verdict.ADDED: "added",
}
_UNITS = {"1": "", "{pixels}": "pixels"}
_REMARK = re.compile(r"\{[^}]*\}")


def is_judged(finding: Finding) -> bool:
    """Whether a person has said something of it; being looked at is nothing."""
    return finding.assessment.verdict is not Verdict.UNSEEN


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
    if isinstance(finding, Score) and finding.abstained:
        # Neither the threshold nor the set nor the calibration holds for an image of another kind.
        return (f"The model gives no opinion: {finding.abstained}",)
    reaches = "reaches" if finding.value >= finding.threshold else "is below"
    sentences = [f"{model_value(finding)} {reaches} the threshold of {finding.threshold:.3g}."]
    if isinstance(finding, Score) and finding.one_of:
        sentences.append(f"One of: {', '.join(finding.one_of)}.")
    return (*sentences, finding.note or "The value is not calibrated.")


def source(finding: Finding) -> str:
    """Who or what made it."""
    made = finding.provenance
    if not isinstance(finding, ReportedFinding):
        return made.description or f"{made.algorithm} {made.version}".strip()
    return made.description or made.algorithm or "by hand"


def yes_or_no(holds: bool | None) -> str:
    """Whether it is so, in a word; "" where that is not said."""
    return "" if holds is None else "yes" if holds else "no"


def reader_value(said: Assessment) -> str:
    """What the reader says in place of the model's value; "" where he gives no value of his own."""
    parts = [said_text(each) for each in said.stated]
    if said.value is not None:
        parts.insert(0, f"{said.value:.3g}" if isinstance(said.value, float) else str(said.value))
    return ", ".join(parts)


def reader_says(finding: Finding) -> str:
    """What holds by the reader: yes or no, his own value, or the model's where he took it; "" while he says nothing.

    A verdict alone does not say it: who accepts a low probability says that it is not so.
    """
    said = finding.assessment
    answer, own = yes_or_no(conclusion(finding)), reader_value(said)
    if not answer:
        return model_value(finding) if said.verdict is Verdict.ACCEPTED else own
    return f"{answer} ({own})" if own and own != answer else answer


def judgement(said: Assessment) -> str:
    """Who judged, how and when: "Accepted by Doe, 2026-05-04 11:30"."""
    who = f" by {shown(said.reader)}" if said.reader else ""
    when = f", {said.time[:16].replace('T', ' ')}" if said.time else ""
    verdict = VERDICTS[said.verdict]
    return f"{verdict[:1].upper()}{verdict[1:]}{who}{when}"


def statement(finding: Finding) -> str:
    """What is said of a finding as one sentence that can't be misread: "Malignant: no (accepted: ...)."."""
    said, why = reader_says(finding), VERDICTS[finding.assessment.verdict]
    if isinstance(finding, Score) and finding.abstained:
        why += f": the model gives no opinion, with a value of {model_value(finding)}"
    elif not isinstance(finding, ReportedFinding):
        reaches = "reaches" if finding.value >= finding.threshold else "is below"
        why += f": the model's {model_value(finding)} {reaches} its threshold of {finding.threshold:.3g}"
    return f"{finding.name}: {said} ({why})." if said else f"{finding.name}: {why}."


def statements(findings: Iterable[Finding]) -> dict[str, str]:
    """The statements of findings by their UID, each with what contradicts it."""
    every = tuple(findings)
    against = {finding.uid: each.sentence for each in contradictions(every) for finding in each.findings}
    return {each.uid: " ".join(filter(None, (statement(each), against.get(each.uid, "")))) for each in every}


def said_text(said: Stated) -> str:
    """One thing that was said, as it is read: by its value alone where a form's field tells what it is about."""
    value = with_unit(f"{said.value:g}", said.unit) if isinstance(said.value, int | float) else said.value
    if said.key:
        return value
    how = f" ({said.derivation.meaning})" if said.derivation is not None else ""
    return f"{said.concept.meaning}{how} {value}"


def with_unit(number: str, unit: str) -> str:
    """A number with a unit of UCUM, which calls a bare number 1 and puts remarks in braces."""
    shown = _UNITS.get(unit, _REMARK.sub("", unit) or unit.strip("{}"))
    return f"{number}{'' if shown in ('', '%') else ' '}{shown}"


def place_text(finding: Finding, volume: Volume | None, structures: StructureSet | None) -> str:
    """Where a finding was computed from, in few words."""
    place = finding.evidence
    if place.series_uid and volume is not None and place.series_uid != volume.info.series_uid:
        return "another series"
    roi = structure_of(place, structures)
    if roi is not None:
        return roi.name
    if place.roi_number is not None and structures is not None:
        return "a structure that is gone"
    if place.low_kji is not None and place.high_kji is not None:
        first, last = round(place.low_kji[0]) + 1, round(place.high_kji[0]) + 1
        return f"plane {first}" if first == last else f"planes {first}–{last}"
    return "the whole image" if place.plane is None else f"plane {place.plane + 1}"
