"""Writes resources/models/card.schema.json: what a card can say, as the tables of operations and steps have it."""

from engine.cards.registry import SHIPPED
from engine.cards.schema import card_schema


def main() -> None:
    """Write the schema."""
    (SHIPPED / "card.schema.json").write_text(card_schema(), encoding="utf-8")


if __name__ == "__main__":
    main()
