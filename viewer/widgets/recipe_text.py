"""What a recipe says about itself and its paper, for people."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from engine.later import later
from viewer.widgets.theme import FAINT

if TYPE_CHECKING:
    from engine.cards import published
    from engine.cards.registry import LoadedCard
    from engine.training_process import run_folder
else:
    published, run_folder = later("engine.cards.published"), later("engine.training_process.run_folder")

FIDELITY = {
    "historical": "historical: built as the paper says, as far as it says",
    "modern": "modern: the paper's way with parts of today",
    "inspired": "inspired: after the paper's idea, as not enough of it is known here",
}
_LAYOUTS = (
    "a folder that planimeter train takes: nnU-Net raw (dataset.json, imagesTr, labelsTr), volumes in images/ and "
    "labels/ (their numbers named in labels.json), DICOM studies with RTSTRUCTs (other names of ROIs in names.json), "
    "or labels.csv"
)


def recipe_html(loaded: LoadedCard) -> str:
    """The recipe, or a model with one, as a short page of rich text."""
    card, paper = loaded.card, loaded.card.paper
    gives = ", ".join(output.name for output in card.outputs)
    rows = [("Gives", escape(gives))]
    if paper is not None:
        rows = [
            ("Looks at", escape(f"{paper.body_part}: {paper.takes}")),
            *rows,
            ("Paper", escape(published.cited(card))),
            ("Its result", escape(published.result_of(card) or "no figures at hand")),
            ("Fidelity", escape(FIDELITY[card.fidelity])),
            ("Keeps", _list(paper.keeps)),
            ("Changes", _list(paper.changes) or "nothing that is known"),
            ("Data", escape(paper.layout)),
        ]
    else:
        images = "; ".join(f"{image.role}: {' or '.join(image.modality)}" for image in card.inputs)
        rows += [
            ("Looks at", escape(images)),
            ("Data", escape(f"{_LAYOUTS}; it names {gives}")),
        ]
    rows.append(("Planned", f"{run_folder.planned_minutes(card):g} minutes of training in all"))
    if card.intended_use:
        rows.append(("For", escape(card.intended_use)))
    if card.limits:
        rows.append(("Limits", escape(card.limits)))
    rows.append(("Id", escape(card.id)))
    table = "".join(
        f"<tr><td style='color:{FAINT};padding-right:10px;padding-bottom:4px'>{name}</td>"
        f"<td style='padding-bottom:4px'>{text}</td></tr>"
        for name, text in rows
    )
    return f"<p><b>{escape(card.title)}</b></p><table>{table}</table>"


def _list(lines: tuple[str, ...]) -> str:
    return "<br>".join(f"– {escape(line)}" for line in lines)
