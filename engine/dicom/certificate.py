"""The proof that an RTSTRUCT file holds what was on screen."""

from datetime import UTC, datetime

import numpy as np
import shapely
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from shapely import MultiPolygon

from engine import __version__
from engine.contouring.fill import count_inside
from engine.dicom.presets import ExportOptions, written_names
from engine.progress import Progress, silent
from engine.structures import PlaneContours, Roi, StructureSet
from engine.unseen import unseen_planes
from engine.volume import FloatArray, Geometry

#: Volumes may differ by this share, or by ...
VOLUME_TOLERANCE = 0.001
#: ... this many cm³, whichever is more.
VOLUME_TOLERANCE_CM3 = 0.001
#: A point that moved no farther than this is the same point, rounded.
SAME_POINT_MM = 0.01


class StructureCertificate(BaseModel):
    """One structure on screen and in the file.

    `dice` is over voxels whose centre is inside. `largest_distance_mm` is the largest distance from a vertex of a line
    of the one to the lines of the other (discrete Hausdorff distance), over all planes. `unseen` are the planes,
    counted from 1, whose contours a model drew and no person has marked as seen.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    number: int
    volume_screen_cm3: float
    volume_file_cm3: float
    dice: float
    voxels_differing: int
    largest_distance_mm: float
    islands_screen: int
    islands_file: int
    holes_screen: int
    holes_file: int
    planes_screen: int
    planes_file: int
    untouched_planes: int
    untouched_identical: bool
    loose_contours: int
    loose_identical: bool
    unseen: tuple[int, ...] = ()
    problems: tuple[str, ...] = ()


class Certificate(BaseModel):
    """What was compared after an export, and the outcome.

    `problems` are what forbids the export. `conformance` is where the file breaks the standard, which only contours
    that were read and are kept as they were can cause; `changes` is what was changed for the limits of the receiver.
    `left_out` are the names of structures that were not to be written.
    """

    model_config = ConfigDict(frozen=True)

    ok: bool
    file: str = ""
    sha256: str = ""
    sop_instance_uid: str = ""
    program: str
    created: str
    tolerance_mm: float
    structures: tuple[StructureCertificate, ...]
    left_out: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    conformance: tuple[str, ...] = ()


def certify(
    screen: StructureSet, file: StructureSet, options: ExportOptions, progress: Progress = silent
) -> Certificate:
    """Compare structures with the same structures read back from a file.

    Args:
        screen: what was to be written.
        file: what the file holds.
        options: of the export; its tolerance decides.
        progress: reports from 0.6 to 0.95 of an export, and may stop.
    """
    names = written_names(screen.rois, options.name_length)
    entries: list[StructureCertificate] = []
    problems: list[str] = []
    found = {roi.number: roi for roi in file.rois}
    for index, roi in enumerate(screen.rois):
        progress(0.6 + 0.35 * index / len(screen.rois), f"Comparing {roi.name}")
        other = found.pop(roi.number, None)
        if other is None:
            problems.append(f"'{roi.name}' is not in the file.")
            continue
        entry = _compared(roi, other, screen.geometry, options.keep_source)
        wrong = _problems(entry, other, names[roi.number], options)
        unseen = tuple(plane + 1 for plane in unseen_planes(roi, options.seen))
        entries.append(entry.model_copy(update={"problems": tuple(wrong), "unseen": unseen}))
        problems += wrong
    problems += [f"The file holds '{roi.name}', which was not to be written." for roi in found.values()]
    return Certificate(
        ok=not problems,
        program=f"Planimeter {__version__}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        tolerance_mm=options.tolerance_mm,
        structures=tuple(entries),
        problems=tuple(problems),
    )


def _compared(roi: Roi, other: Roi, geometry: Geometry, keep_source: bool) -> StructureCertificate:
    pairs = {k: (roi.area(k), other.area(k)) for k in sorted({*roi.planes, *other.planes})}
    distance = max((largest_distance(a, b) for a, b in pairs.values()), default=0.0)
    mine, theirs = {k: a for k, (a, _) in pairs.items()}, {k: b for k, (_, b) in pairs.items()}
    total = count_inside([mine], geometry) + count_inside([theirs], geometry)
    differing = count_inside([mine, theirs], geometry)
    untouched = {k: c for k, c in roi.planes.items() if c.source and keep_source}
    return StructureCertificate(
        name=roi.name,
        number=roi.number,
        volume_screen_cm3=roi.volume_cm3(geometry),
        volume_file_cm3=other.volume_cm3(geometry),
        dice=1.0 if not total else 1.0 - differing / total,
        voxels_differing=differing,
        largest_distance_mm=distance,
        islands_screen=count_islands(roi),
        islands_file=count_islands(other),
        holes_screen=count_holes(roi),
        holes_file=count_holes(other),
        planes_screen=sum(not c.area.is_empty for c in roi.planes.values()),
        planes_file=sum(not c.area.is_empty for c in other.planes.values()),
        untouched_planes=len(untouched),
        untouched_identical=all(_same_text(c, other.planes.get(k)) for k, c in untouched.items()),
        loose_contours=len(roi.loose),
        loose_identical=[c.data for c in roi.loose] == [c.data for c in other.loose],
    )


def _problems(entry: StructureCertificate, other: Roi, name: str, options: ExportOptions) -> list[str]:
    out: list[str] = []
    who = f"'{entry.name}'"
    if other.name != name:
        out.append(f"{who} is named '{other.name}' in the file.")
    off = abs(entry.volume_file_cm3 - entry.volume_screen_cm3)
    if off > max(VOLUME_TOLERANCE * entry.volume_screen_cm3, VOLUME_TOLERANCE_CM3):
        out.append(
            f"{who} has {entry.volume_file_cm3:.4f} cm³ in the file and {entry.volume_screen_cm3:.4f} cm³ on screen."
        )
    if not entry.largest_distance_mm <= options.tolerance_mm:
        out.append(f"a line of {who} lies {entry.largest_distance_mm:.3f} mm away from where it is on screen.")
    for what, mine, theirs in (
        ("islands", entry.islands_screen, entry.islands_file),
        ("holes", entry.holes_screen, entry.holes_file),
        ("planes", entry.planes_screen, entry.planes_file),
    ):
        if mine != theirs:
            out.append(f"{who} has {theirs} {what} in the file and {mine} on screen.")
    if not entry.untouched_identical:
        out.append(f"planes of {who} that nobody touched are not as they were read.")
    if not entry.loose_identical:
        out.append(f"contours of {who} beside the planes are not as they were read.")
    return out


def _same_text(contours: PlaneContours, other: PlaneContours | None) -> bool:
    return other is not None and [c.data for c in contours.source] == [c.data for c in other.source]


def count_islands(roi: Roi) -> int:
    """Separate polygons, summed over the planes."""
    return sum(shapely.get_num_geometries(c.area) for c in roi.planes.values())


def count_holes(roi: Roi) -> int:
    """Holes in polygons, summed over the planes."""
    areas = np.array([c.area for c in roi.planes.values()], dtype=object)
    return int(shapely.get_num_interior_rings(shapely.get_parts(areas)).sum()) if len(areas) else 0


def largest_distance(first: MultiPolygon, second: MultiPolygon) -> float:
    """Discrete Hausdorff distance in mm between the lines of two areas; infinite where only one is empty.

    Where both have the same vertices, wherever their rings begin, the largest move of a vertex is given instead: it
    bounds the distance between the whole lines from above, and is quicker.
    """
    if first.is_empty or second.is_empty:
        return 0.0 if first.is_empty and second.is_empty else float("inf")
    (corners, ring), (others, other_ring) = _points(first), _points(second)
    if np.array_equal(ring, other_ring):
        # In the same order, as most are: how far each point lies from its counterpart.
        moved = float(np.sqrt(np.square(corners - others).sum(axis=1).max()))
        if moved <= SAME_POINT_MM:
            return moved
    one, two = _rings(corners, ring), _rings(others, other_ring)
    if len(one) == len(two):
        moves = [_largest_move(a, b) for a, b in zip(one, two, strict=True)]
        if all(move is not None for move in moves):
            return max(move for move in moves if move is not None)
    return max(_farthest(corners, second), _farthest(others, first))


def _farthest(points: FloatArray, area: MultiPolygon) -> float:
    """Largest distance in mm of a point from the lines of an area."""
    corners, ring = _points(area)
    edges = np.stack([corners[:-1], corners[1:]], axis=1)[ring[:-1] == ring[1:]]
    tree = shapely.STRtree(shapely.linestrings(edges))
    _, distance = tree.query_nearest(shapely.points(points), return_distance=True, all_matches=False)
    return float(distance.max())


def _points(area: MultiPolygon) -> tuple[FloatArray, NDArray[np.int64]]:
    """(n, 2) points of all rings, the first of each again at its end, and the ring of each point."""
    points, ring = shapely.get_coordinates(shapely.get_rings(shapely.get_parts(area)), return_index=True)
    return points, ring


def _rings(points: FloatArray, ring: NDArray[np.int64]) -> list[FloatArray]:
    """(n, 2) points of each ring, not closed, in an order that doesn't depend on how they are put together."""
    every = [part[:-1] for part in np.split(points, np.flatnonzero(np.diff(ring)) + 1)]
    return sorted(every, key=lambda part: (len(part), *np.round(part.min(axis=0), 2), *np.round(part.max(axis=0), 2)))


def _largest_move(one: FloatArray, two: FloatArray) -> float | None:
    """Largest distance of a point from its counterpart in mm; None where the rings have other points."""
    if one.shape != two.shape:
        return None
    for candidate in (two, two[::-1]):
        start = int(np.square(candidate - one[0]).sum(axis=1).argmin())
        moved = float(np.sqrt(np.square(np.roll(candidate, -start, axis=0) - one).sum(axis=1).max()))
        if moved <= SAME_POINT_MM:
            return moved
    return None
