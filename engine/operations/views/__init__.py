"""What a classifier looks at: each kind of view in a file of its own, and one table of them all."""
