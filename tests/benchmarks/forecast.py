"""The forecast of `finops forecast --series` against what people have, on real series; printed by outlook_goals.

Protocol (reference forecast.md 6): series of at least 550 days from the benchmark panel, history cut to 730 days, three
origins 30 days apart, the last 90 days before the end; months: 125 series, two origins 12 months apart, 60 months of
history. Everything is forecast at the origin from the cut history only. Tuned on the development split.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from forecasting.backtest import forecast_from
from forecasting.engine import forecast_panel
from forecasting.memory import Memory
from forecasting.results import SeriesForecast
from forecasting.series import SEASON, Panel, Series, Values, panel_of

# Days before the end: 30 apart, and 90 days are known after each (reference forecast.md 2).
ORIGINS = (150, 120, 90)
COMB = ("AutoETS", "AutoARIMA", "DynamicTheta", "CES")
RIVALS = ("SeasonalNaive", "AutoTheta", "Prophet", *COMB)
MONTHLY_RIVALS = ("SeasonalNaive", "AutoTheta", *COMB)


def read_panel(data: Path, frequency: str, count: int | None) -> list[Series]:
    """The benchmark panel of the manifest, evenly thinned to `count` series."""
    chosen = pl.read_csv(data / "manifest.csv", infer_schema_length=None).filter(
        (pl.col("freq") == frequency) & pl.col("in_bench_panel") & (pl.col("n") >= (550 if frequency == "D" else 84))
    )
    ids = sorted(chosen["unique_id"])
    ids = ids[:: max(1, len(ids) // count)][:count] if count else ids
    frame = pl.read_parquet(data / ("daily_real.parquet" if frequency == "D" else "monthly_real.parquet"))
    frame = frame.filter(pl.col("unique_id").is_in(ids)).with_columns(pl.col("ds").str.to_date())
    # Read in pieces, so that nothing but the protocol cuts the history.
    return [one for uid in ids for one in panel_of(frame.filter(pl.col("unique_id") == uid)).series]


def cut(series: Series, back: int, history: int) -> tuple[Series, Values]:
    """The series as known `back` periods before its end, its last `history` values; and what came after."""
    end = len(series.values) - back
    start = max(0, end - history)
    begins = series.periods(1 - len(series.values) + start, 1)[0]
    return Series(series.unique_id, series.frequency, begins, series.values[start:end]), series.values[end:]


def koku(values: Values, horizon: int) -> Values:
    """koku: a straight line through the last 30 days."""
    slope, height = np.polyfit(np.arange(30), values[-30:], 1)
    return np.maximum(height + slope * np.arange(30, 30 + horizon), 0)


def opt_scale(series: Series, horizon: int) -> Values:
    """OptScale: the mean day since the start of last month."""
    before = series.end.replace(day=1) - timedelta(days=1)
    days = (series.end - before.replace(day=1)).days + 1
    return np.full(horizon, series.values[-days:].mean())


class Scores:
    """Per method and horizon: one row per series and origin."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []

    def add(self, case: tuple[str, int], method: str, horizon: int, history: Values, season: int, actual: Values,
            made: Values, found: SeriesForecast | None = None) -> None:  # fmt: skip
        error = made[:horizon] - actual[:horizon]
        came = actual[:horizon]
        naive = max(float(np.mean(np.abs(history[season:] - history[:-season]))), 1e-12)
        row: dict[str, object] = {
            "method": method,
            "horizon": horizon,
            "case": f"{case[0]}|{case[1]}",
            "wape": float(np.abs(error).sum() / np.abs(came).sum()),
            "mase": float(np.abs(error).mean() / naive),
            "total": float(abs(error.sum()) / abs(came.sum())),
        }
        if found is not None:
            for level in (80, 95):
                low, high = found.band.lower[level][:horizon], found.band.upper[level][:horizon]
                row[f"cover{level}"] = float(np.mean((came >= low) & (came <= high)))
                bounds = found.total_band.lower[level][horizon - 1], found.total_band.upper[level][horizon - 1]
                row[f"total{level}"] = float(bounds[0] <= came.sum() <= bounds[1])
            misses = np.maximum(low - came, 0) + np.maximum(came - high, 0)
            row["msis95"] = float((high - low + 40 * misses).mean() / naive)
        self.rows.append(row)

    def table(self, horizon: int, against: str = "Comb4") -> pl.DataFrame:
        frame = pl.DataFrame(self.rows, infer_schema_length=None).filter(pl.col("horizon") == horizon)
        comb = frame.filter(pl.col("method") == against).select("case", comb="wape")
        extra = [c for c in ("cover80", "cover95", "total80", "total95", "msis95") if c in frame.columns]
        return (
            frame.join(comb, on="case")
            .group_by("method")
            .agg(
                pl.col("wape").mean(),
                pl.col("mase").mean(),
                (pl.col("wape") / pl.col("comb")).log().mean().exp().alias(f"vs {against}"),
                (pl.col("wape") < pl.col("comb")).mean().alias("wins"),
                pl.col("total").mean().alias("total error"),
                pl.col("total").median().alias("median"),
                (pl.col("total") <= 0.20).mean().alias("total>=.80"),
                (pl.col("total") <= 0.12).mean().alias("within 12%"),
                *(pl.col(name).mean() for name in extra),
            )
            .sort(f"vs {against}")
        )


