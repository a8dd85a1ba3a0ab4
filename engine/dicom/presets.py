"""How an RTSTRUCT is to be written: options, presets of what treatment planning systems accept, and the preflight."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

import shapely
from pydantic import BaseModel, ConfigDict, Field

from engine.dicom.fields import one_line
from engine.errors import PlanimeterError
from engine.recipes import doubt_sentence
from engine.shipped import read_list
from engine.structures import Approval, ReviewState, Roi, StructureSet
from engine.unseen import Seen
from engine.volume import Volume

#: ROI Name is LO: 64 characters (PS3.5 table 6.2-1).
LONGEST_NAME = 64
#: Structure Set Label is SH: 16 characters.
LONGEST_LABEL = 16
#: Largest value that fits an explicit VR element with a length of two bytes, made even (PS3.5 section 7.1.2).
EXPLICIT_VR_LIMIT = 65534


class HoleStyle(StrEnum):
    """How a hole is written (PS3.3 C.8.8.6.3)."""

    KEYHOLE = "keyhole"
    XOR = "xor"


class ExportOptions(BaseModel):
    """How to write an RTSTRUCT.

    Args:
        numbers: ROI numbers to write, None for all.
        label, description: of the structure set; "" keeps what the structures have.
        series_description: "" for "Planimeter structures".
        operator: name of the person who exports, for Operators' Name.
        holes: how holes are written.
        decimals: of each coordinate in mm, 2 to 6.
        name_length: longest ROI name; longer ones are shortened.
        max_points: most points in a contour that we draw, None for no limit. Contours above it are thinned by at most
            `thinning_mm`, then split along lines between the columns of voxels.
        max_contour_bytes: most bytes of Contour Data in a contour that we draw, None for no limit.
        thinning_mm: largest distance that thinning may move a line.
        keep_source: write the contours of untouched planes as they were read, whatever the limits above.
        when: date and time to write, None for now.
        tolerance_mm: largest distance between the lines on screen and in the file for which the export happens.
        seen: contours that a person has looked at; the certificate lists those of models that are not among them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    numbers: tuple[int, ...] | None = None
    label: str = ""
    description: str = ""
    series_description: str = ""
    operator: str = ""
    holes: HoleStyle = HoleStyle.KEYHOLE
    decimals: int = Field(default=4, ge=2, le=6)
    name_length: int = Field(default=LONGEST_NAME, ge=4, le=LONGEST_NAME)
    max_points: int | None = Field(default=None, ge=16)
    max_contour_bytes: int | None = Field(default=EXPLICIT_VR_LIMIT, ge=1024)
    thinning_mm: float = Field(default=0.01, ge=0, le=1)
    keep_source: bool = True
    when: datetime | None = None
    tolerance_mm: float = Field(default=0.02, gt=0)
    seen: Seen = frozenset()


class Rule(BaseModel):
    """One rule of a preset: an option of `ExportOptions`, its value, why, and where that is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    option: str
    value: int | float | str
    reason: str
    source: str


class Preset(BaseModel):
    """What one kind of treatment planning system accepts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    title: str
    rules: tuple[Rule, ...]

    def options(self, **given: Any) -> ExportOptions:
        """Export options by the rules of this preset, with those in `given` on top."""
        return ExportOptions(**({rule.option: rule.value for rule in self.rules} | given))


@cache
def presets() -> dict[str, Preset]:
    """All presets by id, "standard" first."""
    out: dict[str, Preset] = {}
    for entry in read_list("planning_systems.json")["presets"]:
        preset = Preset(**entry)
        out[preset.id] = preset
    return out


def preset(name: str) -> Preset:
    """The preset with this id.

    Raises:
        PlanimeterError: there is none.
    """
    if name not in presets():
        raise PlanimeterError(f"There is no export preset '{name}'; there are {', '.join(presets())}.")
    return presets()[name]


