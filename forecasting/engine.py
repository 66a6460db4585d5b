"""The forecast of a panel: split, backtest, judge, combine, calibrate, and say what was done, per series.

Used alone by `finops forecast --series` and on the warehouse's panel by `finops forecast`. The same input and seed
give the same numbers: no clock, no order of processes decides anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from forecasting.backtest import TREES, Origin, forecast_from
from forecasting.calendar_charges import Split, split_monthly_charges
from forecasting.combination import MONTHLY_MODELS, Judged, combine, combine_months, describe, judge, known_at
from forecasting.intervals import LEVELS, UNTESTED, Band, Told, calibrate, calibrate_totals, told
from forecasting.memory import Memory
from forecasting.results import BacktestRow, Forecast, SeriesForecast
from forecasting.series import DAILY, MONTHLY, SEASON, Panel, Series, Values
from forecasting.yearly_days import yearly_factors

Progress = Callable[[str], None]
_FULL = ("AutoARIMA", "AutoETS", "DynamicTheta", "CES", "WeekdayMean", "SeasonalNaive", "Prophet", *TREES)
POOLS: dict[str, dict[str, tuple[str, ...]]] = {
    DAILY: {
        "fast": ("DynamicTheta", "WeekdayMean", "SeasonalNaive", "LightGBM", "XGBoost"),
        "full": _FULL,
        # Only when asked for: on the development series it comes 12 % behind the trees and adds nothing;
        # on one real cloud bill the reference found it ahead of everything.
        "neural": (*_FULL, "NeuralNetwork"),
    },
    MONTHLY: dict.fromkeys(("fast", "full", "neural"), MONTHLY_MODELS),
}
# Up to this many series the full pool is worth its two CPU seconds per series and origin.
FULL_UP_TO = 150


def forecast_panel(
    panel: Panel,
    horizon: int,
    *,
    pool: str = "auto",
    seed: int = 7,
    workers: int = 2,
    progress: Progress = lambda _: None,
    memory: Memory | None = None,
    shift: int = 0,
) -> Forecast:
    """Forecast every series of the panel `horizon` periods past its own end.

    `memory` spares models what they were asked before. `shift` puts the backtest's origins so many days further back:
    `days_since_sunday` keeps them, and so their answers, for a week.
    """
    chosen = pool if pool != "auto" else ("full" if len(panel.series) <= FULL_UP_TO else "fast")
    found = {s.unique_id: simple for s in panel.series if (simple := _without_models(s, horizon))}
    rows: list[BacktestRow] = []
    for frequency in (DAILY, MONTHLY):
        group = [s for s in panel.series if s.frequency == frequency and s.unique_id not in found]
        if group:
            models = POOLS[frequency][chosen]
            asked = _Asked(models, seed, workers, memory)
            made, tested = _forecast_group(group, horizon, asked, shift if frequency == DAILY else 0, progress)
            found |= {f.series.unique_id: f for f in made}
            rows += tested
    return Forecast(horizon, chosen, seed, [found[s.unique_id] for s in panel.series], panel.refusals, rows)


def _without_models(series: Series, horizon: int) -> SeriesForecast | None:
    """Series that leave nothing to model: one value, the same value always, or no cost any more."""
    values = series.values
    is_single = len(values) == 1
    idle = _idle_periods(values)
    if is_single:
        why = "one value only: carried forward; its interval is a convention, half and the whole of it"
    elif np.ptp(values) <= 1e-9 * float(np.max(np.abs(values))):
        why = "every value so far is the same"
    elif idle:
        why = f"nothing for the last {idle} periods, longer than ever before: taken as ended"
    else:
        return None
    point = np.full(horizon, float(values[-1]))
    half = {level: np.abs(point) * (UNTESTED[level] if is_single else 0.0) for level in LEVELS}
    return SeriesForecast(
        series=series,
        dates=series.periods(1, horizon),
        point=point,
        band=Band({n: point - half[n] for n in LEVELS}, {n: point + half[n] for n in LEVELS}),
        total=np.cumsum(point),
        total_band=Band(
            {n: np.cumsum(point - half[n]) for n in LEVELS}, {n: np.cumsum(point + half[n]) for n in LEVELS}
        ),
        scheduled=np.zeros(horizon),
        status="fallback" if is_single else "ok",
        model="LastValue",
        accuracy=None,
        candidates={},
        assumptions=(*series.notes, why),
    )


def _idle_periods(values: Values) -> int:
    """How long a series has been zero, if that is over 45 periods and twice as long as any pause before; else 0."""
    active = np.flatnonzero(values)
    idle = len(values) - 1 - int(active[-1]) if len(active) else 0
    pauses = np.diff(active)
    return idle if idle > max(45, 2 * int(pauses.max(initial=0))) else 0


@dataclass(frozen=True)
class _Asked:
    """Which models, and how."""

    models: tuple[str, ...]
    seed: int
    workers: int
    memory: Memory | None

    def from_origin(self, panel: list[Series], steps_back: int, horizon: int) -> Origin:
        return forecast_from(
            panel, steps_back, horizon, self.models, seed=self.seed, workers=self.workers, memory=self.memory
        )


def _forecast_group(
    group: list[Series], horizon: int, asked: _Asked, shift: int, progress: Progress
) -> tuple[list[SeriesForecast], list[BacktestRow]]:
    models = asked.models
    # A stream of credits is a cost with its sign turned.
    signs = np.array([-1.0 if s.values.max() <= 0 else 1.0 for s in group])
    splits = [split_monthly_charges(replace(s, values=s.values * sign)) for s, sign in zip(group, signs, strict=True)]
    panel = [split.usage for split in splits]
    past: list[Origin] = []
    for step in origins_back(panel):
        progress(f"backtest, {step + shift} {'days' if panel[0].frequency == DAILY else 'months'} back")
        past.append(asked.from_origin(panel, step + shift, min(horizon, step)))
    progress(f"forecasting {len(panel)} series with {len(models)} models")
    now = asked.from_origin(panel, 0, horizon)
    combined = [(origin, _combined(panel, past, origin, models)[0]) for origin in past]
    point, judged = _combined(panel, past, now, models)
    splits = [_noted(split, row) for split, row in zip(splits, yearly_factors(panel, horizon), strict=True)]
    said, before = told(now, point), [told(origin, made) for origin, made in combined]
    band, total_band = calibrate(before, said), calibrate_totals(before, said)
    rows = [
        row
        for origin, made in combined
        for row in _tested(panel, origin, models, made, calibrate(_before(combined, origin), told(origin, made)))
    ]
    accuracy = _accuracy(combined, len(panel))
    forecasts = [
        replace(
            _finished(group[at], split, signs[at], at, (point, band, total_band), judged, now, models, accuracy[at]),
            said=_row_of(said, at, signs[at]),
            said_before=tuple(_row_of(then, at, signs[at]) for then in before),
        )
        for at, split in enumerate(splits)
    ]
    return forecasts, rows


def _noted(split: Split, factors: Values) -> Split:
    dates = split.usage.periods(1, len(factors))
    days = ", ".join(f"{day} × {factor:.2f}" for day, factor in zip(dates, factors, strict=True) if factor != 1)
    if not days:
        return split
    note = f"nearly all series moved on these dates a year before, and are taken to again: {days}"
    return replace(split, usage=replace(split.usage, notes=(*split.usage.notes, note)))


def days_since_sunday(day: date) -> int:
    return day.isoweekday() % 7


def origins_back(panel: list[Series]) -> list[int]:
    """How far back the backtest stands, farthest first: 30 days (12 months) apart, nearer for short histories."""
    daily = panel[0].frequency == DAILY
    longest = max(len(s.values) for s in panel)
    count = 4 if daily and len(panel) <= FULL_UP_TO else 3
    step = max(1, min(30 if daily else 12, longest // (count + 3)))
    return [step * k for k in range(count, 0, -1) if longest - step * k >= 3]


def _combined(
    panel: list[Series], past: list[Origin], origin: Origin, models: tuple[str, ...]
) -> tuple[Values, Judged]:
    """The combination at an origin, judged only by what was known there."""
    judged = judge(known_at(past, origin.steps_back), models, len(panel))
    if panel[0].frequency == MONTHLY:
        return combine_months(origin), judged
    known = [series.until(origin.steps_back) for series in panel]
    made = combine(origin, judged, np.array([len(series.values) for series in known]))
    return made * yearly_factors(known, made.shape[1]), judged


def _before(combined: list[tuple[Origin, Values]], origin: Origin) -> list[Told]:
    earlier = {o.steps_back: o for o in known_at([o for o, _ in combined], origin.steps_back)}
    return [told(earlier[o.steps_back], made) for o, made in combined if o.steps_back in earlier]


def _row_of(said: Told, at: int, sign: float) -> Told:
    """One series of it, with a credit's sign turned back."""
    rows = {n: (below[at : at + 1], above[at : at + 1]) for n, (below, above) in said.widths.items()}
    widths = rows if sign > 0 else {n: (above, below) for n, (below, above) in rows.items()}
    return Told(sign * said.point[at : at + 1], sign * said.actuals[at : at + 1], widths)


