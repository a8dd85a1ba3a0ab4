"""A series as it was left. No Qt."""

from dataclasses import dataclass, field

from engine.answers import Document, FiledFindings
from engine.structures import StructureSet
from viewer.layers import Window


@dataclass(frozen=True)
class Left:
    """A series as it was left, without its voxels: with it `viewer.session` shows the series as it was.

    Args:
        document: all answers.
        filed: the structures as files hold them; what differs in `document` would be lost with it.
        seen: as `Session.marked_seen`.
        active: number of the active ROI.
        cursor_lps: (3,) LPS mm; None for the middle.
        window: of grey levels; None for the one of its kind.
        units: of the values that the window is of; "" where that is not known.
        filed_findings: the findings as files hold them.
    """

    document: Document
    filed: StructureSet
    seen: frozenset[tuple[int, int]] = field(default=frozenset())
    active: int | None = None
    cursor_lps: tuple[float, ...] | None = None
    window: Window | None = None
    units: str = ""
    filed_findings: FiledFindings = field(default_factory=FiledFindings)