def written_names(rois: Sequence[Roi], length: int) -> dict[int, str]:
    """ROI number → the name to write: without control characters and backslashes, and at most `length` characters.

    Names that were distinct stay so: a shortened name that is taken ends in "~2", "~3", ...
    """
    taken: dict[str, str] = {}
    out: dict[int, str] = {}
    for roi in rois:
        plain = one_line(roi.name, "_").replace("\\", "_").strip() or f"ROI {roi.number}"
        name = plain[:length].rstrip()
        count = 1
        while taken.get(name, plain) != plain:
            count += 1
            mark = f"~{count}"
            name = plain[: length - len(mark)].rstrip() + mark
        taken[name] = plain
        out[roi.number] = name
    return out


def chosen(structures: StructureSet, options: ExportOptions) -> tuple[Roi, ...]:
    """The structures that the options ask for, in order.

    Raises:
        PlanimeterError: a number is not there.
    """
    if options.numbers is None:
        return structures.rois
    missing = [number for number in options.numbers if number not in structures]
    if missing:
        raise PlanimeterError(f"There is no structure number {', '.join(map(str, missing))} to export.")
    return tuple(roi for roi in structures.rois if roi.number in options.numbers)


def approval_told(structures: StructureSet, rois: Sequence[Roi]) -> list[str]:
    """How the file with these structures is approved, in a sentence; nothing where nobody ever approved or rejected."""
    now = Approval.of(rois)
    if now.is_decided:
        return [f"The file is written as {now}: each structure in it is."]
    signed = sum(roi.provenance.review.state is ReviewState.APPROVED for roi in rois)
    if structures.approval.is_decided:
        return [
            f"The structures were read as {structures.approval}; the file that is written is unapproved, and must be "
            "reviewed anew."
        ]
    if signed:
        return [
            f"{signed} of {len(rois)} structures are approved. A file is approved as a whole: this one is written as "
            "unapproved, and who opens it finds no structure signed. Sign all, or tick those that are signed."
        ]
    return []


def preflight(structures: StructureSet, volume: Volume | None, options: ExportOptions) -> list[str]:
    """What an export with these options would change or leave out, one sentence each; empty when nothing.

    Args:
        structures: to export.
        volume: their image; None when its files are not here.
        options: of the export.
    """
    rois = chosen(structures, options)
    out = approval_told(structures, rois)
    out += filter(None, (doubt_sentence(structures, roi) for roi in rois))
    names = written_names(rois, options.name_length)
    for roi in rois:
        if names[roi.number] != roi.name:
            out.append(f"The name '{roi.name}' would be written as '{names[roi.number]}'.")
    label = options.label or structures.label
    if len(label) > LONGEST_LABEL:
        out.append(f"The label '{label}' would be shortened to '{label[:LONGEST_LABEL].rstrip()}'.")
    per_point = 3 * (options.decimals + 6)
    for roi in rois:
        drawn = [c.area for c in roi.planes.values() if not (c.source and options.keep_source)]
        if not roi.planes and not roi.loose:
            out.append(f"'{roi.name}' has no contours: it would be written as a structure without any.")
        kept = [len(s.data) for c in roi.planes.values() for s in c.source if options.keep_source]
        kept += [len(s.data) for s in roi.loose]
        if options.max_contour_bytes is not None and any(size > options.max_contour_bytes for size in kept):
            out.append(
                f"'{roi.name}' has contours as they were read of more than {options.max_contour_bytes} bytes: "
                "kept as they are; programs that rewrite the file with explicit value representations may not take it."
            )
        if not drawn:
            continue
        holes = sum(len(polygon.interiors) for area in drawn for polygon in area.geoms)
        if holes and options.holes is HoleStyle.KEYHOLE:
            out.append(f"{holes} holes of '{roi.name}' would be joined to the outside by channels of no width.")
        points = [int(shapely.get_num_coordinates(polygon)) for area in drawn for polygon in area.geoms]
        limits = [options.max_points, options.max_contour_bytes // per_point if options.max_contour_bytes else None]
        limit = min((value for value in limits if value is not None), default=None)
        if limit is not None and sum(n > limit for n in points):
            out.append(
                f"{sum(n > limit for n in points)} contours of '{roi.name}' may have too many points: they would be "
                f"thinned by at most {options.thinning_mm} mm, then split where that is not enough."
            )
    if volume is None:
        out.append("The images are not here: the references of the file that was read are kept.")
    return out
