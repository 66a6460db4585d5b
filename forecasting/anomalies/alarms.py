"""From probabilities to incidents: when one begins, what was expected meanwhile, and when it is over.

Decided day by day with what was known on the day. While an incident lasts its baseline is frozen, so neither the
incident teaches itself to be normal nor the way back to normal is a second one. A jump on top of it is another one:
whatever lasts must not hide what comes on top.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from forecasting.anomalies.panel import Matrix, Panel, log_cost, median, trailing, without_weekday

LEAST_CHANGE = 0.15  # of the expected cost: smaller ones are noise to a reader (forecast.md 4)
REMIND_AFTER = 4  # days between two alarms of one incident
_JUMP, _GROWN = 0.3, 1.5  # of the expected cost more than the day before, and times as far from it as when last told
_LEVEL_DAYS = (
    14  # how the newest days compare with their usual ones: costs that drifted hide a change of the floor's size
)
CALM_DAYS = 2  # as expected in a row: then it was over on the first of them
NEW_LEVEL_AFTER = 28  # days: what lasts longer is how it is now


@dataclass
class Incident:
    """One anomaly of one series. Costs are in the series' unit, per day."""

    row: int
    first: int  # column of the panel
    alarms: list[int] = field(default_factory=list)
    chance: float = 0.0  # the highest of its days
    resolved: int | None = None  # the first day that was as expected again, or that another incident took over
    is_new_level: bool = False
    days: dict[int, tuple[float, float]] = field(default_factory=dict)  # column -> expected, actual

    @property
    def impact(self) -> float:
        """Actual minus expected over its days."""
        return sum(actual - expected for expected, actual in self.days.values())


@dataclass(frozen=True)
class Floors:
    """What an alarm must move at least: a share of the expected cost, and an amount per day in the series' unit."""

    change: float = LEAST_CHANGE
    amount: float = 0.0


def incidents(
    panel: Panel, chances: Matrix, thresholds: Matrix, floors: list[Floors], immature_days: Sequence[int] = ()
) -> list[Incident]:
    """Every incident of the days that `chances` covers (the newest of the panel), by series and day.

    A fall of the newest `immature_days` (per series; none: 0) is not judged: bills of the last days are not whole yet.
    """
    found = []
    changes = median(trailing(without_weekday(log_cost(panel.values)), _LEVEL_DAYS))
    levels = np.exp(np.nan_to_num(changes))
    for row in range(len(panel.names)):
        immature = immature_days[row] if immature_days else 0
        found += _incidents_of(
            panel.values[row], levels[row], chances[row], float(thresholds[row]), floors[row], row, immature
        )
    return found


def date_of(panel: Panel, row: int, column: int) -> date:
    last = date.fromisoformat(str(panel.last_day[row]))
    return last - timedelta(days=panel.values.shape[1] - 1 - column)


def _incidents_of(
    values: Matrix, levels: Matrix, chances: Matrix, threshold: float, floors: Floors, row: int, immature: int
) -> list[Incident]:
    found: list[Incident] = []
    open_one: Incident | None = None
    calm: list[int] = []
    told = yesterday = (
        0.0  # the change at the last alarm, and of the incident's day before: shares of the expected cost
    )
    offset, end = len(values) - len(chances), len(values)
    for column in range(offset, end):
        chance, actual = chances[column - offset], values[column]
        if not np.isfinite(chance) or (open_one is None and chance < threshold):
            continue
        if open_one is not None:
            expected, noise = usual_day(values, open_one.first, column)
            if abs(actual - expected) <= max(floors.change, min(3 * noise, 0.5)) * abs(expected):
                calm.append(column)
            else:
                calm.clear()
            if len(calm) == CALM_DAYS:
                open_one.resolved = calm[0]
            elif column - open_one.first >= NEW_LEVEL_AFTER:
                open_one.resolved, open_one.is_new_level = column, True
            if open_one.resolved is not None:
                for day in [day for day in open_one.days if day >= open_one.resolved]:
                    del open_one.days[day]
                open_one = None
                calm.clear()
                continue
            open_one.days[column] = (expected, float(actual))
        known_until = open_one.first if open_one else column
        expected, _ = usual_day(values, known_until, column)
        change = actual - expected
        share = change / abs(expected) if expected else 0.0
        at_level = expected * levels[known_until]
        is_change = abs(change) >= floors.change * abs(expected) or abs(actual - at_level) >= floors.change * abs(
            at_level
        )
        is_alarm = chance >= threshold and is_change and abs(change) >= floors.amount
        before, yesterday = yesterday, share
        if not is_alarm or (change < 0 and column >= end - immature):
            continue
        is_jump = share * told < 0 or (abs(share) - abs(before) >= _JUMP and abs(share) >= _GROWN * abs(told))
        if open_one is not None and is_jump:
            del open_one.days[column]
            open_one.resolved, open_one = column, None
            expected, _ = usual_day(values, column, column)
            yesterday = share = (actual - expected) / abs(expected) if expected else 0.0
        if open_one is None:
            open_one = Incident(row, column, days={column: (expected, float(actual))})
            found.append(open_one)
            calm.clear()
        open_one.chance = max(open_one.chance, float(chance))
        if not open_one.alarms or column - open_one.alarms[-1] >= REMIND_AFTER:
            open_one.alarms.append(column)
            told = share
    return found


def usual_day(values: Matrix, known_until: int, column: int) -> tuple[float, float]:
    """What day `column` should cost by the eight same weekdays before `known_until`, and how far those lie apart.

    The second number is a share of the first: the median distance from it (a robust half width).
    """
    newest = column - 7 * max(1, -(-(column - known_until + 1) // 7))
    days = [newest - 7 * week for week in range(8)]
    same = np.array([values[day] for day in days if day >= 0 and np.isfinite(values[day])])
    if not len(same):
        before = values[:known_until]
        same = before[np.isfinite(before)][-7:]
    expected = float(np.median(same)) if len(same) else 0.0
    spread = float(np.median(np.abs(same - expected))) if len(same) else 0.0
    return expected, spread / abs(expected) if expected else 1.0
