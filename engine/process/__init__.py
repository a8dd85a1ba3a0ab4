"""The inference process and what crosses to it."""
