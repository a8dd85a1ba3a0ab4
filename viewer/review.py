"""The order in which a person looks through what a model drew: where most is expected to change comes first. No Qt."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.structures import Roi, StructureSet
from viewer.session import Session


@dataclass(frozen=True)
class Contour:
    """The contours of one structure on one plane, as an item to look at.

    Args:
        number, name, colour: of the ROI.
        plane: index of the plane.
        doubt: expected share of the area that is wrong, 0..1 (`Roi.uncertainty`).
        edit_mm2: area that is expected to change: `doubt` × the area as the model drew it.
    """

    number: int
    name: str
    colour: tuple[int, int, int]
    plane: int
    doubt: float
    edit_mm2: float

    @property
    def key(self) -> tuple[int, int]:
        """As in `Session.seen`."""
        return self.number, self.plane


class ReviewQueue:
    """Ranks contours by expected edit. An edit does not move a contour to another place: it keeps its first rank."""

    def __init__(self) -> None:
        self._ranks: dict[int, tuple[Mapping[int, float], dict[int, float]]] = {}

    def contours(self, structures: StructureSet | None, only: int | None = None) -> list[Contour]:
        """All contours with a measure of doubt, those of the largest expected edit first.

        Args:
            only: ROI number; None for all ROIs.
        """
        rois: Iterable[Roi] = structures.rois if structures is not None else ()
        found = [
            Contour(roi.number, roi.name, roi.colour, plane, roi.uncertainty[plane], edit)
            for roi in rois
            if roi.uncertainty and only in {None, roi.number}
            for plane, edit in self._ranked(roi).items()
            if plane in roi.planes
        ]
        return sorted(found, key=lambda contour: (-contour.edit_mm2, contour.name, contour.plane))

    def _ranked(self, roi: Roi) -> dict[int, float]:
        known = self._ranks.get(roi.number)
        if known is None or known[0] != roi.uncertainty:
            edits = {plane: doubt * roi.area(plane).area for plane, doubt in roi.uncertainty.items()}
            known = self._ranks[roi.number] = (roi.uncertainty, edits)
        return known[1]


def show(session: Session, contour: Contour) -> None:
    """Bring a contour into view: the crosshair onto it, its ROI active."""
    volume, structures = session.volume, session.structures
    if volume is None or structures is None or contour.number not in structures:
        return
    session.set_active(contour.number)
    area = structures[contour.number].area(contour.plane)
    if not area.is_empty:
        point = area.representative_point()
        session.move_cursor(volume.geometry.lps_from_plane(contour.plane, [[point.x, point.y]])[0])
