"""Simulated cloud bills, since none can be had here: what services' daily costs do, without the luck of one company.

A bill is five services of 670 days (as the reference's one real bill has). Its services share level shifts (a launch,
a migration, a clean-up) and busy weeks, and have weekends, slow drifts, jobs of some days and noise of their own; the
smallest stands idle on some days. Their sizes make plain methods as good as on that bill (mean of 28 days: 30-day WAPE
0.17, total 7 %; seasonal naive 0.22 over 60 bills); nothing else was fitted to any data.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from forecasting.series import DAILY, Series, Values

DAYS, SERVICES = 670, 5
_ENDS = date(2026, 6, 14)


def simulated_bill(seed: int) -> list[Series]:
    """The services of one bill, largest first. The same seed gives the same bill."""
    random = np.random.default_rng([670, seed])
    start = _ENDS - timedelta(DAYS - 1)
    weekdays = (np.arange(DAYS) + start.weekday()) % 7
    shifts = _steps(random, per_year=2.0, size=0.10)
    busy = _smooth(random, speed=0.03, size=0.03)
    found = []
    for number in range(SERVICES):
        usual = 400.0 / (number + 1) * float(np.exp(random.normal(0, 0.3)))
        follows = float(random.choice((0.0, 0.5, 1.0, 1.0)))  # how much of what the bill does this service does
        logs = follows * (shifts + busy) + _steps(random, per_year=1.0, size=0.15) + _smooth(random, 0.01, 0.035)
        logs += float(random.normal(0.05, 0.10)) * np.arange(DAYS) / 365
        weekend = float(random.choice((1.0, 1.0, 0.9, 0.75)))
        pattern = np.where(weekdays >= 5, weekend, 1.0) * np.exp(random.normal(0, 0.02, 7))[weekdays]
        noise = _noise(random, float(random.uniform(0.06, 0.18)))
        values = usual * np.exp(logs + noise) * pattern + _jobs(random, usual)
        if number == SERVICES - 1:
            values *= random.random(DAYS) > 0.06  # runs on demand only
        found.append(Series(f"bill{seed}-service{number}", DAILY, start, np.round(values, 2)))
    return found


def _steps(random: np.random.Generator, per_year: float, size: float) -> Values:
    """Changes of level that stay, as logarithms."""
    happens = random.random(DAYS) < per_year / 365
    return np.cumsum(np.where(happens, random.normal(0, size, DAYS), 0.0))


def _smooth(random: np.random.Generator, speed: float, size: float) -> Values:
    """A level that wanders around 0 and comes back, with standard deviation `size`."""
    out, steps = np.zeros(DAYS), random.normal(0, size * np.sqrt(2 * speed), DAYS)
    for day in range(1, DAYS):
        out[day] = (1 - speed) * out[day - 1] + steps[day]
    return out


def _noise(random: np.random.Generator, size: float) -> Values:
    """Of days, half of it carried into the next one; now and then three times as large."""
    fresh = random.normal(0, size, DAYS) * np.where(random.random(DAYS) < 0.05, 3.0, 1.0)
    out = fresh.copy()
    for day in range(1, DAYS):
        out[day] = 0.5 * out[day - 1] + np.sqrt(0.75) * fresh[day]
    return out


def _jobs(random: np.random.Generator, usual: float) -> Values:
    """Some four times a year a job of one to three days comes on top."""
    out = np.zeros(DAYS)
    for first in np.flatnonzero(random.random(DAYS) < 4 / 365):
        out[first : first + int(random.integers(1, 4))] += usual * float(random.uniform(0.3, 2.0))
    return out
