"""Smart brush: grows inside the disc by the grey values under its centre. No Qt."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np
import shapely
from shapely import LineString, MultiPolygon, Point

from engine.contouring.brush import clean
from engine.contouring.islands import fill_holes_of
from engine.contouring.levels import depth_in_range
from engine.later import later
from viewer.edits.parameters import Parameter
from viewer.tools.canvas import Place
from viewer.tools.disc import DiscTool, Path
from viewer.tools.patch import swept_by

if TYPE_CHECKING:
    from scipy import ndimage
else:
    ndimage = later("scipy.ndimage")

#: Noise is evened out over about this many voxels before values are compared.
BLUR_VOXELS = 0.7
#: The values under the centre are those within this share of the disc's radius.
CORE = 0.2
#: Specks and holes smaller than this share of the disc are noise.
SPECK = 0.02


class SmartBrush(DiscTool):
    """Adds what hangs together with the disc's centre and is as grey as it; with Ctrl it takes that away."""

    name: ClassVar[str] = "smart brush"
    title: ClassVar[str] = "Smart brush"
    shortcut: ClassVar[str] = "S"
    tip: ClassVar[str] = (
        "Paint what is as grey as under the middle of the disc and hangs together with it, inside the disc; "
        "Ctrl erases that. Size: [ and ], Shift+wheel, or the wheel while drawing"
    )
    group: ClassVar[str] = "Brush"
    reads_image: ClassVar[bool] = True

    def parameters(self, unit: str) -> tuple[Parameter, ...]:
        """How alike values must be."""
        tip = "How far values may differ from those under the middle, as a share of the window of grey levels"
        return (Parameter("tolerance", "Tolerance", "%", 15, 1, 100, 0, tip=tip),)

    def reach(self, place: Place, points: Path) -> MultiPolygon:
        """What is alike under the disc and hangs together with its middle."""
        bench = self._bench
        swept, held = swept_by(bench, place, points)
        if held is None:
            return MultiPolygon()
        core = held.near(points[-1], CORE * bench.radius_mm)
        if not len(core):
            return MultiPolygon()
        middle = float(np.median(core))
        spread = bench.image.window.width * bench.values(self)["tolerance"] / 100
        blurred = ndimage.gaussian_filter(held.values.astype(np.float64), BLUR_VOXELS, mode="nearest")
        area = held.area(depth_in_range(blurred, middle - spread, middle + spread)).intersection(swept)
        path = Point(points[-1]) if len(set(points)) == 1 else LineString(points)
        parts = shapely.get_parts(clean(area))
        speck = SPECK * np.pi * bench.radius_mm**2
        return fill_holes_of(MultiPolygon([part for part in parts if part.intersects(path)]), speck)
