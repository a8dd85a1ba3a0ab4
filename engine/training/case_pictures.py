"""Pictures of what a card drew beside what was contoured, for people who judge it by eye.

Lines in the colours of the palette are the model's; white ones are the reference.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import contourpy
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engine.contouring.measure import mask_dice
from engine.palette import palette
from engine.safe_file import whole_file, write_errors
from engine.training.case import Case, ImageKind

#: Pixels of a panel's longer edge, and of the words above it.
_EDGE, _LETTERS = 260, 12
#: mm around what is drawn or contoured (pixels where there are no mm).
_MARGIN = 30.0
#: What is shown of images in these units; of others, what lies between these shares of their values.
_SHOWN = {"HU": (-160.0, 240.0), "SUVbw": (0.0, 10.0)}
_SHARES = (1.0, 98.5)
_REFERENCE = (255, 255, 255)
Masks = Mapping[str, NDArray[np.bool_]]


def write_case_picture(case: Case, structures: Sequence[str], drawn: Masks, folder: Path) -> Path:
    """Three planes of a case, a row an image, as a PNG named by the case.

    Args:
        case: with the reference.
        structures: names of its labels, from 1.
        drawn: structure → (planes, rows, columns), what the model drew.
        folder: that the picture is written to.

    Raises:
        WriteError: it can't be written.
    """
    planes = planes_of(case, drawn, 3)
    rows = [beside([panel(case, structures, drawn, k, number) for k in planes]) for number in range(_images(case))]
    picture = Image.fromarray(np.vstack(rows))
    told = [
        f"{name} {mask_dice(drawn[name], case.labels == value):.2f}" if name in drawn else f"{name} not drawn"
        for value, name in enumerate(structures, start=1)
        if case.contoured[value - 1] and value in case.voxels_of
    ]
    path = folder / f"{re.sub(r'[^A-Za-z0-9._-]+', '_', case.name)}.png"
    with write_errors(path, "evaluate"):
        folder.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as temporary:
            _titled(picture, f"{case.name}: Dice {', '.join(told) or '–'}").save(temporary, "PNG")
    return path


def planes_of(case: Case, drawn: Masks, count: int) -> list[int]:
    """So many planes that are spread over what is drawn or contoured, by its area; for one, that with the most."""
    there = _union(case, drawn)
    area = there.sum(axis=(1, 2)).astype(np.float64)
    if not area.any():
        return [int(k) for k in np.linspace(0, len(area) - 1, count + 2).round()[1:-1]]
    if count == 1:
        kinds = np.array([len(np.unique(case.labels[k])) for k in range(len(area))])
        return [int(np.lexsort((area, kinds))[-1])]
    shares = np.cumsum(area) / area.sum()
    return [int(np.searchsorted(shares, (index + 0.5) / count)) for index in range(count)]


def panel(case: Case, structures: Sequence[str], drawn: Masks, plane: int, image: int = 0) -> NDArray[np.uint8]:
    """(rows, columns, 3) of one plane of one image of a case, cut to what is there, with the lines of both.

    Args:
        image: 0 for the case's first, and so on.
    """
    rows, columns = _box(case, drawn)
    values, kind = _image(case, image)
    low, high = _limits(values, kind)
    shown = np.clip((values[plane, rows, columns].astype(np.float32) - low) / (high - low), 0, 1)
    if kind.units == "SUVbw":
        shown = 1 - shown
    height, width = (size * step for size, step in zip(shown.shape, case.spacing[1:], strict=True))
    times = _EDGE / max(height, width)
    size = (max(round(width * times), 1), max(round(height * times), 1))
    grey = Image.fromarray((255 * shown).round().astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    made = Image.new("RGB", (_EDGE, _EDGE))
    made.paste(grey.convert("RGB"))
    steps = (size[0] / shown.shape[1], size[1] / shown.shape[0])
    pen = ImageDraw.Draw(made)
    for value, name in enumerate(structures, start=1):
        if case.contoured[value - 1]:
            line = (90, 90, 90) if kind.units == "SUVbw" else _REFERENCE
            _draw(pen, case.labels[plane, rows, columns] == value, steps, line, 1)
        if name in drawn:
            _draw(pen, drawn[name][plane, rows, columns], steps, palette(value - 1), 2)
    return np.asarray(made)


def beside(panels: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Panels in a row, without what is empty below all of them."""
    row = np.hstack(panels)
    used = np.flatnonzero(row.any(axis=(1, 2)))
    return row[: used[-1] + 1] if len(used) else row


def _draw(
    pen: ImageDraw.ImageDraw, mask: NDArray[np.bool_], steps: tuple[float, float], colour: tuple[int, ...], width: int
) -> None:
    framed = np.pad(mask, 1).astype(np.float32)
    for line in contourpy.contour_generator(z=framed, line_type="Separate").lines(0.5):
        points = (np.asarray(line) - 0.5) * steps
        pen.line([(float(x), float(y)) for x, y in points], fill=colour, width=width)


def _union(case: Case, drawn: Masks) -> NDArray[np.bool_]:
    return np.asarray(np.logical_or.reduce([case.labels > 0, *drawn.values()]), np.bool_)


def _box(case: Case, drawn: Masks) -> tuple[slice, slice]:
    """Rows and columns of what is drawn or contoured on any plane, with a margin."""
    there = np.asarray(_union(case, drawn).any(axis=0))
    if not there.any():
        return slice(None), slice(None)
    made = []
    for axis, step in zip((1, 0), case.spacing[1:], strict=True):
        used, more = np.flatnonzero(there.any(axis=axis)), int(_MARGIN / step)
        made.append(slice(max(int(used[0]) - more, 0), int(used[-1]) + 1 + more))
    return made[0], made[1]


def _images(case: Case) -> int:
    return 1 + len(case.further)


def _image(case: Case, number: int) -> tuple[NDArray[Any], ImageKind]:
    return (case.image, case.kind) if number == 0 else (case.further[number - 1].image, case.further[number - 1].kind)


def _limits(values: NDArray[Any], kind: ImageKind) -> tuple[float, float]:
    if kind.units in _SHOWN:
        return _SHOWN[kind.units]
    low, high = np.percentile(values, _SHARES)
    return float(low), max(float(high), float(low) + 1e-6)


def _titled(picture: Image.Image, text: str) -> Image.Image:
    """The picture below its words, as many lines as they need."""
    font = ImageFont.load_default(_LETTERS)
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if font.getlength(longer) > picture.width - 8 and line:
            lines.append(line)
            longer = word
        line = longer
    height = (_LETTERS + 4) * (len(lines) + 1) + 4
    made = Image.new("RGB", (picture.width, picture.height + height), "white")
    made.paste(picture, (0, height))
    ImageDraw.Draw(made).multiline_text((4, 2), "\n".join([*lines, line]), fill="black", font=font)
    return made
