"""All kinds of model that can be imported. A new one is a file, and a line here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.cards.registry import CARD_FILE
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
        signs: patterns of files that such a folder has, by which one that is dropped is known at a glance.
        suffix: of a model that is one file, with its dot; "" where it is always a folder.
    """

    name: str
    heeds: frozenset[str]
    recognises: Callable[[Path], bool]
    convert: Callable[[Source, Path], dict[str, Any]]
    signs: tuple[str, ...]
    suffix: str = ""


_PLANS = ("plans.json", "*__*__*/plans.json", "Dataset*/*__*__*/plans.json")

#: The first that recognises a folder converts it.
IMPORTERS: tuple[Importer, ...] = (
    Importer("a card of Planimeter", frozenset(), card_folder.recognises, card_folder.convert, (CARD_FILE,)),
    Importer(
        "weights of TotalSegmentator",
        frozenset({"task"}),
        totalsegmentator.recognises,
        totalsegmentator.convert,
        _PLANS,
    ),
    Importer("a results folder of nnU-Net v2", frozenset({"axes"}), nnunet.recognises, nnunet.convert, _PLANS),
    Importer(
        "a MONAI bundle", frozenset({"axes"}), monai_bundle.recognises, monai_bundle.convert, ("configs/metadata.json",)
    ),
    Importer(
        "an ONNX file with a card", frozenset(), onnx_file.recognises, onnx_file.convert, ("*.onnx",), suffix=".onnx"
    ),
)

#: Of models that are one file.
SUFFIXES = frozenset(importer.suffix for importer in IMPORTERS if importer.suffix)
