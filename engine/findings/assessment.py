"""What a reader says of a finding, and where the finding was computed from. Immutable values, as answers are."""

from dataclasses import dataclass
from enum import StrEnum

from engine.structures import Code


class Verdict(StrEnum):
    """Whether a person has judged a finding, and how."""

    UNSEEN = "unseen"
    ACCEPTED = "accepted"
    CHANGED = "changed"
    REJECTED = "rejected"
    ADDED = "added"


@dataclass(frozen=True)
class Stated:
    """One thing that is said of a finding: a number, a coded choice, or text.

    Args:
        concept: what it is about; a text without a code of its own has one of the form's scheme.
        value: the number, the meaning of the choice, or the text.
        unit: of a number, in UCUM ("mm", "1" for a ratio); "" where it has none.
        code: of the choice.
        key: of the field of a form, "" where it comes from elsewhere.
        derivation: how a number was made of many, such as their mean; None where it says nothing.
    """

    concept: Code
    value: float | str
    unit: str = ""
    code: Code | None = None
    key: str = ""
    derivation: Code | None = None


@dataclass(frozen=True)
class Assessment:
    """What a reader says of a finding. The model's own value stands beside it and is never overwritten.

    Args:
        verdict: nothing is accepted by being looked at.
        value: the reader's own value where he gives one: a number in the unit of the model's, or a word.
        stated: what he filled in, in a form's order.
        comment: in his words.
        reader: his name.
        time: when, ISO 8601 with its offset from UTC; "" while nobody has judged.
    """

    verdict: Verdict = Verdict.UNSEEN
    value: float | str | None = None
    stated: tuple[Stated, ...] = ()
    comment: str = ""
    reader: str = ""
    time: str = ""


@dataclass(frozen=True)
class Evidence:
    """Where a finding was computed from, so that it can be brought into view.

    Args:
        series_uid: of the image; "" for the open one.
        plane: index of the plane; None where it is more than one, or the whole image.
        low_kji, high_kji: [plane, row, column] of two corners of the crop, whole numbers are voxel centres; None for
            all of it.
        roi_number: of the structure that it was computed from.
        roi_uid: of that structure, "" where it has none.
    """

    series_uid: str = ""
    plane: int | None = None
    low_kji: tuple[float, float, float] | None = None
    high_kji: tuple[float, float, float] | None = None
    roi_number: int | None = None
    roi_uid: str = ""


@dataclass(frozen=True)
class Signature:
    """Who signed a report, where and when (ISO 8601 with its offset from UTC)."""

    name: str
    organisation: str
    time: str


@dataclass(frozen=True)
class FiledReport:
    """A report as a file holds it, so that the next one can name it as its predecessor.

    Args:
        sop_class_uid, sop_instance_uid, series_uid, study_uid: of the file.
        number: Instance Number.
        content: hash of what it says, which does not depend on when it was written.
        signature: None while it is not signed.
        written: ISO 8601, local time, with its offset from UTC where the file gives one.
    """

    sop_class_uid: str
    sop_instance_uid: str
    series_uid: str
    study_uid: str
    number: int = 1
    content: str = ""
    signature: Signature | None = None
    written: str = ""


#: Nobody has said anything.
UNSEEN = Assessment()
#: Said without a model.
ADDED = Assessment(Verdict.ADDED)
#: The whole image that is open.
WHOLE_IMAGE = Evidence()
