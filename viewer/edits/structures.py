"""What is done to whole structures from the list (add, delete, rename, show, ...), each as one step. No Qt."""

from collections.abc import Iterable
from dataclasses import replace

from engine.edits import AnswerChange, Step
from engine.structures import Review, Roi, StructureSet
from engine.tg263 import standard_colour, standard_type
from viewer.edits.target import RefusedError, fresh_colour, fresh_roi, refuse_approved
from viewer.history import History, add, change, delete
from viewer.session import Session

#: RT ROI Interpreted Type (3006,00A4), defined terms of PS3.3 C.8.8.8.
ROI_TYPES = (
    "", "ORGAN", "GTV", "CTV", "PTV", "EXTERNAL", "AVOIDANCE", "BOLUS", "CAVITY", "CONTRAST_AGENT", "SUPPORT",
    "FIXATION", "MARKER", "ISOCENTER", "REGISTRATION", "TREATED_VOLUME", "IRRAD_VOLUME", "DOSE_REGION", "CONTROL",
    "DOSE_MEASUREMENT", "BRACHY_CHANNEL", "BRACHY_ACCESSORY", "BRACHY_SRC_APP", "BRACHY_CHNL_SHLD",
)  # fmt: skip

#: Longest ROI name: VR LO (PS3.5, 6.2).
LONGEST_NAME = 64


def add_empty(session: Session, history: History) -> int:
    """Add an empty ROI, make it active, and return its number. Raises RefusedError when nothing is open."""
    structures = _open(session)
    roi = fresh_roi(structures)
    history.do(add(structures, (roi,), text=f"Add {roi.name}", tool="add"))
    session.set_active(roi.number)
    return roi.number


def duplicate(session: Session, history: History, number: int) -> int:
    """Add a copy of a ROI under a free name, make it active, and return its number."""
    structures = _open(session)
    original = structures[number]
    copy = replace(
        original,
        number=structures.next_number(),
        name=free_name(structures, f"{original.name} copy"),
        colour=fresh_colour(structures),
        uid="",
        locked=False,
        visible=True,
        # Nobody signed the copy, nor took a signature of it back.
        provenance=replace(original.provenance, review=Review(), reopened=Review()),
    )
    history.do(add(structures, (copy,), text=f"Duplicate {original.name}", tool="duplicate"))
    session.set_active(copy.number)
    return copy.number


def delete_all(session: Session, history: History, numbers: frozenset[int]) -> None:
    """Delete ROIs. Raises RefusedError when one of them is locked."""
    structures = _open(session)
    doomed = [roi for roi in structures.rois if roi.number in numbers]
    for roi in doomed:
        refuse_approved(roi)
    locked = [roi.name for roi in doomed if roi.locked]
    if locked:
        raise RefusedError(
            f"{' and '.join(locked)} {'is' if len(locked) == 1 else 'are'} locked: unlock (L) to delete."
        )
    if doomed:
        text = f"Delete {doomed[0].name}" if len(doomed) == 1 else f"Delete {len(doomed)} structures"
        history.do(delete(structures, numbers, text=text))


def rename(session: Session, history: History, number: int, name: str) -> None:
    """Give a ROI another name. Raises RefusedError when it is empty, too long or taken, or the ROI is locked."""
    structures = _open(session)
    roi = structures[number]
    if tidy(name) == roi.name:
        return
    refuse_locked(roi)
    name = given_name(structures, name)
    # A type that somebody chose stays; one that came from the old name goes with it.
    chosen = roi.roi_type not in ("", standard_type(roi.name))
    roi_type = roi.roi_type if chosen else standard_type(name)
    # Where nothing is drawn yet, nobody has got used to the colour.
    others = tuple(other for other in structures.rois if other.number != number)
    known = roi.is_empty and standard_colour(name) is not None
    colour = fresh_colour(replace(structures, rois=others), name) if known else roi.colour
    # The code belonged to the old name; a standard name brings its own at export.
    after = replace(roi, name=name, code=None, roi_type=roi_type, colour=colour)
    history.do(change(structures, after, text=f"Rename {roi.name} to {name}"))


def set_type(session: Session, history: History, number: int, roi_type: str) -> None:
    """Give a ROI another interpreted type. Raises RefusedError when it is locked."""
    structures = _open(session)
    roi = structures[number]
    if roi_type != roi.roi_type:
        refuse_locked(roi)
        text = f"Type of {roi.name}: {roi_type or 'none'}"
        history.do(change(structures, replace(roi, roi_type=roi_type), text=text))


