"""Structures that are derived from others: what they were made from, and whether that is still so."""

import hashlib
from weakref import WeakKeyDictionary

import shapely

from engine.structures import PlaneContours, Recipe, Roi, StructureSet

_hashes: WeakKeyDictionary[PlaneContours, bytes] = WeakKeyDictionary()


def sources_of(recipe: Recipe) -> tuple[int, ...]:
    """The ROI numbers that a recipe needs, the first source first."""
    return tuple(dict.fromkeys((recipe.source, *(step.other for step in recipe.steps if step.other is not None))))


def fingerprint(structures: StructureSet, recipe: Recipe) -> str:
    """Of the areas of the sources, coordinate by coordinate; "" where one of them is gone."""
    whole = hashlib.sha256()
    for number in sources_of(recipe):
        if number not in structures:
            return ""
        whole.update(f"{number}:".encode())
        for plane, contours in sorted(structures[number].planes.items()):
            if not contours.area.is_empty:
                whole.update(plane.to_bytes(4, "little") + _hash(contours))
    return whole.hexdigest()


def doubt(structures: StructureSet, roi: Roi) -> str:
    """What speaks against a derived structure: "out of date", "a source is gone"; "" where nothing does."""
    if roi.recipe is None:
        return ""
    now = fingerprint(structures, roi.recipe)
    return "a source is gone" if not now else "out of date" if now != roi.recipe.made_from else ""


def doubt_sentence(structures: StructureSet, roi: Roi) -> str:
    """What speaks against a derived structure, in a sentence; "" where nothing does."""
    what = doubt(structures, roi)
    if not what:
        return ""
    if what == "out of date":
        return f"{roi.name} is {what}: what it was derived from changed."
    return f"{roi.name} was derived from a structure that is gone."


def derives_from(structures: StructureSet, number: int, other: int) -> bool:
    """Whether a structure is another one, or is derived from it over however many steps."""
    reached: set[int] = set()
    left = [number]
    while left:
        here = left.pop()
        if here in reached or here not in structures:
            continue
        reached.add(here)
        recipe = structures[here].recipe
        left += sources_of(recipe) if recipe is not None else ()
    return other in reached


def in_order(structures: StructureSet, numbers: frozenset[int]) -> list[int]:
    """ROI numbers so that what others are derived from comes before them; a circle is broken where it begins."""
    done: list[int] = []

    def visit(number: int, under_way: frozenset[int]) -> None:
        if number in done or number in under_way or number not in structures:
            return
        recipe = structures[number].recipe
        for source in sources_of(recipe) if recipe is not None else ():
            visit(source, under_way | {number})
        done.append(number)

    for roi in structures.rois:
        if roi.number in numbers:
            visit(roi.number, frozenset())
    return [number for number in done if number in numbers]


def _hash(contours: PlaneContours) -> bytes:
    held = _hashes.get(contours)
    if held is None:
        held = _hashes[contours] = hashlib.sha256(shapely.to_wkb(contours.area)).digest()
    return held
