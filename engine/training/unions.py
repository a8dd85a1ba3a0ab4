"""Structures that a data set does not name, but whose parts it does: a tumour as necrosis, oedema and the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.cards.schema import CardInput
from engine.errors import CardError
from engine.training.case import Case, DataSource
from engine.training.dataset import open_data


class Unions:
    """The cases of a data set with structures that are made of its own.

    Args:
        source: read for the parts.
        structures: to learn, in the order of the classes from 1.
        unions: structure → its parts; others are there by their own name.
    """

    def __init__(self, source: DataSource, structures: list[str], unions: Mapping[str, Sequence[str]]) -> None:
        self.source, self.structures, self.names = source, structures, source.names
        self.left_out = source.left_out
        self._parts = [[source.structures.index(p) for p in unions.get(name, [name])] for name in structures]

    def patient_of(self, name: str) -> str:
        """As the data set says."""
        return self.source.patient_of(name)

    def read(self, name: str) -> Case:
        """The case `name`; a structure is contoured where all of its parts are."""
        case = self.source.read(name)
        table = np.zeros(len(self.source.structures) + 1, np.uint8)
        for index, parts in enumerate(self._parts):
            table[[part + 1 for part in parts]] = index + 1
        contoured = np.array([case.contoured[parts].all() for parts in self._parts])
        return replace(case, labels=table[case.labels], contoured=contoured)


def open_united(
    folder: Path, structures: list[str], unions: Mapping[str, Sequence[str]], inputs: Sequence[CardInput]
) -> DataSource:
    """The data set in a folder, as `open_data`, with structures that are made of parts.

    Raises:
        CardError: a structure of the data set is a part of two.
        PlanimeterError: as `open_data`.
    """
    parts = [part for name in structures for part in unions.get(name, [name])]
    if len(set(parts)) != len(parts):
        raise CardError(f"The training recipe makes two structures of one: {', '.join(sorted(parts))}.")
    source = open_data(folder, parts, inputs)
    return Unions(source, structures, unions) if unions else source
