"""What a card's graph is made of: each operation in a file of its own, and one table of them all."""
