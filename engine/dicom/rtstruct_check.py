"""What `planimeter rtstruct check` finds: measures of each structure, and what is wrong with the file."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from engine.contouring import measure
from engine.contouring.fill import fill
from engine.dicom.certificate import count_holes, count_islands
from engine.dicom.conformance import file_problems, outside_checker
from engine.dicom.rtstruct_file import parse_rtstruct
from engine.dicom.rtstruct_read import structures_from
from engine.errors import MismatchError
from engine.structures import Roi, StructureSet
from engine.volume import Geometry, LeftOut, Volume


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


class Comparison(BaseModel):
    """How far a structure agrees with the one of the same name in another file; definitions in `contouring.measure`.

    `dice` is by polygon areas; the surface measures are between the masks on the image's grid. None stands for a
    measure that does not exist because a structure is empty, or that is infinite.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    number: int
    other_number: int
    volume_cm3: float
    other_volume_cm3: float
    volume_difference_cm3: float
    dice: float | None
    surface_dice: float | None
    hd95_mm: float | None
    mean_surface_distance_mm: float | None
    largest_line_distance_mm: float | None
    added_path_length_mm: float | None
    tolerance_mm: float


class Report(BaseModel):
    """All that was found; `ok` where nothing is wrong."""

    model_config = ConfigDict(frozen=True)

    ok: bool
    file: str
    image: str
    structures: tuple[StructureReport, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    against: str = ""
    comparison: tuple[Comparison, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    def lines(self) -> Iterator[str]:
        """The report as text."""
        yield f"Image: {self.image}"
        for s in self.structures:
            centre = "" if s.centroid is None else " at " + ", ".join(f"{value:.1f}" for value in s.centroid)
            yield (
                f"{s.name} ({s.type or 'no type'}): {s.volume_cm3:.3f} cm³{centre}, {s.planes} planes, "
                f"{s.islands} islands, {s.holes} holes, {s.points} points"
            )
        for c in self.comparison:
            yield (
                f"{c.name} against {self.against}: Dice {_shown(c.dice)}, surface Dice at {c.tolerance_mm:g} mm "
                f"{_shown(c.surface_dice)}, HD95 {_shown(c.hd95_mm)} mm, mean surface distance "
                f"{_shown(c.mean_surface_distance_mm)} mm, added path length {_shown(c.added_path_length_mm)} mm, "
                f"volume {c.volume_difference_cm3:+.3f} cm³"
            )
        for note in (*self.notes, *(left.sentence for left in self.left_out)):
            yield f"Note: {note}"
        for problem in self.problems:
            yield f"Problem: {problem}"
        yield "ok" if self.ok else f"{len(self.problems)} problems"


def check_rtstruct(path: Path, volume: Volume | None, reason: str, against: Path | None, tolerance_mm: float) -> Report:
    """Measure and validate an RTSTRUCT.

    Args:
        path: of the file.
        volume: its image series, with or without voxels; None measures the structures alone.
        reason: why that series was chosen, for the report.
        against: another RTSTRUCT on the same images, to compare with.
        tolerance_mm: of the comparison's surface Dice and added path length.

    Raises:
        ReadError: the file can't be read.
    """
    file = parse_rtstruct(path)
    problems: list[str] = []
    left_out = volume.left_out if volume is not None else ()
    try:
        structures = structures_from(file, volume)
    except MismatchError as error:
        problems.append(str(error))
        structures = structures_from(file, None)
        volume = None
    problems += file_problems(file, volume)
    problems += outside_checker(path)
    notes = list(structures.notes)
    compared: list[Comparison] = []
    if against is not None:
        other = structures_from(parse_rtstruct(against), volume, structures.geometry)
        compared = _compared(structures, other, against.name, tolerance_mm, notes)
    return Report(
        ok=not problems,
        file=path.name,
        image=reason,
        structures=tuple(_measured(roi, structures.geometry) for roi in structures.rois),
        problems=tuple(dict.fromkeys(problems)),
        notes=tuple(notes),
        against=against.name if against is not None else "",
        comparison=tuple(compared),
        left_out=left_out,
    )


def _compared(
    structures: StructureSet, other: StructureSet, name: str, tolerance_mm: float, notes: list[str]
) -> list[Comparison]:
    """Each structure beside the next one of its name in the other set; notes name those that have no partner.

    Where each set has one structure, they are compared whatever their names.
    """
    left = list(other.rois)
    out: list[Comparison] = []
    if len(structures.rois) == len(left) == 1 and structures.rois[0].name != left[0].name:
        notes.append(f"'{structures.rois[0].name}' is compared with '{left[0].name}', the only one in {name}.")
        return [compare(structures.rois[0], left[0], structures.geometry, tolerance_mm)]
    for roi in structures.rois:
        partner = next((candidate for candidate in left if candidate.name == roi.name), None)
        if partner is None:
            notes.append(f"{name} has no structure '{roi.name}' to compare with.")
            continue
        left.remove(partner)
        out.append(compare(roi, partner, structures.geometry, tolerance_mm))
    notes += [f"'{roi.name}' is only in {name}." for roi in left]
    return out


def compare(roi: Roi, other: Roi, geometry: Geometry, tolerance_mm: float) -> Comparison:
    """Compare two structures on one image.

    Args:
        roi: the reference.
        other: to compare with it.
        geometry: of the image. Where its planes are uneven, surfaces are measured at their mean spacing.
        tolerance_mm: of the surface Dice and the added path length.
    """
    a = {k: contours.area for k, contours in roi.planes.items()}
    b = {k: contours.area for k, contours in other.planes.items()}
    du, dv = geometry.spacing_uv
    surfaces = measure.surface_distances(fill(a, geometry), fill(b, geometry), (geometry.mean_spacing, dv, du))
    volumes = measure.volume_cm3(a, geometry), measure.volume_cm3(b, geometry)
    return Comparison(
        name=roi.name,
        number=roi.number,
        other_number=other.number,
        volume_cm3=volumes[0],
        other_volume_cm3=volumes[1],
        volume_difference_cm3=volumes[1] - volumes[0],
        dice=_finite(measure.dice(a, b, geometry)),
        surface_dice=_finite(surfaces.share_within(tolerance_mm)),
        hd95_mm=_finite(surfaces.percentile(95)),
        mean_surface_distance_mm=_finite(surfaces.mean),
        largest_line_distance_mm=_finite(measure.contour_distances(a, b).percentile(100)),
        added_path_length_mm=_finite(measure.added_path_length(a, b, tolerance_mm)),
        tolerance_mm=tolerance_mm,
    )


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _measured(roi: Roi, geometry: Geometry) -> StructureReport:
    x, y, z = measure.centroid_lps({k: contours.area for k, contours in roi.planes.items()}, geometry)
    sources = [c for contours in roi.planes.values() for c in contours.source] + list(roi.loose)
    return StructureReport(
        name=roi.name,
        number=roi.number,
        type=roi.roi_type,
        generation=roi.provenance.generation.value,
        volume_cm3=roi.volume_cm3(geometry),
        centroid=None if roi.is_empty else (float(x), float(y), float(z)),
        planes=sum(not c.area.is_empty for c in roi.planes.values()),
        islands=count_islands(roi),
        holes=count_holes(roi),
        contours=len(sources),
        points=sum((c.data.count("\\") + 1) // 3 for c in sources if c.data),
        loose_contours=len(roi.loose),
    )
