"""Profile: the values of the image along a line. No Qt."""

from typing import ClassVar

from viewer.tools.measuring import PointsTool


class Profile(PointsTool):
    """A drag, or two clicks; the Measures panel shows the curve."""

    name: ClassVar[str] = "measure profile"
    title: ClassVar[str] = "Profile"
    kind: ClassVar[str] = "profile"
    count: ClassVar[int] = 2
    shortcut: ClassVar[str] = "Shift+P"
    tip: ClassVar[str] = "Show the values along a line: drag, or click twice; the Measures panel draws the curve"