@dataclass(frozen=True)
class How:
    """`memory` lets a broken run go on where it was."""

    pool: str
    workers: int
    memory: Memory
    say: Callable[[str], None]

    def forecast(self, known: list[Series], horizon: int) -> list[SeriesForecast]:
        made = forecast_panel(Panel(known), horizon, pool=self.pool, workers=self.workers, memory=self.memory)
        self.memory.keep()
        return made.series


def compare(panel: list[Series], backs: tuple[int, ...], horizons: tuple[int, ...], history: int, how: How) -> Scores:
    scores = Scores()
    season = SEASON[panel[0].frequency]
    rivals = RIVALS if panel[0].frequency == "D" else MONTHLY_RIVALS
    for back in backs:
        pairs = [cut(series, back, history) for series in panel]
        # An origin before which nothing happened, or after which nothing does, has no relative error.
        pairs = [(s, came) for s, came in pairs if s.values.any() and came[: min(horizons)].any()]
        known = [series for series, _ in pairs]
        longest = max(h for h in horizons if h <= back)
        started = time.process_time()
        forecast = how.forecast(known, longest)
        how.say(f"origin {back} back: ours in {time.process_time() - started:.0f} CPU s of the first process")
        rival = forecast_from(known, 0, longest, rivals, seed=7, workers=how.workers, memory=how.memory)
        how.memory.keep()
        points = {**rival.points, "Comb4": np.nanmean(np.stack([rival.points[name] for name in COMB]), axis=0)}
        for at, (series, came) in enumerate(pairs):
            made = {name: paths[at] for name, paths in points.items()}
            if season == 7:
                made |= {"koku OLS": koku(series.values, longest), "OptScale": opt_scale(series, longest)}
            found = forecast[at]
            for horizon in (h for h in horizons if h <= back):
                scores.add((series.unique_id, back), "finops", horizon, series.values, season, came, found.point, found)
                for name, path in made.items():
                    if np.isfinite(path).all():
                        scores.add((series.unique_id, back), name, horizon, series.values, season, came, path)
    return scores


def fees(panel: list[Series], how: How, backs: tuple[int, ...] = ORIGINS) -> tuple[float, float]:
    """A fee of six mean days on every first, left inside the series; mean WAPE of 30 days, ours and AutoETS's.

    AutoETS gets the usage alone and the fee right: how hard the usage is, as the reference had it (0.135).
    """
    ours, theirs = [], []
    for back in backs:
        pairs, fees_to_come = [], []
        for series in panel:
            days = series.periods(1 - len(series.values), len(series.values))
            fee = 6 * float(series.values[-730:].mean())
            fees = np.array([fee if day.day == 1 else 0.0 for day in days])
            usage, came = cut(series, back, 730)
            if usage.values.any() and came[:30].any():
                pairs.append((usage, came[:30], fees[: len(fees) - back][-len(usage.values) :]))
                fees_to_come.append(fees[len(fees) - back :][:30])
        loaded = [Series(s.unique_id, "D", s.start, s.values + before) for s, _, before in pairs]
        made = how.forecast(loaded, 30)
        single = forecast_from([s for s, _, _ in pairs], 0, 30, ("AutoETS",), seed=7, workers=how.workers,
                               memory=how.memory)  # fmt: skip
        for at, (_, came, _) in enumerate(pairs):
            whole = (came + fees_to_come[at]).sum()
            ours.append(np.abs(made[at].point - came - fees_to_come[at]).sum() / whole)
            theirs.append(np.abs(single.points["AutoETS"][at] - came).sum() / whole)
    return float(np.mean(ours)), float(np.nanmean(theirs))


def month_end(panel: list[Series], how: How, day: int = 10, months: int = 3) -> tuple[float, float]:
    """Error of a month's total projected on its day 10: ours, and the month's own run rate."""
    ours, rates = [], []
    for month in range(1, months + 1):
        pairs = []
        for series in panel:
            first = max(
                i for i in range(len(series.values)) if series.periods(1 - len(series.values) + i, 1)[0].day == 1
            )
            for _ in range(month):
                first = max(i for i in range(first) if series.periods(1 - len(series.values) + i, 1)[0].day == 1)
            dates = series.periods(1 - len(series.values) + first, 32)
            length = next(i for i in range(27, 32) if dates[i].day == 1)
            back = len(series.values) - first - day
            known, came = cut(series, back, 730)
            pairs.append((known, came[: length - day]))
        made = how.forecast([s for s, _ in pairs], 21)
        for found, (known, came) in zip(made, pairs, strict=True):
            so_far = known.values[-day:].sum()
            total = so_far + came.sum()
            if total > 0:
                ours.append(abs(found.point[: len(came)].sum() - came.sum()) / total)
                rates.append(abs(so_far / day * len(came) - came.sum()) / total)
    return float(np.mean(ours)), float(np.mean(rates))
