"""What a scan finds: patients, their studies and series, and what is unreadable."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.dicom.references import NOTHING, References
from engine.stored.handler import Gives
from engine.volume import LeftOut, SeriesInfo

if TYPE_CHECKING:
    from engine.dicom.planes import StoredPlane
    from engine.files.grid_file import Placement
    from engine.stored.handler import Handler


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file or folder that gave nothing, and why, in one sentence.

    `damaged` tells that it is a DICOM file, `absent` that a DICOMDIR names it and it is not there.
    """

    path: Path
    reason: str
    damaged: bool = False
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """One thing that can be opened, or the reason why not.

    Args:
        uid: unique in the catalogue: the Series Instance UID, with "#2", "#3", ... after it where a series splits.
        handler: the table's entry for its kind, which reads it.
        files: in the order of the planes for images; one for a set of structures.
        problem: why it cannot be opened, "" when it can.
        references: what a set of structures says that it belongs to.
        notes: what is unusual about it, for the user, what was left out among it.
        planes: of a DICOM image, sorted; empty for other files.
        placement: which form places a NIfTI file whose two forms disagree; "" for the one that is taken unasked.
        volume: of a file that holds several, counted from 0; None where it holds one.
        axis: what tells it from the other volumes of its series, such as "phase"; "" where nothing does.
        member: its value of that, such as "25%"; `order` sorts it among them.
        left_out: parts of the series that are not in this volume.
    """

    uid: str
    info: SeriesInfo
    modality: str
    handler: "Handler"
    files: tuple[Path, ...]
    plane_count: int = 0
    problem: str = ""
    references: References = NOTHING
    notes: tuple[str, ...] = ()
    planes: "tuple[StoredPlane, ...]" = ()
    placement: "Placement" = ""
    volume: int | None = None
    axis: str = ""
    member: str = ""
    order: tuple[tuple[float, str], ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    @property
    def is_image(self) -> bool:
        """True when it is an image, whether or not it can be opened."""
        return self.handler.gives is Gives.VOLUME

    @property
    def is_structures(self) -> bool:
        """True when it holds structures that are drawn on an image."""
        return self.handler.gives is Gives.STRUCTURES

    @property
    def is_findings(self) -> bool:
        """True when it holds findings about an image."""
        return self.handler.gives is Gives.FINDINGS


@dataclass(frozen=True, slots=True)
class Study:
    """The series of one examination."""

    uid: str
    date: str
    description: str
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Patient:
    """The studies of one person."""

    id: str
    name: str
    studies: tuple[Study, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All that was found."""

    patients: tuple[Patient, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()

    def series(self) -> Iterator[Series]:
        """All series of all studies of all patients, in order."""
        for patient in self.patients:
            for study in patient.studies:
                yield from study.series

    def images(self) -> list[Series]:
        """The images that can be opened, in order."""
        return [series for series in self.series() if series.is_image and not series.problem]

    def structures(self) -> list[Series]:
        """The sets of structures, in order."""
        return [series for series in self.series() if series.is_structures]

    def reports(self) -> list[Series]:
        """The reports of findings, in order."""
        return [series for series in self.series() if series.is_findings]
