"""What a model card says about itself, for people."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from engine.later import later
from viewer.widgets.theme import FAINT, WARNING

if TYPE_CHECKING:
    from engine.cards import readme
    from engine.cards.registry import LoadedCard
    from engine.cards.schema import Card
    from engine.cards.suitability import Refusal
else:
    readme = later("engine.cards.readme")

BADGES = {
    "runs": "runs on input of its kind; not scored",
    "trained": "trained, with a held-out score",
    "validated": "validated on data from elsewhere",
}

#: Of a longer list of names the first stand here, so that limits and licence are not far below.
_MOST_NAMES, _FIRST_NAMES = 30, 12
_HASHES = 5
_TEXTS = (".json", ".yaml", ".yml")


def summary(card: Card) -> str:
    """What the card draws, in one line."""
    names = [output.name for output in card.outputs]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def card_html(loaded: LoadedCard, refusals: list[Refusal]) -> str:
    """The card as a short page of rich text, the reasons against it first."""
    parts = [f"<p style='color:{WARNING}'>{escape(refusal.text)}</p>" for refusal in refusals]
    if not loaded.is_readable:
        return "".join(parts)
    card = loaded.card
    rows = [(verb, _first(names)) for verb, names in _answers(card)] + [("Badge", BADGES[card.badge])]
    accuracy = _accuracy(card)
    if accuracy:
        rows.append(("Measured", accuracy))
    calibration = card.uncertainty.calibration
    if calibration is not None and calibration.bands:
        risks = readme.band_risks(calibration.bands)
        told = "on average over patients, the outer one misses no more of the structure, nor is more of the inner wrong"
        rows.append(("Inner and outer contours", f"{told}, than {risks}"))
    if card.intended_use:
        rows.append(("For", card.intended_use))
    if card.limits:
        rows.append(("Limits", card.limits))
    notes = card.provenance.notes
    rows += [("At import" if number == 0 else "", note) for number, note in enumerate(notes)]
    licences = (("code", card.licence.code), ("weights", card.licence.weights))
    licence = ", ".join(f"{part} {name}" for part, name in licences if name) or "absent"
    rows.append(("Licence", licence + ("" if card.licence.commercial else ", not for commercial use")))
    if card.provenance.imported_from:
        sources = card.provenance.sources
        rows.append(("From", f"{card.provenance.imported_from}, {len(sources)} file{'s' if len(sources) != 1 else ''}"))
        # Weights are what people compare; plans and the like are in the card.
        shown = [source for source in sources if not source.file.endswith(_TEXTS)] or sources
        hashes = [f"{source.sha256} {source.file}" for source in shown[:_HASHES]]
        hashes += [f"and {len(shown) - _HASHES} more in its card.json"] if len(shown) > _HASHES else []
        rows += [("SHA-256", "; ".join(hashes))] if hashes else []
    rows.append(("Id", card.id))
    rows.append(("Status", f"{card.status}; version {card.version}"))
    table = "".join(
        f"<tr><td style='color:{FAINT};padding-right:8px'>{name}</td><td>{escape(text)}</td></tr>"
        for name, text in rows
    )
    return "".join(parts) + f"<table cellspacing='0' cellpadding='2'>{table}</table>"


def _first(names: list[str]) -> str:
    """Names, those of a long list in part: all of them are behind the button that chooses among them."""
    if len(names) <= _MOST_NAMES:
        return ", ".join(names)
    return f"{', '.join(names[:_FIRST_NAMES])} and {len(names) - _FIRST_NAMES} more"


def run_text(loaded: LoadedCard | None) -> str:
    """What the button says that runs a card."""
    scores = loaded is not None and loaded.is_readable and all(verb != "Draws" for verb, _ in _answers(loaded.card))
    return "Run the model" if scores else "Draw contours"


def _answers(card: Card) -> list[tuple[str, list[str]]]:
    """What the card does, and of what."""
    verbs = {"Draws": {"mask"}, "Scores": {"score", "risk"}, "Finds": {"box"}}
    named = [(verb, [out.name for out in card.outputs if out.kind in kinds]) for verb, kinds in verbs.items()]
    return [(verb, names) for verb, names in named if names]


def _accuracy(card: Card) -> str:
    """The mean Dice that was measured, or the AUC of what a card scores, with its data set."""
    names = {"dice": "mean Dice", "mean_dice": "mean Dice", "auc": "AUC"}
    means = [metric for metric in card.metrics if metric.name in names and metric.label is None]
    if not means:
        return ""
    best = means[0]
    spread = f" (95 % interval {best.ci[0]:.2f} to {best.ci[1]:.2f})" if best.ci is not None else ""
    split = f", {best.split}" if best.split else ""
    return f"{names[best.name]} {best.value:.2f}{spread} on {best.n} cases of {best.dataset}{split}"
