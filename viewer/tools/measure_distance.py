"""Distance: a straight line between two points. No Qt."""

from typing import ClassVar

from viewer.tools.measuring import PointsTool


class Distance(PointsTool):
    """A drag, or two clicks."""

    name: ClassVar[str] = "measure distance"
    title: ClassVar[str] = "Distance"
    kind: ClassVar[str] = "distance"
    count: ClassVar[int] = 2
    shortcut: ClassVar[str] = "M"
    tip: ClassVar[str] = "Measure a distance: drag, or click twice. Ends can be dragged; Delete deletes what they end"
