"""The tools that draw and measure, a line each, in the order of the tool bar. No Qt."""

from viewer.tools import (
    ball,
    brush,
    eraser,
    freehand,
    measure_angle,
    measure_distance,
    measure_ellipse,
    measure_profile,
    measure_region,
    polygon,
    push,
    smart_brush,
    threshold_brush,
)
from viewer.tools.registry import Tool

_ALL: tuple[type[Tool], ...] = (
    brush.Brush,
    ball.Ball,
    threshold_brush.ThresholdBrush,
    smart_brush.SmartBrush,
    eraser.Eraser,
    push.Push,
    freehand.Freehand,
    polygon.PolygonTool,
    measure_distance.Distance,
    measure_angle.Angle,
    measure_ellipse.Ellipse,
    measure_region.Region,
    measure_profile.Profile,
)

#: By name.
TOOLS: dict[str, type[Tool]] = {tool.name: tool for tool in _ALL}
