"""The tools that draw and measure, a line each, in the order of the tool bar. No Qt."""

from viewer.tools import (
    ball,
    brush,
    eraser,
    freehand,
    hot_spot,
    livewire,
    measure_angle,
    measure_distance,
    measure_ellipse,
    measure_profile,
    measure_region,
    pieces,
    point,
    polygon,
    push,
    region,
    smart_brush,
    spline,
    split,
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
    livewire.LiveWire,
    spline.Spline,
    region.RegionTool,
    hot_spot.HotSpot,
    pieces.Pieces,
    split.Split,
    point.PointTool,
    measure_distance.Distance,
    measure_angle.Angle,
    measure_ellipse.Ellipse,
    measure_region.Region,
    measure_profile.Profile,
)

#: By name.
TOOLS: dict[str, type[Tool]] = {tool.name: tool for tool in _ALL}
