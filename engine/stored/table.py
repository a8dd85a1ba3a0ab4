"""Every kind of stored thing that is known, and which one a file is."""

from functools import cache
from pathlib import Path

from engine.dicom.header import Header, begins_as_dicom
from engine.stored.handler import Gives, Handler
from engine.stored.image import Images
from engine.stored.image_file import ImageFiles
from engine.stored.picture import PictureFiles
from engine.stored.report import Reports
from engine.stored.rtstruct import Rtstructs
from engine.stored.segmentation import Segmentations
from engine.stored.unopened import UNKNOWN

#: DICOM objects that no other kind claims are taken for images, and say so where they have none.
IMAGES = Images()

#: Where two claim the same objects, the earlier one has them: what is opened goes before what is only listed.
HANDLERS: tuple[Handler, ...] = (
    IMAGES, ImageFiles(), PictureFiles(), Rtstructs(), Segmentations(), Reports(), UNKNOWN,
)  # fmt: skip


def handler_of(header: Header) -> Handler:
    """The kind of a DICOM object: by its SOP class, else by its modality, else an image."""
    by_class, by_modality = _tables()
    return by_class.get(header.sop_class_uid) or by_modality.get(header.modality) or IMAGES


def handler_of_file(path: Path) -> Handler | None:
    """The kind that claims a file; None where it can only be DICOM, as one that begins so, whatever its name is."""
    handler = next((handler for handler in HANDLERS if handler.claims(path)), None)
    return None if handler is not None and begins_as_dicom(path) else handler


def is_image(header: Header) -> bool:
    """True where the planes of a DICOM object are wanted."""
    return handler_of(header).gives is Gives.VOLUME


@cache
def _tables() -> tuple[dict[str, Handler], dict[str, Handler]]:
    by_class = {uid: handler for handler in reversed(HANDLERS) for uid in handler.sop_classes}
    by_modality = {modality: handler for handler in reversed(HANDLERS) for modality in handler.modalities}
    return by_class, by_modality
