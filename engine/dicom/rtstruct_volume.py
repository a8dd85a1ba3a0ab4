"""ROI Volume (3006,002C), in cm³: what a file says of the size of a structure, beside its contours that show it."""

from decimal import Decimal, InvalidOperation

#: Programs differ in how they count the ends of a structure, and small ones most.
_DIFFERS_TIMES, _DIFFERS_CM3 = 1.5, 0.5
#: A volume that is this near to that of the contours is left as it was written.
_SAME_SHARE = 0.1


def stated_volume_told(name: str, stated: str, cm3: float) -> list[str]:
    """A sentence where a file's ROI Volume is far from what its contours on the image enclose."""
    volume = _number(stated)
    if volume is None or volume <= 0 or abs(volume - cm3) < _DIFFERS_CM3:
        return []
    if max(volume, cm3) < _DIFFERS_TIMES * min(volume, cm3):
        return []
    return [
        f"The file gives '{name}' {volume:.4g} cm³, but its contours on this image enclose {cm3:.4g} cm³: some may be "
        "missing, or of another image."
    ]


def volume_to_write(stated: str, cm3: float, *, redrawn: bool) -> str:
    """The ROI Volume of a structure that had one: as it was, or that of its contours where these say another.

    Args:
        stated: what the file says that it was read from.
        cm3: that its contours enclose.
        redrawn: whether they are others than those of that file.
    """
    volume = _number(stated)
    same = not redrawn and volume is not None and abs(volume - cm3) <= _SAME_SHARE * cm3
    return stated if same else f"{cm3:.6g}"


def _number(written: str) -> float | None:
    try:
        value = Decimal(written.strip(" \0"))
    except InvalidOperation:
        return None
    return float(value) if value.is_finite() else None
