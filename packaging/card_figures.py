"""Draws how well each model did on patients that it did not learn from: docs/pictures/models.png, from the cards."""

import json
from pathlib import Path

from matplotlib import rcParams
from matplotlib.figure import Figure
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
#: Figures of a structure, of a class, and of a finding, each with its name on the axis.
SHOWN = {"dice": "Dice", "auc": "AUC", "sensitivity_at_8.0_false": "sensitivity at 8 false a picture"}


def rows() -> list[tuple[str, str, float, tuple[float, float]]]:
    """(card, what, value, 95 % interval) of all cards; of a card that was measured on several splits the first."""
    made = []
    for path in sorted((ROOT / "resources" / "models").glob("*/card.json")):
        card = json.loads(path.read_text(encoding="utf-8"))
        of_labels = [m for m in card.get("metrics", ()) if m["name"] in SHOWN and m.get("ci") and m.get("label")]
        for metric in of_labels:
            if (metric["dataset"], metric.get("split")) == (of_labels[0]["dataset"], of_labels[0].get("split")):
                what = f"{metric['label']}, {SHOWN[metric['name']]} ({metric['n']})"
                made.append((card["id"], what, metric["value"], tuple(metric["ci"])))
    return made


def main() -> None:
    """Write the picture."""
    rcParams["font.size"] = 8
    drawn = rows()
    half = (len(drawn) + 1) // 2
    figure = Figure(figsize=(11, 0.19 * half + 0.8), layout="constrained")
    for column, part in enumerate((drawn[:half], drawn[half:])):
        axes = figure.add_subplot(1, 2, column + 1)
        cards = list(dict.fromkeys(card for card, *_ in part))
        for place, (card, _, value, (low, high)) in enumerate(part):
            colour = f"C{cards.index(card) % 10}"
            axes.plot([low, high], [place, place], color=colour, linewidth=2, alpha=0.5)
            axes.plot(value, place, "o", color=colour, markersize=4)
        axes.set_yticks(range(len(part)), [f"{card}: {what}" for card, what, *_ in part])
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.grid(axis="x", alpha=0.3)
    path = ROOT / "docs" / "pictures" / "models.png"
    figure.savefig(path, dpi=110)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(32).save(path, optimize=True)


if __name__ == "__main__":
    main()
