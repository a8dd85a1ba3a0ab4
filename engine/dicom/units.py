"""What the stored values of a series mean: HU, SUVbw, or what the file says."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset

from engine.dicom.fields import text
from engine.dicom.planes import StoredPlane
from engine.dicom.suv import find_suv
from engine.dicom.value_maps import ValueMap, modality_table, value_maps
from engine.errors import ReadError
from engine.hounsfield import looks_like_hu

#: What a header says of units.
_TAGS = ["Units", "RealWorldValueMappingSequence", "ModalityLUTSequence"]
#: Of several mappings of a PET or CT, the unit that is taken, the best first.
_PREFERRED = {"PT": ("SUVbw", "BQML", "SUVlbm", "SUVbsa", "SUVibw", "CNTS"), "CT": ("HU",)}


@dataclass(frozen=True, slots=True)
class Scale:
    """Stored value → value: `(stored * slope + intercept) * factor`, or a real world value mapping's value × `factor`.

    Args:
        factor: on top of each plane's own rescale or mapping; turns activity into SUV.
        units: of the result.
        notes: plain sentences for the user.
        maps: the mapping of each plane by its identity, where one takes the place of the rescale.
        others: the names by which the same file's values can be asked for in other units.
    """

    units: str
    factor: float = 1.0
    notes: tuple[str, ...] = ()
    maps: dict[int, ValueMap] | None = None
    others: tuple[str, ...] = ()

    def line(self, plane: StoredPlane) -> tuple[float, float]:
        """(slope, intercept) of one plane's rescale, the factor included."""
        slope = 1.0 if plane.slope is None else plane.slope
        return slope * self.factor, (plane.intercept or 0.0) * self.factor

    def values(self, plane: StoredPlane, stored: NDArray[Any]) -> NDArray[np.float64]:
        """The values of one plane."""
        if self.maps is not None:
            return self.maps[id(plane)].values(stored) * self.factor
        slope, intercept = self.line(plane)
        return np.asarray(stored * np.float64(slope) + intercept)

    def unmapped(self, plane: StoredPlane, stored: NDArray[Any]) -> int:
        """How many voxels of one plane have a stored value that its mapping is not for."""
        return 0 if self.maps is None else self.maps[id(plane)].outside(stored)

    def is_whole(self, planes: Sequence[StoredPlane]) -> bool:
        """True when every plane maps whole numbers to whole numbers by a shift."""
        return (
            self.maps is None
            and not any(plane.image.floating for plane in planes)
            and all(
                slope == 1.0 and intercept == round(intercept) and abs(intercept) < 65536
                for slope, intercept in map(self.line, planes)
            )
        )


def find_scale(planes: Sequence[StoredPlane], modality: str, units: str = "") -> Scale:
    """The scale of the planes of an image series.

    A real world value mapping is taken where the file has no other way to values with a unit: enhanced PET, parametric
    MR, CT without rescale. Of several the unit decides; a note says which was taken and what else there is.

    Args:
        planes: of an image series.
        modality: of the series.
        units: the unit that is wanted, of those that the notes name; "" leaves the choice to the rules above.

    Raises:
        ReadError: some planes have a rescale and others have none, a slope is zero, or the file has no such unit.
    """
    first = _first(planes[0])
    offered = _offered(planes, first)
    named = _named(units, offered) if units else None
    wanted = named or _needed(modality, planes, first, offered)
    if wanted is not None:
        scale = _mapped(modality, planes, offered[wanted], units)
    else:
        scale = _rescaled(modality, planes, units)
    if units and named is None and scale.units.casefold() != units.casefold():
        there = ", ".join(dict.fromkeys([scale.units or "values without a unit", *offered]))
        raise ReadError(f"The series has no values in {units}, but in {there}.")
    mapped = [name for name in offered if name not in (wanted, scale.units)]
    # Besides the other mappings: the unit that would be taken unasked, and the activity that SUV was made of.
    unasked = [find_scale(planes, modality).units] if units else []
    activity = ["BQML"] if modality == "PT" and text(first, "Units").upper() == "BQML" else []
    names = dict.fromkeys((*unasked, *activity, *([wanted] if wanted else []), *mapped))
    scale = replace(scale, others=tuple(name for name in names if name and name != scale.units))
    if not mapped:
        return scale
    how = f"by the file's mapping '{offered[wanted].label}'" if wanted is not None else "by the file's rescale"
    note = f"Values in {scale.units or 'no unit'} {how}; the file can give them in {', '.join(mapped)} as well."
    return replace(scale, notes=(*scale.notes, note))


def _first(plane: StoredPlane) -> Dataset:
    """What the file of a plane says of units."""
    try:
        return dcmread(plane.image.path, stop_before_pixels=True, specific_tags=_TAGS, force=True)
    except Exception:  # pydicom raises nearly anything on damaged bytes; the pixels are read apart from this
        return Dataset()


def _maps_of(plane: StoredPlane, file: Dataset | None = None) -> dict[str, ValueMap]:
    """The mappings of a plane that have a unit, by it; with their label where several have one unit."""
    if plane.frame is None:
        maps = value_maps(file if file is not None else _first(plane), plane.image.signed)
    else:
        maps = plane.maps
    units = [each.units for each in maps]
    return {
        each.units if units.count(each.units) == 1 else f"{each.units} ({each.label})": each
        for each in maps
        if each.units
    }


