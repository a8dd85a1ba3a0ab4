"""What a look at a data set found before anything is learned from it."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from engine.training_process.label_names import OTHER_NAMES_FILE, guess_told, names_text, other_names_text
from engine.values import Strict

#: On which side an image stands: learned from, held out to choose by, or in neither.
Side = Literal["learn", "choose", "neither"]
_MOST_NAMES, _MOST_OTHERS, _MOST_NOTES = 4, 12, 20


class Item(Strict):
    """One case, marked image or labelled image of a data set.

    Args:
        name, patient: in the data set.
        side: where it stands in a run.
        size: (planes, rows, columns); None where it can't be read.
        spacing_mm: (planes, rows, columns); None where the images have none.
        holds: structure → cm3 (voxels, where there is no spacing), finding → how many, label → 1.
        missing: structures that nobody contoured in it.
        others: labels in it that are not learned.
        overlaps: (structure that lost voxels, structure that has them, share of the former that it lost).
        notes: what was assumed or left out when it was read, a sentence each.
        problem: why it can't be read; "" where it can.
    """

    name: str
    patient: str
    side: Side
    size: tuple[int, int, int] | None = None
    spacing_mm: tuple[float, float, float] | None = None
    holds: dict[str, float] = Field(default_factory=dict)
    missing: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    overlaps: tuple[tuple[str, str, float], ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""


class Row(Strict):
    """What there is of one structure, finding or label.

    Args:
        name: of it.
        learn, choose: images that hold it, on each side.
        missing: images in which nobody contoured it.
        least, most: cm3 (voxels, where there is no spacing) or findings an image, where it is held; None else.
    """

    name: str
    learn: int
    choose: int
    missing: int
    least: float | None = None
    most: float | None = None


class SetCheck(Strict):
    """One way in which a recipe reads a data set.

    Args:
        kind: "cases" with contours, images with "findings" marked, or images with "labels".
        layout: how the folder is laid out.
        wanted: what is learned, in order.
        items: all that it holds.
        twice: places of items with the same image, a tuple for each image.
        left_out: what the layout does not take in, or takes otherwise than it is written, a sentence each.
        expects: what a table beside the images needs; "" where there is none.
        numbers: number in the label maps → structure, where the layout has a file of such names, or could have one.
        named_by: that file; "" where the numbers were taken in order.
        other_names: structure → names that it may have as well; None where the layout has no such names.
    """

    kind: Literal["cases", "findings", "labels"]
    layout: str
    wanted: tuple[str, ...]
    items: tuple[Item, ...] = ()
    twice: tuple[tuple[int, ...], ...] = ()
    left_out: tuple[str, ...] = ()
    expects: str = ""
    numbers: dict[int, str] = Field(default_factory=dict)
    named_by: str = ""
    other_names: dict[str, tuple[str, ...]] | None = None

    @property
    def rows(self) -> list[Row]:
        """A row for each of what is learned."""
        return [self._row(name) for name in self.wanted]

    @property
    def unit(self) -> str:
        """Of what cases hold."""
        return "cm3" if all(item.spacing_mm for item in self.items if item.size) else "pixels"

    @property
    def patients_on_both_sides(self) -> list[str]:
        """Patients whose images are learned from, and judged by as well."""
        sides = [{item.patient for item in self.items if item.side == side} for side in ("learn", "choose")]
        return sorted(sides[0] & sides[1])

    @property
    def unreadable(self) -> list[Item]:
        """Those that can't be read."""
        return [item for item in self.items if item.problem]

    def faults(self) -> list[str]:
        """Why nothing can be learned from it, a sentence each."""
        unreadable = self.unreadable
        said = [f"{item.name} can't be read: {item.problem}" for item in unreadable[:_MOST_NAMES]]
        if rest := unreadable[_MOST_NAMES:]:
            said.append(f"{len(rest)} more can't be read: {listed_names((item.name for item in rest), _MOST_OTHERS)}.")
        if not any(item.side == "learn" for item in self.items):
            said.append(f"There are no {self._what} to learn from.")
            return said
        none = [row.name for row in self.rows if not row.learn]
        if none and (self.kind == "labels" or len(none) == len(self.wanted)):
            there = sorted({name for item in self.items for name in item.others})
            besides = f"; what is in them: {listed_names(there, _MOST_OTHERS)}" if there else ""
            said.append(f"None of the {self._what} to learn from has {listed_names(none)}{besides}.")
        return said

    @property
    def images_on_both_sides(self) -> list[list[str]]:
        """Names of items with the same image, of which some are learned from and others judged by."""
        groups = [[self.items[place] for place in places] for places in self.twice]
        return [[item.name for item in same] for same in groups if {"learn", "choose"} <= {each.side for each in same}]

    def leaks(self) -> list[str]:
        """Why its scores would be better than the network is, a sentence each."""
        said = []
        both = self.patients_on_both_sides
        if both:
            shown = listed_names(dict.fromkeys(item.name for item in self.items if item.patient in both))
            said.append(
                f"{_counted(len(both), 'patient')} would be learned from and judged by as well ({shown}): "
                "the scores would be better than they are."
            )
        said += [
            f"{listed_names(names)} have the same image, on both sides: the scores would be better than they are."
            for names in self.images_on_both_sides
        ]
        return said

    def doubts(self) -> list[str]:
        """What should be known before it is learned from, a sentence each."""
        said = []
        if self.numbers and not self.named_by:
            said.append(guess_told(self.numbers))
        if self.items and not any(item.side == "choose" for item in self.items):
            said.append(
                "Nothing is held out to choose by, so the last weights are kept and no score is told; it takes two "
                "patients at least, or another set (--validation)."
            )
        said += self._unjudged()
        for places in self.twice:
            same = [self.items[place].name for place in places]
            if same not in self.images_on_both_sides:
                said.append(f"{listed_names(same)} have the same image.")
        none = [row.name for row in self.rows if not row.learn]
        if none and self.kind != "labels" and len(none) < len(self.wanted):
            lacking, they = (f"any of {listed_names(none)}", "these") if len(none) > 1 else (none[0], "it")
            said.append(f"No case to learn from has {lacking}, so {they} can't be learned.")
        for row in self.rows:
            if row.missing and row.learn:
                short = [item.name for item in self.items if row.name in item.missing]
                said.append(f"{row.name} is missing in {row.missing} of {len(self.items)}: {listed_names(short)}.")
        readable = [item for item in self.items if not item.problem]
        empty = [item.name for item in readable if not item.holds]
        if empty and self.kind == "cases":
            said.append(f"Nothing that is learned is in {listed_names(empty)}.")
        blank = [item.name for item in readable if not item.holds and not item.others]
        if blank and self.kind == "labels":
            said.append(
                f"{len(blank)} of {len(self.items)} images have no label, which is learned as none of "
                f"{listed_names(self.wanted)}: {listed_names(blank)}."
            )
        said += [
            f"{listed_names(names)} are counted as different patients; if they are one, write them alike."
            for names in self._patients_alike()
        ]
        others = sorted({name for item in self.items for name in item.others})
        if others:
            said.append(f"Not learned, and left aside: {listed_names(others, _MOST_OTHERS)}.")
        return [*said, *self._overlaps_told(), *self._notes_told(), *self.left_out]

    def told(self) -> list[str]:
        """How much there is, on which sides, and how fine, a sentence each."""
        sides = [sum(item.side == side for item in self.items) for side in ("learn", "choose", "neither")]
        rest = f", {sides[2]} in neither" if sides[2] else ""
        patients = len({item.patient for item in self.items})
        said = [
            f"{self.layout}: {_counted(len(self.items), self._what.removesuffix('s'))} of "
            f"{_counted(patients, 'patient')}, {sides[0]} to learn from, {sides[1]} held out to choose by{rest}."
        ]
        if self.numbers and self.named_by:
            said.append(f"By {self.named_by}: {names_text(self.numbers)}.")
        if self.other_names:
            said.append(
                f"By {OTHER_NAMES_FILE}, where there is no ROI of the name itself: "
                f"{other_names_text(self.other_names)}."
            )
        spacings = [item.spacing_mm for item in self.items if item.spacing_mm is not None]
        if spacings:
            planes, rows, columns = (range_text(values) for values in zip(*spacings, strict=True))
            pixels = rows if rows == columns else f"{rows} by {columns}"
            said.append(f"Spacing: {planes} mm from plane to plane, pixels of {pixels} mm.")
        sizes = [item.size for item in self.items if item.size is not None]
        if sizes:
            planes, rows, columns = (range_text(values) for values in zip(*sizes, strict=True))
            of_planes = "" if planes == "1" else f"{planes} planes of "
            said.append(f"Size: {of_planes}{rows} rows and {columns} columns.")
        return [*said, self.expects] if self.expects else said

    def _unjudged(self) -> list[str]:
        """What is said where some of what is learned can't be judged by what is held out."""
        held_out = [item for item in self.items if item.side == "choose" and not item.problem]
        if not held_out:
            return []
        rows = [row for row in self.rows if row.learn]
        them = f"the {_counted(len(held_out), self._what.removesuffix('s'))} held out"
        mend = "Divide the data otherwise, or judge by another set (--validation)."
        alone = [row.name for row in rows if row.choose == len(held_out)] if self.kind == "labels" else []
        none = [row.name for row in rows if not row.choose]
        if alone:
            return [
                f"All of {them} are {listed_names(alone)}, so nothing is judged of telling that from others. {mend}"
            ]
        return [f"None of {them} has {listed_names(none)}, so nothing is judged of that. {mend}"] if none else []

    def _overlaps_told(self) -> list[str]:
        """Which structures overlap, which of them has what they share, and how much of the other that is."""
        pairs: dict[tuple[str, str], list[tuple[Item, float]]] = defaultdict(list)
        for item in self.items:
            for lost, kept, share in item.overlaps:
                pairs[lost, kept].append((item, share))
        said = []
        for (lost, kept), cases in pairs.items():
            most = max(share for _, share in cases)
            amount = "less than 0.1 %" if most < 0.001 else f"{'up to ' if len(cases) > 1 else ''}{most:.1%}"
            told = (
                f"{lost} and {kept} overlap in {_counted(len(cases), 'case')} "
                f"({listed_names(item.name for item, _ in cases)}); what they share counts as {kept}, which the "
                f"RTSTRUCT names last: {amount} of {lost}."
            )
            out = [item.name for item, _ in cases if lost in item.missing]
            said.append(told + (f" It counts as not contoured in {listed_names(out)}." if out else ""))
        return said

    def _notes_told(self) -> list[str]:
        """What was noted of single items, each sentence once."""
        names: dict[str, list[str]] = defaultdict(list)
        for item in self.items:
            for note in item.notes:
                names[note].append(item.name)
        told = [f"{listed_names(of)}: {note}" for note, of in names.items()]
        rest = len(told) - _MOST_NOTES
        return told[:_MOST_NOTES] + ([f"There are {rest} more notes of this kind."] if rest > 0 else [])

    def _patients_alike(self) -> list[list[str]]:
        """Names of patients that differ in case, blanks, hyphens and underscores alone."""
        many: dict[str, list[str]] = defaultdict(list)
        for patient in sorted({item.patient for item in self.items}):
            many[alike(patient)].append(patient)
        return [names for names in many.values() if len(names) > 1]

    @property
    def _what(self) -> str:
        return "cases" if self.kind == "cases" else "images"

    def _row(self, name: str) -> Row:
        holding = [item for item in self.items if name in item.holds]
        amounts = [item.holds[name] for item in holding]
        return Row(
            name=name,
            learn=sum(item.side == "learn" for item in holding),
            choose=sum(item.side == "choose" for item in holding),
            missing=sum(name in item.missing for item in self.items),
            least=min(amounts) if amounts and self.kind != "labels" else None,
            most=max(amounts) if amounts and self.kind != "labels" else None,
        )


