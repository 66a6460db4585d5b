"""Charges that come on one day of the month (support plans, commitment fees) are no usage: they are taken out first.

A model that sees a fee inside usage spreads it over all days (reference: WAPE 0.545 against 0.135). The stream that
is left is modelled; the charge comes again on its day at its latest size.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from forecasting.series import DAILY, Series, Values

_MONTHS = 3  # a charge must have come in this many months, the last ones among them
_SIZE = 1.5  # and be at least this many usual days above its surroundings


@dataclass(frozen=True)
class Split:
    """`usage` is the series without its monthly charges; `charges` maps a day of the month to the amount expected."""

    usage: Series
    charges: dict[int, float]

    def scheduled(self, dates: list[date]) -> Values:
        return np.array([self.charges.get(day.day, 0.0) for day in dates])


def split_monthly_charges(series: Series) -> Split:
    """Find days of the month that stand out in every month, by more than `_SIZE` usual days."""
    values = series.values
    if series.frequency != DAILY or len(values) < 28 * _MONTHS or values.min() < 0:
        return Split(series, {})
    dates = series.periods(1 - len(values), len(values))
    usual = _surroundings(values)
    typical = float(np.median(usual[-180:]))
    if typical <= 0:
        return Split(series, {})
    days = np.array([d.day for d in dates])
    excess = values - usual
    charges: dict[int, float] = {}
    usage = values.copy()
    for day in range(1, 29):
        at = np.flatnonzero(days == day)
        sizes = excess[at] / np.maximum(usual[at], 0.2 * typical)
        stands_out = sizes >= _SIZE
        recent = at[-_MONTHS:]
        if len(at) < _MONTHS or not stands_out[-_MONTHS:].all() or stands_out.mean() < 0.8:
            continue
        charges[day] = float(np.median(excess[recent]))
        usage[at[stands_out]] = usual[at[stands_out]]
    if not charges:
        return Split(series, {})
    note = ", ".join(f"{amount:,.2f} on day {day}" for day, amount in charges.items())
    notes = (*series.notes, f"monthly charges scheduled apart from usage: {note}")
    return Split(Series(series.unique_id, DAILY, series.start, usage, notes), charges)


def _surroundings(values: Values) -> Values:
    """What each day would be by its neighbours: the median of the same weekday one to three weeks before and after."""
    padded = np.full((6, len(values)), np.nan)
    for row, shift in enumerate((-21, -14, -7, 7, 14, 21)):
        if abs(shift) >= len(values):
            continue
        if shift < 0:
            padded[row, -shift:] = values[:shift]
        else:
            padded[row, :-shift] = values[shift:]
    return np.asarray(np.nanmedian(padded, axis=0))