def set_colour(session: Session, history: History, number: int, colour: tuple[int, int, int]) -> None:
    """Give a ROI another colour."""
    structures = _open(session)
    roi = structures[number]
    if colour != roi.colour:
        history.do(change(structures, replace(roi, colour=colour), text=f"Colour of {roi.name}"))


def set_visible(session: Session, history: History, numbers: Iterable[int], visible: bool) -> None:
    """Show or hide ROIs."""
    verb = "Show" if visible else "Hide"
    rois = [replace(roi, visible=visible) for roi in _chosen(session, numbers) if roi.visible is not visible]
    _change_all(session, history, rois, verb)


def show_only(session: Session, history: History, numbers: frozenset[int]) -> None:
    """Show these ROIs and hide the others; show all where that is so already."""
    rois = _open(session).rois
    alone = all(roi.visible is (roi.number in numbers) for roi in rois)
    turned = [
        replace(roi, visible=alone or roi.number in numbers)
        for roi in rois
        if roi.visible is not (alone or roi.number in numbers)
    ]
    if turned:
        names = [roi.name for roi in rois if roi.number in numbers]
        text = (
            "Show all structures"
            if alone
            else f"Show only {names[0] if len(names) == 1 else f'{len(names)} structures'}"
        )
        index = {roi.number: i for i, roi in enumerate(rois)}
        changes = tuple(AnswerChange(rois[index[roi.number]], roi, index[roi.number]) for roi in turned)
        history.do(Step(text, "properties", changes))


def set_locked(session: Session, history: History, numbers: Iterable[int], locked: bool) -> None:
    """Lock ROIs against change, or unlock them."""
    verb = "Lock" if locked else "Unlock"
    if not locked:
        for roi in _chosen(session, numbers := list(numbers)):
            refuse_approved(roi)
    rois = [replace(roi, locked=locked) for roi in _chosen(session, numbers) if roi.locked is not locked]
    _change_all(session, history, rois, verb)


def refuse_locked(roi: Roi) -> None:
    """Raises RefusedError when the ROI is locked."""
    refuse_approved(roi)
    if roi.locked:
        raise RefusedError(f"{roi.name} is locked: unlock it in the structures panel (L) to change it.")


def tidy(name: str) -> str:
    """A name as it is stored: no backslashes, single spaces."""
    return " ".join(name.replace("\\", " ").split())


def given_name(structures: StructureSet, name: str) -> str:
    """A name that a person gives, as it is stored. Raises RefusedError when it is empty, too long or taken."""
    name = tidy(name)
    if not name:
        raise RefusedError("A structure needs a name.")
    if len(name) > LONGEST_NAME:
        raise RefusedError(f"The name is longer than the {LONGEST_NAME} characters that DICOM allows.")
    if any(other.name == name for other in structures.rois):
        raise RefusedError(f"There is already a structure {name}.")
    return name


def free_name(structures: StructureSet, name: str) -> str:
    """`name`, with a number behind it where it is taken."""
    taken = {roi.name for roi in structures.rois}
    if name not in taken:
        return name
    return next(f"{name} {i}" for i in range(2, len(taken) + 3) if f"{name} {i}" not in taken)


def drawn_by(roi: Roi) -> str:
    """Who or what drew it, for the list."""
    was = roi.provenance
    model = f"{was.algorithm} {was.version}".strip() or "a model"
    who = {"AUTOMATIC": model, "SEMIAUTOMATIC": model, "MANUAL": "by hand"}.get(was.generation.value, "not said")
    return f"{who}, edited" if was.edited and was.generation.value != "MANUAL" else who


def _chosen(session: Session, numbers: Iterable[int]) -> list[Roi]:
    wanted = set(numbers)
    return [roi for roi in _open(session).rois if roi.number in wanted]


def _change_all(session: Session, history: History, rois: list[Roi], verb: str) -> None:
    if rois:
        structures = _open(session)
        index = {roi.number: i for i, roi in enumerate(structures.rois)}
        changes = tuple(AnswerChange(structures[roi.number], roi, index[roi.number]) for roi in rois)
        what = rois[0].name if len(rois) == 1 else f"{len(rois)} structures"
        history.do(Step(f"{verb} {what}", "properties", changes))


def _open(session: Session) -> StructureSet:
    if session.structures is None:
        raise RefusedError("Open a series first.")
    return session.structures
