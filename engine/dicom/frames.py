"""The planes of an enhanced multi-frame image, from its shared and per-frame functional groups (PS3.3 C.7.6.16)."""

from collections.abc import Iterator

from pydicom.dataset import Dataset

from engine.dicom.fields import items, number_if_any, numbers, text, whole
from engine.dicom.planes import TRAITS, StoredImage, StoredPlane
from engine.dicom.value_maps import ValueMap, value_maps
from engine.errors import ReadError

#: Trait → the functional group and the element that has it.
_TRAITS = {
    "TemporalPositionIdentifier": ("FrameContentSequence", "TemporalPositionIndex"),
    "EchoTime": ("MREchoSequence", "EffectiveEchoTime"),
    "DiffusionBValue": ("MRDiffusionSequence", "DiffusionBValue"),
    "TriggerTime": ("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime"),
    "StackID": ("FrameContentSequence", "StackID"),
    "AcquisitionNumber": ("FrameContentSequence", "FrameAcquisitionNumber"),
    "ConvolutionKernel": ("CTReconstructionSequence", "ConvolutionKernel"),
    "KVP": ("CTXRayDetailsSequence", "KVP"),
    "FrameReferenceTime": ("FrameContentSequence", "FrameReferenceDateTime"),
    "AcquisitionTime": ("FrameContentSequence", "FrameAcquisitionDateTime"),
}
_FRAME_TYPES = (
    "CTImageFrameTypeSequence",
    "MRImageFrameTypeSequence",
    "PETFrameTypeSequence",
    "XRay3DFrameTypeSequence",
)


def frame_planes(dataset: Dataset, image: StoredImage) -> tuple[StoredPlane, ...]:
    """One plane for each frame.

    Raises:
        ReadError: there are fewer or more groups than frames, or a number in them is none.
    """
    groups = items(dataset, "PerFrameFunctionalGroupsSequence")
    if len(groups) != image.frames:
        raise ReadError(f"it has {image.frames} frames but describes {len(groups)}")
    shared = items(dataset, "SharedFunctionalGroupsSequence")
    common = shared[0] if shared else Dataset()
    for_all = value_maps(common, image.signed)
    return tuple(
        _plane(image, number, _Groups(frame, common), value_maps(frame, image.signed) or for_all)
        for number, frame in enumerate(groups, 1)
    )


class _Groups:
    """Looks an element up in a frame's functional groups, then in the shared ones."""

    def __init__(self, frame: Dataset, shared: Dataset) -> None:
        self._frame, self._shared = frame, shared

    def _items(self, group: str) -> Iterator[Dataset]:
        for groups in (self._frame, self._shared):
            yield from items(groups, group)[:1]

    def numbers(self, group: str, keyword: str, count: int) -> tuple[float, ...] | None:
        found = (numbers(item, keyword, count) for item in self._items(group))
        return next((value for value in found if value is not None), None)

    def number(self, group: str, keyword: str) -> float | None:
        found = self.numbers(group, keyword, 1)
        return found[0] if found else None

    def number_if_any(self, group: str, keyword: str) -> float | None:
        found = (number_if_any(item, keyword)[0] for item in self._items(group))
        return next((value for value in found if value is not None), None)

    def text(self, group: str, keyword: str) -> str:
        return next((found for item in self._items(group) if (found := text(item, keyword))), "")

    def trait(self, name: str) -> str:
        if name == "ImageType":
            return next((found for group in _FRAME_TYPES if (found := self.text(group, "FrameType"))), "")
        return self.text(*_TRAITS[name]) if name in _TRAITS else ""


def _plane(image: StoredImage, number: int, groups: _Groups, maps: tuple[ValueMap, ...]) -> StoredPlane:
    spacing = groups.numbers("PixelMeasuresSequence", "PixelSpacing", 2)
    content = next(groups._items("FrameContentSequence"), Dataset())
    return StoredPlane(
        image=image,
        frame=number,
        position=groups.numbers("PlanePositionSequence", "ImagePositionPatient", 3),
        orientation=groups.numbers("PlaneOrientationSequence", "ImageOrientationPatient", 6),
        spacing_uv=None if spacing is None else (spacing[1], spacing[0]),
        thickness=groups.number_if_any("PixelMeasuresSequence", "SliceThickness"),
        slope=groups.number("PixelValueTransformationSequence", "RescaleSlope"),
        intercept=groups.number("PixelValueTransformationSequence", "RescaleIntercept"),
        rescale_type=groups.text("PixelValueTransformationSequence", "RescaleType"),
        instance_number=whole(content, "InStackPositionNumber", number),
        acquired=groups.text("FrameContentSequence", "FrameAcquisitionDateTime"),
        traits=tuple(groups.trait(trait) for trait in TRAITS),
        maps=maps,
    )