def _accuracy(combined: list[tuple[Origin, Values]], count: int) -> list[float | None]:
    error, size = np.zeros(count), np.zeros(count)
    for origin, made in combined:
        known = np.isfinite(origin.actuals) & np.isfinite(made)
        error += np.where(known, np.abs(origin.actuals - made), 0).sum(axis=1)
        size += np.where(known, np.abs(origin.actuals), 0).sum(axis=1)
    return [1 - float(e / s) if s > 0 else None for e, s in zip(error, size, strict=True)]


def _tested(
    panel: list[Series], origin: Origin, models: tuple[str, ...], made: Values, band: Band
) -> list[BacktestRow]:
    rows = []
    for at, series in enumerate(panel):
        known = np.isfinite(origin.actuals[at])
        if not known.any():
            continue
        actual = origin.actuals[at][known]
        history = series.values[: len(series.values) - origin.steps_back]
        season = SEASON[series.frequency]
        naive = float(np.mean(np.abs(history[season:] - history[:-season]))) if len(history) > season else None
        for name, path in [*((m, origin.points[m][at]) for m in models), ("Combined", made[at])]:
            said = path[known]
            if not np.isfinite(said).all():
                continue
            inside = {
                level: float(
                    np.mean((actual >= band.lower[level][at][known]) & (actual <= band.upper[level][at][known]))
                )
                for level in LEVELS
                if name == "Combined"
            }
            rows.append(
                BacktestRow(
                    unique_id=series.unique_id,
                    origin=series.periods(-origin.steps_back, 1)[0],
                    grain="day" if series.frequency == DAILY else "month",
                    horizon=int(known.sum()),
                    model=name,
                    actual=float(actual.sum()),
                    forecast=float(said.sum()),
                    absolute_error=float(np.abs(said - actual).sum()),
                    absolute_actual=float(np.abs(actual).sum()),
                    naive_error=naive,
                    covered80=inside.get(80),
                    covered95=inside.get(95),
                )
            )
    return rows


