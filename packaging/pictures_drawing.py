"""The pictures of docs/tools.md that show tools of drawing, a function a picture."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from pictures_stage import Stage
from PySide6.QtWidgets import QWidget
from shapely import Polygon

from engine.structures import Roi
from viewer.appearance import Style
from viewer.edits.structures import set_visible
from viewer.layers import Window
from viewer.session import View

# Drawing -------------------------------------------------------------------------------------------------------------


def around(stage: Stage, name: str, zoom: float = 3.0) -> tuple[Roi, int, Polygon]:
    """A structure in the middle of the enlarged axial view, its middle plane, and its largest polygon there."""
    roi = stage.roi(name)
    stage.session.set_active(roi.number)
    plane = stage.middle_plane(roi)
    polygon = max(roi.area(plane).geoms, key=lambda part: part.area)
    centre = polygon.centroid
    stage.alone(View.AXIAL, stage.lps(plane, (centre.x, centre.y)), zoom)
    return roi, plane, polygon


def along(  # noqa: PLR0917
    stage: Stage, plane: int, polygon: Polygon, first: float, last: float, count: int, off: float = 0.0
) -> list[tuple[float, float, float]]:
    """Points on the outline, from a share of its length to another, moved outwards."""
    ring = polygon.exterior
    middle = np.array(polygon.centroid.coords[0])
    out = []
    for share in np.linspace(first, last, count):
        place = np.array(ring.interpolate(share % 1, normalized=True).coords[0])
        away = place - middle
        out.append(stage.lps(plane, place + off * away / np.linalg.norm(away)))
    return out


def brush(stage: Stage) -> QWidget:
    """In the middle of a stroke."""
    _, plane, polygon = around(stage, "Parotid_L")
    stage.session.appearance.set_usual(Style(fill=0.2))
    stage.tool("brush", 5.0)
    path = along(stage, plane, polygon, 0.02, 0.2, 12, 2.0)
    stage.press(path[0])
    stage.move(*path[1:])
    return stage.window


def push(stage: Stage) -> QWidget:
    """A line that is pushed in."""
    _, plane, polygon = around(stage, "Parotid_L")
    stage.tool("push", 7.0)
    outside = along(stage, plane, polygon, 0.25, 0.25, 1, 9.0)[0]
    inside = along(stage, plane, polygon, 0.25, 0.25, 1, -1.0)[0]
    steps = [tuple(np.array(outside) + share * (np.array(inside) - outside)) for share in np.linspace(0, 1, 8)]
    stage.press(steps[0])
    stage.move(*steps[1:])
    return stage.window


def ball(stage: Stage) -> QWidget:
    """A ball that was drawn on one plane is there on all."""
    gland = stage.roi("Parotid_L")
    plane = stage.middle_plane(gland)
    centre = gland.area(plane).centroid
    stage.fresh("GTVn")
    stage.four()
    stage.view = View.AXIAL
    stage.session.move_cursor(stage.lps(plane, (centre.x, centre.y)))
    stage.settle()
    for pane in stage.window.panes.planes.values():
        pane.scene.zoom(2.0)
    stage.tool("ball", 11.0)
    stage.drag([stage.lps(plane, (centre.x + u, centre.y)) for u in (-4, 0, 4)])
    stage.move(stage.lps(plane, (centre.x + 12, centre.y + 6)))
    stage.session.appearance.set_usual(Style(fill=0.25))
    return stage.window


def _bone(stage: Stage) -> tuple[Roi, int, Polygon]:
    return around(stage, "Bone_Mandible", 2.4)


def threshold_brush(stage: Stage) -> QWidget:
    """Only what is bone is painted."""
    _, plane, polygon = _bone(stage)
    stage.fresh("Bone")
    stage.tool("threshold brush", 9.0)
    tool = stage.box.active_tool
    assert tool is not None, "it was just taken up"
    stage.box.set_value(tool, "low", 250)
    stage.box.set_value(tool, "high", 3000)
    path = along(stage, plane, polygon, 0.05, 0.3, 20)
    stage.press(path[0])
    stage.move(*path[1:])
    return stage.window


def smart_brush(stage: Stage) -> QWidget:
    """Only what is as grey as the middle of the disc is painted."""
    _, plane, polygon = _bone(stage)
    stage.fresh("Muscle", (120, 220, 120))
    stage.tool("smart brush", 9.0)
    path = along(stage, plane, polygon, 0.08, 0.2, 12, 10.0)
    stage.press(path[0])
    stage.move(*path[1:])
    return stage.window


def live_wire(stage: Stage) -> QWidget:
    """Three clicks, and the way to the mouse."""
    _, plane, polygon = _bone(stage)
    set_visible(stage.session, stage.history, [roi.number for roi in stage.structures.rois], False)
    stage.fresh("Mandible by wire")
    stage.tool("live wire")
    path = along(stage, plane, polygon, 0.0, 0.42, 5, 1.0)
    for point in path[:-1]:
        stage.click(point)
    stage.move(path[-1])
    return stage.window


def spline(stage: Stage) -> QWidget:
    """A contour by its points, one of which is dragged."""
    _, plane, polygon = around(stage, "Parotid_L", 3.5)
    stage.tool("spline")
    stage.move(along(stage, plane, polygon, 0.2, 0.2, 1)[0])
    stage.settle()
    grip = along(stage, plane, polygon, 0.2, 0.2, 1)[0]
    away = along(stage, plane, polygon, 0.2, 0.2, 1, 6.0)[0]
    stage.press(grip)
    stage.move(tuple((np.array(grip) + away) / 2), away)
    return stage.window


def freehand(stage: Stage) -> QWidget:
    """In the middle of a line."""
    _, plane, polygon = around(stage, "Parotid_L")
    stage.fresh("Node")
    stage.tool("freehand")
    path = along(stage, plane, polygon, 0.0, 0.8, 40, 3.0)
    stage.press(path[0])
    stage.move(*path[1:])
    return stage.window


def polygon_tool(stage: Stage) -> QWidget:
    """Five clicks."""
    _, plane, polygon = around(stage, "Parotid_L")
    stage.fresh("Node")
    stage.tool("polygon")
    path = along(stage, plane, polygon, 0.0, 0.7, 6, 3.0)
    for point in path[:-1]:
        stage.click(point)
    stage.move(path[-1])
    return stage.window


def _airway(stage: Stage) -> tuple[int, tuple[float, float, float]]:
    """A plane of the larynx, and a point of the airway there."""
    larynx = stage.roi("Larynx")
    plane = stage.middle_plane(larynx)
    volume = stage.session.volume
    assert volume is not None, "a series is open"
    u0, v0, u1, v1 = larynx.area(plane).bounds
    du, dv = volume.geometry.spacing_uv
    part = volume.voxels[plane, int(v0 / dv) : int(v1 / dv), int(u0 / du) : int(u1 / du)]
    row, column = np.unravel_index(int(part.argmin()), part.shape)
    return plane, stage.lps(plane, (u0 + (column + 0.5) * du, v0 + (row + 0.5) * dv))


def region_grow(stage: Stage) -> QWidget:
    """The airway, in space, before the button is released."""
    _, air = _airway(stage)
    stage.fresh("Airway", (90, 190, 255))
    stage.four()
    stage.view = View.AXIAL
    stage.session.move_cursor(air)
    stage.settle()
    for pane in stage.window.panes.planes.values():
        pane.scene.zoom(1.6)
    stage.tool("region")
    tool = stage.box.active_tool
    assert tool is not None, "it was just taken up"
    stage.box.set_value(tool, "space", 1.0)
    stage.box.set_value(tool, "tolerance", 60.0)
    stage.settle()
    stage.press(air)
    stage.settle()
    return stage.window


def between(stage: Stage) -> QWidget:
    """Every fifth plane is drawn, those between are dashed."""
    gland = stage.roi("Parotid_L")
    drawn = {plane: gland.area(plane) for plane in sorted(gland.planes)[1::5]}
    plane = sorted(drawn)[len(drawn) // 2] + 2
    centre = gland.area(plane).centroid
    set_visible(stage.session, stage.history, [gland.number], False)
    roi = stage.fresh("Every fifth", (255, 200, 60))
    stage.draw(roi, drawn)
    stage.four()
    stage.view = View.AXIAL
    stage.session.move_cursor(stage.lps(plane, (centre.x, centre.y)))
    stage.settle()
    for pane in stage.window.panes.planes.values():
        pane.scene.zoom(2.2)
    stage.tool("brush", 4.0)
    stage.until(lambda: stage.editing.live.between is not None, "what lies between")
    return stage.window


def split(stage: Stage) -> QWidget:
    """A line through a structure, before it is closed."""
    _, plane, polygon = around(stage, "Parotid_L")
    stage.tool("split")
    u0, v0, u1, v1 = polygon.bounds
    path = [stage.lps(plane, (u0 - 6 + share * (u1 - u0 + 12), (v0 + v1) / 2)) for share in np.linspace(0, 0.8, 12)]
    stage.press(path[0])
    stage.move(*path[1:])
    return stage.window


def hot_spot(stage: Stage) -> None:
    """All above a share of the highest value within a ball."""
    _, plane, polygon = _bone(stage)
    stage.fresh("Above 41 %")
    layer = stage.session.layers[0]
    stage.session.change_layer(0, replace(layer, window=Window(700.0, 3000.0)))
    stage.tool("hot spot")
    start = along(stage, plane, polygon, 0.1, 0.1, 1)[0]
    stage.press(start)
    stage.move(*along(stage, plane, polygon, 0.1, 0.1, 1, 14.0))
    stage.settle()
    stage.save(stage.window, "hot-spot.png")
    stage.session.change_layer(0, layer)


def _beside(point: Sequence[float], left: float, back: float) -> tuple[float, float, float]:
    return point[0] + left, point[1] + back, point[2]


def points(stage: Stage) -> QWidget:
    """An isocentre and a marker, in the views and in the list."""
    _, air = _airway(stage)
    stage.four("Structures")
    stage.view = View.AXIAL
    stage.session.move_cursor(air)
    stage.settle()
    for pane in stage.window.panes.planes.values():
        pane.scene.zoom(1.8)
    stage.tool("point")
    tool = stage.box.active_tool
    assert tool is not None, "it was just taken up"
    stage.click(_beside(air, 35, 20))
    stage.box.set_value(tool, "kind", 1.0)
    stage.click(_beside(air, 0, 15))
    return stage.window
