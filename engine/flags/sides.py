"""Left and right that are swapped, by the names (TG-263: L, R) and the patient's own axes."""

from collections.abc import Iterator, Sequence

import numpy as np

from engine.flags.flag import Subject, Told

#: So far, mm, one of a side must lie on the other side of the middle.
_BEYOND_MM = 10.0


def find(asked: list[Subject], others: list[Subject]) -> Iterator[Told]:
    """Pairs whose left one lies further right, then single ones on the wrong side of the middle."""
    numbers = {subject.roi.number for subject in asked}
    every = [subject for subject in (*asked, *others) if subject.is_organ]
    sided = [subject for subject in every if subject.anatomy.side]
    pairs = [
        (left, right)
        for left in sided
        for right in sided
        if left.anatomy.side == "L" and right.anatomy.side == "R" and left.anatomy.base == right.anatomy.base
    ]
    told: set[int] = set()
    for left, right in pairs:
        # The x axis of LPS rises towards the patient's left.
        if left.centre_lps[0] < right.centre_lps[0] and numbers & {left.roi.number, right.roi.number}:
            told |= {left.roi.number, right.roi.number}
            plane = left.geometry.nearest_plane(left.centre_lps)
            yield Told(
                (left, right),
                f"{left.roi.name} lies on the right of {right.roi.name}: left and right are swapped.",
                f"right of {right.roi.name}",
                plane,
                left.point_on(plane),
            )
    middle = _middle(every, [pair for pair in pairs if pair[0].roi.number not in told])
    if middle is None:
        return
    for subject in sided:
        if subject.roi.number not in numbers - told or subject.anatomy.may_cross_the_middle:
            continue
        towards = float(subject.centre_lps[0] - middle) * (1 if subject.anatomy.side == "L" else -1)
        if towards < -_BEYOND_MM:
            other = "right" if subject.anatomy.side == "L" else "left"
            plane = subject.geometry.nearest_plane(subject.centre_lps)
            yield subject.flag(
                f"{subject.roi.name} lies {-towards:.0f} mm on the {other} of the middle.",
                f"on the {other} side",
                plane,
            )


def _middle(every: Sequence[Subject], pairs: Sequence[tuple[Subject, Subject]]) -> float | None:
    """x of the middle, mm, by what lies in it and between pairs; None where nothing tells."""
    places = [float(subject.centre_lps[0]) for subject in every if subject.anatomy.is_in_the_middle]
    places += [
        float(left.centre_lps[0] + right.centre_lps[0]) / 2
        for left, right in pairs
        if not left.anatomy.may_cross_the_middle
    ]
    return float(np.median(places)) if places else None
