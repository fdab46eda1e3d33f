"""Dates as sources write them -> aware UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name.lower(): number for number, name in enumerate(_NAMES, start=1)}
_MONTH_DIGITS = {name: f"{number:02}" for number, name in enumerate(_NAMES, start=1)}
_UTC_NAMES = {"GMT": "+00:00", "+0000": "+00:00", "-0000": "+00:00"}

_HOUR = 60
ZONES = {
    "": 0, "Z": 0, "UT": 0, "UTC": 0, "GMT": 0, "WET": 0, "-0000": 0,
    "BST": _HOUR, "WEST": _HOUR, "CET": _HOUR, "MET": _HOUR, "CEST": 2 * _HOUR, "MEST": 2 * _HOUR,
    "EET": 2 * _HOUR, "SAST": 2 * _HOUR, "EEST": 3 * _HOUR, "MSK": 3 * _HOUR, "MSD": 4 * _HOUR,
    "JST": 9 * _HOUR, "KST": 9 * _HOUR, "HKT": 8 * _HOUR, "SGT": 8 * _HOUR, "AWST": 8 * _HOUR,
    "ACST": 570, "ACDT": 630, "AEST": 10 * _HOUR, "AEDT": 11 * _HOUR, "NZST": 12 * _HOUR, "NZDT": 13 * _HOUR,
    "NST": -210, "NDT": -150, "AST": -4 * _HOUR, "ADT": -3 * _HOUR, "EST": -5 * _HOUR, "EDT": -4 * _HOUR,
    "ET": -5 * _HOUR, "CST": -6 * _HOUR, "CDT": -5 * _HOUR, "CT": -6 * _HOUR, "MST": -7 * _HOUR,
    "MDT": -6 * _HOUR, "MT": -7 * _HOUR, "PST": -8 * _HOUR, "PDT": -7 * _HOUR, "PT": -8 * _HOUR,
    "AKST": -9 * _HOUR, "AKDT": -8 * _HOUR, "HST": -10 * _HOUR,
}  # fmt: skip
"""Minutes east of UTC. Names that mean several zones (IST: India, Ireland, Israel) are absent on purpose: no date is
better than one that is hours wrong. CST and the like are read as RFC 822 defines them. "" (no zone at all) is UTC."""

_RFC822 = re.compile(
    r"(?:[^\W\d]+\.?,?\s*)?(\d{1,2})(?:st|nd|rd|th)?[\s-]+([^\W\d]{3})[^\W\d]*\.?,?[\s-]+(\d{2,4})"
    r"(?:,?\s+(\d{1,2}):(\d\d)(?::(\d\d)(?:\.\d+)?)?\s*(?:(?:GMT|UTC?)(?=[+-]\d))?([+-]\d\d:?\d\d|[A-Za-z]*))?"
    r"(?:\s*\([^()]*\))?"
)
_ISO = re.compile(
    r"(\d{4})-?(\d\d?)?-?(\d\d?)?"
    r"(?:[Tt\s]\s*(\d\d?)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?)?\s*([+-]\d\d:?\d{0,2}|[A-Za-z]*))?"
)
_LONGEST = 100
_BEYOND = datetime.max.replace(microsecond=0, tzinfo=UTC)
"""Stands for a date that is one, but in no year a datetime can hold once it is in UTC."""


def parse(text: str) -> datetime | None:
    """The moment `text` names, aware UTC, or None when it names none that is certain.

    Reads RFC 822 (two-digit years, named zones, wrong week days, no seconds), RFC 3339, ISO 8601, W3CDTF and whatever
    else feedparser knows. A date without a time is its midnight, a time without a zone is UTC. Never raises.
    """
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return None
    try:
        if text[:4].isdigit():
            return _iso(text)
        if text[3:5] == ", " and (usual := _usual(text)):
            return usual
        found = _RFC822.fullmatch(text)
        return _rfc822(found) if found else _unusual(text)
    except OverflowError:
        return _BEYOND
    except ValueError:
        return None


def plausible(moment: datetime, now: datetime) -> bool:
    """Whether a public post can be of that time: 1990 .. `now` + 1 day."""
    return moment.year >= 1990 and (moment <= now or moment <= now + timedelta(days=1))


def _usual(text: str) -> datetime | None:
    """ "Tue, 10 Sep 2024 12:00:00 GMT" or with +0200: nearly all dates of RSS, read by position in a microsecond."""
    zone = text[26:]
    if text[25:26] != " " or (zone != "GMT" and len(zone) != 5):
        return None
    try:
        moment = datetime.fromisoformat(
            f"{text[12:16]}-{_MONTH_DIGITS[text[8:11]]}-{text[5:7]}T{text[17:25]}{_UTC_NAMES.get(zone, zone)}"
        )
    except (ValueError, KeyError):
        return None
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def _iso(text: str) -> datetime | None:
    if len(text) >= 19 and text[10] in "Tt " and text[4] == "-":
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            pass  # spaces, named zones, odd fractions: the expression below knows them
        else:
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    found = _ISO.fullmatch(text)
    if found is None:
        return _unusual(text)
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    if "-" not in text[:5] and not day:
        return None  # "1725962400", "202609": numbers that only look like a date
    offset = _offset(zone or "")
    if offset is None:
        return None
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    return _moment(
        int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0), micro, offset
    )


def _rfc822(found: re.Match[str]) -> datetime | None:
    day, name, year, hour, minute, second, zone = found.groups()
    month = _MONTHS.get(name.lower())
    if month is None:
        return _unusual(found.string)
    offset = _offset(zone or "")
    if offset is None:
        return None
    full_year = int(year)
    if full_year < 100:  # RFC 2822 4.3
        full_year += 2000 if full_year < 50 else 1900
    return _moment(full_year, month, int(day), int(hour or 0), int(minute or 0), int(second or 0), 0, offset)


def _moment(
    year: int, month: int, day: int, hour: int, minute: int, second: int, micro: int, offset: int
) -> datetime | None:
    late = timedelta(minutes=-offset)
    if hour == 24:
        hour, late = 0, late + timedelta(days=1)
    if second == 60:
        second, late = 59, late + timedelta(seconds=1)
    moment = datetime(year, month, day, hour, minute, second, micro, UTC)
    return moment + late if late else moment


def _offset(zone: str) -> int | None:
    """Minutes east of UTC, None for a zone that nobody or several places use."""
    if zone[:1] not in ("+", "-"):
        return ZONES.get(zone.upper())
    digits = zone[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    if minutes > 15 * 60:
        return None
    return -minutes if zone[0] == "-" else minutes


def _unusual(text: str) -> datetime | None:
    """The forms only feedparser knows (asctime, Korean, Greek, Hungarian); not its guesses at bare numbers."""
    if text.isdigit() or not any(character.isdigit() for character in text):
        return None
    from feedparser.datetimes import asctime, greek, hungarian, korean  # late: a rare need, and slow to import

    for known in (
        asctime._parse_date_asctime,
        korean._parse_date_onblog,
        korean._parse_date_nate,
        greek._parse_date_greek,
        hungarian._parse_date_hungarian,
    ):
        try:
            if parsed := known(text):
                year, month, day, hour, minute, second = parsed[:6]
                return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except Exception:  # third-party code on hostile text: whatever it raises, this form is not it
            continue
    return None
