"""Angle: two legs that meet in the second of three points. No Qt."""

from typing import ClassVar

from viewer.tools.measuring import PointsTool


class Angle(PointsTool):
    """The first leg by a drag or two clicks, the end of the second by one more click."""

    name: ClassVar[str] = "measure angle"
    title: ClassVar[str] = "Angle"
    kind: ClassVar[str] = "angle"
    count: ClassVar[int] = 3
    shortcut: ClassVar[str] = "Shift+L"
    tip: ClassVar[str] = "Measure an angle: drag along the first leg to the corner, then click the end of the second"
