"""What every kind of stored thing has: how it is recognised, how it is listed, and how it is read.

A new kind is one file with a class of these and one line in `engine.stored.table`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.progress import Progress
from engine.structures import StructureSet
from engine.volume import FloatArray, Volume

if TYPE_CHECKING:
    from engine.dicom.header import Header
    from engine.dicom.report_read import ReportContents
    from engine.stored.catalogue import Series


class Gives(Enum):
    """What reading a kind gives."""

    VOLUME = "volume"
    STRUCTURES = "structures"
    FINDINGS = "findings"
    NOTHING = "nothing"


@dataclass(frozen=True, eq=False)
class Picture:
    """One plane of an image as it is stored.

    Args:
        values: (rows, columns), or (rows, columns, 3) of red, green and blue from 0 to 255.
        spacing_uv: (mm between columns, mm between rows).
        inverted: True where low values are shown bright.
    """

    values: NDArray[np.float32]
    spacing_uv: tuple[float, float]
    inverted: bool = False


class Handler(ABC):
    """One kind of stored thing.

    Attributes:
        label: what it is, for the user; "" where the modality says it best.
        gives: what reading it gives.
        sop_classes: UIDs of its DICOM objects.
        modalities: of its DICOM objects, for files whose SOP class says nothing.
        suffixes: what the names of its files end in where they need not be DICOM.
        files_label: what such files are called where one chooses among them.
        pages: whether those of a study are a list of pictures to page through.
    """

    label: ClassVar[str] = ""
    gives: ClassVar[Gives] = Gives.NOTHING
    sop_classes: ClassVar[frozenset[str]] = frozenset()
    modalities: ClassVar[frozenset[str]] = frozenset()
    suffixes: ClassVar[tuple[str, ...]] = ()
    files_label: ClassVar[str] = ""
    pages: ClassVar[bool] = False

    @abstractmethod
    def look(self, headers: "Sequence[Header]") -> "list[Series]":
        """What the DICOM files of one series that are of this kind hold, from their headers alone."""

    def claims(self, path: Path) -> bool:
        """True where a file that need not be DICOM is of this kind."""
        return False

    def look_at(self, path: Path) -> "list[Series]":
        """What a file that this kind claims holds, from its header alone."""
        return []

    def why_damaged(self, series: "Series") -> str:
        """Why a file that goes with an image can't be read, whatever that image; "" where nobody has looked."""
        return ""


class ImageHandler(Handler):
    """A kind that is read as a volume."""

    gives = Gives.VOLUME

    @abstractmethod
    def read(self, series: "Series", progress: Progress, units: str = "") -> Volume:
        """The voxels, in HU, SUVbw or what the file says; in `units` where the file can give them in several.

        Raises:
            ReadError: a file is gone, changed, cut off or damaged.
            GeometryError: its planes do not make a stack.
            CancelledError: `progress` asked to stop.
        """

    @abstractmethod
    def read_grid(self, series: "Series") -> Volume:
        """The volume with all but its voxels, which may be zeros that take no memory. Raises as `read`."""

    @abstractmethod
    def read_middle(self, series: "Series") -> Picture:
        """The middle plane. Raises as `read`."""


class StructuresHandler(Handler):
    """A kind that is read as structures on an image."""

    gives = Gives.STRUCTURES

    @abstractmethod
    def read(self, series: "Series", volume: Volume, progress: Progress) -> StructureSet:
        """The structures on the planes of an image; what was unusual is in their notes.

        Raises:
            ReadError: the file is unreadable.
            MismatchError: they belong to another image.
            CancelledError: `progress` asked to stop.
        """

    @abstractmethod
    def read_outlines(self, series: "Series") -> list[FloatArray]:
        """(n, 3) LPS mm of points on each plane that something is drawn on: they tell which image it fits.

        Raises:
            ReadError: the file is unreadable.
        """


class FindingsHandler(Handler):
    """A kind that is read as findings on an image."""

    gives = Gives.FINDINGS

    @abstractmethod
    def read(self, series: "Series", volume: Volume, progress: Progress) -> "ReportContents":
        """The findings, with their places on the image where they have some; what was unusual is in the notes.

        Raises:
            ReadError: the file is unreadable.
            MismatchError: they belong to another study.
            CancelledError: `progress` asked to stop.
        """
