"""Whether structures hold work that no file has yet. No Qt."""

from collections.abc import Mapping

from engine.structures import Roi, StructureSet


def unexported(now: StructureSet | None, filed: StructureSet | None) -> list[str]:
    """Names of the structures that were added or changed since; a deletion alone loses no drawing.

    Args:
        now: as they are.
        filed: as files hold them.
    """
    if now is None or now is filed:
        return []
    safe = {roi.number: roi for roi in filed.rois} if filed is not None else {}
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
