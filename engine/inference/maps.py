"""Probability maps of many structures, kept only where there is something; and what is done to them before tracing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from engine.cards.nodes import LabelStep
from engine.inference.preprocess import AxisOrder, Box, Prepared
from engine.postprocessing.table import POSTPROCESSING
from engine.sitk_image import to_image
from engine.volume import Float32Array, Geometry

#: Less than this is kept nowhere: far below any level that is traced, and 1 % of a voxel's doubt.
_LEAST = 0.01
#: Voxels kept around it, for the line between the samples.
_RIM = 2


@dataclass(frozen=True, eq=False)
class _Plane:
    row: int
    column: int
    probability: NDArray[np.float16]
    lead: NDArray[np.float16]


@dataclass(frozen=True, eq=False)
class Map:
    """One structure on a box of the network's grid, image axes.

    Args:
        probability: (planes, rows, columns), 0..1.
        lead: alike; at or above 0.5 where the structure is the likeliest of all. Neighbours' lines meet there.
        geometry: of the box.
        level: of `lead` at which the structure is drawn.
    """

    probability: Float32Array
    lead: Float32Array
    geometry: Geometry
    level: float = 0.5

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Where the structure is drawn."""
        return np.asarray(self.lead >= self.level)


#: The map of another label, None where there is nothing of it.
Other = Callable[[str], Map | None]


