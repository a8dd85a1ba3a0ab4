"""A card with its weights, as `planimeter models export` writes it."""

import shutil
from pathlib import Path
from typing import Any

from engine.cards.registry import CARD_FILE, load_card
from engine.cards.weights import read_weights
from engine.errors import CardError
from engine.importing.source import Source

#: What may lie beside a card and its weights: the averaged patient of an atlas, what the card says in words.
_BESIDE = (".nii.gz", ".md", ".txt", ".json")


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
    for weights in loaded.card.weights:
        (target / weights.file).write_bytes(read_weights(source.folder, weights))
    for path in sorted(source.folder.iterdir()):
        if path.is_file() and not path.is_symlink() and path.name.endswith(_BESIDE) and path.name != CARD_FILE:
            shutil.copyfile(path, target / path.name)
    card: dict[str, Any] = loaded.card.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return card | ({"id": source.wish.card_id} if source.wish.card_id else {})
