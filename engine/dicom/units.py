"""What the stored values of a series mean: HU, SUVbw, or what the file says."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.dicom.catalogue import Series
from engine.dicom.planes import StoredPlane
from engine.dicom.suv import find_suv
from engine.errors import ReadError
from engine.image_file import looks_like_hu


@dataclass(frozen=True, slots=True)
class Scale:
    """Stored value → value: `(stored * slope + intercept) * factor`.

    Args:
        factor: on top of each plane's own rescale; turns activity into SUV.
        units: of the result.
        notes: plain sentences for the user.
    """

    units: str
    factor: float = 1.0
    notes: tuple[str, ...] = ()

    def line(self, plane: StoredPlane) -> tuple[float, float]:
        """(slope, intercept) of one plane, the factor included."""
        slope = 1.0 if plane.slope is None else plane.slope
        return slope * self.factor, (plane.intercept or 0.0) * self.factor

    def is_whole(self, planes: Sequence[StoredPlane]) -> bool:
        """True when every plane maps whole numbers to whole numbers by a shift."""
        return all(
            slope == 1.0 and intercept == round(intercept) and abs(intercept) < 65536
            for slope, intercept in map(self.line, planes)
        )


def find_scale(series: Series) -> Scale:
    """The scale of an image series.

    Raises:
        ReadError: some planes have a rescale and others have none, or a slope is zero.
    """
    planes = series.planes
    lacking = [plane for plane in planes if plane.slope is None or plane.intercept is None]
    if lacking and len(lacking) < len(planes):
        raise ReadError(
            f"{len(lacking)} of {len(planes)} planes (such as {lacking[0].image.path.name}) lack a rescale slope or "
            "intercept that the others have, so that their values cannot be compared; export the series again."
        )
    if any(plane.slope == 0 for plane in planes):
        raise ReadError("The rescale slope is 0, which would make all values equal; export the series again.")
    if series.modality == "CT":
        if lacking:
            note = "No Rescale Slope and Intercept: the values are as stored, and are not known to be HU."
            return Scale("", notes=(note,))
        # PS3.3 C.11.1.1.2 and C.8.2.1: a CT whose Rescale Type is absent is in HU.
        kinds = sorted({plane.rescale_type for plane in planes} - {"HU", ""})
        return Scale(kinds[0] if kinds else "HU")
    if series.modality == "PT":
        suv = find_suv(planes)
        return Scale(suv.units, suv.factor, suv.notes)
    return Scale("" if planes[0].rescale_type == "US" else planes[0].rescale_type)


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
