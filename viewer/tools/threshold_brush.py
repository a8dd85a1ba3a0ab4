"""Threshold brush: paints only voxels whose grey values lie in a range. No Qt."""

from typing import ClassVar

from shapely import MultiPolygon

from engine.contouring.brush import clean
from engine.contouring.levels import depth_in_range
from viewer.edits.parameters import Parameter
from viewer.edits.ranges import range_parameters
from viewer.tools.canvas import Place
from viewer.tools.disc import DiscTool, Path
from viewer.tools.patch import swept_by


class ThresholdBrush(DiscTool):
    """Adds what lies in the range; with Ctrl it takes that away."""

    name: ClassVar[str] = "threshold brush"
    title: ClassVar[str] = "Threshold brush"
    shortcut: ClassVar[str] = "T"
    tip: ClassVar[str] = (
        "Paint only where the grey values lie in the range set beside; Ctrl erases that. "
        "Size: [ and ], Shift+wheel, or the wheel while drawing"
    )
    group: ClassVar[str] = "Brush"
    reads_image: ClassVar[bool] = True

    def parameters(self, unit: str) -> tuple[Parameter, ...]:
        """The range."""
        return range_parameters(unit)

    def reach(self, place: Place, points: Path) -> MultiPolygon:
        """What lies in the range under the disc."""
        bench = self._bench
        swept, held = swept_by(bench, place, points)
        if held is None:
            return MultiPolygon()
        chosen = bench.values(self)
        return clean(held.area(depth_in_range(held.values, chosen["low"], chosen["high"])).intersection(swept))
