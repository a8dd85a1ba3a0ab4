"""Pieces of a structure: which one lies under a point, and the step that deletes it or keeps it alone. No Qt."""

from collections.abc import Mapping
from dataclasses import dataclass

import shapely
from numpy.typing import ArrayLike
from shapely import MultiPolygon

from engine.contouring.islands import components
from engine.edits import Step
from engine.structures import Roi, StructureSet
from viewer.edits.planes import areas_of
from viewer.history import redraw


@dataclass(frozen=True)
class Piece:
    """A piece of a structure.

    Args:
        plane: index of the acquired plane on which it was pointed at.
        members: plane index → indices of the polygons that belong to it.
        in_space: whether it goes on over the planes.
    """

    plane: int
    members: Mapping[int, list[int]]
    in_space: bool


def polygon_at(structures: StructureSet, roi: Roi, plane: int, point_lps: ArrayLike) -> int | None:
    """The index of the polygon of `roi` on an acquired plane that holds an LPS point (mm); None where none does."""
    u, v = structures.geometry.plane_from_lps(plane, point_lps)[0].tolist()
    return next((n for n, part in enumerate(roi.area(plane).geoms) if shapely.contains_xy(part, u, v)), None)


def piece_of(structures: StructureSet, roi: Roi, plane: int, polygon: int, *, in_space: bool) -> Piece:
    """The piece that a polygon of a plane belongs to: itself, or all that it is connected to in space."""
    alone: dict[int, list[int]] = {plane: [polygon]}
    if not in_space:
        return Piece(plane, alone, in_space)
    pieces = components(areas_of(roi), structures.geometry)
    return Piece(plane, next((piece for piece in pieces if polygon in piece.get(plane, ())), alone), in_space)


def piece_alone(roi: Roi, piece: Piece) -> dict[int, MultiPolygon]:
    """Plane index → the area of the piece there."""
    return {plane: _chosen(roi.area(plane), members, True) for plane, members in piece.members.items()}


def piece_step(roi: Roi, piece: Piece, *, keep: bool, tool: str) -> Step | None:
    """The step that deletes a piece, or with `keep` all others: on its plane, or in space. None where nothing would."""
    members = piece.members
    if keep:
        planes = list(roi.planes) if piece.in_space else [piece.plane]
        wanted = {plane: _chosen(roi.area(plane), members.get(plane, []), True) for plane in planes}
    else:
        wanted = {plane: _chosen(roi.area(plane), polygons, False) for plane, polygons in members.items()}
    verb = "Keep one piece" if keep else "Delete a piece"
    where = "" if piece.in_space else f" on plane {piece.plane + 1}"
    return redraw(roi, wanted, text=f"{verb}{where} of {roi.name}", tool=tool)


def _chosen(area: MultiPolygon, members: list[int], keep: bool) -> MultiPolygon:
    """The polygons of an area that are among `members`, or those that are not."""
    return MultiPolygon([part for n, part in enumerate(area.geoms) if (n in members) is keep])
