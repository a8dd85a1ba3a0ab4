"""Whether the structures on screen hold work that no file has yet. No Qt."""

from collections.abc import Mapping

from engine.structures import Roi, StructureSet
from viewer.session import Session


class Unexported:
    """Remembers what was last opened or exported, and compares."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._safe = session.structures
        session.volume_changed.connect(self._opened)

    def _opened(self) -> None:
        self._safe = self._session.structures

    def exported(self, written: StructureSet) -> None:
        """`written` is in a file now. Edits since it was taken are not."""
        self._safe = written

    @property
    def names(self) -> list[str]:
        """Names of the structures that were added or changed since; a deletion alone loses no drawing."""
        now = self._session.structures
        if now is None or now is self._safe:
            return []
        safe = {roi.number: roi for roi in self._safe.rois} if self._safe is not None else {}
        drawn = [roi for roi in now.rois if roi.loose or not roi.is_empty]
        return [roi.name for roi in drawn if _differs(safe.get(roi.number), roi)]


def _differs(before: Roi | None, now: Roi) -> bool:
    if before is None:
        return True
    same_lines = _contours(before) == _contours(now)
    return not same_lines or (before.name, before.roi_type) != (now.name, now.roi_type)


def _contours(roi: Roi) -> Mapping[int, int]:
    # An untouched plane stays the same object, and undo brings the old object back.
    return {plane: id(contours) for plane, contours in roi.planes.items()}