def _finished(
    given: Series,
    split: Split,
    sign: float,
    at: int,
    forecast: tuple[Values, Band, Band],
    judged: Judged,
    now: Origin,
    models: tuple[str, ...],
    accuracy: float | None,
) -> SeriesForecast:
    """Add the scheduled charges again, keep costs from falling below zero, turn credits' sign back."""
    point, band, total_band = forecast
    dates = given.periods(1, point.shape[1])
    scheduled = split.scheduled(dates)
    # Only a series that was once negative may be forecast below zero.
    least = 0.0 if split.usage.values.min() >= 0 else -np.inf

    dust = 1e-9 * float(np.max(np.abs(given.values)))

    def finish(values: Values) -> Values:
        found = np.maximum(values[at], least)
        return np.asarray(sign * (np.where(np.abs(found) < dust, 0.0, found) + scheduled))

    def finish_total(values: Values) -> Values:
        return np.asarray(sign * (np.maximum(values[at], least) + np.cumsum(scheduled)))

    lower, upper = (band.lower, band.upper) if sign > 0 else (band.upper, band.lower)
    total_lower, total_upper = (
        (total_band.lower, total_band.upper) if sign > 0 else (total_band.upper, total_band.lower)
    )
    is_tested, passed = bool(judged.tested[at]), int(judged.passed[at])
    notes = list(split.usage.notes)
    failed = sorted({m for (uid, m) in now.failures if uid in (given.unique_id, "*")})
    if failed:
        notes.append(f"not usable here: {', '.join(failed)}")
    if sign < 0:
        notes.append("all values are credits: forecast with the sign turned")
    if not is_tested:
        notes.append("too short to be tested: intervals are those of the other series, or a convention")
    elif not passed:
        notes.append("no candidate reached accuracy 0.8: the best by shrunk error were combined all the same")
    return SeriesForecast(
        series=given,
        dates=dates,
        point=finish(point),
        band=Band({n: finish(lower[n]) for n in LEVELS}, {n: finish(upper[n]) for n in LEVELS}),
        total=finish_total(np.cumsum(point, axis=1)),
        total_band=Band(
            {n: finish_total(total_lower[n]) for n in LEVELS}, {n: finish_total(total_upper[n]) for n in LEVELS}
        ),
        scheduled=sign * scheduled,
        status="fallback" if not is_tested else ("ok" if passed else "low_confidence"),
        model=describe(now, judged, at, len(given.values), given.frequency),
        accuracy=accuracy,
        candidates={m: float(judged.accuracy[m][at]) for m in models if np.isfinite(judged.accuracy[m][at])},
        assumptions=tuple(notes),
    )
