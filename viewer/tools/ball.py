"""3D brush: paints with a ball, on every plane that it reaches. No Qt."""

from typing import ClassVar

import numpy as np
from shapely import MultiPolygon

from engine.contouring.ball import Sweep
from engine.contouring.brush import clean
from engine.volume import FloatArray, Geometry
from viewer.session import Cut
from viewer.tools.canvas import Place, draw_planes
from viewer.tools.disc import THINNING_MM, DiscTool, Path
from viewer.tools.registry import Workbench


class Ball(DiscTool):
    """Adds in space; with Ctrl it takes away."""

    name: ClassVar[str] = "ball"
    title: ClassVar[str] = "3D brush"
    shortcut: ClassVar[str] = "Shift+B"
    tip: ClassVar[str] = (
        "Paint with a ball on every plane that it reaches; Ctrl erases. "
        "Size: [ and ], Shift+wheel, or the wheel while drawing"
    )
    group: ClassVar[str] = "Brush"

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench)
        self._sweep: Sweep | None = None

    def reach(self, place: Place, points: Path) -> MultiPolygon:
        """The disc in which the ball meets the cut; what it sweeps on the other planes grows with it."""
        structures = self._bench.session.structures
        assert structures is not None, "a stroke is begun on an open series"
        if len(points) == 1 or self._sweep is None:
            self._sweep = Sweep(structures.geometry)
        self._sweep.to(_lps(structures.geometry, place, points[-1]), self._bench.radius_mm)
        return super().reach(place, points)

    def store(self, place: Place, shape: MultiPolygon, path: Path, adding: bool) -> None:
        """The ball along the path, on all planes, as one step."""
        assert self._sweep is not None, "a stroke that is stored was begun"
        thinned = {plane: clean(area.simplify(THINNING_MM)) for plane, area in self._sweep.areas().items()}
        shapes = {plane: area for plane, area in thinned.items() if not area.is_empty}
        if shapes:
            draw_planes(self._bench.session, self._bench.history, shapes, adding, text=self.title, tool=self.name)


def _lps(geometry: Geometry, place: Place, point: tuple[float, float]) -> FloatArray:
    if place.cut is Cut.PLANE:
        return np.asarray(geometry.lps_from_plane(int(place.index), point)[0])
    along, other = (0, 1) if place.cut is Cut.ROW else (1, 0)
    uv = np.zeros(2)
    uv[along], uv[other] = point[0], place.index * geometry.spacing_uv[other]
    return np.asarray(geometry.lps_from_plane(0, uv)[0] + point[1] * geometry.normal)
