"""Ranges of grey values as a person sets them, in the unit of the image. No Qt."""

from viewer.edits.parameters import Parameter

#: Unit of the values → (from, to, least, greatest, decimals): bone, and what is commonly taken for avid.
_USUAL = {
    "HU": (150.0, 3000.0, -1024.0, 30000.0, 0),
    "SUVbw": (2.5, 100.0, 0.0, 1000.0, 2),
}
_OTHER = (100.0, 100000.0, -1e6, 1e6, 1)


def range_parameters(unit: str) -> tuple[Parameter, Parameter]:
    """From and to, in the unit of the image."""
    low, high, least, most, decimals = _USUAL.get(unit, _OTHER)
    shown = unit_text(unit)
    return (
        Parameter("low", "From", shown, low, least, most, decimals, tip="The least value that is taken"),
        Parameter("high", "To", shown, high, least, most, decimals, tip="The greatest value that is taken"),
    )


def unit_text(unit: str) -> str:
    """A unit as readers write it."""
    return "SUV" if unit == "SUVbw" else unit