class DataCheck(Strict):
    """What a look at a data set found, for a recipe.

    Args:
        recipe: id of the card.
        data: the folder.
        sets: the ways in which the recipe reads it.
        refusals: why it can't be opened for the recipe at all, a sentence each.
    """

    recipe: str
    data: str
    sets: Annotated[tuple[SetCheck, ...], Field(max_length=8)] = ()
    refusals: tuple[str, ...] = ()

    @property
    def faults(self) -> list[str]:
        """Why a run on it would fail; empty where it would not."""
        return [*self.refusals, *(fault for each in self.sets for fault in each.faults())]

    @property
    def leaks(self) -> list[str]:
        """Why scores of a run on it would be better than its networks are; it must be agreed to, or mended."""
        return [leak for each in self.sets for leak in each.leaks()]

    @property
    def admission(self) -> str:
        """What the card of a run says of those on both sides, in numbers; "" where there are none."""
        patients = len({patient for each in self.sets for patient in each.patients_on_both_sides})
        return admission_of(patients, sum(len(each.images_on_both_sides) for each in self.sets))

    @property
    def doubts(self) -> list[str]:
        """What should be known before the run."""
        return [doubt for each in self.sets for doubt in each.doubts()]

    @property
    def told(self) -> list[str]:
        """What there is."""
        return [sentence for each in self.sets for sentence in each.told()]

    def summary(self) -> dict[str, Any]:
        """For programs: sentences, counts, and every item."""
        return {
            "recipe": self.recipe,
            "data": self.data,
            "ok": not self.faults and not self.leaks,
            "faults": self.faults,
            "doubts": [*self.leaks, *self.doubts],
            "told": self.told,
            "sets": [
                {
                    **each.model_dump(mode="json"),
                    "rows": [row.model_dump(mode="json") for row in each.rows],
                    "patients": len({item.patient for item in each.items}),
                    "patients_on_both_sides": each.patients_on_both_sides,
                    "unreadable": [item.name for item in each.unreadable],
                }
                for each in self.sets
            ],
        }


def admission_of(patients: int, images: int = 0) -> str:
    """What a card says of patients, and of images, that it was learned from and chosen by as well; "" for none."""
    if not patients and not images:
        return ""
    what = _counted(patients, "patient") if patients else _counted(images, "image")
    return (
        f"{what} stood on both sides of the split when it was trained, which whoever trained it allowed: its scores on "
        "what was held out are better than it is."
    )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def alike(name: str) -> str:
    """The same for names that differ in capitals, blanks, hyphens and underscores alone."""
    return re.sub(r"[\s_-]+", "_", name.strip().casefold())


def listed_names(names: Iterable[str], most: int = _MOST_NAMES) -> str:
    """The first of some names, and how many more there are."""
    known = list(names)
    rest = len(known) - most
    return ", ".join(known[:most]) + (f" and {rest} more" if rest > 0 else "")


def range_text(values: Sequence[float]) -> str:
    """From the least to the greatest, to three digits."""
    low, high = f"{min(values):.3g}", f"{max(values):.3g}"
    if all(isinstance(value, int) for value in values):
        low, high = str(min(values)), str(max(values))
    return low if low == high else f"{low} to {high}"
