"""What comes with the program as data: model cards, presets, the built-in study."""
