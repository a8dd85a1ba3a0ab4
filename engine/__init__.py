"""The engine: everything in Planimeter that works without a screen. Imports no Qt and no VTK."""

__version__ = "0.1.0"
