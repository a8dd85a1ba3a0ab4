"""The drawing tools, a line each, in the order of the tool bar. No Qt."""

from viewer.tools import ball, brush, eraser, freehand, polygon, push, smart_brush, threshold_brush
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
)

#: By name.
TOOLS: dict[str, type[Tool]] = {tool.name: tool for tool in _ALL}
