"""Moments as DICOM writes them: a date (DA) with a time (TM), or both in one value (DT) with its offset from UTC."""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydicom.dataset import Dataset

from engine.dicom.fields import text

# Dots and colons are from before the present standard; dashes, a blank and a T from programs that write ISO 8601.
_DATE = r"(\d{4})[.-]?(\d\d)[.-]?(\d\d)"
_TIME = r"[T ]?(\d\d)(?::?(\d\d)(?::?(\d\d)(\.\d*)?)?)?"
_OFFSET = r"\s*(?:([+-])(\d\d):?(\d\d)|(Z))?"
_MOMENT = re.compile(_DATE + _TIME + _OFFSET)
_DAY = re.compile(_DATE + _OFFSET)
_ZONE = re.compile(r"([+-])(\d\d):?(\d\d)()")
#: Offsets that exist (PS3.5 6.2, DT).
_EARLIEST, _LATEST = timedelta(hours=-12), timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class Moment:
    """A date and time of day as written, and the offset from UTC where the value, or the file, gives one."""

    wall: datetime
    offset: timedelta | None = None

    def within(self, zone: timedelta | None) -> "Moment":
        """The same moment on the clocks of a zone; a moment without an offset is taken to be of that zone."""
        if zone is None:
            return self
        return Moment(self.wall if self.offset is None else self.wall - self.offset + zone, zone)

    def seconds_after(self, other: "Moment") -> float:
        """Seconds from `other` to this; by the clocks as written where one of them has no offset."""
        if self.offset is None or other.offset is None:
            return (self.wall - other.wall).total_seconds()
        return (self.wall - self.offset - other.wall + other.offset).total_seconds()

    def later(self, seconds: float) -> "Moment":
        """The moment so many seconds later."""
        return replace(self, wall=self.wall + timedelta(seconds=seconds))


def read_moment(written: str) -> Moment | None:
    """A date with a time of day (DT, or DA and TM joined); None where it is no whole date with at least an hour."""
    match = _MOMENT.fullmatch(written.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    try:
        # Leap seconds are written as 60.
        whole = datetime(year, month, day, hour, minute, min(second, 59) if second <= 60 else second)
    except ValueError:
        return None
    fraction = match.group(7) or ""
    return Moment(whole + timedelta(seconds=float(f"0{fraction}")), _offset(match.groups()[7:]))


def read_day(written: str) -> str:
    """The date of a DT or DA value as YYYYMMDD; "" where it is none."""
    written = written.strip()
    match = _DAY.fullmatch(written) or _MOMENT.fullmatch(written)
    return "" if match is None else "".join(match.groups()[:3])


def zone_of(dataset: Dataset) -> timedelta | None:
    """Timezone Offset From UTC (0008,0201), which holds for all dates and times of a file; None where it has none."""
    match = _ZONE.fullmatch(text(dataset, "TimezoneOffsetFromUTC"))
    return None if match is None else _offset(match.groups())


def _offset(parts: tuple[str | None, ...]) -> timedelta | None:
    sign, hours, minutes, utc = parts
    if utc:
        return timedelta(0)
    if not sign:
        return None
    size = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    offset = -size if sign == "-" else size
    return offset if _EARLIEST <= offset <= _LATEST else None
