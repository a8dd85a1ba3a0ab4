"""Kinds that are listed by their name, with the reason why they are not opened."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from engine.dicom.header import Header
from engine.dicom.info import read_info
from engine.stored.catalogue import Series
from engine.stored.handler import Handler

_STORAGE = "1.2.840.10008.5.1.4.1.1."

#: SOP class, after the root of all storage classes, → what such an object is.
_BY_CLASS = {
    "66": "raw data",
    "66.1": "a registration",
    "66.2": "fiducials",
    "66.3": "a registration (deformation field)",
    "66.5": "a surface segmentation",
    "67": "a real-world value map",
    "4.2": "a spectrum",
    "11.1": "a presentation state",
    "88.11": "a structured report",
    "88.35": "a structured report",
    "88.50": "a report of computer-aided detection in mammography",
    "88.59": "a selection of key objects",
    "88.65": "a report of computer-aided detection in the chest",
    "88.67": "a report of radiation dose",
    "104.1": "a document (PDF)",
    "104.2": "a document (CDA)",
    "104.3": "a printable model (STL)",
    "481.1": "a radiotherapy projection image",
    "481.2": "a dose grid",
    "481.4": "a record of beam treatment",
    "481.5": "a treatment plan",
    "481.6": "a record of brachytherapy",
    "481.7": "a summary of treatment",
    "481.8": "an ion treatment plan",
    "481.9": "a record of ion treatment",
}

#: The same by modality, for files that name no SOP class or an unknown one.
_BY_MODALITY = {
    "RTPLAN": "a treatment plan",
    "RTDOSE": "a dose grid",
    "RTIMAGE": "a radiotherapy projection image",
    "RTRECORD": "a treatment record",
    "SR": "a structured report",
    "REG": "a registration",
    "FID": "fiducials",
    "PR": "a presentation state",
    "KO": "a selection of key objects",
    "RWV": "a real-world value map",
    "DOC": "a document",
    "PLAN": "a plan",
    "AU": "audio",
    "ECG": "an electrocardiogram",
    "M3D": "a printable model",
}


class Unopened(Handler):
    """Objects that are known and are no image and no structures."""

    sop_classes = frozenset(_STORAGE + end for end in _BY_CLASS)
    modalities = frozenset(_BY_MODALITY)

    def look(self, headers: Sequence[Header]) -> list[Series]:
        """A series for all the files that are the same thing, its `problem` the reason."""
        by_kind: dict[tuple[str, str], list[Header]] = defaultdict(list)
        for header in headers:
            by_kind[_what(header), header.modality].append(header)
        return [self._series(members, *kind) for kind, members in by_kind.items()]

    def _series(self, headers: Sequence[Header], what: str, modality: str) -> Series:
        info = read_info(headers[0].path)
        if what and not info.description:
            info = replace(info, description=_titled(what))
        return Series(
            uid=info.series_uid or str(headers[0].path.parent),
            info=info,
            modality=info.modality,
            handler=self,
            files=tuple(header.path for header in headers),
            problem=_why(what, modality),
        )


def _what(header: Header) -> str:
    return _BY_CLASS.get(header.sop_class_uid.removeprefix(_STORAGE)) or _BY_MODALITY.get(header.modality, "")


def _why(what: str, modality: str) -> str:
    if what:
        return f"This is {what}, which is not opened as an image."
    return f"Objects of modality {modality or 'unknown'} without an image are not opened."


def _titled(what: str) -> str:
    name = what.removeprefix("a ").removeprefix("an ")
    return name[:1].upper() + name[1:]


#: Stands also for whatever is neither known nor an image.
UNKNOWN = Unopened()
