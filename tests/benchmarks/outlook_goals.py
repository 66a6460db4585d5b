"""The goal table of reference forecast.md 6, measured in one run on the shared series beside what people have:

    python -m tests.benchmarks.outlook_goals [--data DIR] [--pool fast|full] [--series N] [--parts days,fees,…]

`--pool full` is what `finops forecast --series` takes up to 150 series, `fast` what the daily run takes. Rows of a
real cloud bill need series of kind `cloud_cost` in the manifest; the shared half has none, so bills are also simulated
(bills.py), each forecast by itself. What models answered is kept in
--memory, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
import polars as pl

from forecasting.engine import forecast_panel
from forecasting.memory import Memory
from forecasting.series import Panel, Series
from tests.benchmarks import anomalies, labelled_anomalies
from tests.benchmarks.bills import simulated_bill
from tests.benchmarks.forecast import ORIGINS, How, Scores, compare, cut, fees, month_end, read_panel

BILLS = range(16)
PARTS = ("days", "bill", "bills", "fees", "month_end", "months", "size", "anomalies")


class Goals:
    """Rows of goal, measured value, what must be and what would be better; printed as they come and at the end."""

    def __init__(self) -> None:
        self._rows: list[str] = []

    def add(self, goal: str, value: float, must: str, stretch: str = "", form: str = ".3f") -> None:
        row = f"{goal:<54} {value:>9{form}}  must {must:<12} {'' if not stretch else 'stretch ' + stretch:<20}"
        row += "" if _holds(value, must) else "MISSED"
        self._rows.append(row.rstrip())
        print(self._rows[-1], flush=True)

    def __str__(self) -> str:
        return "\n".join(self._rows)


def _holds(value: float, must: str) -> bool:
    """`<= x`, `>= x` or `x-y`."""
    if must[0] in "<>":
        bound = float(must[2:])
        return value <= bound if must[0] == "<" else value >= bound
    low, high = must.split("-")
    return float(low) <= value <= float(high)


def days(goals: Goals, panel: list[Series], how: How) -> None:
    scores = compare(panel, ORIGINS, (30, 90), 730, how)
    month, quarter = (_by_method(scores, horizon) for horizon in (30, 90))
    for horizon in (30, 90):
        print(f"\n{len(panel)} daily series, {horizon} days\n{scores.table(horizon)}\n")
    ours = month["finops"]
    goals.add("30-day WAPE ratio to Comb4", ours["vs Comb4"], "<=0.92", "<=0.88")
    goals.add("90-day WAPE ratio to Comb4", quarter["finops"]["vs Comb4"], "<=0.90", "<=0.85")
    goals.add("wins against Comb4, series-origins", ours["wins"], ">=0.70", ">=0.76")
    goals.add("30-day WAPE ratio to koku's line", ours["vs Comb4"] / month["koku OLS"]["vs Comb4"], "<=0.62", "<=0.57")
    goals.add("30-day WAPE ratio to OptScale", ours["vs Comb4"] / month["OptScale"]["vs Comb4"], "<=0.66", "<=0.60")
    goals.add("mean MASE, 30 days", ours["mase"], "<=1.05", "<=0.99")
    goals.add("30-day totals with accuracy of 0.80", ours["total>=.80"], ">=0.88", ">=0.92")
    goals.add("30-day totals within 12 %", ours["within 12%"], ">=0.74", ">=0.80")
    goals.add("80 % interval holds, days", ours["cover80"], "0.77-0.85", "0.78-0.82")
    goals.add("80 % interval holds, 30-day totals", ours["total80"], "0.77-0.85", "0.78-0.82")
    goals.add("95 % interval holds, days", ours["cover95"], "0.92-0.97", "0.94-0.96")
    goals.add("95 % interval holds, 30-day totals", ours["total95"], "0.92-0.97", "0.94-0.96")
    goals.add("MSIS of the 95 % interval, 30 days", ours["msis95"], "<=9.5", "<=8.8")


def bill(goals: Goals, panel: list[Series], how: How) -> None:
    ours = _by_method(compare(panel, ORIGINS, (30,), 730, how), 30)["finops"]
    goals.add("real cloud bill, 30-day WAPE", ours["wape"], "<=0.175", "<=0.155")
    goals.add("real cloud bill, 30-day total error", ours["total error"], "<=0.085", "<=0.065")


def bills(goals: Goals, how: How) -> None:
    """Simulated bills, three origins each; beside ours the mean of the last 28 days."""
    scores, ours, rates = Scores(), [], []
    for seed in BILLS:
        services = simulated_bill(seed)
        for back in ORIGINS:
            known, came = zip(*(cut(series, back, 730) for series in services), strict=True)
            made = how.forecast(list(known), 30)
            for found, series, actual in zip(made, known, came, strict=True):
                rate = np.full(30, series.values[-28:].mean())
                scores.add((series.unique_id, back), "finops", 30, series.values, 7, actual, found.point, found)
                scores.add((series.unique_id, back), "28-day mean", 30, series.values, 7, actual, rate)
        error, run_rate = month_end(services, how)
        ours.append(error)
        rates.append(run_rate)
    found, rate = (_by_method(scores, 30, "28-day mean")[name] for name in ("finops", "28-day mean"))
    goals.add(f"bills, 30-day WAPE (28-day mean {rate['wape']:.3f})", found["wape"], "<=0.175", "<=0.155")
    title = f"bills, 30-day total error (28-day mean {rate['total error']:.3f})"
    goals.add(title, found["total error"], "<=0.085", "<=0.065")
    goals.add("bills, 80 % interval holds, days", found["cover80"], "0.77-0.85", "0.78-0.82")
    goals.add("bills, 80 % interval holds, 30-day totals", found["total80"], "0.77-0.85", "0.78-0.82")
    goals.add("bills, 95 % interval holds, days", found["cover95"], "0.92-0.97", "0.94-0.96")
    goals.add("bills, 95 % interval holds, 30-day totals", found["total95"], "0.92-0.97", "0.94-0.96")
    title = f"bills, month end on day 10 (run rate {np.mean(rates):.3f})"
    goals.add(title, float(np.mean(ours)), "<=0.070", "<=0.065")


def months(goals: Goals, panel: list[Series], how: How) -> None:
    scores = compare(panel, (24, 12), (12,), 60, how)
    print(f"\n{len(panel)} monthly series, 12 months\n{scores.table(12)}\n")
    ours = _by_method(scores, 12)["finops"]
    goals.add("12-month total error, median", ours["median"], "<=0.05", "<=0.045")
    goals.add("12-month total error, mean", ours["total error"], "<=0.09", "<=0.08")


def size(goals: Goals, panel: list[Series], workers: int) -> None:
    """1,000 series of 400 days: the panel's own, again and again at other sizes and with other noise."""
    random = np.random.default_rng(7)
    many = []
    for number in range(1000):
        one = panel[number % len(panel)]
        values = one.values[-400:] * random.uniform(0.1, 10) * random.normal(1, 0.05, 400)
        many.append(Series(f"{number}", "D", one.periods(-399, 1)[0], np.maximum(values, 0)))
    before, began = time.process_time(), time.monotonic()
    forecast_panel(Panel(many), 90, workers=workers)
    goals.add("1,000 series of 400 days, 90 ahead: seconds", time.monotonic() - began, "<=600", form=".0f")
    goals.add("the same, CPU seconds of this process", time.process_time() - before, "<=1200", form=".0f")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    goals.add("peak memory so far, GiB", peak, "<=4", form=".2f")


