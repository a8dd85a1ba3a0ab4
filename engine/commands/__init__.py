"""The commands that a person types, and what they share."""