@dataclass(eq=False)
class Maps:
    """The maps of a segmenter, filled plane by plane in network axes.

    Args:
        labels: in the order of the channels.
        prepared: the image whose grid they are on.
        exclusive: softmax, of which the background is what is left.
        seen: (planes, rows, columns) where the network looked; None everywhere.
        tells_doubt: whether the probabilities are any; a network may answer 0 or 1 alone.
    """

    labels: Sequence[str]
    prepared: Prepared
    exclusive: bool
    seen: NDArray[np.bool_] | None = None
    tells_doubt: bool = True
    _planes: dict[str, dict[int, _Plane]] = field(default_factory=dict)

    def add(
        self,
        plane: int,
        probabilities: Float32Array,
        row: int = 0,
        column: int = 0,
        doubt: Float32Array | None = None,
    ) -> None:
        """Take in a plane.

        Args:
            plane: network plane index.
            probabilities: (channels, rows, columns); the background first where they are exclusive.
            row, column: of the first value.
            doubt: as for `voted`, where more is known of it than the probabilities say; it changes no line.
        """
        shares = probabilities if doubt is None else voted(probabilities, doubt, self.exclusive)
        if self.exclusive:
            best = probabilities.argmax(axis=0)
            first = np.take_along_axis(probabilities, best[None], axis=0)[0]
            np.put_along_axis(probabilities, best[None], -1.0, axis=0)
            second = probabilities.max(axis=0)
            np.put_along_axis(probabilities, best[None], first[None], axis=0)
        for index, label in enumerate(self.labels):
            channel = index + int(self.exclusive)
            own = probabilities[channel]
            share = shares[channel]
            box = _used((own >= _LEAST) | (share >= _LEAST))
            if box is None:
                continue
            own, share = own[box], share[box]
            if self.exclusive:
                other = np.where(best[box] == channel, second[box], first[box])
                lead = own / np.maximum(own + other, 1e-6)
            else:
                lead = own
            self._planes.setdefault(label, {})[plane] = _Plane(
                row + box[0].start, column + box[1].start, share.astype(np.float16), lead.astype(np.float16)
            )

    def map(self, label: str, level: float = 0.5) -> Map | None:
        """One structure, whole; None where there is nothing of it."""
        planes = self._planes.get(label, {})
        if not planes:
            return None
        shape, box = self.prepared.shape, self._box(label)
        size = [part.stop - part.start for part in box]
        probability, lead = np.zeros(size, np.float32), np.zeros(size, np.float32)
        for k, plane in planes.items():
            rows = slice(plane.row - box[1].start, plane.row - box[1].start + plane.lead.shape[0])
            columns = slice(plane.column - box[2].start, plane.column - box[2].start + plane.lead.shape[1])
            probability[k - box[0].start, rows, columns] = plane.probability
            lead[k - box[0].start, rows, columns] = plane.lead
        axes = self.prepared.axes
        geometry = _boxed(self.prepared.geometry, _image_box(box, axes, shape))
        image = [np.ascontiguousarray(axes.to_image(array)) for array in (probability, lead)]
        return Map(image[0], image[1], geometry, level)

    def change(self, label: str, level: float, change: Callable[[Map], Map]) -> None:
        """Put what `change` makes of a structure's map, drawn at `level`, in its place."""
        given = self.map(label, level)
        if given is None:
            return
        made, box, axes = change(given), self._box(label), self.prepared.axes
        probability, lead = (axes.to_network(array).astype(np.float16) for array in (made.probability, made.lead))
        for k in self._planes[label]:
            at = k - box[0].start
            self._planes[label][k] = _Plane(box[1].start, box[2].start, probability[at], lead[at])

    def keep_where(self, kept: NDArray[np.bool_]) -> "Maps":
        """The maps where `kept` is true, (planes, rows, columns) in network axes; nothing elsewhere."""
        maps = Maps(self.labels, self.prepared, self.exclusive, tells_doubt=self.tells_doubt)
        for label, planes in self._planes.items():
            for k, plane in planes.items():
                inside = kept[k][_box_of(plane)]
                held = _Plane(plane.row, plane.column, plane.probability * inside, plane.lead * inside)
                maps._planes.setdefault(label, {})[k] = held
        return maps

    def _box(self, label: str) -> Box:
        """Around all that is kept of a structure, network axes."""
        planes, shape = self._planes[label], self.prepared.shape
        return (
            _span([(k, k + 1) for k in planes], shape[0]),
            _span([(p.row, p.row + p.lead.shape[0]) for p in planes.values()], shape[1]),
            _span([(p.column, p.column + p.lead.shape[1]) for p in planes.values()], shape[2]),
        )

    @classmethod
    def from_dense(
        cls, labels: Sequence[str], prepared: Prepared, probabilities: NDArray[np.floating], exclusive: bool = False
    ) -> "Maps":
        """Maps of (labels, planes, rows, columns) probabilities, network axes; a background is made where it must."""
        maps = cls(tuple(labels), prepared, exclusive)
        for k in range(probabilities.shape[1]):
            plane = probabilities[:, k].astype(np.float32)
            if exclusive:
                plane = np.concatenate([np.clip(1 - plane.sum(axis=0, keepdims=True), 0, 1), plane])
            maps.add(k, plane)
        return maps

    @classmethod
    def overlaid(cls, layers: "Sequence[Maps]") -> "Maps":
        """Maps of one grid as one: where two draw, a later one wins, and the lines of both meet there."""
        first = layers[0]
        labels = [label for layer in layers for label in layer.labels]
        told = all(layer.tells_doubt for layer in layers)
        maps = cls(labels, first.prepared, exclusive=False, tells_doubt=told)
        planes = sorted({k for layer in layers for held in layer._planes.values() for k in held})
        for k in planes:
            above = np.zeros(first.prepared.shape[1:], np.float16)
            for layer in reversed(layers):
                drawn = [(label, held[k]) for label, held in layer._planes.items() if k in held]
                for label, plane in drawn:
                    box = _box_of(plane)
                    lead = np.minimum(plane.lead, 1 - above[box])
                    kept = _Plane(plane.row, plane.column, plane.probability, lead)
                    maps._planes.setdefault(label, {})[k] = kept
                for _, plane in drawn:
                    box = _box_of(plane)
                    above[box] = np.maximum(above[box], plane.lead)
        return maps

    def dense_on(self, other: Prepared, labels: Sequence[str]) -> NDArray[np.float16]:
        """`dense`, on the grid of another image of the same volume; linear, 0 outside."""
        here = self.dense(labels)
        if other is self.prepared or other.geometry.same_grid(self.prepared.geometry):
            return here
        out = np.zeros((len(labels), *other.shape), np.float16)
        for index in range(len(labels)):
            out[index] = moved(here[index].astype(np.float32), self.prepared, other, sitk.sitkLinear)
        return out

    def seen_on(self, other: Prepared) -> NDArray[np.bool_]:
        """(planes, rows, columns) of another image's grid, network axes: the places that these maps speak of.

        A network that was given a crop, or a blank image, or that left tiles out, knows nothing of the rest.
        """
        if self.prepared.is_outside((slice(None), slice(None), slice(None))):
            return np.zeros(other.shape, np.bool_)
        seen = np.ones(self.prepared.shape, np.bool_) if self.seen is None else self.seen
        if other is self.prepared or other.geometry.same_grid(self.prepared.geometry):
            return seen
        return np.asarray(moved(seen.astype(np.uint8), self.prepared, other, sitk.sitkNearestNeighbor) > 0)

    def dense(self, labels: Sequence[str]) -> NDArray[np.float16]:
        """(labels, planes, rows, columns) probabilities of the whole grid, network axes, to feed forward."""
        out = np.zeros((len(labels), *self.prepared.shape), np.float16)
        for index, label in enumerate(labels):
            for k, plane in self._planes.get(label, {}).items():
                height, width = plane.probability.shape
                out[index, k, plane.row : plane.row + height, plane.column : plane.column + width] = plane.probability
        return out


