"""Which structures of an RTSTRUCT lie in the frame of reference of an image, and which in another.

Coordinates of two frames of reference have nothing to do with each other: a file for a patient who was positioned anew
holds structures that must not be drawn on the first series, though they would fit it.
"""

from collections.abc import Sequence

from pydicom.dataset import Dataset

from engine.dicom.rtstruct_drafts import Draft
from engine.dicom.rtstruct_items import sequence, string
from engine.volume import Volume

_FRAME = "FrameOfReferenceUID"


def in_other_frames(header: Dataset, drafts: Sequence[Draft], volume: Volume | None, notes: list[str]) -> set[int]:
    """Numbers of the structures that lie in another frame of reference; `notes` gets a sentence about them.

    A structure's frame is the one that it names, else that of the images that its contours refer to. A frame that the
    file neither lists nor gives to another structure is a slip of its writer, and decides nothing.

    Args:
        header: of the file.
        drafts: its structures.
        volume: the image; None takes the frame of the file, else the first that it lists.
    """
    listed = _listed(header)
    frames = {draft.number: _frame_of(draft, listed) for draft in drafts}
    own, images = _own(header, volume, listed)
    named = {frame for frame in frames.values() if frame}
    if len(named) > 1 and not own:
        notes.append(
            f"The structures lie in {len(named)} frames of reference, and the image does not say which is its own: "
            "all are shown, and some may lie elsewhere."
        )
    if not own or not own & (listed.keys() | named):
        return set()
    apart: dict[int, Draft] = {}
    for draft in drafts:
        frame = frames[draft.number]
        if not frame or frame in own or not (frame in listed or own & named):
            continue
        if images & _images_of(draft):
            notes.append(
                f"'{draft.name}' names another frame of reference than the image, but its contours refer to the "
                "image: it is shown."
            )
            continue
        apart[draft.number] = draft
    if apart:
        names = ", ".join(f"'{draft.name}'" for draft in apart.values())
        lie, them, they_were = ("lies", "it", "it was") if len(apart) == 1 else ("lie", "them", "they were")
        notes.append(
            f"{names} {lie} in another frame of reference than the image: left out here; an export of this file's "
            f"structures writes {them} back as {they_were} read."
        )
    return set(apart)


def _own(header: Dataset, volume: Volume | None, listed: dict[str, frozenset[str]]) -> tuple[set[str], set[str]]:
    """(frames of the image: its own, and those under which the file lists it; SOP Instance UIDs of the image)."""
    if volume is None:
        first = string(header, _FRAME) or next(iter(listed), "")
        return {first} - {""}, set()
    images = {instance.sop_instance_uid for instance in volume.instances} - {""}
    known = images | ({volume.info.series_uid} - {""})
    own = {frame for frame, members in listed.items() if members & known}
    return own | ({volume.info.frame_of_reference_uid} - {""}), images


def _listed(header: Dataset) -> dict[str, frozenset[str]]:
    """Frame of reference → the series and instances that the file lists under it."""
    out: dict[str, frozenset[str]] = {}
    for frame in sequence(header, "ReferencedFrameOfReferenceSequence"):
        members: set[str] = set()
        for study in sequence(frame, "RTReferencedStudySequence"):
            for series in sequence(study, "RTReferencedSeriesSequence"):
                members.add(string(series, "SeriesInstanceUID"))
                images = sequence(series, "ContourImageSequence")
                members |= {string(image, "ReferencedSOPInstanceUID") for image in images}
        uid = string(frame, _FRAME)
        out[uid] = out.get(uid, frozenset()) | frozenset(members - {""})
    out.pop("", None)
    return out


def _frame_of(draft: Draft, listed: dict[str, frozenset[str]]) -> str:
    frame = string(draft.item, "ReferencedFrameOfReferenceUID")
    if frame:
        return frame
    images = _images_of(draft)
    return next((uid for uid, members in listed.items() if images & members), "")


def _images_of(draft: Draft) -> set[str]:
    return {instance for contour in draft.contours for _, instance, _ in contour.image_uids} - {""}
