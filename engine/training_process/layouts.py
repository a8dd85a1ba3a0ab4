"""How a data set may be laid out for a card, in a line for people."""

from engine.cards.schema import Card

_CASES = "nnU-Net raw, images/ and labels/, images/ and masks/, or DICOM studies with RTSTRUCTs"
_LABELS = "labels.csv (path, patient, label, split) beside the images"
#: Operations that learn from labels; the others learn from contours.
_OF_LABELS = frozenset({"classify", "head", "patch_statistics"})
_OF_CASES = frozenset({"segment", "detect", "sieve"})


def layouts_for(card: Card) -> str:
    """The layouts that a card can be trained on: with contours, with labels, or with both where it learns from both."""
    operations = {node.op for node in card.graph}
    parts = [_CASES] if operations & _OF_CASES else []
    parts += [_LABELS] if operations & _OF_LABELS else []
    return "; and ".join(parts)