def _by_method(scores: Scores, horizon: int, against: str = "Comb4") -> dict[str, dict[str, float]]:
    return {str(row["method"]): row for row in scores.table(horizon, against).to_dicts()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=anomalies.shared_data())
    parser.add_argument("--series", type=int, default=None, help="at most this many series of each panel")
    parser.add_argument("--pool", choices=("fast", "full"), default="full")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory", type=Path, default=Path("/tmp/finops_outlook_goals.parquet"))
    given = parser.parse_args()
    parts = given.parts.split(",")
    pl.Config.set_tbl_rows(30).set_tbl_cols(20).set_float_precision(3).set_tbl_width_chars(220)
    how = How(given.pool, given.workers, Memory(given.memory), lambda text: print(text, flush=True))
    goals = Goals()
    daily = read_panel(given.data, "D", given.series)
    kinds = pl.read_csv(given.data / "manifest.csv", infer_schema_length=None).filter(pl.col("kind") == "cloud_cost")
    if "days" in parts:
        days(goals, daily, how)
    if "bill" in parts and (real := [one for one in daily if one.unique_id in set(kinds["unique_id"])]):
        bill(goals, real, how)
    if "bills" in parts:
        bills(goals, how)
    if "fees" in parts:
        ours, smoothing = fees(daily, how)
        goals.add(f"fee on every first, 30-day WAPE (AutoETS {smoothing:.3f})", ours, "<=0.13", "<=0.115")
        # The reference's series were easier: AutoETS had 0.135 on their usage alone.
        goals.add("the same as a ratio to AutoETS on the usage alone", ours / smoothing, "<=0.96", "<=0.85")
    if "month_end" in parts:
        ours, rate = month_end(daily, how)
        goals.add(f"month end on day 10, mean error (run rate {rate:.3f})", ours, "<=0.070", "<=0.065")
    if "months" in parts:
        months(goals, read_panel(given.data, "M", given.series), how)
    if "size" in parts:
        size(goals, daily, given.workers)
    if "anomalies" in parts:
        for title, value, must in anomalies.goals():
            goals.add(title, value, must)
        goals.add(*labelled_anomalies.goal())
    print(f"\n{goals}")


if __name__ == "__main__":
    main()
