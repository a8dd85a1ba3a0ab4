"""What a reader's verdict says of a finding: that it is so or that it is not, and which verdicts can't all be true."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from engine.answers import Box, Finding, ReportedFinding, Score
from engine.findings.assessment import Verdict

_WORDS = {"yes": True, "no": False}


@dataclass(frozen=True)
class Contradiction:
    """Findings of which a reader says what can't all be true.

    Args:
        findings: the fewest that contradict each other.
    """

    findings: tuple[Score, ...]

    @property
    def sentence(self) -> str:
        """For people: which they are, and why they can't be true together."""
        said = [f"'{finding.name}: {'yes' if conclusion(finding) else 'no'}'" for finding in self.findings]
        names = f"{', '.join(said[:-1])} and {said[-1]}"
        return f"{names} contradict each other: of what the model tells apart just one is true."


def is_share(finding: Score | Box) -> bool:
    """Whether the value of a model is a probability."""
    return isinstance(finding, Box) or (finding.unit == "" and 0 <= finding.value <= 1)


def model_says(finding: Finding) -> bool | None:
    """Whether it is so by the model, which its threshold tells; None where its value is no probability."""
    if isinstance(finding, ReportedFinding) or not is_share(finding):
        return None
    return finding.value >= finding.threshold


def conclusion(finding: Finding) -> bool | None:
    """Whether it is so by the reader; None where he has not said it by yes or no.

    To accept a probability is to say what the model says of it: below its threshold that it is not so. To reject one is
    to say the opposite. A box is accepted as one that holds something, whatever its value.
    """
    said = finding.assessment
    if said.verdict is Verdict.CHANGED:
        return _of_value(finding, said.value)
    if said.verdict not in (Verdict.ACCEPTED, Verdict.REJECTED):
        return None
    accepted = said.verdict is Verdict.ACCEPTED
    if isinstance(finding, Box):
        return accepted
    model = model_says(finding)
    return None if model is None else model is accepted


def would_say(finding: Finding, verdict: Verdict) -> bool | None:
    """What `conclusion` would be, were the finding accepted or rejected."""
    if isinstance(finding, Box):
        return verdict is Verdict.ACCEPTED
    model = model_says(finding)
    return None if model is None else model is (verdict is Verdict.ACCEPTED)


def agrees(finding: Finding) -> bool | None:
    """Whether the reader says what the model says; None where nobody judged, or no model did."""
    said = finding.assessment.verdict
    if isinstance(finding, ReportedFinding) or said is Verdict.UNSEEN:
        return None
    ours = conclusion(finding)
    if ours is None or said is Verdict.CHANGED:
        return said is Verdict.ACCEPTED
    return ours is model_says(finding)


def contradictions(findings: Iterable[Finding]) -> tuple[Contradiction, ...]:
    """Verdicts on the scores of one run that can't all be true, pairs before larger sets; each finding once.

    A score stands for some of the classes of which a model takes one to be true: "yes" leaves these, "no" the others.
    Verdicts contradict each other where no class is left.
    """
    asked: dict[tuple[str, frozenset[str]], list[Score]] = {}
    for finding in findings:
        if isinstance(finding, Score) and finding.rivals and conclusion(finding) is not None:
            asked.setdefault((finding.provenance.algorithm, _every(finding)), []).append(finding)
    found: list[Contradiction] = []
    for scores in asked.values():
        left = list(scores)
        for pair in combinations(scores, 2):
            if all(score in left for score in pair) and not _left(pair):
                found.append(Contradiction(pair))
                left = [score for score in left if score not in pair]
        if len(left) == len(scores) and not _left(scores):
            found.append(Contradiction(_fewest(scores)))
    return tuple(found)


def _of_value(finding: Finding, value: float | str | None) -> bool | None:
    """Yes or no out of what a reader wrote. The threshold is the model's, and not held against a number of his."""
    if isinstance(value, str):
        return _WORDS.get(value.strip().lower())
    if value is None or isinstance(finding, ReportedFinding) or not is_share(finding):
        return None
    return bool(value) if value in (0, 1) else None


def _every(score: Score) -> frozenset[str]:
    """The classes of which one is true."""
    return frozenset((*score.classes, *score.rivals))


def _left(scores: Sequence[Score]) -> frozenset[str]:
    """The classes that may be true after what a reader said."""
    left = _every(scores[0])
    for score in scores:
        left &= frozenset(score.classes if conclusion(score) else score.rivals)
    return left


def _fewest(scores: Sequence[Score]) -> tuple[Score, ...]:
    """Without those that the contradiction does not need."""
    needed = list(scores)
    for score in scores:
        others = [other for other in needed if other is not score]
        if others and not _left(others):
            needed = others
    return tuple(needed)
