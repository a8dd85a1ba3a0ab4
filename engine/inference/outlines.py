"""Structures that an operation drew on the planes of the image itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from shapely import MultiPolygon, get_parts, union_all

from engine.contouring.fill import fill
from engine.contouring.trace import trace_mask_volume
from engine.inference.preprocess import Prepared
from engine.resample import positions_of, sample
from engine.volume import Geometry, Volume


@dataclass(frozen=True, eq=False)
class Outlines:
    """Structures as they are, exact to the line.

    Args:
        geometry: of the image.
        areas: label → plane index → polygons, `(u, v)` mm.
        expected_edit: label → as in `Roi`, where it is known.
    """

    geometry: Geometry
    areas: Mapping[str, Mapping[int, MultiPolygon]]
    expected_edit: Mapping[str, Mapping[int, float]] = field(default_factory=dict)

    #: One voxel may be in several.
    exclusive = False

    @property
    def labels(self) -> tuple[str, ...]:
        """What was drawn."""
        return tuple(self.areas)

    @classmethod
    def of_masks(
        cls,
        geometry: Geometry,
        masks: Mapping[str, NDArray[np.bool_]],
        expected_edit: Mapping[str, Mapping[int, float]] | None = None,
    ) -> "Outlines":
        """Around the voxels of each label, (planes, rows, columns) of the image."""
        areas = {label: trace_mask_volume(mask, geometry) for label, mask in masks.items()}
        return cls(geometry, areas, expected_edit or {})

    @classmethod
    def overlaid(cls, layers: "Sequence[Outlines]") -> "Outlines":
        """Outlines of one image as one: what a later one has is taken from the earlier ones."""
        areas: dict[str, dict[int, MultiPolygon]] = {}
        above: dict[int, list[MultiPolygon]] = {}
        for layer in reversed(layers):
            for label, planes in layer.areas.items():
                areas[label] = {k: _without(area, above.get(k, [])) for k, area in planes.items()}
            for planes in layer.areas.values():
                for k, area in planes.items():
                    above.setdefault(k, []).append(area)
        edits = {label: edit for layer in layers for label, edit in layer.expected_edit.items()}
        return cls(layers[0].geometry, {label: areas[label] for layer in layers for label in layer.areas}, edits)

    def union(self, others: "Sequence[Outlines]", labels: Sequence[str]) -> NDArray[np.bool_]:
        """(planes, rows, columns) voxels of the image that are in any of the labels, of the others where there are any.

        Args:
            others: of the same image; its own labels where there are none.
            labels: all where none is named.
        """
        mask = np.zeros(self.geometry.shape, np.bool_)
        for given in others or (self,):
            for label, planes in given.areas.items():
                if not labels or label in labels:
                    mask |= fill(planes, self.geometry)
        return mask

    def keep_where(self, kept: NDArray[np.bool_]) -> "Outlines":
        """Outlines of their voxels that are in a mask, (planes, rows, columns) of the image."""
        areas: dict[str, Mapping[int, MultiPolygon]] = {}
        for label, planes in self.areas.items():
            mask = fill(planes, self.geometry)
            areas[label] = trace_mask_volume(mask & kept, self.geometry) if (mask & ~kept).any() else planes
        return Outlines(self.geometry, areas, self.expected_edit)

    def dense_on(self, other: Prepared, labels: Sequence[str]) -> NDArray[np.float16]:
        """(labels, planes, rows, columns) on another grid of the image, network axes: how much of a voxel is inside."""
        out = np.zeros((len(labels), *other.shape), np.float16)
        positions = positions_of(self.geometry, other.geometry)
        for index, label in enumerate(labels):
            mask = Volume(fill(self.areas[label], self.geometry), self.geometry)
            out[index] = other.axes.to_network(sample(mask, positions, 0.0))
        return out

    def seen_on(self, other: Prepared) -> NDArray[np.bool_]:
        """All of another grid: the whole image was looked at."""
        return np.ones(other.shape, np.bool_)


def _without(area: MultiPolygon, others: Sequence[MultiPolygon]) -> MultiPolygon:
    near = [other for other in others if area.intersects(other)]
    if not near:
        return area
    left = area.difference(union_all(near))
    return MultiPolygon([piece for piece in get_parts(left) if piece.geom_type == "Polygon"])
