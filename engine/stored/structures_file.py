"""DICOM files each of which is a set of structures: how they are listed."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from engine.dicom.header import Header
from engine.dicom.info import read_info
from engine.dicom.references import NOTHING, References
from engine.stored.catalogue import Series
from engine.stored.handler import StructuresHandler


class StructuresFileHandler(StructuresHandler):
    """A kind of which each file is a set of its own, whatever series it says it is in."""

    @abstractmethod
    def refers_to(self, path: Path) -> References:
        """What a file refers to, from its header alone; may raise anything where that is damaged."""

    def look(self, headers: Sequence[Header]) -> list[Series]:
        """A series a file, with what it refers to."""
        return [self._series(header.path) for header in headers]

    def _series(self, path: Path) -> Series:
        info = read_info(path)
        return Series(
            uid=info.series_uid or str(path.parent),
            info=info,
            modality=info.modality,
            handler=self,
            files=(path,),
            references=self._references(path),
        )

    def _references(self, path: Path) -> References:
        """Nothing where the header is damaged, which is told when the file is read."""
        try:
            return self.refers_to(path)
        except Exception:  # pydicom raises nearly anything on damaged bytes
            return NOTHING
