"""What a pixel of a DICOM picture measures, and where that holds.

Sources: PS3.3 C.8.5.5.1 (ultrasound regions), 10.7.1.3 and C.8.11.3 (pixel spacing in projection radiographs), C.8.6.2
(digitised film).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from engine.dicom.fields import items, numbers, text, whole
from engine.dicom.header import read_elements
from engine.dicom.planes import StoredImage, StoredPlane
from engine.errors import ReadError

_KEYWORDS = (
    "PixelSpacing",
    "PixelSpacingCalibrationType",
    "ImagerPixelSpacing",
    "EstimatedRadiographicMagnificationFactor",
    "NominalScannedPixelSpacing",
    "PixelAspectRatio",
    "SequenceOfUltrasoundRegions",
)
#: Physical Units of an ultrasound region: centimetres.
_CENTIMETRES = 3
_ALIKE = 1e-3


@dataclass(frozen=True)
class PictureScale:
    """The size of a pixel.

    Args:
        spacing_uv: (mm between columns, mm between rows); None where it is not known.
        measured: where that holds: "at the detector"; "" where it simply holds.
        notes: sentences for the user.
    """

    spacing_uv: tuple[float, float] | None = None
    measured: str = ""
    notes: tuple[str, ...] = ()


def picture_scale(plane: StoredPlane) -> PictureScale:
    """What the file of a picture says of the size of its pixels; nothing where it contradicts itself."""
    try:
        file = read_elements(plane.image.path, _KEYWORDS)
        regions = items(file, "SequenceOfUltrasoundRegions")
        return _of_regions(regions, plane.image) if regions else _of_spacing(file, plane)
    except ReadError:
        return PictureScale(notes=("What the file says of the size of its pixels makes no sense: taken as unknown.",))


def _of_spacing(file: Dataset, plane: StoredPlane) -> PictureScale:
    own, detector = _pair(file, "PixelSpacing") or plane.spacing_uv, _pair(file, "ImagerPixelSpacing")
    if own is not None and detector is not None and not _same(own, detector):
        kind = text(file, "PixelSpacingCalibrationType").lower()
        how = {"geometry": "for an assumed depth", "fiducial": "by an object of known size"}.get(kind, "by the file")
        return PictureScale(own, f"calibrated {how}", (f"Lengths are calibrated {how}.",))
    if detector is not None:
        factor = numbers(file, "EstimatedRadiographicMagnificationFactor", 1)
        larger = f" by about {factor[0]:g}" if factor and factor[0] > 1 else ""
        note = f"Lengths are those at the detector; the body is magnified there{larger}, so its own are less."
        return PictureScale(detector, "at the detector", (note,))
    if own is not None:
        return PictureScale(own)
    film = _pair(file, "NominalScannedPixelSpacing")
    if film is not None:
        return PictureScale(film, "on the film", ("Lengths are those on the film that was scanned.",))
    ratio = text(file, "PixelAspectRatio").split("\\")
    if len(ratio) == 2 and ratio[0] != ratio[1]:
        note = f"The pixels are not square ({ratio[0]}:{ratio[1]} high to wide), but shown so: shapes are distorted."
        return PictureScale(notes=(note,))
    return PictureScale()


def _of_regions(regions: Sequence[Dataset], image: StoredImage) -> PictureScale:
    found = [
        (delta, region)
        for region in regions
        if whole_of(region, "PhysicalUnitsXDirection") == whole_of(region, "PhysicalUnitsYDirection") == _CENTIMETRES
        and (delta := _delta(region)) is not None
    ]
    if not found:
        return PictureScale()
    first = found[0][0]
    if not all(_same(first, delta) for delta, _ in found):
        return PictureScale(notes=("The ultrasound regions have different scales: lengths are in pixels.",))
    if any(
        whole_of(region, "RegionLocationMaxX1") > image.columns or whole_of(region, "RegionLocationMaxY1") > image.rows
        for _, region in found
    ):
        note = "The ultrasound regions reach beyond the picture, which was made smaller since: lengths are in pixels."
        return PictureScale(notes=(note,))
    keys = ("RegionLocationMinX0", "RegionLocationMinY0", "RegionLocationMaxX1", "RegionLocationMaxY1")
    areas = ["{}–{} × {}–{}".format(*(whole_of(region, keys[k]) for k in (0, 2, 1, 3))) for _, region in found[:3]]
    note = f"Millimetres hold inside the ultrasound image alone (columns × rows {' and '.join(areas)})."
    return PictureScale(first, "in the ultrasound region", (note,))


def whole_of(region: Dataset, keyword: str) -> int:
    """A whole number of an item; −1 where it is absent."""
    value = region.get(keyword)
    return int(value) if isinstance(value, int) else whole(region, keyword, -1)


def _delta(region: Dataset) -> tuple[float, float] | None:
    """(mm between columns, mm between rows)."""
    x, y = numbers(region, "PhysicalDeltaX", 1), numbers(region, "PhysicalDeltaY", 1)
    return (abs(x[0]) * 10, abs(y[0]) * 10) if x and y and x[0] and y[0] else None


def _pair(file: Dataset, keyword: str) -> tuple[float, float] | None:
    values = numbers(file, keyword, 2)
    return (values[1], values[0]) if values and min(values) > 0 else None


def _same(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return all(abs(a / b - 1) < _ALIKE for a, b in zip(one, other, strict=True))
