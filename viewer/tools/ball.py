"""3D brush: paints with a ball, on every plane that it reaches. No Qt."""

from typing import ClassVar

import numpy as np
import shapely
from shapely import MultiPolygon

from engine.contouring.ball import swept
from viewer.session import Cut
from viewer.tools.canvas import Place, draw_planes
from viewer.tools.disc import DiscTool, Path
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
        self._radii: list[float] = []

    def reach(self, place: Place, points: Path) -> MultiPolygon:
        """The disc in which the ball meets the cut; how large it was at each place is kept."""
        if len(points) == 1:
            self._radii.clear()
        self._radii.append(self._bench.radius_mm)
        return super().reach(place, points)

    def store(self, place: Place, shape: MultiPolygon, path: Path, adding: bool) -> None:
        """The ball along the path, on all planes, as one step."""
        session, history = self._bench.session, self._bench.history
        structures = session.structures
        assert structures is not None, "a stroke is begun on an open series"
        geometry = structures.geometry
        points = np.array(path)
        if place.cut is Cut.PLANE:
            path_lps = geometry.lps_from_plane(int(place.index), points)
        else:
            along, other = (0, 1) if place.cut is Cut.ROW else (1, 0)
            uv = np.empty_like(points)
            uv[:, along], uv[:, other] = points[:, 0], place.index * geometry.spacing_uv[other]
            path_lps = geometry.lps_from_plane(0, uv) + points[:, 1:] * geometry.normal
        shapes = swept(path_lps, np.array(self._radii), geometry)
        if shapes and not all(shapely.is_empty(list(shapes.values()))):
            draw_planes(session, history, shapes, adding, text=self.title, tool=self.name)
