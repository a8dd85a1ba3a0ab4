"""Model cards: schema and discovery, readable without torch."""
