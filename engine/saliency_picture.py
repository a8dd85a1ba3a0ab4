"""A picture with the map of where a network looked over it, and what that map is not, as a PNG for people."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engine.cards.saliency import MapMethod, why_no_map
from engine.cards.schema import Card
from engine.errors import CardError, WriteError
from engine.safe_file import whole_file, write_errors
from engine.saliency_map import NO_PROOF, SaliencyMap
from engine.volume import Volume

#: Longest edge of the picture: larger ones are made smaller, smaller ones larger, so that the words can be read.
_EDGE = 900
_OPACITY = 0.6
#: Height of the words, pixels.
_LETTERS = 18


def write_saliency(made: SaliencyMap, volume: Volume, path: Path, model: str) -> None:
    """Write the middle plane of the picture with the map over it; the file appears whole.

    Args:
        made: of this picture.
        volume: that the model was run on.
        path: of the PNG.
        model: title of the model.

    Raises:
        WriteError: the file can't be written, or is not named .png.
    """
    _check(path)
    shown = Image.fromarray(_seen(volume))
    times = _EDGE / max(shown.size)
    size = (max(round(shown.width * times), 1), max(round(shown.height * times), 1))
    base = np.asarray(shown.resize(size, Image.Resampling.BICUBIC), np.float32)
    shares = Image.fromarray(made.shares).resize(size, Image.Resampling.BILINEAR)
    share = np.asarray(shares, np.float32)[..., None]
    # From red for little to yellow for the most.
    colours = np.concatenate([np.full_like(share, 255), 230 * share, 0 * share], axis=-1)
    mixed = base + _OPACITY * share * (colours - base)
    picture = Image.fromarray(np.clip(mixed, 0, 255).round().astype(np.uint8))
    nothing = "" if made.shares.any() else " Nothing in the picture speaks for it."
    worded = _with_words(picture, f"{model}: what spoke for '{made.name}'.{nothing} {NO_PROOF}")
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as temporary:
            worded.save(temporary, "PNG")


def label_of_map(card: Card, path: Path, method: MapMethod = "hirescam") -> str:
    """The label of the card's first score, of which a map is made; refused where there is none to be shown.

    Raises:
        CardError: the card has no scores, or its maps did not pass their test.
        WriteError: the place is no PNG file.
    """
    label = next((output.label for output in card.outputs if output.kind == "score"), None)
    if label is None:
        raise CardError(f"The model '{card.id}' gives no score, so there is no map of one.")
    if problem := why_no_map(card, label, method):
        raise CardError(problem)
    _check(path)
    return label


def _check(path: Path) -> None:
    if path.suffix.lower() != ".png":
        raise WriteError(f"A map is written as a PNG picture, and {path.name} does not end in .png.")


def _seen(volume: Volume) -> NDArray[np.uint8]:
    """(rows, columns, 3) of the middle plane; grey levels from the darkest to the brightest."""
    plane = volume.voxels[(volume.geometry.shape[0] - 1) // 2]
    if volume.is_colour:
        return np.asarray(plane, np.uint8)
    low, high = float(plane.min()), float(plane.max())
    grey = (plane.astype(np.float32) - low) / max(high - low, 1e-6) * 255
    return np.repeat(grey.round().astype(np.uint8)[..., None], 3, axis=-1)


def _with_words(picture: Image.Image, text: str) -> Image.Image:
    """The picture with words on white beneath it."""
    font = ImageFont.load_default(_LETTERS)
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= picture.width - 2 * _LETTERS or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    height = round(1.4 * _LETTERS)
    whole = Image.new("RGB", (picture.width, picture.height + height * len(lines) + _LETTERS), "white")
    whole.paste(picture)
    draw = ImageDraw.Draw(whole)
    for number, line in enumerate(lines):
        draw.text((_LETTERS, picture.height + _LETTERS // 2 + number * height), line, "black", font)
    return whole
