"""What a card says of the published system that it follows."""

from typing import Annotated

from pydantic import Field, StringConstraints

from engine.values import Short, Strict, Text

Line = Annotated[str, StringConstraints(min_length=1, max_length=400)]


class Paper(Strict):
    """The published system behind a recipe; its number in the review, if it has one, is the card's `seed_ref`.

    Args:
        citation: first author and year at least.
        body_part, takes: what it looks at, and in which images, for people.
        result: the paper's own figures, "" where no source for them is at hand.
        recalled: the figures were not checked against the paper.
        keeps: what the recipe does as the paper does, a sentence each.
        changes: what it does otherwise, and why.
        layout: the data that training needs, and how the folder is laid out.
    """

    citation: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    body_part: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    takes: Annotated[str, StringConstraints(min_length=1, max_length=120)]
    result: Short = ""
    recalled: bool = False
    keeps: Annotated[tuple[Line, ...], Field(min_length=1, max_length=16)]
    changes: Annotated[tuple[Line, ...], Field(max_length=16)] = ()
    layout: Annotated[Text, Field(min_length=1)]
