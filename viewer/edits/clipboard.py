"""The contour of one plane, carried to another plane or structure. No Qt."""

from dataclasses import dataclass

from shapely import MultiPolygon

from engine.contouring import brush
from engine.structures import Roi
from engine.volume import Geometry
from viewer.edits.planes import moved_between
from viewer.edits.target import RefusedError, refuse_change
from viewer.history import History, redraw
from viewer.session import Session


@dataclass(frozen=True, eq=False)
class Clip:
    """What a structure had on a plane when it was copied.

    Args:
        name: of the structure.
        plane: index of the acquired plane.
        area: `(u, v)` mm of that plane.
        geometry: of the series.
    """

    name: str
    plane: int
    area: MultiPolygon
    geometry: Geometry


class Clipboard:
    """Holds one contour at a time, for as long as its series is open."""

    def __init__(self, session: Session, history: History) -> None:
        self._session, self._history = session, history
        self._clip: Clip | None = None

    @property
    def clip(self) -> Clip | None:
        """What was copied; None where that is nothing, or of another series."""
        volume = self._session.volume
        held = self._clip
        return held if held is not None and volume is not None and volume.geometry is held.geometry else None

    def copy(self, roi: Roi, plane: int) -> None:
        """Take what `roi` has on a plane. Raises RefusedError where that is nothing."""
        volume, area = self._session.volume, roi.area(plane)
        if volume is None or area.is_empty:
            raise RefusedError(f"{roi.name} has nothing on plane {plane + 1} to copy.")
        self._clip = Clip(roi.name, plane, area, volume.geometry)

    def paste(self, roi: Roi, plane: int) -> None:
        """Add what was copied to `roi` on a plane, as one step; what is drawn there stays.

        Raises:
            RefusedError: nothing was copied, the ROI may not be changed, or it covers that already.
        """
        clip = self.clip
        if clip is None:
            raise RefusedError("No contour was copied on this series yet (Ctrl+C).")
        refuse_change(roi)
        came, before = moved_between(clip.area, clip.geometry, clip.plane, plane), roi.area(plane)
        area = came if before.is_empty else before if before.covers(came) else brush.add(before, came)
        text = f"Paste plane {clip.plane + 1} of {clip.name} on plane {plane + 1} of {roi.name}"
        step = redraw(roi, {plane: area}, text=text, tool="paste")
        if step is None:
            raise RefusedError(f"{roi.name} covers that on plane {plane + 1} already.")
        self._history.do(step)
