"""A card with its weights, as `planimeter models export` writes it."""

import shutil
from pathlib import Path
from typing import Any

from engine.cards.registry import CARD_FILE, files_of, load_card
from engine.cards.weights import read_weights
from engine.errors import CardError
from engine.importing.source import Source


def recognises(folder: Path) -> bool:
    """Whether it is a card's folder."""
    return (folder / CARD_FILE).is_file()


def convert(source: Source, target: Path) -> dict[str, Any]:
    """Copy the weights and what lies beside them, and give the card.

    Raises:
        CardError: the card has a problem, or a file is not what the card says.
    """
    loaded = load_card(source.folder)
    if loaded.problem:
        raise CardError(loaded.problem)
    # Only here are torch and onnx needed, which take their time to load.
    from engine.importing.finite import check_numbers

    for weights in loaded.card.files:
        (target / weights.file).write_bytes(read_weights(source.folder, weights))
        check_numbers(target / weights.file)
    for path in files_of(loaded):
        if path.name != CARD_FILE and not (target / path.name).exists():
            shutil.copyfile(path, target / path.name)
    card: dict[str, Any] = loaded.card.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return card | ({"id": source.wish.card_id} if source.wish.card_id else {})
