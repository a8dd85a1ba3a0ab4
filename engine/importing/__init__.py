"""Models of other programs, converted once to cards: a file a kind, and one table of them."""
