"""What is done to probabilities before they are traced: each step in a file of its own, and one table of them all."""
