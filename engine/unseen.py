"""Which contours a model drew and no person has looked at."""

from collections.abc import Collection, Iterable

from engine.structures import Generation, Roi

#: (ROI number, plane index) of each contour that a person has marked as seen or has corrected.
Seen = frozenset[tuple[int, int]]


def unseen_planes(roi: Roi, seen: Collection[tuple[int, int]] = frozenset()) -> tuple[int, ...]:
    """Plane indices on which a model drew a contour that is not in `seen`.

    Of a structure that was read as drawn by a model and edited by a person, the untouched planes count as looked at:
    which of them the person edited, no file tells.
    """
    if roi.provenance.generation not in (Generation.AUTOMATIC, Generation.SEMIAUTOMATIC):
        return ()
    edited = roi.provenance.generation is Generation.SEMIAUTOMATIC
    return tuple(
        plane
        for plane, contours in roi.planes.items()
        if not contours.area.is_empty and (roi.number, plane) not in seen and not (edited and contours.source)
    )


def unseen_sentence(counts: Iterable[tuple[str, int]], most: int = 6) -> str:
    """What to tell of (name, number of unseen contours) of structures; "" where there are none."""
    left = [(name, count) for name, count in counts if count]
    total = sum(count for _, count in left)
    if not total:
        return ""
    listed = ", ".join(f"{name} {count}" for name, count in left[:most])
    others = len(left) - most
    more = f" and {others} more structure{'' if others == 1 else 's'}" if others > 0 else ""
    verb = "contour drawn by a model has" if total == 1 else "contours drawn by models have"
    return f"{total} {verb} not been marked as seen by anyone: {listed}{more}."
