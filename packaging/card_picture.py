"""Draws what a model drew beside what a person did, on cases that it did not learn from, for docs/models.md.

`python packaging/card_picture.py CARD DATA CASE…` writes docs/pictures/models/CARD.png: of each case the plane with the
most structures, of each of its images. Only data whose licence lets them be shown.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from engine.cards.registry import find_card
from engine.training.case_pictures import beside, panel, planes_of
from engine.training.dataset import open_data
from engine.training.evaluate import drawn_by

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "models"
#: Panels beside each other; bytes of a picture at most, for which it may have so many colours, or else fewer.
COLUMNS, BYTES, COLOURS = 4, 120_000, (96, 48, 24)


def main(card: str, data: str, *names: str) -> None:
    """Write the picture of a card."""
    loaded = find_card(card)
    structures = [output.name for output in loaded.card.outputs if output.kind == "mask"]
    dataset = open_data(Path(data), structures, loaded.card.inputs)
    panels = []
    for name in names or dataset.names:
        case = dataset.read(name)
        drawn, _ = drawn_by(loaded, case, "auto")
        (plane,) = planes_of(case, drawn, 1)
        panels += [panel(case, structures, drawn, plane, image) for image in range(len(loaded.card.inputs))]
    blank = np.zeros_like(panels[0])
    columns = min(COLUMNS, len(panels))
    panels += [blank] * (-len(panels) % columns)
    rows = [beside(panels[start : start + columns]) for start in range(0, len(panels), columns)]
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{card}.png"
    picture = Image.fromarray(np.vstack(rows))
    for colours in COLOURS:
        picture.quantize(colours, dither=Image.Dither.NONE).save(path, "PNG", optimize=True)
        if path.stat().st_size <= BYTES:
            return
    sys.exit(f"{path} has {path.stat().st_size} bytes, more than {BYTES}: name fewer cases.")


if __name__ == "__main__":
    main(*sys.argv[1:])
