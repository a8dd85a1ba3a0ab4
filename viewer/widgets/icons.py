"""Small signs that are drawn, so that they are sharp on any screen and as quiet as the text beside them."""

from collections.abc import Callable
from functools import cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap

from viewer.widgets.theme import ACCENT, FAINT, GOOD, TEXT, WARNING

#: Signs are drawn on a square of this many units a side.
_SIDE = 16


@cache
def icon(name: str) -> QIcon:
    """The sign of this name, one of `SIGNS`."""
    drawn = QIcon()
    for scale in (1, 2, 3):
        pixmap = QPixmap(_SIDE * scale, _SIDE * scale)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.scale(scale, scale)
        SIGNS[name](painter)
        painter.end()
        pixmap.setDevicePixelRatio(scale)
        for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
            # A selected row would tint the sign otherwise.
            drawn.addPixmap(pixmap, mode)
    return drawn


def _pen(painter: QPainter, colour: str, width: float = 1.3) -> None:
    pen = QPen(QColor(colour), width)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)


def _lens(painter: QPainter, colour: str) -> None:
    _pen(painter, colour)
    path = QPainterPath(QPointF(1.5, 8))
    path.quadTo(8, 0.5, 14.5, 8)
    path.quadTo(8, 15.5, 1.5, 8)
    painter.drawPath(path)


def _shown(painter: QPainter) -> None:
    _lens(painter, TEXT)
    painter.setBrush(QColor(TEXT))
    painter.drawEllipse(QPointF(8, 8), 1.8, 1.8)


def _hidden(painter: QPainter) -> None:
    _lens(painter, FAINT)
    painter.drawLine(QPointF(3, 13.5), QPointF(13, 2.5))


def _partly_shown(painter: QPainter) -> None:
    _lens(painter, FAINT)
    painter.setBrush(QColor(FAINT))
    painter.drawEllipse(QPointF(8, 8), 1.8, 1.8)


def _groups(painter: QPainter) -> None:
    _pen(painter, FAINT, 1.4)
    for top in (3.0, 9.5):
        painter.drawLine(QPointF(2, top), QPointF(7, top))
        for line in (2.2, 4.4):
            painter.drawLine(QPointF(5.5, top + line), QPointF(14, top + line))


def _lock(painter: QPainter, colour: str, opened: bool) -> None:
    _pen(painter, colour)
    body = QRectF(3.5, 7.5, 9, 6.5)
    if not opened:
        painter.setBrush(QColor(colour))
    painter.drawRoundedRect(body, 1, 1)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    shackle = QPainterPath(QPointF(5.3, 5.2 if opened else 7.5))
    shackle.lineTo(5.3, 5)
    shackle.cubicTo(5.3, 1.2, 10.7, 1.2, 10.7, 5)
    shackle.lineTo(10.7, 7.5)
    painter.drawPath(shackle)


def _pencil(painter: QPainter, colour: str, corner: QPointF, size: float) -> None:
    """A pencil whose point is at `corner`, pointing down and left."""
    _pen(painter, colour)
    painter.save()
    painter.translate(corner)
    painter.scale(size / 12, size / 12)
    path = QPainterPath(QPointF(0, 0))
    path.lineTo(1, -3.6)
    path.lineTo(9, -11.6)
    path.lineTo(11.6, -9)
    path.lineTo(3.6, -1)
    path.closeSubpath()
    painter.drawPath(path)
    painter.restore()


def _chip(painter: QPainter, colour: str) -> None:
    _pen(painter, colour)
    painter.drawRoundedRect(QRectF(4, 4, 8, 8), 1, 1)
    painter.drawRect(QRectF(6.6, 6.6, 2.8, 2.8))
    for place in (6, 10):
        painter.drawLine(QPointF(place, 1.8), QPointF(place, 4))
        painter.drawLine(QPointF(place, 12), QPointF(place, 14.2))
        painter.drawLine(QPointF(1.8, place), QPointF(4, place))
        painter.drawLine(QPointF(12, place), QPointF(14.2, place))


def _corrected(painter: QPainter) -> None:
    _chip(painter, FAINT)
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Clear)
    painter.fillRect(QRectF(7, 5.5, 9, 10.5), Qt.GlobalColor.transparent)
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
    _pencil(painter, TEXT, QPointF(6.8, 15), 8.5)


def _paper(painter: QPainter) -> None:
    _pen(painter, FAINT)
    path = QPainterPath(QPointF(4, 2))
    for x, y in ((9.5, 2), (12.5, 5), (12.5, 14), (4, 14)):
        path.lineTo(x, y)
    path.closeSubpath()
    painter.drawPath(path)
    painter.drawLine(QPointF(6.2, 8), QPointF(10.3, 8))
    painter.drawLine(QPointF(6.2, 11), QPointF(10.3, 11))


def _glass(painter: QPainter) -> None:
    _pen(painter, FAINT, 1.5)
    painter.drawEllipse(QPointF(6.8, 6.8), 4.2, 4.2)
    painter.drawLine(QPointF(10, 10), QPointF(14, 14))


def _ring(painter: QPainter) -> None:
    _pen(painter, WARNING, 1.6)
    painter.drawEllipse(QPointF(8, 8), 4, 4)


def _seal(painter: QPainter) -> None:
    _pen(painter, GOOD, 1.4)
    painter.drawEllipse(QPointF(8, 8), 6, 6)
    _path(painter, GOOD, ((5, 8.3), (7.3, 10.6), (11.2, 5.8)))


def _path(painter: QPainter, colour: str, *lines: tuple[tuple[float, float], ...]) -> None:
    _pen(painter, colour, 1.8)
    for points in lines:
        path = QPainterPath(QPointF(*points[0]))
        for point in points[1:]:
            path.lineTo(*point)
        painter.drawPath(path)


#: Name → what draws it.
SIGNS: dict[str, Callable[[QPainter], None]] = {
    "shown": _shown,
    "hidden": _hidden,
    "partly shown": _partly_shown,
    "groups": _groups,
    "locked": lambda painter: _lock(painter, TEXT, opened=False),
    "unlocked": lambda painter: _lock(painter, "#5a5f66", opened=True),
    "person": lambda painter: _pencil(painter, TEXT, QPointF(2.5, 13.5), 11.5),
    "model": lambda painter: _chip(painter, ACCENT),
    "model edited": _corrected,
    "not said": _paper,
    "search": _glass,
    "unseen": _ring,
    "reviewed": lambda painter: _path(painter, FAINT, ((3, 8.5), (6.5, 12), (13, 4.5))),
    "approved": _seal,
    "accepted": lambda painter: _path(painter, GOOD, ((3, 8.5), (6.5, 12), (13, 4.5))),
    "changed": lambda painter: _pencil(painter, GOOD, QPointF(2.5, 13.5), 11.5),
    "rejected": lambda painter: _path(painter, FAINT, ((4, 4), (12, 12)), ((12, 4), (4, 12))),
    "added": lambda painter: _path(painter, GOOD, ((8, 3), (8, 13)), ((3, 8), (13, 8))),
}
