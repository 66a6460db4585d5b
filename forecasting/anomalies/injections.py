"""Anomalies of known place and size put into real series: what detectors are trained on, and measured by.

Each series gets one event of every kind per half year of judged days, far enough apart that each begins from normal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.anomalies.alarms import LEAST_CHANGE, Floors, Incident, incidents
from forecasting.anomalies.panel import Matrix, Panel

KINDS = ("spike", "burst", "step", "ramp", "drop")
SIZES = (0.3, 0.5, 1.0, 2.0)
DROPS = (-0.5, -0.9)
# How much finding one matters when the stacker learns: large ones must not be missed.
_IMPORTANCE = {0.3: 0.2, 0.5: 1.0, 1.0: 4.0, 2.0: 4.0, -0.5: 1.0, -0.9: 2.0}
LARGE = 1.0  # events of +100 % and more
_FIRST_DAYS = (3.0, 1.0)  # how much the days of an event count, from the first that shows
_FIRST_DAYS_OF_LARGE = (*_FIRST_DAYS, 0.3, 0.1)
_DAYS_PER_ROUND = 180  # one event of each kind


@dataclass(frozen=True)
class Event:
    row: int
    first: int  # column
    last: int
    kind: str
    size: float  # 1.0 is +100 %
    cost: float  # what it added, in the series' unit

    @property
    def noticeable(self) -> int:
        """Its first column that moved as much as an alarm must; a ramp takes some days to get there."""
        if self.kind != "ramp":
            return self.first
        length = self.last - self.first + 1
        return self.first + math.ceil(LEAST_CHANGE * length / self.size - 1e-9) - 1


@dataclass(frozen=True)
class Quality:
    """How well events were found. Rates are None where nothing was there to be found, or nothing was alarmed."""

    events: int
    detected: int
    false_alarms: int
    series_months: float
    precision: float | None
    recall: float | None
    f1: float | None
    large_recall: float | None  # of events of +100 % and more
    cost_caught: float | None  # share of the added cost that detected events added
    delay_days: float | None  # mean, from the first day that moved by 15 % to the first alarm
    delay_from_start_days: float | None  # mean, from the event's first day however small
    delay_of_sudden_days: float | None  # mean, of events that are whole on their first day

    @property
    def false_alarms_per_month(self) -> float | None:
        return self.false_alarms / self.series_months if self.series_months else None


def inject(panel: Panel, days: int, seed: int) -> tuple[Panel, list[Event]]:
    """A copy of `panel` with one event of each kind per series and half year within its newest `days`."""
    values = panel.values.copy()
    events = []
    width = values.shape[1]
    slot = _DAYS_PER_ROUND // len(KINDS)
    for row, name in enumerate(panel.names):
        random = np.random.default_rng([seed, *name.encode()])
        kinds = np.concatenate([random.permutation(KINDS) for _ in range(days // _DAYS_PER_ROUND)])
        for place, kind in enumerate(kinds):
            length = {"spike": 1, "burst": int(random.integers(2, 5)), "drop": int(random.integers(1, 5))}.get(kind, 14)
            size = float(random.choice(DROPS if kind == "drop" else SIZES))
            first = width - days + place * slot + int(random.integers(0, slot - length - 4))
            profile = np.linspace(0, 1, length + 1)[1:] if kind == "ramp" else np.ones(length)
            before = values[row, first : first + length].copy()
            if not np.isfinite(before).all():
                continue
            values[row, first : first + length] = before * (1 + size * profile)
            added = float((values[row, first : first + length] - before).sum())
            events.append(Event(row, first, first + length - 1, str(kind), size, added))
    return panel.with_values(values), events


def labels(panel: Panel, events: list[Event], days: int) -> tuple[NDArray[np.bool_], Matrix]:
    """Which of the newest `days` belong to an event, and how much each counts: of its days the first that show.

    Later days look the same to detectors that have not adapted yet; learning from them teaches to wait. Two more days
    of large events count a little: late is better than never where there is much money.
    """
    width = panel.values.shape[1]
    is_event, weight = np.zeros((len(panel.names), width), dtype=bool), np.ones((len(panel.names), width))
    for event in events:
        is_event[event.row, event.first : event.last + 1] = True
        weight[event.row, event.first : event.last + 1] = 0.0
        early = _FIRST_DAYS_OF_LARGE if event.size >= LARGE else _FIRST_DAYS
        for day, counts in zip(range(event.noticeable, event.last + 1), early, strict=False):
            weight[event.row, day] = _IMPORTANCE[event.size] * counts
    return is_event[:, -days:], weight[:, -days:]


def quality(panel: Panel, events: list[Event], found: list[Incident], days: int) -> Quality:
    """Event by event, without point adjustment: an alarm outside every event is false, each reminder again."""
    alarms: dict[int, list[int]] = {}
    for incident in found:
        alarms.setdefault(incident.row, []).extend(incident.alarms)
    delays, from_start, of_sudden, detected, hits = [], [], [], [], set()
    for event in events:
        inside = [day for day in alarms.get(event.row, []) if event.first <= day <= event.last]
        hits |= {(event.row, day) for day in inside}
        if inside:
            detected.append(event)
            delays.append(max(min(inside) - event.noticeable, 0))
            from_start.append(min(inside) - event.first)
            if event.kind != "ramp":
                of_sudden.append(min(inside) - event.first)
    false = sum(len(days_of) for days_of in alarms.values()) - len(hits)
    large = [event for event in events if event.size >= LARGE]
    added = sum(event.cost for event in events if event.cost > 0)
    precision = len(detected) / (len(detected) + false) if detected or false else None
    recall = len(detected) / len(events) if events else None
    judged = np.isfinite(panel.values[:, -days:]).sum()
    return Quality(
        events=len(events),
        detected=len(detected),
        false_alarms=false,
        series_months=float(judged) / 30.0,
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if precision and recall else None,
        large_recall=sum(event in detected for event in large) / len(large) if large else None,
        cost_caught=sum(event.cost for event in detected if event.cost > 0) / added if added else None,
        delay_days=float(np.mean(delays)) if delays else None,
        delay_from_start_days=float(np.mean(from_start)) if from_start else None,
        delay_of_sudden_days=float(np.mean(of_sudden)) if of_sudden else None,
    )


def measured(panel: Panel, events: list[Event], chances: Matrix, threshold: float, days: int) -> Quality:
    """The quality of one threshold for all series, with the floor of 15 % and no floor of money."""
    everywhere = np.full(len(panel.names), threshold)
    return quality(panel, events, incidents(panel, chances, everywhere, [Floors()] * len(panel.names)), days)
