"""Any table of series gives a sensible forecast or a stated refusal, the same bytes every time, unseen futures."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from forecasting.backtest import forecast_from
from forecasting.calendar_charges import split_monthly_charges
from forecasting.combination import judge, known_at
from forecasting.engine import forecast_panel
from forecasting.intervals import LEVELS, Told, calibrate, calibrate_totals
from forecasting.results import forecast_frame
from forecasting.series import Panel, Series, panel_of
from forecasting.series_table import read_series
from forecasting.statistical import forecast_one, weekday_mean
from forecasting.yearly_days import yearly_factors
from pipelines.cli import app
from pipelines.errors import SeriesError

START = date(2026, 1, 1)
WEEK = np.array([10.0, 11, 12, 12, 11, 6, 5])
BOUNDS = ("lo95", "lo80", "yhat", "hi80", "hi95")


def noisy_weeks(days: int, seed: int) -> np.ndarray:
    return np.resize(WEEK, days) * (1 + 0.1 * np.random.default_rng(seed).standard_normal(days))


def table(series: dict[str, np.ndarray | list[float]]) -> pl.DataFrame:
    rows = [(uid, START + timedelta(days=at), float(y)) for uid, ys in series.items() for at, y in enumerate(ys)]
    return pl.DataFrame(rows, schema={"unique_id": pl.String, "ds": pl.Date, "y": pl.Float64}, orient="row")


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """What the command makes of every kind of difficult series together with two ordinary ones."""
    folder = tmp_path_factory.mktemp("hard")
    gappy = table({"gappy": noisy_weeks(200, 3)}).gather_every(3)
    twice = table({"twice": noisy_weeks(120, 8)})
    frame = table(
        {
            "usual": noisy_weeks(200, 1),
            "other": 3 * noisy_weeks(200, 2),
            "short": [1, 2, 3],
            "single": [5],
            "zero": [0.0] * 100,
            "constant": [3.0] * 100,
            "credits": -noisy_weeks(200, 4),
            "mixed": noisy_weeks(200, 5) * np.where(np.arange(200) % 9, 1, -1),
            "exploding": 1.1 ** np.arange(200),
            "ended": [*noisy_weeks(140, 6), *[0.0] * 60],
            "once": [5.0, *[0.0] * 99],
            "not money": [1e300] * 50,
            "nothing": [math.nan, math.inf],
        }
    )
    months = [(f"{2024 + m // 12}-{m % 12 + 1:02d}-01", 100.0 + 5 * (m % 12)) for m in range(36)]
    monthly = pl.DataFrame(
        [("monthly", date.fromisoformat(ds), y) for ds, y in months],
        schema=frame.schema, orient="row",
    )  # fmt: skip
    more = twice.with_columns(pl.col("y") + 1)  # a second row of every day
    pl.concat([frame, gappy, monthly, twice, more]).write_csv(folder / "in.csv")
    options = ["--horizon", "14", "--pool", "fast", "--workers", "1"]
    result = CliRunner().invoke(
        app, ["forecast", "--series", str(folder / "in.csv"), "--out", str(folder / "out.parquet"), *options]
    )
    assert result.exit_code == 0, result.output
    return pl.read_parquet(folder / "out.parquet")


def test_every_series_has_its_whole_forecast_or_a_stated_refusal(hard: pl.DataFrame) -> None:
    counts = dict(hard.group_by("unique_id").len().iter_rows())
    refused = hard.filter(pl.col("status") == "refused")
    assert sorted(refused["unique_id"]) == ["not money", "nothing"]
    assert refused["reason"].null_count() == 0
    assert {uid: n for uid, n in counts.items() if n != 14} == {"not money": 1, "nothing": 1}
    assert len(counts) == 16


def told_at_four_origins(series: int) -> tuple[list[Told], Told]:
    """Errors of 1, 2, 3 … widths, one of each series and origin, and a forecast of 100 with a width of 1."""
    one = np.ones((series, 1))
    widths = dict.fromkeys(LEVELS, (one, one))
    errors = np.arange(1.0, 4 * series + 1).reshape(4, series, 1)
    return [Told(0 * one, error, widths) for error in errors], Told(100 * one, np.full_like(one, np.nan), widths)


def test_errors_of_one_origin_count_as_few_since_they_move_together() -> None:
    """Forty errors: of days a fifth counts, so their 90th percentile (0.8 × 9/8); of totals half, so 0.8 × 21/20."""
    past, now = told_at_four_origins(10)
    assert calibrate(past, now).upper[80][0, 0] == pytest.approx(100 + np.quantile(np.arange(1, 41), 0.90))
    assert calibrate_totals(past, now).upper[80][0, 0] == pytest.approx(100 + np.quantile(np.arange(1, 41), 0.84))


def test_the_largest_of_too_few_errors_is_stretched_so_that_95_is_wider_than_80() -> None:
    """Four errors, the largest 4, count as two, which hold 2 of 3 (0.967 sd of a normal error); 80 % is 1.282 sd."""
    past, now = told_at_four_origins(1)
    band = calibrate_totals(past, now)
    assert band.upper[80][0, 0] == pytest.approx(100 + 4 * 1.28155 / 0.96742, abs=1e-3)
    assert band.upper[95][0, 0] == pytest.approx(100 + 4 * 1.95996 / 0.96742, abs=1e-3)


def test_intervals_hold_their_point_and_each_other_and_nothing_is_nan(hard: pl.DataFrame) -> None:
    made = hard.filter(pl.col("status") != "refused")
    for bounds in (BOUNDS, ("total_lo95", "total_lo80", "total", "total_hi80", "total_hi95")):
        values = made.select(bounds).to_numpy()
        assert np.isfinite(values).all()
        assert (np.diff(values, axis=1) >= 0).all()


def test_simple_series_get_the_forecast_that_anyone_would_write_down(hard: pl.DataFrame) -> None:
    said = {uid: rows["yhat"].to_list() for (uid,), rows in hard.group_by("unique_id", maintain_order=True)}
    assert said["zero"] == [0.0] * 14
    assert said["constant"] == [3.0] * 14
    assert said["single"] == [5.0] * 14
    assert 2 * 5 < said["twice"][0] < 2 * 13
    assert said["ended"] == [0.0] * 14
    assert max(said["credits"]) < 0
    # January to December of the year before, 100 to 155; the forecast starts in January.
    assert said["monthly"][:12] == pytest.approx([100.0 + 5 * m for m in range(12)], rel=0.02)


def test_a_week_that_repeats_is_forecast_with_accuracy_and_a_narrow_band(hard: pl.DataFrame) -> None:
    usual = hard.filter(pl.col("unique_id") == "usual")
    truth = np.resize(WEEK, 214)[200:]
    assert np.abs(usual["yhat"].to_numpy() - truth).sum() / truth.sum() < 0.1
    assert usual["accuracy"][0] > 0.85
    assert usual["status"].unique().to_list() == ["ok"]
    assert (usual["hi80"] - usual["lo80"]).mean() < 0.6 * truth.mean()  # type: ignore[operator]


def test_an_unpredictable_series_says_that_no_candidate_passed(hard: pl.DataFrame) -> None:
    mixed = hard.filter(pl.col("unique_id") == "mixed").row(0, named=True)
    assert mixed["status"] == "low_confidence"
    assert "no candidate reached accuracy 0.8" in mixed["assumptions"]
    assert mixed["model"]


def test_the_same_file_and_seed_give_the_same_bytes_with_one_process_or_two(tmp_path: Path) -> None:
    table({f"s{n}": noisy_weeks(60, n) for n in range(14)}).write_csv(tmp_path / "in.csv")
    written = []
    for name, workers in (("one", "1"), ("two", "2")):
        out = tmp_path / f"{name}.parquet"
        options = ["forecast", "--series", str(tmp_path / "in.csv"), "--horizon", "7", "--out", str(out)]
        result = CliRunner().invoke(app, [*options, "--pool", "fast", "--workers", workers])
        assert result.exit_code == 0, result.output
        written.append(out.read_bytes())
    assert written[0] == written[1]


def test_nothing_after_an_origin_reaches_its_forecast() -> None:
    """Multiplying all values after the origin by a hundred must not move one forecast made there."""
    honest = [Series(f"s{n}", "D", START, noisy_weeks(150, n)) for n in range(3)]
    poisoned = [Series(s.unique_id, "D", START, np.concatenate([s.values[:120], s.values[120:] * 100])) for s in honest]
    models = ("DynamicTheta", "WeekdayMean", "LightGBM", "RandomForest", "NeuralNetwork")
    made = [forecast_from(panel, 30, 14, models, seed=1, workers=1) for panel in (honest, poisoned)]
    for name in models:
        assert np.isfinite(made[0].points[name]).all()
        assert np.array_equal(made[0].points[name], made[1].points[name]), name
    assert np.array_equal(made[0].quantiles, made[1].quantiles)
    assert not np.array_equal(made[0].actuals, made[1].actuals)


def test_candidates_are_judged_only_by_what_had_come_at_the_origin() -> None:
    """At 30 days back, the origin 60 days back has shown its first 30 days and no more."""
    panel = [Series("s", "D", START, noisy_weeks(200, 1))]
    past = [forecast_from(panel, back, 60, ("WeekdayMean",), seed=1, workers=1) for back in (60, 30)]
    known = known_at(past, 30)
    assert [o.steps_back for o in known] == [60]
    assert np.isfinite(known[0].actuals[0]).sum() == 30
    errors = np.abs(panel[0].values[140:170] - past[0].points["WeekdayMean"][0, :30])
    expected = 1 - errors.sum() / panel[0].values[140:170].sum()
    assert judge(known, ("WeekdayMean",), 1).accuracy["WeekdayMean"][0] == pytest.approx(expected)


def test_a_model_that_fails_on_a_series_loses_neither_the_series_nor_the_others() -> None:
    found = forecast_one(Series("s", "D", START, noisy_weeks(60, 1)), 7, ("Prophet", "WeekdayMean"))
    assert "too short" in str(found["Prophet"])
    assert np.isfinite(np.asarray(found["WeekdayMean"], float)).all()


def test_four_weeks_of_the_same_weekday_are_averaged() -> None:
    """Mondays 1, 2, 3, 6 of the last four weeks make 3."""
    weeks = np.concatenate([np.array([monday, 7, 7, 7, 7, 7, 7]) for monday in (100.0, 1, 2, 3, 6)])
    assert weekday_mean(weeks, 8, 7, []).tolist() == [3, 7, 7, 7, 7, 7, 7, 3]


def test_a_fee_on_the_first_of_the_month_is_scheduled_and_not_spread() -> None:
    """10 a day and 60 more on each first: the next first costs 70, its neighbours 10."""
    values = np.array([70.0 if (START + timedelta(days=at)).day == 1 else 10.0 for at in range(140)])
    series = Series("fee", "D", START, values)  # ends on 20 May
    split = split_monthly_charges(series)
    assert split.charges == {1: 60.0}
    assert split.usage.values.tolist() == [10.0] * 140
    said = forecast_panel(Panel([series]), 14, pool="fast", workers=1).series[0]
    assert said.point == pytest.approx([70.0 if day.day == 1 else 10.0 for day in said.dates], abs=0.01)
    assert said.scheduled.tolist() == [60.0 if day.day == 1 else 0.0 for day in said.dates]


def christmases(series: int, moved: int, size: float = 0.5, days: int = 700) -> list[Series]:
    """Steady weeks to 30 November 2026; on 25 December 2025 `moved` of the series had `size` of the usual cost."""
    start = date(2026, 11, 30) - timedelta(days - 1)
    found = []
    for number in range(series):
        values = np.full(days, 100.0 + number)
        values[(date(2025, 12, 25) - start).days] *= size if number < moved else 1.0
        found.append(Series(f"{number}", "D", start, values))
    return found


def test_a_date_on_which_nearly_all_series_moved_comes_again_in_part() -> None:
    """Half the cost on Christmas: 0.5 to the power 0.6 is 0.66 of the usual cost. A floor of 1 % moves it a bit."""
    factors = yearly_factors(christmases(10, moved=10), 40)
    assert factors[:, 24] == pytest.approx([0.5**0.6] * 10, rel=0.01)
    assert np.delete(factors, 24, axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("panel", "why"),
    [
        (christmases(10, moved=8), "eight of ten: some moved for reasons of their own"),
        (christmases(7, moved=7), "seven series tell little"),
        (christmases(10, moved=10, size=0.8), "a fifth less is within what days do"),
        (christmases(10, moved=10, days=360), "less than a year of history"),
    ],
)
def test_a_date_is_not_expected_again_by_few_series_or_small_moves(panel: list[Series], why: str) -> None:
    assert (yearly_factors(panel, 40) == 1).all(), why


def test_a_forecast_names_the_dates_that_come_again() -> None:
    noise = np.random.default_rng(5)
    panel = [replace(s, values=s.values * noise.normal(1, 0.03, 700)) for s in christmases(9, moved=9)]
    made = forecast_panel(Panel(panel), 30, pool="fast", workers=1)
    for found in made.series:
        assert found.point[24] == pytest.approx(0.66 * found.point[[23, 25]].mean(), rel=0.1)
        assert "2026-12-25 × 0.6" in "; ".join(found.assumptions)


def test_rows_of_one_day_add_up_copies_count_once_and_gaps_take_their_weekday() -> None:
    frame = table({"s": [1, 2, 3, 4, 5, 6, 7] * 3})
    twice = pl.concat([frame, frame.head(1), table({"s": [10]}).with_columns(pl.lit(date(2026, 1, 2)).alias("ds"))])
    gap = twice.filter(pl.col("ds") != date(2026, 1, 10))
    series = panel_of(gap).series[0]
    assert series.values[:2].tolist() == [1, 12]
    assert series.values[9] == 3  # the Saturdays before and after
    assert len(series.values) == 21
    assert any("added up" in note for note in series.notes)
    assert any("filled" in note for note in series.notes)


def test_a_file_that_is_no_table_of_series_is_refused_with_its_columns(tmp_path: Path) -> None:
    pl.DataFrame({"day": ["2026-01-01"], "y": [1.0]}).write_csv(tmp_path / "in.csv")
    with pytest.raises(SeriesError, match="has no column unique_id, ds"):
        read_series(tmp_path / "in.csv")
    result = CliRunner().invoke(app, ["forecast", "--series", str(tmp_path / "in.csv")])
    assert result.exit_code == 2


@settings(max_examples=25)
@given(
    st.lists(st.floats(-1e12, 1e12) | st.sampled_from([math.nan, math.inf, 0.0]), min_size=1, max_size=25),
    st.integers(1, 10),
)
def test_no_short_series_ever_breaks_the_contract(values: list[float], horizon: int) -> None:
    frame = forecast_frame(forecast_panel(panel_of(table({"s": values})), horizon, pool="fast", workers=1))
    if frame["status"][0] == "refused":
        assert not any(math.isfinite(value) for value in values)
        return
    bounds = frame.select(BOUNDS).to_numpy()
    assert len(frame) == horizon
    assert np.isfinite(bounds).all()
    assert (np.diff(bounds, axis=1) >= 0).all()
