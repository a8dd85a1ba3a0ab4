"""What a model may still say of itself once its recipe was run on a data set of its user's own."""

from pathlib import Path

from engine.cards.published import TRAINED
from engine.cards.schema import Card, DataSource

_OF_BEFORE = "The model whose recipe it is says of itself: "


def taught_anew(card: Card, data: Path, *, whole: bool) -> Card:
    """The card without what was measured of other weights, and with the data that these learn from.

    Figures, calibration, tests of maps and the patients are those of the weights that the card came with. A recipe that
    nobody has trained says nothing of the kind, and only names the data.

    Args:
        card: whose recipe is run.
        data: folder that is learned from.
        whole: all of it is trained from the beginning; else weights that it has are among those of the new card.
    """
    own = DataSource(name=f"a data set of its user's own, '{data.name}'"[:200], licence="as its owner says")
    if not card.files:
        provenance = card.provenance.model_copy(update={"training_data": (own,)})
        return card.model_copy(update={"badge": "runs", "provenance": provenance})
    kept = [source for source in card.provenance.training_data if not whole or source.name.startswith("ImageNet")]
    limits = card.limits.rpartition(_OF_BEFORE)[2]
    # Weights that were begun with keep their terms; what is learned from the beginning has those of its own data.
    licence = card.licence
    if whole:
        licence = licence.model_copy(update={"weights": own.licence, "commercial": True})
    told = f"{TRAINED} ('{data.name}'); its accuracy was not measured on any others. {_OF_BEFORE}{limits}"
    return card.model_copy(
        update={
            "badge": "runs",
            "metrics": tuple(metric for metric in card.metrics if metric.source == "paper"),
            "uncertainty": card.uncertainty.model_copy(update={"calibration": None}),
            "saliency": (),
            "licence": licence,
            "population": "",
            "limits": told[:4000],
            "provenance": card.provenance.model_copy(update={"training_data": (*kept, own), "learned": None}),
        }
    )
