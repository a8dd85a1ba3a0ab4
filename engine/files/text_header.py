"""What the text headers of NRRD and MetaImage files say that ITK passes over: units, spaces, and scales of values."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import ReadError
from engine.volume import FloatArray, Geometry

if TYPE_CHECKING:
    import SimpleITK as sitk

#: Text headers are looked through up to here, bytes.
LONGEST_HEADER = 1 << 20
_META = (".mha", ".mhd")
#: Units of length of NRRD files in mm.
_LENGTHS = {
    "mm": 1.0, "millimeter": 1.0, "millimetre": 1.0, "cm": 10.0, "centimeter": 10.0, "centimetre": 10.0, "m": 1e3,
    "meter": 1e3, "metre": 1e3, "um": 1e-3, "µm": 1e-3, "âµm": 1e-3, "micron": 1e-3, "micrometer": 1e-3,
    "micrometre": 1e-3, "nm": 1e-6, "nanometer": 1e-6,
}  # fmt: skip
_SECONDS = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "msec": 1e-3, "milliseconds": 1e-3}
#: Spaces of NRRD files whose axes are those of the patient (with "-time" after them, or a T).
_OF_THE_PATIENT = ("left-posterior-superior", "right-anterior-superior", "left-anterior-superior", "LPS", "RAS", "LAS")
_SIZES_OF_META = ("elementspacing", "elementsize")
_MODALITIES = ("modality", "0008|0060", "dicom_0008_0060")
_KNOWN_MODALITIES = ("CT", "MR", "PT", "NM", "US")
_UNCERTAIN = "left, right, front and back are not certain."


def text_header(path: Path) -> tuple[dict[str, str], int]:
    """The fields of an NRRD or MetaImage header, names in small letters, and the byte at which it ends."""
    with path.open("rb") as file:
        head = file.read(LONGEST_HEADER)
    fields: dict[str, str] = {}
    end = 0
    is_meta = path.name.lower().endswith(_META)
    for line in head.splitlines(keepends=True):
        end += len(line)
        text = line.decode("latin-1").strip()
        if not text and fields:
            break
        name, mark, value = text.partition("=" if is_meta else ":")
        if mark:
            fields[name.strip().lower()] = value.strip()
        if name.strip().lower() == "elementdatafile" or value.strip() == "LIST":
            break
    return fields, end


def in_mm(geometry: Geometry, path: Path) -> tuple[Geometry, tuple[str, ...]]:
    """(the grid in mm, notes): an NRRD file may give it in another unit of length (`space units`, `units`)."""
    if path.name.lower().endswith(_META):
        return geometry, ()
    fields, _ = text_header(path)
    written = fields.get("space units") or fields.get("units") or ""
    units = [unit.strip().lower() for unit in re.findall(r'"([^"]*)"', written)]
    units = [unit for unit in units if unit not in ("", "none", "???", "s", "sec", "ms")]
    known = {_LENGTHS.get(unit, _LENGTHS.get(unit.rstrip("s"))) for unit in units} or {1.0}
    factor = next(iter(known)) if len(known) == 1 else None
    if factor is None:
        return geometry, (f"The file gives lengths in {written[:40]}, which is not known: taken for millimetres.",)
    if factor == 1:
        return geometry, ()
    spacing: FloatArray = np.array(geometry.spacing_xyz) * factor
    scaled = Geometry.regular(geometry.origins_lps[0] * factor, geometry.directions, spacing, geometry.shape)
    if geometry.stored is not None:
        affine = np.diag([factor, factor, factor, 1.0]) @ geometry.stored.affine_ras
        stored = replace(geometry.stored, affine_ras=affine, spacing=scaled.spacing_xyz)
        scaled = replace(scaled, stored=stored)
    return scaled, (f"The file gives its place and voxel sizes in {units[0]}; they were turned into millimetres.",)


def lists_volumes(path: Path) -> bool:
    """Whether an NRRD file says that its values at each voxel are a list, and so those of several volumes."""
    fields, _ = text_header(path)
    return not path.name.lower().endswith(_META) and "list" in fields.get("kinds", "").lower().split()


def seconds_of_axis(path: Path) -> float:
    """Seconds of a step of 1 along the fourth axis of an NRRD file; 0 where its unit isn't said."""
    fields, _ = text_header(path)
    written = "" if path.name.lower().endswith(_META) else fields.get("space units") or fields.get("units") or ""
    units = re.findall(r'"([^"]*)"', written)
    return _SECONDS.get(units[3].strip().lower(), 0.0) if len(units) == 4 else 0.0


