"""Ranges of grey values as a person sets them, in the unit of the image. No Qt."""

from viewer.edits.parameters import Parameter

#: The unit of shares of the greatest value.
PER_MAXIMUM = "% of max"
#: Unit of the values → (from, to, least, greatest, decimals): bone, and what is commonly taken for avid.
_USUAL = {
    "HU": (150.0, 3000.0, -1024.0, 30000.0, 0),
    "SUVbw": (2.5, 100.0, 0.0, 1000.0, 2),
}
#: What of a PET's maximum is commonly taken for the outline of what is avid, and all above it.
_OF_MAXIMUM = (41.0, 100.0)
_OTHER = (100.0, 100000.0, -1e6, 1e6, 1)


def range_parameters(unit: str) -> tuple[Parameter, Parameter]:
    """From and to, in the unit of the image."""
    low, high, least, most, decimals = _USUAL.get(unit, _OTHER)
    shown = unit_text(unit)
    return (
        Parameter("low", "From", shown, low, least, most, decimals, tip="The least value that is taken"),
        Parameter("high", "To", shown, high, least, most, decimals, tip="The greatest value that is taken"),
    )


def usual_range(shown: str) -> dict[str, float]:
    """From and to that a reader begins with, of a unit as it is shown: HU, SUV, "% of max"."""
    usual = {unit_text(unit): (low, high) for unit, (low, high, *_) in _USUAL.items()} | {PER_MAXIMUM: _OF_MAXIMUM}
    low, high = usual.get(shown, _OTHER[:2])
    return {"low": low, "high": high}


def unit_text(unit: str) -> str:
    """A unit as readers write it."""
    return "SUV" if unit == "SUVbw" else unit
