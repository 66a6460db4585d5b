"""What a statement is of: a month (2026-10), or for estimates a week (2026-W47, from Monday) or a day (2026-11-24)."""

from __future__ import annotations

import re
from datetime import date, timedelta

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def is_month(period: str) -> bool:
    return _MONTH.fullmatch(period) is not None


def is_week_or_day(period: str) -> bool:
    """True of a week or a day that the calendar has: 2026-W54 and 2026-02-30 are none."""
    if not re.fullmatch(r"[0-9]{4}-(W[0-9]{2}|[0-9]{2}-[0-9]{2})", period):
        return False
    try:
        first_day(period)
    except ValueError:
        return False
    return True


def unit_of(period: str) -> str:
    """month, week or day."""
    return "month" if is_month(period) else "week" if "W" in period else "day"


def first_day(period: str) -> date:
    if is_month(period):
        return date.fromisoformat(f"{period}-01")
    return date.fromisoformat(f"{period}-1" if "W" in period else period)


def last_day(period: str) -> date:
    return first_day(periods_before(period, -1)) - timedelta(days=1)


def periods_before(period: str, count: int) -> str:
    """The month, week or day that is `count` of its kind earlier (later, when negative)."""
    if is_month(period):
        year, month = divmod(int(period[:4]) * 12 + int(period[5:]) - 1 - count, 12)
        return f"{year:04d}-{month + 1:02d}"
    is_week = "W" in period
    day = first_day(period) - count * timedelta(days=7 if is_week else 1)
    return f"{day:%G-W%V}" if is_week else day.isoformat()


def period_of(day: date, like: str) -> str:
    """The month, week or day, whichever `like` is, that holds `day`."""
    if is_month(like):
        return f"{day:%Y-%m}"
    return f"{day:%G-W%V}" if "W" in like else day.isoformat()


def period_name(period: str) -> str:
    """As a page says it: October 2026; week 47, from 16 November 2026; 24 November 2026."""
    day = first_day(period)
    month = f"{_MONTHS[day.month - 1]} {day.year:04d}"
    if is_month(period):
        return month
    return f"week {int(period[6:])}, from {day.day} {month}" if "W" in period else f"{day.day} {month}"


def column_name(period: str) -> str:
    """As it heads a column: October 2026, Week 47, 24 November 2026."""
    return f"Week {int(period[6:])}" if "W" in period else period_name(period)


def bar_name(period: str, is_first: bool) -> tuple[str, str]:
    """As it stands below a bar, with what changed since the bar before: (Oct, 2026), (W47, ""), (24, Nov)."""
    day = first_day(period)
    month = _MONTHS[day.month - 1][:3]
    if is_month(period):
        return month, period[:4] if is_first or day.month == 1 else ""
    if "W" in period:
        return period[5:], period[:4] if is_first or period.endswith("W01") else ""
    return str(day.day), month if is_first or day.day == 1 else ""