def voted(probabilities: Float32Array, doubt: Float32Array, exclusive: bool) -> Float32Array:
    """Probabilities whose doubt in what is drawn is given.

    Args:
        probabilities: (channels, …).
        doubt: chance that what they draw is wrong: (1, …) where the channels exclude each other, else (channels, …).
        exclusive: whether they do. Then the likeliest has what is left, and the others share the doubt as they did.

    Returns:
        (channels, …); the likeliest channel need not be the likeliest any more.
    """
    if not exclusive:
        return np.where(probabilities > 0.5, 1 - doubt, doubt).astype(np.float32)
    best = probabilities.argmax(axis=0)[None]
    first = np.take_along_axis(probabilities, best, axis=0)
    out = probabilities * (doubt / np.maximum(1 - first, 1e-6))
    np.put_along_axis(out, best, 1 - doubt, axis=0)
    return np.clip(out, 0, 1).astype(np.float32)


def processed(label: str, given: Map, steps: Sequence[LabelStep], other: Other) -> Map:
    """A structure's map after a card's post-processing; what is dropped falls to 0, what is filled rises to 1.

    Args:
        label: of the structure.
        given: its map.
        steps: of the card.
        other: the maps of other labels, for steps that compare two.
    """
    for step in steps:
        if not step.params.labels or label in step.params.labels:
            given = POSTPROCESSING[step.op].run(step.params, label, given, other)
    return given


def moved(array: NDArray[Any], source: Prepared, target: Prepared, interpolator: int) -> NDArray[Any]:
    """An array of network axes on another image's grid, 0 outside its own."""
    image = to_image(source.axes.to_image(array), source.geometry)
    resampled = sitk.Resample(image, target.frame(), sitk.Transform(), interpolator, 0.0, image.GetPixelID())
    return target.axes.to_network(sitk.GetArrayFromImage(resampled))


def _box_of(plane: _Plane) -> tuple[slice, slice]:
    rows, columns = plane.lead.shape
    return slice(plane.row, plane.row + rows), slice(plane.column, plane.column + columns)


def _used(mask: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """The box of what is true on a plane, with a rim."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return None
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    return (
        slice(max(int(rows[0]) - _RIM, 0), min(int(rows[-1]) + 1 + _RIM, mask.shape[0])),
        slice(max(int(columns[0]) - _RIM, 0), min(int(columns[-1]) + 1 + _RIM, mask.shape[1])),
    )


def _span(parts: list[tuple[int, int]], size: int) -> slice:
    first, last = min(start for start, _ in parts), max(stop for _, stop in parts)
    return slice(max(first - _RIM, 0), min(last + _RIM, size))


def _image_box(box: Box, axes: AxisOrder, shape: tuple[int, int, int]) -> Box:
    """A box of network axes, in image axes."""
    turned = [
        slice(size - part.stop, size - part.start) if axis in axes.reversed_axes else part
        for axis, (part, size) in enumerate(zip(box, shape, strict=True))
    ]
    back = [turned[int(axis)] for axis in np.argsort(axes.order)]
    return back[0], back[1], back[2]


def _boxed(geometry: Geometry, box: Box) -> Geometry:
    origin = geometry.lps_from_kji([[part.start for part in box]])[0]
    shape = (box[0].stop - box[0].start, box[1].stop - box[1].start, box[2].stop - box[2].start)
    return Geometry.regular(origin, geometry.directions, geometry.spacing_xyz, shape)
