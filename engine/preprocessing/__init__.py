"""What is done to an image before a card's graph: each step in a file of its own, and one table of them all."""
