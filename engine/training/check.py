"""A look at a data set before anything is learned from it: what there is, on which side of the split, what is amiss."""

import contextlib
import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from engine.cards.nodes import Node
from engine.cards.schema import Card
from engine.errors import CancelledError, MismatchError, PlanimeterError
from engine.operations import classify, detect, head, patch_statistics, segment, sieve
from engine.progress import Progress, part, silent
from engine.training.case import DataSource
from engine.training.case_doubts import doubts_of
from engine.training.cohort import patients_of
from engine.training.dataset import layout_of, open_data
from engine.training.labelled import listed
from engine.training.labelled.sample import TEST, Sample, fingerprint, labels_in, split
from engine.training.labelled.table import labelled_samples, layout_of_labelled, notes_of_labelled
from engine.training.marked import Marked, layout_of_marked, sides_of
from engine.training.parting import parted
from engine.training.publish import learners_of
from engine.training.recipe import Recipe, Schedule
from engine.training.run import card_to_train, recipe_of
from engine.training_process.checked import DataCheck, Item, SetCheck, Side, admission_of, listed_names
from engine.volume import Volume


def check_data(
    card: str, data: Path, *, validation: Path | None = None, node: str | None = None, progress: Progress = silent
) -> DataCheck:
    """Look at all of a data set as the recipe of a card would read it.

    Args:
        card: id or path of a card with a recipe, or id of a published system's recipe.
        data, validation, node: as of `engine.training.run.train_card`.
        progress: reports and may stop.

    Raises:
        CardError: the card can't be trained.
        CancelledError: it was stopped.
    """
    described, _ = card_to_train(card)
    learners = learners_of(described, node)
    ways = _ways_of(learners)
    sets: list[SetCheck] = []
    refusals = []
    for number, way in enumerate(ways):
        own = part(progress, number / len(ways), (number + 1) / len(ways))
        try:
            listing = way(described, learners, data, validation)
            items, twice = _looked_at(listing.listed, "case" if listing.about.kind == "cases" else "image", own)
            sets.append(listing.about.model_copy(update={"items": items, "twice": twice}))
        except CancelledError:
            raise
        except PlanimeterError as error:
            refusals.append(str(error))
    if refusals and described.paper is not None:
        refusals[-1] += f" What {described.title} learns from: {described.paper.layout}"
    return DataCheck(recipe=described.id, data=str(data), sets=tuple(sets), refusals=tuple(refusals))


@dataclass(frozen=True, eq=False)
class _Listing:
    """What a data set holds for one way of reading it, before any image is read.

    Args:
        about: the check without its items.
        listed: each item, and what looks at it.
    """

    about: SetCheck
    listed: Sequence[tuple[Item, Callable[[], "_Seen"]]]


def admission(name: str, data: Path, validation: Path | None, *, allowed: bool) -> str:
    """What a card must say of patients who would be learned from and judged by as well; "" for none.

    No image is read. A set that is divided by the program itself has no such patients.

    Args:
        name: id or path of a card with a recipe, or id of a published system's recipe.
        data, validation: folders, as of `check_data`.
        allowed: whether such patients are meant to be there.

    Raises:
        MismatchError: there are some, and they are not allowed.
        CardError: the card can't be trained.
    """
    if validation is None and not listed.recognises(data):
        return ""
    if validation is not None and validation.resolve() == data.resolve():
        # A set that is its own judge is refused by training itself.
        return ""
    card, _ = card_to_train(name)
    learners = learners_of(card)
    shared: set[str] = set()
    for way in _ways_of(learners):
        # What can't be read at all is said by training itself.
        with contextlib.suppress(PlanimeterError):
            listing = way(card, learners, data, validation)
            items = tuple(item for item, _ in listing.listed)
            shared.update(listing.about.model_copy(update={"items": items}).patients_on_both_sides)
    if shared and not allowed:
        raise MismatchError(
            f"Patients would be learned from and judged by as well ({listed_names(sorted(shared))}), so the scores "
            "would be better than they are; divide the data anew, or allow it (--shared), which is written into the "
            "card."
        )
    return admission_of(len(shared))


def looked_before(
    name: str, data: Path, validation: Path | None, *, node: str | None, allowed: bool, progress: Progress
) -> tuple[str, list[str]]:
    """All of a data set looked at before it is learned from: what its card must say, and what should be known of it.

    Args:
        name, data, validation, node, progress: as of `check_data`.
        allowed: whether patients, and images, may be learned from and judged by as well.

    Returns:
        What the card must say of those on both sides, "" where there are none; and what the look found, in sentences.

    Raises:
        MismatchError: it can't be learned from, or some are on both sides and are not allowed.
        CardError: the card can't be trained.
        CancelledError: it was stopped.
    """
    if validation is not None and validation.resolve() == data.resolve():
        # Refused by training itself.
        return "", []
    admitted = admission(name, data, validation, allowed=allowed)
    checked = check_data(name, data, validation=validation, node=node, progress=progress)
    if checked.faults:
        first, *others = checked.faults
        raise MismatchError(first + (f" {_and_more(len(others))}" if others else ""))
    if checked.leaks and not allowed:
        raise MismatchError(f"{checked.leaks[0]} Divide the data anew, or allow it (--shared), as the card will say.")
    return checked.admission or admitted, [*checked.leaks, *checked.doubts]


