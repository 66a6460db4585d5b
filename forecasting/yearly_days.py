"""Days of the year on which nearly every series moves (Christmas, a yearly sale, a shutdown): they come again.

No model learns them, since a history of two years holds each of them once or twice. What one series did on a date says
little, a fault as well as a feast; what nine in ten did says that the date matters.
"""

from __future__ import annotations

import warnings
from datetime import date, timedelta

import numpy as np

from forecasting.series import DAILY, Series, Values

# On the development series the 30-day error falls by a third over Christmas and by 5 % in all, about the same from 0.35
# to 0.5 and with 0.5 to 0.8 of the move; from 0.25 on and with eight in ten it finds days that do not come again.
LEAST_SERIES = 8
LEAST_MOVE = 0.4  # a difference of logarithms: a third less, or half more
LEAST_AGREEING = 0.9
COMES_AGAIN = 0.6  # of the move; models that know last year tell some of it already
_MOST_DOWN, _MOST_UP = -2.0, 1.0


def yearly_factors(panel: list[Series], horizon: int) -> Values:
    """(series, horizon): what to multiply forecasts with; 1.0 but on dates that moved the panel a year before."""
    factors = np.ones((len(panel), horizon))
    usable = [at for at, one in enumerate(panel) if one.frequency == DAILY and len(one.values) > 365]
    if len(usable) < LEAST_SERIES:
        return factors
    first = min(panel[at].start for at in usable)
    moves = np.full((len(panel), (max(panel[at].end for at in usable) - first).days + 1), np.nan)
    for at in usable:
        begins = (panel[at].start - first).days
        moves[at, begins : begins + len(panel[at].values)] = _moves(panel[at].values)
    counted = np.isfinite(moves).sum(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # days that no series has
        usual = np.nanmedian(moves, axis=0)
    agreeing = (np.sign(moves) == np.sign(usual)).sum(axis=0)
    matters = (counted >= LEAST_SERIES) & (np.abs(usual) >= LEAST_MOVE) & (agreeing >= LEAST_AGREEING * counted)
    for column in np.flatnonzero(matters):
        again = _a_year_later(first + timedelta(int(column)))
        for at in usable:
            step = (again - panel[at].end).days if again else 0
            if 1 <= step <= horizon and np.isfinite(moves[at, column]):
                move = np.clip(0.5 * (usual[column] + moves[at, column]), _MOST_DOWN, _MOST_UP)
                factors[at, step - 1] = np.exp(COMES_AGAIN * move)
    return factors


def _moves(values: Values) -> Values:
    """Each day against the same weekday of the two weeks before and after: log differences, NaN at negative values."""
    floor = 0.01 * float(np.mean(np.abs(values)))
    if values.min() < 0 or floor <= 0:
        return np.full(len(values), np.nan)
    logs = np.log(values + floor)
    beside = np.full((4, len(values)), np.nan)
    for row, shift in enumerate((7, 14)):
        beside[2 * row, shift:] = logs[:-shift]
        beside[2 * row + 1, :-shift] = logs[shift:]
    return np.asarray(logs - np.nanmedian(beside, axis=0))


def _a_year_later(day: date) -> date | None:
    return None if (day.month, day.day) == (2, 29) else day.replace(year=day.year + 1)
