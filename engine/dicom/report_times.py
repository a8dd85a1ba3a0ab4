"""Times of a report: as DICOM writes them, and as the program has them (ISO 8601)."""

from datetime import datetime

from pydicom.valuerep import DT

#: Of UTC itself.
UTC_OFFSET = "+0000"


def observed(time: str, zone: str = "") -> DT | None:
    """An ISO 8601 time as DICOM has it; None where it is none.

    Args:
        time: with or without its offset from UTC.
        zone: Timezone Offset From UTC of the file, which holds for times that give none. A time of UTC gives none
            where that says the same: dcmtk takes "+0000" for an error, though PS3.5 6.2 allows it.
    """
    try:
        text = datetime.fromisoformat(time).strftime("%Y%m%d%H%M%S%z")
    except ValueError:
        return None
    return DT(text.removesuffix(UTC_OFFSET) if zone == UTC_OFFSET else text)


def zone_of(time: str) -> str:
    """The offset from UTC of an ISO 8601 time as DICOM has it (&ZZXX); "" where it gives none, or is no time."""
    try:
        return datetime.fromisoformat(time).strftime("%z")
    except ValueError:
        return ""


def iso_time(text: str, zone: str = "") -> str:
    """A DICOM date and time (YYYYMMDD…&ZZXX) in ISO 8601; "" where it is none.

    Args:
        text: of the element.
        zone: Timezone Offset From UTC of the file, for a time that gives no offset.
    """
    stamp, offset = _parted(text.strip())
    offset = offset or _parted(zone.strip())[1]
    stamp = stamp.partition(".")[0]
    if not stamp.isdigit() or len(stamp) < 8:
        return ""
    clock = (stamp[8:] + "000000")[:6]
    return f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}{offset}"


def _parted(text: str) -> tuple[str, str]:
    """A stamp, and its offset as ISO 8601 has it; "" where it has none that can be."""
    for mark in ("+", "-"):
        head, found, tail = text.partition(mark)
        if found:
            return head, f"{mark}{tail[:2]}:{tail[2:]}" if len(tail) == 4 and tail.isdigit() else ""
    return text, ""