def _and_more(count: int) -> str:
    return f"{count} more {'fault is' if count == 1 else 'faults are'} told by --check."


def _ways_of(learners: Sequence[Node]) -> "list[_Way]":
    ways = list(dict.fromkeys(_WAYS[type(node.params)] for node in learners))
    if _cases in ways and _findings in ways:
        # Findings are pieces of the same contours.
        ways.remove(_findings)
    return ways


def _cases(card: Card, learners: Sequence[Node], data: Path, validation: Path | None) -> _Listing:
    """Cases with contours, for segmenters."""
    recipes = [made for node in learners if isinstance(made := _recipe(card, node), Recipe)]
    names = [each for recipe in recipes for name in recipe.structures for each in recipe.unions.get(name, [name])]
    wanted = tuple(dict.fromkeys(names))
    source = open_data(data, list(wanted), card.inputs)
    patients = {name: source.patient_of(name) for name in source.names}
    holdout = recipes[0].holdout if validation is None else None
    learned, chosen = parted(card, data, patients, holdout, recipes[0].seed)
    pairs = list({tuple(pair): None for recipe in recipes for pair in recipe.mirror_pairs})
    sides: list[tuple[DataSource, str, Side]] = [(source, name, "learn") for name in learned]
    sides += [(source, name, "choose") for name in chosen]
    left_out = source.left_out
    if validation is not None:
        other = open_data(validation, list(wanted), card.inputs)
        sides += [(other, name, "choose") for name in other.names]
        left_out += other.left_out
    found = [
        (Item(name=name, patient=where.patient_of(name), side=side), partial(_of_case, where, name, wanted, pairs))
        for where, name, side in sides
    ]
    numbers: dict[int, str] = getattr(source, "numbers", {})
    about = SetCheck(
        kind="cases",
        layout=layout_of(data).name,
        wanted=wanted,
        left_out=left_out,
        numbers=numbers,
        named_by=getattr(source, "named_by", ""),
        other_names=getattr(source, "other_names", None),
    )
    return _Listing(about, found)


def _of_case(source: DataSource, name: str, wanted: Sequence[str], pairs: Sequence[Sequence[str]]) -> "_Seen":
    case = source.read(name)
    counts = np.bincount(case.labels.ravel(), minlength=len(wanted) + 1)[1:]
    # Pictures have no other unit than pixels.
    in_pixels = getattr(source, "in_pixels", False)
    amount = 1.0 if in_pixels else float(np.prod(case.spacing)) / 1000
    return hashlib.sha256(np.ascontiguousarray(case.image).tobytes()).hexdigest(), {
        "size": case.image.shape,
        "spacing_mm": None if in_pixels else _rounded(*case.spacing),
        "holds": {label: round(int(count) * amount, 3) for label, count in zip(wanted, counts, strict=True) if count},
        "missing": tuple(label for label, there in zip(wanted, case.contoured, strict=True) if not there),
        "others": case.others,
        "overlaps": tuple((each.lost, each.kept, round(each.share, 4)) for each in case.overlaps),
        "notes": case.notes if in_pixels else (*case.notes, *doubts_of(case, wanted, pairs)),
    }


def _findings(card: Card, learners: Sequence[Node], data: Path, validation: Path | None) -> _Listing:
    """Images with findings marked, for detectors and sieves."""
    wanted = _labels_of(learners, detect.Params, sieve.Params)
    marking = next(node for node in learners if isinstance(node.params, detect.Params | sieve.Params))
    learned, chosen = sides_of(data, validation, wanted, card, _recipe(card, marking).holdout)
    sides: list[tuple[Marked, Side]] = [*((one, "learn") for one in learned), *((one, "choose") for one in chosen)]
    found = [
        (Item(name=marked.name, patient=marked.group, side=side), partial(_of_marked, marked, wanted))
        for marked, side in sides
    ]
    return _Listing(SetCheck(kind="findings", layout=layout_of_marked(data), wanted=wanted), found)


def _of_marked(marked: Marked, wanted: Sequence[str]) -> "_Seen":
    images, marks = marked.open(wanted)
    holds = {label: len(found.centres) for label, found in marks.items() if len(found.centres)}
    return str(fingerprint(*images.values())), {**_of_volume(next(iter(images.values()))), "holds": holds}


