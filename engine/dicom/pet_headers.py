"""Whether the files of a PET series agree on what its uptake values are computed from."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from engine.dicom.fields import text
from engine.dicom.planes import StoredPlane
from engine.dicom.walk import Walker
from engine.errors import ReadError

#: Elements that hold for the whole series, and what to call them: GE's start of the scan, Philips's two scales.
_ELEMENTS: dict[str | int, str] = {
    "Units": "Units",
    "SUVType": "SUV Type",
    "CorrectedImage": "Corrected Image",
    "DecayCorrection": "Decay Correction",
    "DecayCorrected": "Decay Corrected",
    "AttenuationCorrected": "Attenuation Corrected",
    "DecayCorrectionDateTime": "Decay Correction DateTime",
    "PatientWeight": "Patient's Weight",
    "SeriesDate": "Series Date",
    "SeriesTime": "Series Time",
    "TimezoneOffsetFromUTC": "Timezone Offset From UTC",
    "RadiopharmaceuticalInformationSequence": "Radiopharmaceutical Information",
    0x0009100D: "the scan's start (0009,100D)",
    0x70531000: "the scale to SUV (7053,1000)",
    0x70531009: "the scale to activity (7053,1009)",
}
_WALKER = Walker(_ELEMENTS)


@dataclass(frozen=True, slots=True)
class Headers:
    """What the files of a series say.

    Args:
        planes: one of each kind of header, the first one's first.
        differing: names of the elements that are not the same in all files.
        units: of the values, in capitals, each once.
    """

    planes: tuple[StoredPlane, ...]
    differing: tuple[str, ...]
    units: tuple[str, ...]


def headers_of(planes: Sequence[StoredPlane]) -> Headers:
    """The different headers among the files of a PET series.

    Raises:
        ReadError: a file is gone, or its header is damaged.
    """
    kinds: dict[tuple[bytes, ...], StoredPlane] = {}
    units: dict[str, None] = {}
    for plane in {plane.image.path: plane for plane in reversed(planes)}.values():
        dataset = _read(plane)
        kinds[tuple(_stored(dataset, element) for element in _ELEMENTS)] = plane
        units[text(dataset, "Units").upper()] = None
    first = next(kind for kind, plane in kinds.items() if plane.image.path == planes[0].image.path)
    differing = [name for i, name in enumerate(_ELEMENTS.values()) if any(kind[i] != first[i] for kind in kinds)]
    ordered = (planes[0], *(plane for kind, plane in kinds.items() if kind != first))
    return Headers(ordered, tuple(differing), tuple(sorted(units)))


def _read(plane: StoredPlane) -> Dataset:
    path = plane.image.path
    try:
        with path.open("rb") as file:
            return _WALKER.read(file, plane.image.size).dataset
    except OSError as error:
        raise ReadError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # pydicom raises nearly anything on damaged bytes
        raise ReadError(f"{path.name} is a damaged DICOM file: its header cannot be read.") from error


def _stored(dataset: Dataset, element: str | int) -> bytes:
    """The bytes of an element, or what stands for them; without padding."""
    item = dataset.get_item(element)
    value = None if item is None else item.value
    return value.strip(b" \0") if isinstance(value, bytes) else repr(value).encode()
