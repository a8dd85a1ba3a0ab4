"""What `planimeter rtstruct check` finds: measures of each structure, and what is wrong with the file."""

from collections.abc import Iterator
from pathlib import Path

import shapely
from pydantic import BaseModel, ConfigDict

from engine.dicom.certificate import count_holes, count_islands
from engine.dicom.conformance import file_problems, outside_checker
from engine.dicom.rtstruct_file import parse_rtstruct
from engine.dicom.rtstruct_open import series_of
from engine.dicom.rtstruct_read import structures_from
from engine.errors import GeometryError, MismatchError, ReadError
from engine.progress import Progress, silent
from engine.structures import Roi
from engine.volume import Geometry, Volume


class StructureReport(BaseModel):
    """Measures of one structure.

    `volume_cm3` is the sum of polygon area × plane thickness, `centroid` the centre of that volume in LPS mm, `planes`
    the number of planes with an area, `points` and `contours` as in the file.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    number: int
    type: str
    generation: str
    volume_cm3: float
    centroid: tuple[float, float, float] | None
    planes: int
    islands: int
    holes: int
    contours: int
    points: int
    loose_contours: int


class Report(BaseModel):
    """All that was found; `ok` where nothing is wrong."""

    model_config = ConfigDict(frozen=True)

    ok: bool
    file: str
    image: str
    structures: tuple[StructureReport, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """The report as text."""
        yield f"Image: {self.image}"
        for s in self.structures:
            centre = "" if s.centroid is None else " at " + ", ".join(f"{value:.1f}" for value in s.centroid)
            yield (
                f"{s.name} ({s.type or 'no type'}): {s.volume_cm3:.3f} cm³{centre}, {s.planes} planes, "
                f"{s.islands} islands, {s.holes} holes, {s.points} points"
            )
        for note in self.notes:
            yield f"Note: {note}"
        for problem in self.problems:
            yield f"Problem: {problem}"
        yield "ok" if self.ok else f"{len(self.problems)} problems"


def check_rtstruct(
    path: Path, images: Path | None, against: Path | None, tolerance_mm: float, progress: Progress = silent
) -> Report:
    """Measure and validate an RTSTRUCT.

    Args:
        path: of the file.
        images: where its image series is; None measures the structures alone.
        against: another RTSTRUCT on the same images, to compare with.
        tolerance_mm: of the comparison's surface Dice and added path length.
        progress: reports and may stop.

    Raises:
        ReadError: the file can't be read, or the images can't.
    """
    file = parse_rtstruct(path)
    problems: list[str] = []
    volume: Volume | None = None
    reason = "none given"
    if images is not None:
        choice = series_of(file, path, images, progress)
        volume, reason = choice.volume, choice.reason
    try:
        structures = structures_from(file, volume)
    except MismatchError as error:
        problems.append(str(error))
        structures = structures_from(file, None)
        volume = None
    except GeometryError as error:
        raise ReadError(str(error)) from error
    problems += file_problems(file, structures, volume)
    problems += outside_checker(path)
    return Report(
        ok=not problems,
        file=path.name,
        image=reason,
        structures=tuple(_measured(roi, structures.geometry) for roi in structures.rois),
        problems=tuple(dict.fromkeys(problems)),
        notes=structures.notes,
    )


def _measured(roi: Roi, geometry: Geometry) -> StructureReport:
    sources = [c for contours in roi.planes.values() for c in contours.source] + list(roi.loose)
    return StructureReport(
        name=roi.name,
        number=roi.number,
        type=roi.roi_type,
        generation=roi.provenance.generation.value,
        volume_cm3=roi.volume_cm3(geometry),
        centroid=centroid_lps(roi, geometry),
        planes=sum(not c.area.is_empty for c in roi.planes.values()),
        islands=count_islands(roi),
        holes=count_holes(roi),
        contours=len(sources),
        points=sum((c.data.count("\\") + 1) // 3 for c in sources if c.data),
        loose_contours=len(roi.loose),
    )


def centroid_lps(roi: Roi, geometry: Geometry) -> tuple[float, float, float] | None:
    """Centre of the volume in LPS mm: the areas' centroids, weighted by area × thickness; None where there is none."""
    total, x, y, z = 0.0, 0.0, 0.0, 0.0
    for k, contours in roi.planes.items():
        weight = float(contours.area.area * geometry.plane_thickness[k])
        if weight <= 0:
            continue
        centre = geometry.lps_from_plane(k, shapely.get_coordinates(contours.area.centroid))[0]
        total, x, y, z = total + weight, x + weight * centre[0], y + weight * centre[1], z + weight * centre[2]
    return (x / total, y / total, z / total) if total else None
