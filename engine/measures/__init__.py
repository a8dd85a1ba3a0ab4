"""What a person measures on an image: a value for what was drawn, and a table of the kinds, each one file."""
