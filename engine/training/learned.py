"""What a card learned from: fingerprints of the images, by which one of them is known again wherever it lies.

They lie beside the card in a file of their own (`provenance.learned`); those of a classifier that was calibrated are
also in its reference of what is familiar. A fingerprint tells nothing of the image.
"""

from collections.abc import Collection
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load

from engine.cards.registry import LoadedCard
from engine.cards.schema import Card
from engine.cards.weights import read_weights
from engine.errors import CardError
from engine.inference.familiarity import Reference
from engine.training.case import Case, volumes_of
from engine.training.labelled.sample import fingerprint
from engine.training.tensor_file import write_weights

LEARNED_FILE = "learned.safetensors"
#: What is said where a card does not tell what it learned from.
UNTOLD = (
    "The card does not say what it learned from, so the figures are too good if some of this is among it; cards that "
    "are trained from now on say it."
)


def learned_from(loaded: LoadedCard) -> set[int]:
    """The fingerprints of the images that a card learned from; empty where it does not say.

    Raises:
        CardError: a file that tells them is missing or damaged.
    """
    found: set[int] = set()
    kept = loaded.card.provenance.learned
    if kept is not None:
        found |= _prints(read_weights(loaded.folder, kept))
    calibration = loaded.card.uncertainty.calibration
    if calibration is not None and calibration.familiarity is not None:
        reference = Reference.read(read_weights(loaded.folder, calibration.familiarity.reference))
        found |= {int(value) for value in reference.learned}
    return found


def of_calibration_alone(card: Card) -> list[str]:
    """What is said of a card that keeps no record of its training, but what was told of it when it was calibrated."""
    calibration = card.uncertainty.calibration
    if card.provenance.learned is not None or calibration is None or calibration.familiarity is None:
        return []
    named = f" ({calibration.dataset})" if calibration.dataset else ""
    return [
        f"The card keeps no record of what it learned from; what it was told to have learned from when it was "
        f"calibrated{named} was left out, and other images that it learned from would not be known again."
    ]


def learned_in(folder: Path) -> set[int]:
    """What a run in this folder has learned from so far."""
    path = folder / LEARNED_FILE
    return _prints(path.read_bytes()) if path.is_file() else set()


def with_learned(card: Card, prints: Collection[int], folder: Path) -> Card:
    """The card that tells what it learned from, and the file of it in `folder`; as it is where that is nothing."""
    if not prints:
        return card
    folder.mkdir(parents=True, exist_ok=True)
    kept = write_weights({"learned": torch.tensor(sorted(prints), dtype=torch.int64)}, folder / LEARNED_FILE)
    return card.model_copy(update={"provenance": card.provenance.model_copy(update={"learned": kept})})


def print_of(case: Case) -> int:
    """The fingerprint of a case, as its data set gives it."""
    return fingerprint(*volumes_of(case))


def _prints(data: bytes) -> set[int]:
    try:
        return {int(value) for value in load(data)["learned"]}
    except (SafetensorError, KeyError, ValueError) as error:
        raise CardError("The card's record of what it learned from is damaged; fetch the model again.") from error
