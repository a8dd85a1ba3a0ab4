"""Whether values can be Hounsfield units: one rule for files that don't say, and for cards that need them."""

#: Values that say no unit are taken for HU when their least lies in this range, as air does ...
HU_LOWEST = (-3100, -500)
#: ... and their greatest in this one, from soft tissue to metal.
HU_GREATEST = (20, 32767)


def looks_like_hu(low: float, high: float) -> bool:
    """True when values from `low` to `high` can be a CT's in HU, with air and tissue in it; a guess, to be noted."""
    return HU_LOWEST[0] <= low <= HU_LOWEST[1] and HU_GREATEST[0] <= high <= HU_GREATEST[1]
