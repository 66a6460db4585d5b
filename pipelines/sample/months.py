"""Billing months of the sample: time is counted in whole hours since 1970, UTC."""

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np


@dataclass(frozen=True, order=True)
class Month:
    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> "Month":
        year, month = text.split("-")
        return cls(int(year), int(month))

    def plus(self, months: int) -> "Month":
        index = self.year * 12 + self.month - 1 + months
        return Month(index // 12, index % 12 + 1)

    @property
    def period(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def compact(self) -> str:
        return f"{self.year:04d}{self.month:02d}"

    @property
    def days(self) -> int:
        return calendar.monthrange(self.year, self.month)[1]

    @property
    def hours(self) -> int:
        return self.days * 24

    @property
    def first_day(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def last_day(self) -> date:
        return date(self.year, self.month, self.days)

    @property
    def start(self) -> int:
        """First hour of the month."""
        return hour_of(self.first_day)

    @property
    def end(self) -> int:
        """First hour after the month."""
        return self.start + self.hours


@dataclass(frozen=True)
class Window:
    """The months that the sample covers, and the dates at which the company changed something."""

    months: tuple[Month, ...]

    @classmethod
    def ending(cls, last: Month, count: int) -> "Window":
        return cls(tuple(last.plus(offset) for offset in range(1 - count, 1)))

    def at(self, share: float) -> Month:
        """The month that lies `share` of the way into the window."""
        return self.months[min(int(share * len(self.months)), len(self.months) - 1)]

    @property
    def start(self) -> int:
        return self.months[0].start

    @property
    def end(self) -> int:
        return self.months[-1].end

    @property
    def machine_learning_starts(self) -> Month:
        return self.at(0.45)

    @property
    def logistics_moves(self) -> Month:
        return self.at(0.55)

    @property
    def commitment_starts(self) -> Month:
        return self.at(0.35)

    @property
    def commitment_ends(self) -> Month:
        """First month without the old commitment."""
        return self.at(0.7)


def hour_of(day: date) -> int:
    return (day - date(1970, 1, 1)).days * 24


def days_of(month: Month) -> np.ndarray:
    """First hour of each day of the month."""
    return month.start + 24 * np.arange(month.days, dtype=np.int64)


def timestamps(hours: np.ndarray) -> np.ndarray:
    return hours.astype("datetime64[h]")


def moment(day: date, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
