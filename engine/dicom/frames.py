"""The planes of an enhanced multi-frame image, from its shared and per-frame functional groups (PS3.3 C.7.6.16)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pydicom.dataset import Dataset

from engine.dicom.fields import items, number_if_any, numbers, text, whole
from engine.dicom.groups import GroupReader, Groups
from engine.dicom.planes import StoredImage, StoredPlane
from engine.dicom.traits import TRAITS, traits_of
from engine.dicom.value_maps import ValueMap, value_maps
from engine.errors import ReadError

#: Trait → the functional group and the element that has it.
_TRAITS = {
    "TemporalPositionIdentifier": ("FrameContentSequence", "TemporalPositionIndex"),
    "NominalPercentageOfCardiacPhase": ("CardiacSynchronizationSequence", "NominalPercentageOfCardiacPhase"),
    "NominalPercentageOfRespiratoryPhase": (
        "RespiratorySynchronizationSequence",
        "NominalPercentageOfRespiratoryPhase",
    ),
    "EchoTime": ("MREchoSequence", "EffectiveEchoTime"),
    "DiffusionBValue": ("MRDiffusionSequence", "DiffusionBValue"),
    "InversionTime": ("MRModifierSequence", "InversionTimes"),
    "NominalCardiacTriggerDelayTime": ("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime"),
    "StackID": ("FrameContentSequence", "StackID"),
    "AcquisitionNumber": ("FrameContentSequence", "FrameAcquisitionNumber"),
    "ConvolutionKernel": ("CTReconstructionSequence", "ConvolutionKernel"),
    "KVP": ("CTXRayDetailsSequence", "KVP"),
    "FlipAngle": ("MRTimingAndRelatedParametersSequence", "FlipAngle"),
    "FrameReferenceTime": ("FrameContentSequence", "FrameReferenceDateTime"),
    "ImageComments": ("FrameContentSequence", "FrameComments"),
    "AcquisitionTime": ("FrameContentSequence", "FrameAcquisitionDateTime"),
}
_FRAME_TYPES = (
    "CTImageFrameTypeSequence",
    "MRImageFrameTypeSequence",
    "PETFrameTypeSequence",
    "XRay3DFrameTypeSequence",
)
_GEOMETRY = {
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness"),
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept", "RescaleType"),
    "FrameContentSequence": ("InStackPositionNumber",),
    "MRDiffusionSequence": ("DiffusionGradientDirectionSequence",),
    **dict.fromkeys(_FRAME_TYPES, ("FrameType",)),
}
_WANTED = {
    group: (*_GEOMETRY.get(group, ()), *(keyword for place, keyword in _TRAITS.values() if place == group))
    for group in dict.fromkeys((*_GEOMETRY, *(place for place, _ in _TRAITS.values())))
}
#: What all frames may share → an element that tells that the file has it outside of its groups.
_OUTSIDE = {
    "PixelMeasuresSequence": "PixelSpacing",
    "PlaneOrientationSequence": "ImageOrientationPatient",
    "PixelValueTransformationSequence": "RescaleSlope",
}
_MAPS = "RealWorldValueMappingSequence"
_READER = GroupReader(_WANTED, (_MAPS,))


def frame_planes(dataset: Dataset, image: StoredImage) -> tuple[StoredPlane, ...]:
    """One plane for each frame.

    Raises:
        ReadError: there are fewer or more groups than frames, or a number in them is none.
    """
    frames = _READER.read(dataset, "PerFrameFunctionalGroupsSequence")
    if len(frames) != image.frames:
        raise ReadError(f"it has {image.frames} frames but describes {len(frames)}")
    shared = next(iter(_READER.read(dataset, "SharedFunctionalGroupsSequence")), {})
    of_file = dict(zip(TRAITS, traits_of(dataset), strict=True))
    common = _Groups((shared,), of_file).traits
    for_all = _maps(shared, image)
    outside = _outside(dataset, (shared, *frames))
    if outside:
        what = " and ".join(dict.fromkeys(_OUTSIDE[group] for group in outside))
        image = replace(
            image, remarks=(*image.remarks, f"its functional groups lack {what}, which it gives beside them")
        )
    return tuple(
        _plane(image, number, _Groups((frame, shared, outside), common), _maps(frame, image) or for_all)
        for number, frame in enumerate(frames, 1)
    )


def _maps(groups: Groups, image: StoredImage) -> tuple[ValueMap, ...]:
    return value_maps(groups[_MAPS], image.signed) if _MAPS in groups else ()


def _outside(dataset: Dataset, groups: Sequence[Groups]) -> Groups:
    """The file itself in place of the groups that no frame has, where it holds their elements, as single images do."""
    return {
        group: dataset
        for group, keyword in _OUTSIDE.items()
        if not any(group in each for each in groups) and text(dataset, keyword)
    }


class _Groups:
    """Looks an element up in a frame's functional groups, then in the shared ones; traits, at last, in the file."""

    def __init__(self, places: tuple[Groups, ...], otherwise: Mapping[str, str]) -> None:
        self._places = places
        self._otherwise = otherwise

    @property
    def traits(self) -> dict[str, str]:
        """Each trait with its text."""
        return {name: self._trait(name) for name in TRAITS}

    def _items(self, group: str) -> Iterator[Dataset]:
        return (groups[group] for groups in self._places if group in groups)

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

    def whole(self, group: str, keyword: str, default: int) -> int:
        return next((whole(item, keyword, default) for item in self._items(group)), default)

    def _trait(self, name: str) -> str:
        found = ""
        if name == "ImageType":
            found = next((kind for group in _FRAME_TYPES if (kind := self.text(group, "FrameType"))), "")
        elif name == "DiffusionGradientOrientation":
            nested = (items(item, "DiffusionGradientDirectionSequence") for item in self._items("MRDiffusionSequence"))
            found = next((text(inner[0], name) for inner in nested if inner), "")
        elif name in _TRAITS:
            found = self.text(*_TRAITS[name])
        return found or self._otherwise[name]


def _plane(image: StoredImage, number: int, groups: _Groups, maps: tuple[ValueMap, ...]) -> StoredPlane:
    spacing = groups.numbers("PixelMeasuresSequence", "PixelSpacing", 2)
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
        instance_number=groups.whole("FrameContentSequence", "InStackPositionNumber", number),
        acquired=groups.text("FrameContentSequence", "FrameAcquisitionDateTime"),
        traits=tuple(groups.traits.values()),
        maps=maps,
    )
