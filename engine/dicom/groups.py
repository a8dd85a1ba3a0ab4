"""Reads functional groups of enhanced multi-frame images fast: of each frame, the elements that are asked for alone.

A file may describe hundreds of frames in dozens of groups each, private ones among them, of which a few elements are
needed. They are walked here byte by byte; what is not plain is left to pydicom.
"""

from collections.abc import Mapping, Sequence
from io import BytesIO

from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from engine.dicom.fields import items
from engine.dicom.walk import ITEM, ITEM_END, SEQUENCE_END, UNDEFINED, NotPlainError, Plain

#: The first item of each functional group, by the group's keyword; of those that are kept whole, what holds them.
Groups = Mapping[str, Dataset]


class GroupReader:
    """Reads some elements of some groups.

    Args:
        wanted: keyword of each group → keywords of the elements in it.
        whole: keywords of groups that are kept with all their items.
    """

    def __init__(self, wanted: Mapping[str, Sequence[str]], whole: Sequence[str] = ()) -> None:
        self._keywords = tuple(wanted)
        self._groups: dict[int, str] = {_tag(keyword): keyword for keyword in wanted}
        self._whole: dict[int, str] = {_tag(keyword): keyword for keyword in whole}
        self._elements: dict[int, BaseTag] = {
            _tag(keyword): Tag(keyword) for keywords in wanted.values() for keyword in keywords
        }

    def read(self, dataset: Dataset, sequence: str) -> list[Groups]:
        """The groups of each item of a sequence of functional groups; none where it is absent."""
        element = dataset.get_item(_tag(sequence))
        if isinstance(element, RawDataElement) and isinstance(element.value, bytes) and element.is_little_endian:
            try:
                return _Walk(element, self._groups, self._whole, self._elements).frames()
            except NotPlainError:
                pass
        found: list[dict[str, Dataset]] = []
        for item in items(dataset, sequence):
            groups = ((keyword, items(item, keyword)) for keyword in self._keywords)
            found.append({keyword: inner[0] for keyword, inner in groups if inner})
            found[-1].update({keyword: item for keyword in self._whole.values() if keyword in item})
        return [*found]


class _Walk:
    """One pass over the bytes of a sequence."""

    def __init__(
        self,
        sequence: RawDataElement,
        groups: Mapping[int, str],
        whole: Mapping[int, str],
        elements: Mapping[int, BaseTag],
    ) -> None:
        assert sequence.value is not None
        self._plain = Plain(BytesIO(sequence.value), len(sequence.value))
        self._plain.implicit = sequence.is_implicit_VR
        self._groups, self._whole, self._elements = groups, whole, elements

    def frames(self) -> list[Groups]:
        plain, at = self._plain, 0
        found: list[Groups] = []
        while at < plain.size:
            tag, _, start, length = plain.element(at)
            if tag == SEQUENCE_END:
                break
            if tag != ITEM:
                raise NotPlainError
            groups: dict[str, Dataset] = {}
            at = self._frame(start, -1 if length == UNDEFINED else start + length, groups)
            found.append(groups)
        return found

    def _frame(self, at: int, stop: int, found: dict[str, Dataset]) -> int:
        """Fill `found` from an item that ends at a place, or by its delimiter (-1); where the next one begins."""
        plain, groups = self._plain, self._groups
        while at != stop:
            tag, _, start, length = plain.element(at)
            if tag == ITEM_END and stop < 0:
                return start
            if tag in groups:
                at = self._group(start, length, found, groups[tag])
            elif tag in self._whole:
                element, at = self._kept(BaseTag(tag), "SQ", start, length)
                found[self._whole[tag]] = Dataset({BaseTag(tag): element})
            else:
                at = plain.after_sequence(start) if length == UNDEFINED else start + length
        return at

    def _group(self, at: int, length: int, found: dict[str, Dataset], keyword: str) -> int:
        """Keep the wanted elements of a group's first item; where the element after the group begins."""
        plain = self._plain
        end = -1 if length == UNDEFINED else at + length
        if at == end:
            return at
        tag, _, start, length = plain.element(at)
        if tag == SEQUENCE_END and end < 0:
            return start
        if tag != ITEM:
            raise NotPlainError
        elements: dict[BaseTag, DataElement | RawDataElement] = {}
        at = self._item(start, -1 if length == UNDEFINED else start + length, elements)
        found[keyword] = Dataset(elements)
        return plain.after_sequence(at) if end < 0 else end

    def _item(self, at: int, stop: int, found: dict[BaseTag, DataElement | RawDataElement]) -> int:
        plain, wanted = self._plain, self._elements
        while at != stop:
            tag, vr, start, length = plain.element(at)
            if tag == ITEM_END and stop < 0:
                return start
            if tag in wanted:
                found[wanted[tag]], at = self._kept(wanted[tag], vr, start, length)
            else:
                at = plain.after_sequence(start) if length == UNDEFINED else start + length
        return at

    def _kept(self, tag: BaseTag, vr: str, start: int, length: int) -> tuple[RawDataElement, int]:
        """An element, unconverted, and where the next one begins."""
        plain = self._plain
        after = plain.after_sequence(start) if length == UNDEFINED else start + length
        value = plain.bytes(start, after - 8 if length == UNDEFINED else after)
        return RawDataElement(tag, vr or None, len(value), value, start, plain.implicit, True), after


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return tag
