"""How far two sets of structures on one image agree: a row a pair of structures, and the table as a file.

Volumes and Dice are of the polygons themselves; surface Dice, HD95 and the mean distance of the surfaces of masks on
the image's grid; the added path length of the lines, plane by plane. `engine.contouring.measure` defines each and names
its source. Planes that are uneven or tilted count with their mean distance for the surfaces.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.contouring.fill import fill
from engine.contouring.measure import added_path_length, dice, surface_distances, volume_cm3
from engine.contouring.stack import Areas
from engine.errors import MismatchError
from engine.progress import Progress, silent
from engine.safe_file import whole_file, write_errors
from engine.structures import Generation, Roi, StructureSet
from engine.tg263 import standard_name_of
from engine.volume import Geometry

#: Surfaces within this distance of each other agree (Nikolov et al. use between 1 and 3 mm by organ).
TOLERANCE_MM = 2.0


@dataclass(frozen=True)
class Agreement:
    """How far two structures agree; NaN where both are empty, infinite distances where one is.

    Args:
        first, second: their names; `first` is the reference of the added path length.
        first_cm3, second_cm3: volumes.
        dice: by polygon areas × thickness.
        surface_dice: share of both surfaces within `tolerance_mm`.
        hd95_mm, mean_mm: 95th percentile of the distances between the surfaces, and their mean.
        added_path_mm: length of the first one's lines further than `tolerance_mm` from the second's.
        tolerance_mm: of both.
    """

    first: str
    second: str
    first_cm3: float
    second_cm3: float
    dice: float
    surface_dice: float
    hd95_mm: float
    mean_mm: float
    added_path_mm: float
    tolerance_mm: float


#: ROI number of the first set → of the second, or None for no counterpart, as a person chose.
ByHand = Mapping[int, int | None]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two sets compared.

    Args:
        pairs: every structure of the first set, with its counterpart or None.
        rows: how far each pair agrees; None where there is no counterpart.
        left: structures of the second set that are nobody's counterpart.
    """

    pairs: tuple[tuple[Roi, Roi | None], ...]
    rows: tuple[Agreement | None, ...]
    left: tuple[Roi, ...]


COLUMNS: tuple[tuple[str, str], ...] = (
    ("first", "Name in the first set"),
    ("second", "Name in the second set"),
    ("first_cm3", "Volume in the first set, cm³"),
    ("second_cm3", "Volume in the second set, cm³"),
    ("dice", "Dice: 2·|A∩B| / (|A| + |B|) of the polygons (Dice, Ecology 1945)"),
    ("surface_dice", "Share of both surfaces within the tolerance (Nikolov et al., J Med Internet Res 2021)"),
    ("hd95_mm", "The larger of the two 95th percentiles of the distances between the surfaces, mm"),
    ("mean_mm", "Mean distance between the surfaces, mm"),
    ("added_path_mm", "Length of line to be drawn anew, mm (after Vaassen et al., Phys Imaging Radiat Oncol 2020)"),
    ("tolerance_mm", "Tolerance of surface Dice and added path length, mm"),
)


def agreement(first: Roi, second: Roi, geometry: Geometry, tolerance_mm: float = TOLERANCE_MM) -> Agreement:
    """Compare two structures on one image."""
    a, b = _areas(first), _areas(second)
    spacing = (geometry.mean_spacing, geometry.spacing_uv[1], geometry.spacing_uv[0])
    surfaces = surface_distances(fill(a, geometry), fill(b, geometry), spacing)
    return Agreement(
        first.name,
        second.name,
        volume_cm3(a, geometry),
        volume_cm3(b, geometry),
        dice(a, b, geometry),
        surfaces.share_within(tolerance_mm),
        surfaces.percentile(95),
        surfaces.mean,
        added_path_length(a, b, tolerance_mm),
        tolerance_mm,
    )


