"""Pictures of widgets as small PNG files."""

from pathlib import Path

from PIL import Image
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

#: So many of the colours are those that are seen most, exactly: backgrounds, text and greys keep their hue.
_EXACT = 176


def save_small(widget: QWidget, path: Path) -> None:
    """Write what a widget shows, in 256 colours: the greys of an image and the few colours of its lines.

    Raises:
        OSError: it can't be written.
    """
    shown = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = bytes(shown.constBits())
    picture = Image.frombytes("RGB", (shown.width(), shown.height()), rows, "raw", "RGB", shown.bytesPerLine())
    frequent = sorted(picture.getcolors(picture.width * picture.height) or [], reverse=True)[:_EXACT]
    rest = picture.quantize(256 - len(frequent), Image.Quantize.MAXCOVERAGE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([*(channel for _, colour in frequent for channel in colour), *rest][: 3 * 256])
    picture.quantize(palette=palette, dither=Image.Dither.NONE).save(path, "PNG", optimize=True)
