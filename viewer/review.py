"""The order in which a person looks through what a model answered. No Qt.

Flags come first, as what they say may be true of a whole structure; then findings, as there are few and each must be
judged; then contours, where most is expected to change first.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from shapely import MultiPolygon

from engine.answers import Document, Finding, FindingKey, key_of
from engine.findings.words import is_judged
from engine.flags.flag import Flag
from engine.structures import Generation, Roi, StructureSet
from engine.unseen import unseen_planes
from viewer.findings import show_evidence
from viewer.history import History
from viewer.session import Session

#: In place of the number of a ROI: the findings alone, or the flags.
FINDINGS, FLAGS = "findings", "flags"


@dataclass(frozen=True)
class Contour:
    """The contours of one structure on one plane, as an item to look at.

    Args:
        number, name, colour: of the ROI.
        plane: index of the plane.
        edit_mm2: area that is expected to change (`Roi.expected_edit`); None where the model does not tell.
        doubt: the same as a share of the area that is drawn now, at most 1; None where nothing is or it is not told.
    """

    number: int
    name: str
    colour: tuple[int, int, int]
    plane: int
    edit_mm2: float | None
    doubt: float | None

    @property
    def key(self) -> tuple[int, int]:
        """As in `History.seen`."""
        return self.number, self.plane


Item = Flag | Contour | Finding
ItemKey = tuple[int, int] | FindingKey | tuple[str, tuple[int, ...]]


def items(document: Document | None, only: int | str | None = None, flags: Iterable[Flag] = ()) -> list[Item]:
    """All that there is to review, in order.

    Args:
        document: all answers.
        only: number of a ROI, `FINDINGS` or `FLAGS`; None for everything.
        flags: of its structures.
    """
    if document is None:
        return []
    flagged = [flag for flag in flags if only in (None, FLAGS, *flag.numbers)]
    findings = document.findings if only in (None, FINDINGS) else ()
    number = only if isinstance(only, int) else None
    contours = [] if isinstance(only, str) else review_queue(document.structures, number)
    return [*flagged, *findings, *contours]


def drawn_by_models(structures: StructureSet | None) -> frozenset[int]:
    """Numbers of the ROIs that a model drew, whoever changed them since."""
    rois = structures.rois if structures is not None else ()
    kinds = (Generation.AUTOMATIC, Generation.SEMIAUTOMATIC)
    return frozenset(roi.number for roi in rois if roi.expected_edit or roi.provenance.generation in kinds)


def item_key(item: Item) -> ItemKey:
    """What an item is known by while it changes."""
    return item.key if isinstance(item, Contour | Flag) else key_of(item)


def is_done(history: History, item: Item) -> bool:
    """Whether a person has seen a contour, marked that of a flag, or judged a finding: to look at that is not enough.

    Who corrects a contour has seen it (`History.seen`), but need not have seen what a flag says of it.
    """
    if isinstance(item, Flag):
        return item.contours <= history.marked_seen
    return item.key in history.seen if isinstance(item, Contour) else is_judged(item)


def contours_of(item: Item) -> frozenset[tuple[int, int]]:
    """What is marked as seen with an item: (ROI number, plane index); nothing of a finding."""
    if isinstance(item, Flag):
        return item.contours
    return frozenset({item.key}) if isinstance(item, Contour) else frozenset()


def show_item(session: Session, item: Item) -> None:
    """Bring an item into view."""
    if isinstance(item, Contour | Flag):
        session.set_active_finding(None)
    if isinstance(item, Contour):
        show(session, item)
    elif isinstance(item, Flag):
        show_flag(session, item)
    else:
        session.set_active_finding(key_of(item))
        show_evidence(session, item)


def review_queue(structures: StructureSet | None, only: int | None = None) -> list[Contour]:
    """All contours of models, and planes on which one may be missing, by expected edit; those it is not told of last.

    What the model expected does not change with an edit, so an edited contour keeps its place.

    Args:
        structures: what is drawn.
        only: ROI number; None for all ROIs.
    """
    rois: Iterable[Roi] = structures.rois if structures is not None else ()
    contours = [contour for roi in rois if only in {None, roi.number} for contour in _contours(roi)]
    return sorted(contours, key=lambda contour: (-_rank(contour), contour.name, contour.plane))


def _contours(roi: Roi) -> list[Contour]:
    planes = {*roi.expected_edit, *unseen_planes(roi)}
    # A model that tells of some planes is sure of the others.
    untold = 0.0 if roi.expected_edit else None
    contours = []
    for plane in planes:
        edit = roi.expected_edit.get(plane, untold)
        doubt = None if edit is None else _share(edit, roi.area(plane).area)
        contours.append(Contour(roi.number, roi.name, roi.colour, plane, edit, doubt))
    return contours


def _rank(contour: Contour) -> float:
    return -1.0 if contour.edit_mm2 is None else contour.edit_mm2


def doubt_of(roi: Roi) -> float | None:
    """Expected wrong area over all planes as a share of the area that is drawn, at most 1; None without either."""
    return _share(sum(roi.expected_edit.values()), sum(roi.area(plane).area for plane in roi.planes))


def _share(edit: float, area: float) -> float | None:
    return min(edit / area, 1.0) if area > 0 else None


def show(session: Session, contour: Contour) -> None:
    """Bring a contour into view: the crosshair onto it, all of it on the screen, its ROI active.

    Where nothing is drawn on the plane, the crosshair goes to the place of the nearest contour of the ROI; where
    nothing of it is drawn at all, straight to the plane.
    """
    volume, structures = session.volume, session.structures
    if volume is None or structures is None or contour.number not in structures:
        return
    session.set_active(contour.number)
    roi = structures[contour.number]
    drawn = [plane for plane in roi.planes if not roi.area(plane).is_empty]
    if drawn:
        reveal_area(session, roi.area(min(drawn, key=lambda plane: abs(plane - contour.plane))), contour.plane)
    else:
        u, v = volume.geometry.plane_from_lps(contour.plane, session.cursor_lps)[0]
        session.reveal(volume.geometry.lps_from_plane(contour.plane, [(u, v)])[0])


def show_flag(session: Session, flag: Flag) -> None:
    """Bring the place of a flag into view, with what is drawn there of its structures; the first of them active."""
    volume, structures = session.volume, session.structures
    if volume is None or structures is None:
        return
    session.set_active(flag.numbers[0])
    areas = [structures[number].area(flag.plane) for number in flag.numbers if number in structures]
    corners = []
    for u0, v0, u1, v1 in (area.bounds for area in areas if not area.is_empty):
        corners += volume.geometry.lps_from_plane(flag.plane, [(u0, v0), (u1, v1), (u0, v1), (u1, v0)]).tolist()
    session.reveal(flag.point_lps, corners)


def reveal_nearest(session: Session, roi: Roi) -> None:
    """Put the crosshair into a ROI, on the nearest plane that has something of it."""
    here = session.plane
    drawn = [plane for plane in roi.planes if not roi.area(plane).is_empty]
    if drawn:
        plane = min(drawn, key=lambda plane: abs(plane - here))
        reveal_area(session, roi.area(plane), plane)


def reveal_area(session: Session, area: MultiPolygon, plane: int) -> None:
    """Put the crosshair into an area, mm on a plane of the open series, with all of it on the screen of every view."""
    volume = session.volume
    assert volume is not None, "an area lies on a plane of an open series"
    inside = area.representative_point()
    u0, v0, u1, v1 = area.bounds
    corners = [(u0, v0), (u1, v1), (u0, v1), (u1, v0)]
    points = volume.geometry.lps_from_plane(plane, [(inside.x, inside.y), *corners])
    session.reveal(points[0], points[1:])
