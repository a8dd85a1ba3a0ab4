"""What the stored values of a series mean: HU, SUVbw, or what the file says."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.dicom.planes import StoredPlane
from engine.dicom.scan import Series
from engine.dicom.suv import find_suv
from engine.errors import ReadError


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
        kinds = sorted({plane.rescale_type for plane in planes} - {"HU", ""})
        if kinds:
            return Scale(kinds[0], notes=(f"The file gives the unit of its values as {kinds[0]}, not HU.",))
        return Scale("HU")
    if series.modality == "PT":
        suv = find_suv(planes)
        return Scale(suv.units, suv.factor, suv.notes)
    return Scale("" if planes[0].rescale_type == "US" else planes[0].rescale_type)
