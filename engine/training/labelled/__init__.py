"""Sets of labelled pictures: each layout in a file of its own, and one table of them all."""
