"""Remembered answers change how long a forecast takes and nothing else."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from forecasting.engine import days_since_sunday, forecast_panel
from forecasting.memory import Memory
from forecasting.results import forecast_frame
from forecasting.series import Panel, Series

START = date(2026, 1, 1)
WEEK = np.array([10.0, 11, 12, 12, 11, 6, 5])


def known_on(day: date, restated: float = 1.0) -> Panel:
    """Four noisy series up to `day`; the second's 11th day differs by the factor `restated`."""
    series = []
    for number in range(4):
        noise = np.random.default_rng(number).standard_normal(400)
        values = (np.resize(WEEK, 400) * (1 + 0.1 * noise))[: (day - START).days + 1]
        values[10] *= restated if number == 1 else 1.0
        series.append(Series(f"s{number}", "D", START, values))
    return Panel(series)


def forecast_on(day: date, path: Path | None, restated: float = 1.0) -> pl.DataFrame:
    memory = Memory(path) if path else None
    made = forecast_panel(
        known_on(day, restated), 7, pool="fast", workers=1, memory=memory, shift=days_since_sunday(day)
    )
    if memory:
        memory.keep()
    return forecast_frame(made)


def questions(path: Path) -> set[str]:
    return set(pl.read_parquet(path)["question"])


MONDAY = date(2026, 5, 25)


@pytest.fixture(scope="module")
def monday(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("memory") / "m.parquet"
    forecast_on(MONDAY, path)
    return path


def test_on_tuesday_only_todays_forecasts_are_asked_and_they_are_those_of_a_run_without_memory(
    monday: Path, tmp_path: Path
) -> None:
    tuesday = tmp_path / "m.parquet"
    tuesday.write_bytes(monday.read_bytes())
    said = forecast_on(MONDAY + timedelta(1), tuesday)
    assert said.equals(forecast_on(MONDAY + timedelta(1), None))
    # Per origin one question for each of four series and one for the trees; four origins stand, today's moves on.
    assert len(questions(tuesday)) == 5 * 5
    assert len(questions(tuesday) - questions(monday)) == 5


def test_a_restated_day_asks_its_series_and_the_trees_again(monday: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    path.write_bytes(monday.read_bytes())
    assert forecast_on(MONDAY, path, restated=3.0).equals(forecast_on(MONDAY, None, restated=3.0))
    assert len(questions(path) - questions(monday)) == 5 * 2


def test_a_memory_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    path.write_bytes(b"PAR1 half a file")
    assert Memory(path).recall("anything") is None
    forecast_on(MONDAY, path)
    assert len(questions(path)) == 25


def test_the_backtest_stands_on_sundays() -> None:
    """24 and 30 May 2026 are a Sunday and the Saturday after it."""
    assert [days_since_sunday(date(2026, 5, day)) for day in (24, 25, 30)] == [0, 1, 6]