def _labels(card: Card, learners: Sequence[Node], data: Path, validation: Path | None) -> _Listing:
    """Labelled images, for classifiers and heads."""
    wanted = _labels_of([node for node in learners if not _is_of_times(node)], classify.Params, head.Params)
    holdouts = [_recipe(card, node).holdout for node in learners if isinstance(node.params, classify.Params)]
    samples = labelled_samples(data, labels_in(card))
    learned, chosen = split(samples, holdouts[0] if holdouts else Schedule.holdout)
    if validation is not None:
        learned, chosen = learned + chosen, labelled_samples(validation, labels_in(card))
        samples = [*learned, *chosen, *(sample for sample in samples if sample.part == TEST)]
    side_of: dict[int, Side] = {id(sample): "learn" for sample in learned}
    side_of |= {id(sample): "choose" for sample in chosen}
    found = [
        (
            Item(
                name=sample.name,
                patient=sample.group,
                side=side_of.get(id(sample), "neither"),
                holds={label: 1.0 for label in wanted if label in sample.labels},
                others=tuple(sorted(sample.labels - set(wanted))),
            ),
            partial(_of_sample, sample, card),
        )
        for sample in samples
    ]
    layout = layout_of_labelled(data)
    left_out = notes_of_labelled(data, labels_in(card))
    left_out += [] if validation is None else notes_of_labelled(validation, labels_in(card))
    expects = ""
    if layout.recognises is listed.recognises:
        variables = [f"{each.key} ({each.label}: {each.allowed})" for each in card.variables]
        variables += ["time_months (above 0)", "event (0 or 1)"] if any(map(_is_of_times, learners)) else []
        expects = listed.expected([each.role for each in card.inputs[1:]], wanted, variables)
    about = SetCheck(kind="labels", layout=layout.name, wanted=wanted, left_out=tuple(left_out), expects=expects)
    return _Listing(about, found)


def _of_sample(sample: Sample, card: Card) -> "_Seen":
    images = sample.images_for(card)
    if card.variables or any(isinstance(node.params, head.Params) for node in card.graph):
        (patient,) = patients_of([sample], card)
        if patient.months is None and any(_is_of_times(node) for node in card.graph):
            raise MismatchError("the table of labels does not tell its time_months and event.")
    return str(fingerprint(*images.values())), _of_volume(next(iter(images.values())))


#: A fingerprint of the images, and what there is to say of an item.
_Seen = tuple[str, dict[str, Any]]


def _looked_at(
    found: Sequence[tuple[Item, Callable[[], _Seen]]], what: str, progress: Progress
) -> tuple[tuple[Item, ...], tuple[tuple[int, ...], ...]]:
    """The items with what was seen, and the places of those with the same image."""
    items: list[Item] = []
    places: dict[str, list[int]] = defaultdict(list)
    for place, (item, look) in enumerate(found):
        progress(place / len(found), f"looking at {what} {place + 1} of {len(found)}")
        try:
            seen, told = look()
        except CancelledError:
            raise
        except PlanimeterError as error:
            items.append(item.model_copy(update={"problem": str(error)}))
            continue
        places[seen].append(place)
        items.append(Item.model_validate(item.model_dump() | told))
    return tuple(items), tuple(tuple(same) for same in places.values() if len(same) > 1)


def _of_volume(volume: Volume) -> dict[str, Any]:
    geometry = volume.geometry
    shape: tuple[int, ...] = geometry.shape
    if geometry.unit != "mm":
        return {"size": shape}
    columns, rows = geometry.spacing_uv
    return {"size": shape, "spacing_mm": _rounded(geometry.mean_spacing, rows, columns)}


def _rounded(*spacing: float) -> tuple[float, ...]:
    return tuple(round(float(mm), 4) for mm in spacing)


def _labels_of(nodes: Sequence[Node], *kinds: type) -> tuple[str, ...]:
    """What nodes of these kinds learn to name, each once."""
    names: list[str] = []
    for node in nodes:
        if isinstance(node.params, kinds):
            names += getattr(node.params, "labels", ())
    return tuple(dict.fromkeys(names))


def _recipe(card: Card, node: Node) -> Any:
    return recipe_of(card, node.node) if not isinstance(node.params, head.Params | patch_statistics.Params) else None


def _is_of_times(node: Node) -> bool:
    return isinstance(node.params, head.Params) and node.params.is_of_times


_Way = Callable[[Card, Sequence[Node], Path, Path | None], _Listing]
#: What a node is learned from.
_WAYS: dict[type, _Way] = {
    segment.Params: _cases,
    detect.Params: _findings,
    sieve.Params: _findings,
    classify.Params: _labels,
    head.Params: _labels,
    patch_statistics.Params: _labels,
}
