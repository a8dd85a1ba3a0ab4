"""What crosses the edges of a graph, known before anything runs: kinds of values, and their labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["image", "maps", "outlines", "scores", "boxes", "features"]

_WORDS: dict[Kind, str] = {
    "image": "an image",
    "maps": "probabilities",
    "outlines": "outlines",
    "scores": "scores",
    "boxes": "boxes",
    "features": "features",
}
#: What tells of each voxel whether a label is there.
PLACES: tuple[Kind, ...] = ("maps", "outlines")


@dataclass(frozen=True)
class Made:
    """What a node makes.

    Args:
        kind: an "image" on a network's grid; "maps" of a probability a label and voxel; "outlines" of labels on the
            planes as acquired; "scores" of labels, one a view; "boxes" that may hold the labels;
            "features", named numbers.
        labels: in order; an image has none, and features only where their names are known before anything runs.
        acquired: an input of the card, which is there as it was acquired too.
        weighed: scores of views, each with how much it counts in a pool by attention.
    """

    kind: Kind
    labels: tuple[str, ...] = ()
    acquired: bool = False
    weighed: bool = False


def expect(given: Sequence[Made], *kinds: tuple[Kind, ...], more: tuple[Kind, ...] = ()) -> None:
    """Check what a node is given.

    Args:
        given: its inputs.
        kinds: which may be first, second, ...
        more: which may come behind those, in any number; none where it is empty.

    Raises:
        ValueError: there are too few or too many, or one is of another kind.
    """
    if len(given) < len(kinds):
        raise ValueError(f"it needs {words(kinds[len(given)])} for input {len(given) + 1}")
    if len(given) > len(kinds) and not more:
        raise ValueError(f"it takes {len(kinds)} input{'s' if len(kinds) > 1 else ''}, and is given {len(given)}")
    for number, made in enumerate(given, start=1):
        allowed = kinds[number - 1] if number <= len(kinds) else more
        if made.kind not in allowed:
            raise ValueError(f"it needs {words(allowed)} for input {number}, and is given {_WORDS[made.kind]}")


def expect_labels(labels: Sequence[str], *given: Made) -> None:
    """Check that each of the labels is made by an input.

    Raises:
        ValueError: one is not.
    """
    known = {label for made in given for label in made.labels}
    missing = [label for label in labels if label not in known]
    if missing:
        raise ValueError(f"it names a label '{missing[0]}' that its input does not have")


def words(kinds: Sequence[Kind]) -> str:
    """Kinds, as they are named to people."""
    return " or ".join(_WORDS[kind] for kind in kinds)
