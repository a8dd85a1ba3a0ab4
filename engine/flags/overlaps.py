"""Structures that share a place and can't."""

from collections.abc import Iterator

import shapely

from engine.flags.flag import Subject, Told, planes_text

#: Shared volume, of the smaller one and in cm³, below which two lines merely meet.
_LEAST_SHARE, _LEAST_CM3 = 0.02, 0.1


def find(asked: list[Subject], others: list[Subject]) -> Iterator[Told]:
    """Pairs of which at least one is asked about."""
    first_ones = [subject for subject in asked if subject.is_organ]
    every = [*first_ones, *(subject for subject in others if subject.is_organ)]
    for index, first in enumerate(first_ones):
        for second in every[index + 1 :]:
            if first.meets(second) and first.anatomy.excludes(second.anatomy):
                yield from _shared(first, second)


def _shared(first: Subject, second: Subject) -> Iterator[Told]:
    both = sorted(first.areas.keys() & second.areas.keys())
    if not both:
        return
    one, other = [first.areas[k] for k in both], [second.areas[k] for k in both]
    meet = shapely.intersects(shapely.box(*shapely.bounds(one).T), shapely.box(*shapely.bounds(other).T))
    near = [k for k, touching in zip(both, meet, strict=True) if touching]
    if not near:
        return
    parts = shapely.intersection([first.areas[k] for k in near], [second.areas[k] for k in near])
    volumes = shapely.area(parts) * first.geometry.plane_thickness[near] / 1000
    total = float(volumes.sum())
    smaller = min((first, second), key=lambda subject: subject.volume_cm3)
    if total < max(_LEAST_CM3, _LEAST_SHARE * smaller.volume_cm3):
        return
    worst = int(volumes.argmax())
    larger = second if smaller is first else first
    yield Told(
        (smaller, larger),
        f"{smaller.roi.name} and {larger.roi.name} share {total:.2g} cm³, on "
        f"{planes_text(k for k, volume in zip(near, volumes, strict=True) if volume > 0)}.",
        f"overlaps {larger.roi.name}",
        near[worst],
        first.point_in(parts[worst], near[worst]),
    )
