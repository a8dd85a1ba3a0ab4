"""What lies between the drawn planes of a structure, kept gap by gap while others are drawn. No Qt."""

from itertools import pairwise

from shapely import MultiPolygon

from engine.contouring.interpolate import interpolate
from engine.progress import Progress, part
from engine.structures import PlaneContours, Roi
from engine.volume import Geometry

_Ends = tuple[PlaneContours, PlaneContours]


class Between:
    """The interpolated planes of the structure that is drawn; a gap is computed anew where an end changed."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, int], tuple[_Ends, dict[int, MultiPolygon]]] = {}

    def known(self, roi: Roi) -> Roi | None:
        """`roi` with nothing but those of its gaps that were computed; None where there are none."""
        planes: dict[int, MultiPolygon] = {}
        for gap, ends in _gaps(roi).items():
            held = self._held.get(gap)
            if held is not None and held[0][0] is ends[0] and held[0][1] is ends[1]:
                planes.update(held[1])
        return Roi(roi.number, roi.name, roi.colour).with_areas(planes) if planes else None

    def compute(self, roi: Roi, geometry: Geometry, progress: Progress) -> Roi | None:
        """As `known`, with all gaps computed. May run on any thread, one at a time.

        Raises:
            CancelledError: `progress` stopped it.
        """
        gaps = _gaps(roi)
        for n, (gap, ends) in enumerate(gaps.items()):
            held = self._held.get(gap)
            if held is None or held[0][0] is not ends[0] or held[0][1] is not ends[1]:
                areas = {plane: contours.area for plane, contours in zip(gap, ends, strict=True)}
                share = part(progress, n / len(gaps), (n + 1) / len(gaps))
                self._held[gap] = (ends, interpolate(areas, geometry, progress=share))
        self._held = {gap: held for gap, held in self._held.items() if gap in gaps}
        return self.known(roi)


def _gaps(roi: Roi) -> dict[tuple[int, int], _Ends]:
    """(last plane before, first plane after) each run of empty planes → what is drawn on both."""
    drawn = [plane for plane, contours in roi.planes.items() if not contours.area.is_empty]
    return {(a, b): (roi.planes[a], roi.planes[b]) for a, b in pairwise(drawn) if b - a > 1}