def compare(
    first: StructureSet,
    second: StructureSet,
    tolerance_mm: float = TOLERANCE_MM,
    progress: Progress = silent,
    by_hand: ByHand | None = None,
) -> "Comparison":
    """Compare the structures of two sets that are the same by `pair`, in the order of the first.

    Raises:
        MismatchError: the sets lie on the planes of different images.
        CancelledError: `progress` asked to stop.
    """
    if not first.geometry.same_grid(second.geometry):
        raise MismatchError("The two sets of structures lie on different images, so they can't be compared.")
    paired = pair(first.rois, second.rois, by_hand)
    out = []
    for number, (ours, theirs) in enumerate(paired):
        progress(number / len(paired), f"Comparing {ours.name}")
        out.append(agreement(ours, theirs, first.geometry, tolerance_mm) if theirs is not None else None)
    progress(1.0, "Compared")
    taken = {theirs.number for _, theirs in paired if theirs is not None}
    left = tuple(roi for roi in second.rois if roi.number not in taken)
    return Comparison(tuple(paired), tuple(out), left)


def pair(first: Sequence[Roi], second: Sequence[Roi], by_hand: ByHand | None = None) -> list[tuple[Roi, Roi | None]]:
    """Each structure of the first set with its counterpart in the second, or None.

    A person's choice comes first, then the same name (letters and digits count, not how they are joined, nor a
    qualifier behind "^"), then names that are the same by TG-263, as "Left Parotid" and "Parotid_L".
    """
    chosen = by_hand or {}
    by_number = {roi.number: roi for roi in second}
    by_name: dict[str, Roi] = {}
    by_standard: dict[str, Roi] = {}
    for roi in second:
        by_name.setdefault(_known_as(roi.name), roi)
        by_standard.setdefault(standard_name_of(roi.name), roi)
    by_standard.pop("", None)
    pairs: list[tuple[Roi, Roi | None]] = []
    for roi in first:
        number = chosen.get(roi.number)
        if roi.number in chosen and (number is None or number in by_number):
            pairs.append((roi, by_number[number] if number is not None else None))
        else:
            pairs.append((roi, by_name.get(_known_as(roi.name)) or by_standard.get(standard_name_of(roi.name))))
    return pairs


def sources_of(rois: Iterable[Roi], own: Mapping[int, str] | None = None) -> dict[str, tuple[Roi, ...]]:
    """Structures by where they come from: a person's own groups, the models that drew them, hands.

    Args:
        rois: of one set.
        own: ROI number → the group that a person put it into, whatever else it is.
    """
    out: dict[str, tuple[Roi, ...]] = {}
    for roi in rois:
        if roi.planes:
            name = (own or {}).get(roi.number) or _source(roi)
            out[name] = (*out.get(name, ()), roi)
    return out


def _source(roi: Roi) -> str:
    drawn = roi.provenance
    if drawn.generation is Generation.MANUAL:
        return "By hand"
    if drawn.generation is Generation.UNKNOWN:
        return "Not said by whom"
    model = " ".join(part for part in (drawn.algorithm, drawn.version) if part) or "a model"
    return f"By {model}" + (", edited" if drawn.generation is Generation.SEMIAUTOMATIC or drawn.edited else "")


def write_table(compared: Comparison, path: Path) -> None:
    """Write a comparison to a CSV file, whole or not at all; what has no counterpart has a row with its name alone.

    Raises:
        WriteError: it can't be written.
    """
    with write_errors(path), whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([name for name, _ in COLUMNS])
        for (roi, _), row in zip(compared.pairs, compared.rows, strict=True):
            if row is None:
                writer.writerow([roi.name, *[""] * (len(COLUMNS) - 1)])
                continue
            values = [getattr(row, name) for name, _ in COLUMNS]
            writer.writerow([f"{value:.6g}" if isinstance(value, float) else value for value in values])
        for roi in compared.left:
            writer.writerow(["", roi.name, *[""] * (len(COLUMNS) - 2)])


def _known_as(name: str) -> str:
    return "".join(letter for letter in name.partition("^")[0].casefold() if letter.isalnum())


def _areas(roi: Roi) -> Areas:
    return {plane: contours.area for plane, contours in roi.planes.items()}