def place_notes(reader: "sitk.ImageFileReader", path: Path) -> tuple[str, ...]:
    """A note where a file does not tie its grid to the patient, or does so in two ways that contradict each other."""
    fields, _ = text_header(path)
    if path.name.lower().endswith(_META):
        written = fields.get("anatomicalorientation", "").upper()
        size = min(reader.GetDimension(), 3)
        directions = np.array(reader.GetDirection()).reshape((reader.GetDimension(),) * 2)[:size, :size]
        axes = np.abs(directions).argmax(axis=0)
        told = "".join("RAI"[axis] if directions[axis, n] > 0 else "LPS"[axis] for n, axis in enumerate(axes))
        if re.fullmatch(r"[LRAPIS]{3}", written) and written[:size] != told:
            note = f"The file gives its orientation as {written}, and by its matrix as {told}, which was taken: "
            return (*_size_notes(fields, _SIZES_OF_META), note + _UNCERTAIN)
        return _size_notes(fields, _SIZES_OF_META)
    unsized = _size_notes(fields, ("space directions", "spacings")) or _unsized_axes(fields)
    space = fields.get("space", "")
    if not space:
        return (*unsized, f"The file does not say how it lies in the patient: {_UNCERTAIN}")
    if re.sub(r"(?i)(-time|(?<=S)T)$", "", space).casefold() not in map(str.casefold, _OF_THE_PATIENT):
        return (f"The file gives its place in the space “{space[:40]}”, which is not the patient's: {_UNCERTAIN}",)
    return unsized


def _size_notes(fields: Mapping[str, str], names: Sequence[str]) -> tuple[str, ...]:
    """A note where none of the fields that give the size of voxels is there."""
    if any(name in fields for name in names):
        return ()
    return ("The file does not say how large its voxels are: 1 mm was taken, and nothing can be measured by it.",)


def _unsized_axes(fields: Mapping[str, str]) -> tuple[str, ...]:
    """A note where an NRRD file gives the size of voxels along some axes alone; ITK takes 1 for the others."""
    if "space directions" in fields:
        return ()
    sizes, kinds = fields.get("spacings", "").split(), fields.get("kinds", "").lower().split()
    listed = {axis for axis, kind in enumerate(kinds, 1) if kind == "list"}
    unsized = [str(axis) for axis, size in enumerate(sizes, 1) if size.lower() == "nan" and axis not in listed]
    if not unsized:
        return ()
    which = f"axis {unsized[0]}" if len(unsized) == 1 else f"axes {' and '.join(unsized)}"
    note = f"The file does not say how large its voxels are along {which}: 1 mm was taken, and nothing can be measured"
    return (f"{note} by it.",)


def modality_of(path: Path) -> str:
    """The DICOM modality that an NRRD or MetaImage file names, "" where it names none.

    MetaImage has a field for it; ITK writes what it read of DICOM under the element's numbers.
    """
    fields, _ = text_header(path)
    written = next((fields[name].lstrip("= ") for name in _MODALITIES if name in fields), "").upper()
    word = written.removeprefix("MET_MOD_")
    return word if word in _KNOWN_MODALITIES else ""


def in_intensities(values: NDArray[Any], path: Path) -> tuple[NDArray[Any], tuple[str, ...]]:
    """(values scaled as a MetaImage says, notes).

    Raises:
        ReadError: the scale is no number.
    """
    if not path.name.lower().endswith(_META):
        return values, ()
    fields, _ = text_header(path)
    slope, offset = (
        fields.get(f"elementtointensityfunction{part}", default) for part, default in (("slope", "1"), ("offset", "0"))
    )
    try:
        scale, shift = float(slope), float(offset)
    except ValueError:
        scale = shift = np.nan
    if not np.isfinite([scale, shift]).all() or scale == 0:
        raise ReadError(f"{path.name} is damaged: its values are to be scaled by {slope[:16]} and {offset[:16]}.")
    if (scale, shift) == (1, 0):
        return values, ()
    note = f"The values were scaled by {scale:g} and {shift:+g}, as the file says; some programs show them as stored."
    return values * scale + shift, (note,)
