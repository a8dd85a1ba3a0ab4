"""All kinds of model that can be imported. A new one is a file, and a line here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.importing import card_folder, monai_bundle, nnunet, onnx_file, totalsegmentator
from engine.importing.source import Source


@dataclass(frozen=True)
class Importer:
    """One kind of model.

    Args:
        name: for people.
        heeds: what of a person's wishes means something for it, of "axes" and "task".
        recognises: of a folder, whether it holds one.
        convert: of what is imported and a folder, the card; its weights are written into the folder.
    """

    name: str
    heeds: frozenset[str]
    recognises: Callable[[Path], bool]
    convert: Callable[[Source, Path], dict[str, Any]]


#: The first that recognises a folder converts it.
IMPORTERS: tuple[Importer, ...] = (
    Importer("a card of Planimeter", frozenset(), card_folder.recognises, card_folder.convert),
    Importer("weights of TotalSegmentator", frozenset({"task"}), totalsegmentator.recognises, totalsegmentator.convert),
    Importer("a results folder of nnU-Net v2", frozenset({"axes"}), nnunet.recognises, nnunet.convert),
    Importer("a MONAI bundle", frozenset({"axes"}), monai_bundle.recognises, monai_bundle.convert),
    Importer("an ONNX file with a card", frozenset(), onnx_file.recognises, onnx_file.convert),
)
