"""A report of findings as a PDF of one page, with pictures, for people to read."""

import hashlib
from collections.abc import Sequence
from html import escape
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMarginsF, QSizeF, QUrl
from PySide6.QtGui import QImage, QPageLayout, QPageSize, QPdfWriter, QTextDocument

from engine import __version__
from engine.findings.report_page import HEADS, PageRow, ReportPage
from engine.safe_file import whole_file, write_errors

_DPI = 150
_MARGIN_MM = 14.0
#: Text becomes smaller until everything has room, but not smaller than can be read, points.
_SIZES_PT = (10.0, 9.0, 8.0, 7.0, 6.0, 5.0)
_STYLE = """
h1 { font-size: 150%; margin-bottom: 4px; } p { margin: 2px 0; } th { text-align: left; color: #444444; }
td, th { padding: 3px 10px 3px 0; } .faint { color: #666666; }
"""


def write_page(page: ReportPage, pictures: Sequence[tuple[str, QImage]], path: Path) -> str:
    """Write a page to a PDF file, which appears whole, and give its SHA-256.

    Args:
        page: what it says.
        pictures: titles and pictures.
        path: of the file.

    Raises:
        WriteError: the file can't be written.
    """
    data = page_bytes(page, pictures)
    with write_errors(path), whole_file(path) as file:
        file.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def page_bytes(page: ReportPage, pictures: Sequence[tuple[str, QImage]]) -> bytes:
    """The page as a PDF: A4, upright; on more than one only where the smallest print has no room for its findings."""
    held = QByteArray()
    buffer = QBuffer(held)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setCreator(f"Planimeter {__version__}")
    writer.setTitle(page.title)
    writer.setResolution(_DPI)
    margins = QMarginsF(_MARGIN_MM, _MARGIN_MM, _MARGIN_MM, _MARGIN_MM)
    upright = QPageLayout.Orientation.Portrait
    a4 = QPageSize(QPageSize.PageSizeId.A4)
    writer.setPageLayout(QPageLayout(a4, upright, margins, QPageLayout.Unit.Millimeter))
    room = writer.pageLayout().paintRectPixels(_DPI).size()
    document = QTextDocument()
    document.documentLayout().setPaintDevice(writer)
    document.setDocumentMargin(0)
    document.setDefaultStyleSheet(_STYLE)
    for number, (_, picture) in enumerate(pictures):
        document.addResource(QTextDocument.ResourceType.ImageResource, QUrl(f"picture:{number}"), picture)
    for size in _SIZES_PT:
        font = document.defaultFont()
        font.setPointSizeF(size)
        document.setDefaultFont(font)
        document.setHtml(_html(page, pictures, room.width()))
        document.setTextWidth(room.width())
        if document.size().height() <= room.height():
            break
    document.setPageSize(QSizeF(room))
    document.print_(writer)
    # It writes the end of the file as it goes.
    del writer
    buffer.close()
    return bytes(held.data())


def _html(page: ReportPage, pictures: Sequence[tuple[str, QImage]], width: int) -> str:
    parts = [f"<h1>{escape(page.title)}</h1><table>"]
    parts += [f"<tr><td class='faint'>{escape(what)}</td><td>{escape(value)}</td></tr>" for what, value in page.facts]
    parts.append("</table><p>&nbsp;</p><table width='100%'><tr>")
    parts += [f"<th>{escape(head)}</th>" for head in HEADS]
    parts.append("</tr>")
    parts += [_row(row) for row in page.rows]
    parts.append("</table><p>&nbsp;</p>")
    if pictures:
        # A document takes widths of pictures for a screen of 96 dots an inch.
        each = round(min(width // len(pictures) - 12, width * 2 // 5) * 96 / _DPI)
        cells = (
            f"<td><img src='picture:{number}' width='{each}'><br/><span class='faint'>{escape(title)}</span></td>"
            for number, (title, _) in enumerate(pictures)
        )
        parts.append(f"<table><tr valign='top'>{''.join(cells)}</tr></table>")
    parts += [f"<p class='faint'>{escape(sentence)}</p>" for sentence in page.sentences]
    parts.append(f"<p>&nbsp;</p><p><b>{escape(page.signature)}</b></p><p class='faint'>{escape(page.footer)}</p>")
    return "".join(parts)


def _row(row: PageRow) -> str:
    cells = (
        f"<td>{escape(said)}{'<br/>' if below else ''}<span class='faint'>{escape(below)}</span></td>"
        for said, below in row.cells
    )
    return f"<tr valign='top'>{''.join(cells)}</tr>"