def _offered(planes: Sequence[StoredPlane], first: Dataset) -> dict[str, ValueMap]:
    """Name → mapping of the first plane, of each mapping that all planes have."""
    offered = _maps_of(planes[0], first)
    if offered:
        offered = {name: each for name, each in offered.items() if all(name in _maps_of(plane) for plane in planes)}
    return offered


def _named(units: str, offered: dict[str, ValueMap]) -> str | None:
    """The mapping that the user names by its unit or label."""
    wanted = units.casefold()
    matches = [name for name, each in offered.items() if wanted in (name.casefold(), each.label.casefold())]
    matches += [name for name, each in offered.items() if wanted == each.units.casefold()]
    return next(iter(matches), None)


def _needed(modality: str, planes: Sequence[StoredPlane], first: Dataset, offered: dict[str, ValueMap]) -> str | None:
    """The mapping to take where the rescale gives values without a unit; None to take the rescale."""
    types = {plane.rescale_type for plane in planes}
    if modality == "PT":
        without_unit = not text(first, "Units")
    elif modality == "CT":
        without_unit = planes[0].slope is None or types == {"US"}
    else:
        without_unit = types <= {"", "US"}
    if not without_unit or not offered:
        return None
    by_unit = {each.units: name for name, each in reversed(offered.items())}
    return next((by_unit[unit] for unit in _PREFERRED.get(modality, ()) if unit in by_unit), next(iter(offered)))


def _mapped(modality: str, planes: Sequence[StoredPlane], chosen: ValueMap, units: str) -> Scale:
    """The scale by a mapping: activity becomes SUV unless that very mapping is asked for."""
    maps = {id(plane): _same(plane, chosen) for plane in planes}
    asked = units and units.casefold() in (chosen.units.casefold(), chosen.label.casefold())
    if modality != "PT" or asked:
        return Scale(chosen.units, maps=maps)
    suv = find_suv(planes, chosen.units)
    return Scale(suv.units, suv.factor, suv.notes, maps)


def _same(plane: StoredPlane, chosen: ValueMap) -> ValueMap:
    """A plane's mapping of the unit, and where it has several the label, of another plane's."""
    same = [each for each in _maps_of(plane).values() if each.units == chosen.units]
    return next((each for each in same if each.label == chosen.label), same[0])


def _rescaled(modality: str, planes: Sequence[StoredPlane], units: str) -> Scale:
    """The scale by the planes' own rescale."""
    # Planes with a rescale and planes without one are never in one stack.
    lacking = planes[0].slope is None or planes[0].intercept is None
    tables = _tables(planes) if lacking else None
    if tables is not None:
        kinds = sorted({table.units for table in tables.values()})
        note = "The values are those of the file's Modality LUT, a table that takes the place of a rescale."
        return Scale(kinds[0] if len(kinds) == 1 else "", notes=(note,), maps=tables)
    if any(plane.slope == 0 for plane in planes):
        raise ReadError("The rescale slope is 0, which would make all values equal; export the series again.")
    if modality == "CT":
        if lacking:
            note = "No Rescale Slope and Intercept: the values are as stored, and are not known to be HU."
            return Scale("", notes=(note,))
        # PS3.3 C.11.1.1.2 and C.8.2.1: a CT whose Rescale Type is absent is in HU.
        kinds = sorted({plane.rescale_type.upper() or "HU" for plane in planes})
        if len(kinds) > 1:
            note = f"The planes differ in the unit of their values ({', '.join(kinds)}): not known to be HU."
            return Scale("", notes=(note,))
        return Scale(kinds[0])
    if modality == "PT":
        if units.upper() == "BQML" == text(_first(planes[0]), "Units").upper():
            return Scale("BQML")
        suv = find_suv(planes)
        return Scale(suv.units, suv.factor, suv.notes)
    kinds = sorted({plane.rescale_type for plane in planes} - {"US", ""})
    return Scale(kinds[0] if len(kinds) == 1 else "")


def _tables(planes: Sequence[StoredPlane]) -> dict[int, ValueMap] | None:
    """The Modality LUT of each plane, by its identity; None where the first has none.

    Raises:
        ReadError: others lack one, or a table is damaged.
    """
    tables: dict[int, ValueMap] = {}
    for plane in planes:
        try:
            table = modality_table(_first(plane), plane.image.signed) if plane.frame is None else None
        except ReadError as error:
            raise ReadError(f"{plane.image.path.name} cannot be read: {error}.") from error
        if table is None:
            if not tables:
                return None
            raise ReadError(f"{plane.image.path.name} lacks the Modality LUT that other planes have.")
        tables[id(plane)] = table
    return tables


def settle_ct_units(units: str, low: float, high: float) -> tuple[str, tuple[str, ...]]:
    """(units, notes) of a CT whose values run from `low` to `high`.

    Common writers (GDCM, and so SimpleITK) label every CT "US", for unspecified, HU or not: such a CT is taken for HU,
    with a note, when its values look like it.
    """
    if units in ("HU", ""):
        return units, ()
    if units == "US" and looks_like_hu(low, high):
        span = f"{low:g} to {high:g}"
        return "HU", (f"The file leaves the unit of its values open: taken for HU, since they run from {span}.",)
    return units, (f"The file gives the unit of its values as {units}, not HU.",)
