"""Real world value mappings (PS3.3 C.7.6.16.2.11): from stored values straight to values with a unit.

A file may give several for the same pixels, such as activity and SUV, and one may be made of pieces, each for a range
of stored values. They take the place of a rescale; the two are never chained.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from engine.dicom.fields import bounds, items, numbers, text
from engine.errors import ReadError

#: UCUM codes, as they are written → how the unit is called here. DICOM moved the braces behind the unit in 2012.
_NAMES = {
    "bq/ml": "BQML", "bq/cc": "BQML", "bq/cm3": "BQML", "{suvbw}g/ml": "SUVbw", "g/ml{suvbw}": "SUVbw",
    "{suvlbm}g/ml": "SUVlbm", "g/ml{suvlbm}": "SUVlbm", "g/ml{suvlbm(james128)}": "SUVlbm",
    "{suvlbm(james128)}g/ml": "SUVlbm", "g/ml{suvlbm(janma)}": "SUVlbm", "{suvlbm(janma)}g/ml": "SUVlbm",
    "{suvbsa}cm2/ml": "SUVbsa", "cm2/ml{suvbsa}": "SUVbsa", "{suvibw}g/ml": "SUVibw", "g/ml{suvibw}": "SUVibw",
    "{counts}": "CNTS", "{propcounts}": "PROPCNTS", "{propcounts}/s": "PROPCPS",
    "[hnsf'u]": "HU", "hnsf'u": "HU", "{hu}": "HU", "hu": "HU",
}  # fmt: skip
_THOUSANDS = {"kbq/ml": 1e3, "kbq/cc": 1e3, "kbq/cm3": 1e3, "mbq/ml": 1e6}
#: Units that say no more than that there is none.
_NONE = frozenset(("", "1", "no units", "{no units}", "{unitless}", "us", "unspecified", "arbitrary units"))


@dataclass(frozen=True, slots=True)
class Piece:
    """The mapping of stored values from `first` to `last`: a line, or a value for each from `start` on in `table`."""

    first: float
    last: float
    slope: float = 1.0
    intercept: float = 0.0
    table: tuple[float, ...] = ()
    start: int = 0

    def values(self, stored: NDArray[Any]) -> NDArray[np.float64]:
        """Values of stored ones; beyond the range the line is continued, the ends of a table are held."""
        if not self.table:
            return np.asarray(stored * np.float64(self.slope) + self.intercept)
        index = np.clip(stored.astype(np.int64) - self.start, 0, len(self.table) - 1)
        return np.array(self.table)[index]


@dataclass(frozen=True, slots=True)
class ValueMap:
    """One mapping: `units` by the name used here ("" for none), `label` of the file, pieces by rising range."""

    units: str
    label: str
    pieces: tuple[Piece, ...]

    def values(self, stored: NDArray[Any]) -> NDArray[np.float64]:
        """Values of stored ones, each by the piece for it, else by the nearest."""
        out = self.pieces[0].values(stored)
        for before, piece in pairwise(self.pieces):
            middle = (before.last + piece.first) / 2
            out = np.where(stored > middle, piece.values(stored), out)
        return out

    def outside(self, stored: NDArray[Any]) -> int:
        """How many stored values no piece is for."""
        inside = np.zeros(stored.shape, np.bool_)
        for piece in self.pieces:
            inside |= (stored >= piece.first) & (stored <= piece.last)
        return int(inside.size - inside.sum())


def value_maps(dataset: Dataset, signed: bool) -> tuple[ValueMap, ...]:
    """The mappings of a data set or a functional group that holds a Real World Value Mapping Sequence.

    Mappings without numbers, or whose numbers contradict each other, are left out: they map nothing.

    Args:
        signed: Pixel Representation of the image, which says how the ranges are stored.
    """
    found: list[tuple[str, str, Piece]] = []
    for item in items(dataset, "RealWorldValueMappingSequence"):
        code = next(iter(items(item, "MeasurementUnitsCodeSequence")), Dataset())
        written = text(code, "CodeValue") or text(code, "LongCodeValue")
        scale = _THOUSANDS.get(written.lower(), 1.0)
        units = "BQML" if scale != 1.0 else _NAMES.get(written.lower(), written)
        try:
            piece = _piece(item, signed, scale)
        except (ReadError, ValueError):
            piece = None
        if piece is not None:
            found.append(("" if units.lower() in _NONE else units, text(item, "LUTLabel"), piece))
    # Pieces of one unit make one mapping where their ranges do not overlap; else their labels tell them apart.
    maps: list[ValueMap] = []
    for units in dict.fromkeys(units for units, _, _ in found):
        same = [(label, piece) for unit, label, piece in found if unit == units]
        if _apart([piece for _, piece in same]):
            maps.append(_joined(units, same))
            continue
        for label in dict.fromkeys(label for label, _ in same):
            pieces = [(name, piece) for name, piece in same if name == label]
            maps += [_joined(units, pieces)] if _apart([p for _, p in pieces]) else [_joined(units, pieces[:1])]
    return tuple(maps)


def modality_table(dataset: Dataset, signed: bool) -> ValueMap | None:
    """The Modality LUT of a data set (PS3.3 C.11.1), which takes the place of a rescale; None where it has none.

    Below the first stored value of the table its first value holds, above the last its last. A table of type US, for
    unspecified, gives values without a unit.

    Args:
        signed: Pixel Representation of the image, which says how the first stored value is stored.

    Raises:
        ReadError: the table has not as many values as it says. The sentence lacks the file's name.
    """
    item = next(iter(items(dataset, "ModalityLUTSequence")), None)
    if item is None:
        return None
    try:
        described = item["LUTDescriptor"].value
        count, first, bits = (int(part) for part in described)
        data = item["LUTData"].value
    except (KeyError, TypeError, ValueError):
        raise ReadError("its Modality LUT is not described, or has no values") from None
    count = count or 1 << 16
    first = first - (1 << 16) if signed and first >= 1 << 15 else first
    if isinstance(data, bytes):
        table = np.frombuffer(data, "u1" if bits <= 8 and len(data) in (count, count + 1) else "<u2")[:count]
    else:
        table = np.atleast_1d(np.asarray(data, dtype=np.int64))[:count] & ((1 << 16) - 1)
    if len(table) != count:
        raise ReadError(f"its Modality LUT has {len(table)} values and says that it has {count}")
    units = text(item, "ModalityLUTType").upper()
    pieces = (Piece(-np.inf, np.inf, table=tuple(table.astype(np.float64).tolist()), start=first),)
    return ValueMap("" if units.lower() in _NONE else units, text(item, "LUTExplanation") or "Modality LUT", pieces)


def _joined(units: str, pieces: Sequence[tuple[str, Piece]]) -> ValueMap:
    return ValueMap(units, pieces[0][0], tuple(sorted((piece for _, piece in pieces), key=lambda piece: piece.first)))


def _apart(pieces: Sequence[Piece]) -> bool:
    ordered = sorted(pieces, key=lambda piece: piece.first)
    return all(before.last < after.first for before, after in pairwise(ordered))


def _piece(item: Dataset, signed: bool, scale: float) -> Piece | None:
    limits = (
        numbers(item, "DoubleFloatRealWorldValueFirstValueMapped", 1),
        numbers(item, "DoubleFloatRealWorldValueLastValueMapped", 1),
    )
    first = limits[0][0] if limits[0] else bounds(item, "RealWorldValueFirstValueMapped", signed)
    last = limits[1][0] if limits[1] else bounds(item, "RealWorldValueLastValueMapped", signed)
    low, high = (-np.inf if first is None else first), (np.inf if last is None else last)
    if "RealWorldValueLUTData" in item:
        table = tuple(float(part) * scale for part in text(item, "RealWorldValueLUTData").split("\\"))
        if first is None or len(table) != high - low + 1:
            raise ReadError("its real-world value table has not one value for each stored value that it names")
        return Piece(low, high, table=table, start=int(low))
    slope, intercept = numbers(item, "RealWorldValueSlope", 1), numbers(item, "RealWorldValueIntercept", 1)
    if slope is None:
        return None
    return Piece(low, high, slope[0] * scale, (intercept[0] if intercept else 0.0) * scale)
