"""Block G: what joins the nodes of a graph. Probabilities become crops, channels and masks of later nodes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.cards.blocks import Choose, Combine, Concatenate, CropTo, Gate, Hierarchy, MaskWith
from engine.errors import CardError
from engine.inference.maps import Maps
from engine.inference.preprocess import Box, Prepared
from engine.progress import Progress


@dataclass(frozen=True, eq=False)
class Scores:
    """A classifier's answer: (views, labels) values, each view on its own."""

    labels: tuple[str, ...]
    values: NDArray[np.float32]

    def of(self, label: str) -> float:
        """The mean over the views."""
        return float(self.values[:, self.labels.index(label)].mean())


Value = Prepared | Maps | Scores
Params = CropTo | Concatenate | Combine | MaskWith | Hierarchy | Gate | Choose


def join(params: Params, values: Sequence[Value], progress: Progress) -> Value:
    """What a G node makes of its inputs.

    Raises:
        CardError: the inputs are not of the kinds that it joins.
    """
    first = values[0]
    match params, first:
        case CropTo(), Prepared():
            return _crop(params, first, _maps(values[1:], params.op), progress)
        case Concatenate(), Prepared():
            fed = [maps.dense_on(first, maps.labels) for maps in _maps(values[1:], params.op)]
            return replace(first, fed=np.concatenate(fed))
        case Combine(), Maps():
            return _combined_maps(params, _maps(values, params.op))
        case Combine(), Scores():
            return _combined_scores(params, values)
        case MaskWith(), Prepared():
            kept = _mask(params, first, _maps(values[1:], params.op))
            outside = _outside(first)
            return replace(first, values=np.where(kept, first.values, np.float32(outside)), outside=outside)
        case MaskWith(), Maps():
            kept = _mask(params, first.prepared, _maps(values[1:], params.op))
            probabilities = first.dense(first.labels) * kept
            return Maps.from_dense(first.labels, first.prepared, probabilities, first.exclusive)
        case Hierarchy(), Scores():
            sums = [_columns(first, leaves).sum(axis=1) for leaves in params.parents.values()]
            return Scores(tuple(params.parents), np.stack(sums, axis=1))
        case Hierarchy(), Maps():
            parents = [first.dense(leaves).astype(np.float32).sum(axis=0) for leaves in params.parents.values()]
            return Maps.from_dense(tuple(params.parents), first.prepared, np.clip(np.stack(parents), 0, 1))
        case Choose(), Scores():
            names = tuple(params.rename.get(label, label) for label in params.labels)
            return Scores(names, _columns(first, params.labels))
        case Choose(), Maps():
            names = tuple(params.rename.get(label, label) for label in params.labels)
            return Maps.from_dense(names, first.prepared, first.dense(params.labels))
        case _:
            raise CardError(f"The card's '{params.op}' can't be done on what its node is given.")


def _maps(values: Sequence[Value], op: str) -> list[Maps]:
    maps = [value for value in values if isinstance(value, Maps)]
    if len(maps) != len(values) or not maps:
        raise CardError(f"The card's '{op}' needs probabilities, and its node is given something else.")
    return maps


def _columns(scores: Scores, labels: Sequence[str]) -> NDArray[np.float32]:
    missing = [label for label in labels if label not in scores.labels]
    if missing:
        raise CardError(f"The card names a class '{missing[0]}' that no classifier before it has.")
    return scores.values[:, [scores.labels.index(label) for label in labels]]


def _mask(params: CropTo | MaskWith, on: Prepared, maps: Sequence[Maps]) -> NDArray[np.bool_]:
    """(planes, rows, columns): where any of the labels reaches the level."""
    mask = np.zeros(on.shape, np.bool_)
    for one in maps:
        labels = [label for label in one.labels if not params.labels or label in params.labels]
        if labels:
            mask |= (one.dense_on(on, labels) >= params.level).any(axis=0)
    return mask


def _outside(image: Prepared) -> float:
    """The value of what networks don't look at."""
    return image.outside if np.isfinite(image.outside) else float(image.values.min())


def _crop(params: CropTo, image: Prepared, maps: Sequence[Maps], progress: Progress) -> Prepared:
    """The image within the box around what was found; where nothing was, the whole image, or it is blank."""
    mask = image.axes.to_image(_mask(params, image, maps))
    voxels = np.argwhere(mask)
    if not len(voxels) and params.only_found:
        outside = _outside(image)
        return replace(image, values=np.full_like(image.values, outside), outside=outside)
    if not len(voxels):
        return image.recut(None, params.spacing_mm, progress)
    # Through millimetres, since the image's planes may be uneven and the grid is not.
    geometry = image.volume.geometry
    ends = geometry.kji_from_lps(image.geometry.lps_from_kji([voxels.min(axis=0), voxels.max(axis=0)]))
    steps = geometry.spacing_xyz[::-1]
    box = []
    for axis in range(3):
        low, high = sorted(ends[:, axis])
        least = (params.least_mm[2 - axis] if params.least_mm is not None else 0.0) / steps[axis]
        more = max(params.margin_mm / steps[axis], (least - (high - low)) / 2)
        size = geometry.shape[axis]
        start = int(np.clip(np.floor(low - more), 0, size - 1))
        box.append(slice(start, int(np.clip(np.ceil(high + more) + 1, start + 1, size))))
    cut: Box = (box[0], box[1], box[2])
    return image.recut(cut, params.spacing_mm, progress)


def _combined_maps(params: Combine, maps: Sequence[Maps]) -> Maps:
    """Each label over the maps that have it and saw the place, on the grid of the first.

    What a network was not shown must not count as its "no": it would take away what the others see.
    """
    first = maps[0]
    exclusive = all(one.exclusive for one in maps)
    labels = tuple(dict.fromkeys(label for one in maps for label in one.labels))
    seen = [one.seen_on(first.prepared) for one in maps]
    found = np.zeros((len(labels), *first.prepared.shape), np.float32)
    for index, label in enumerate(labels):
        having = [
            np.where(here, one.dense_on(first.prepared, [label])[0].astype(np.float32), np.float32("nan"))
            for one, here in zip(maps, seen, strict=True)
            if label in one.labels
        ]
        found[index] = _combined(params, np.stack(having))
    if exclusive:
        # Networks of different labels do not know of each other.
        found /= np.maximum(found.sum(axis=0), 1.0)
    return Maps.from_dense(labels, first.prepared, found, exclusive)


def _combined_scores(params: Combine, values: Sequence[Value]) -> Scores:
    scores = [value for value in values if isinstance(value, Scores)]
    if len(scores) != len(values):
        raise CardError("The card combines scores with something else.")
    labels = scores[0].labels
    stack = np.stack([_columns(one, labels).mean(axis=0, keepdims=True) for one in scores])
    return Scores(labels, _combined(params, stack))


def _combined(params: Combine, stack: NDArray[np.float32]) -> NDArray[np.float32]:
    """Over the first axis, without what is NaN; 0 where all of it is."""
    known = ~np.isnan(stack)
    count = known.sum(axis=0)
    if params.how == "max":
        return np.asarray(np.where(known, stack, 0.0).max(axis=0))
    if params.how == "product":
        return np.asarray(np.where(known, stack, 1.0).prod(axis=0) * (count > 0))
    values = stack if params.how == "mean" else (stack >= 0.5).astype(np.float32)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.asarray(total / np.maximum(count, 1), dtype=np.float32)
