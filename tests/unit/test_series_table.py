"""Files of series as people have them: what they say is read, what can be read in two ways is refused."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from typer.testing import CliRunner

from forecasting.series import panel_of
from forecasting.series_table import read_series
from pipelines.cli import app
from pipelines.errors import SeriesError

DAYS = [date(2026, 1, 30), date(2026, 1, 31), date(2026, 2, 1)]
SAID = [("a", DAYS[0], 1234.5), ("a", DAYS[1], -2.25), ("a", DAYS[2], 1000000.0)]
PLAIN = "unique_id,ds,y\na,2026-01-30,1234.5\na,2026-01-31,-2.25\na,2026-02-01,1000000\n"


def read(path: Path) -> list[tuple[object, ...]]:
    return read_series(path).select("unique_id", "ds", "y").rows()


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\n\n"),
        PLAIN.replace("unique_id,ds,y", "Unique_ID, DS ,Y"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace("unique_id,", "region,unique_id,").replace("a,", "eu;x,a,"),
        "unique_id;ds;y\na;30.01.2026;1.234,50\na;31.01.2026;-2,25\na;01.02.2026;1.000.000\n",
        'unique_id,ds,y\na,1/30/2026,"1,234.50"\na,1/31/2026,-2.25\na,2/1/2026,"1,000,000"\n',
        "unique_id;ds;y\na;30/01/2026;1 234,5\na;31/01/2026;-2,25\na;01/02/2026;1 000 000\n",
        "unique_id,ds,y\na,20260130,1234.5\na,20260131,-2.25\na,20260201,1e6\n",
        "unique_id,ds,y\na,2026-01-30T23:00:00+02:00,1234.5\na,2026-01-31 00:00,-2.25\na,2026-02-01,1e6\n",
    ],
)  # fmt: skip
def test_every_spreadsheets_csv_says_the_same(tmp_path, text):
    (tmp_path / "in.csv").write_text(text)
    assert read(tmp_path / "in.csv") == SAID


def test_encodings_and_compression_are_told_from_the_content(tmp_path):
    text = PLAIN.replace("a,", "Büro,")
    written = {name: text.encode(name) for name in ("utf-8", "utf-8-sig", "utf-16", "cp1252")}
    for content in [*written.values(), gzip.compress(written["utf-8"])]:
        (tmp_path / "in.txt").write_bytes(content)
        assert read(tmp_path / "in.txt") == [("Büro", *rest) for _, *rest in SAID]


def test_parquet_of_decimals_and_of_midnights_in_any_zone(tmp_path):
    """Midnight in Berlin is 23:00 of the day before in UTC; its day is the one in Berlin."""
    amounts = [Decimal("1234.50"), Decimal("-2.25"), Decimal(1_000_000)]
    for zone in (None, UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")):
        at = [datetime(day.year, day.month, day.day, tzinfo=zone) for day in DAYS]
        kind = pl.Datetime("us", None if zone is None else str(zone))
        frame = pl.DataFrame({"unique_id": ["a"] * 3, "ds": pl.Series(at, dtype=kind), "y": amounts})
        frame.write_parquet(tmp_path / "in.data")
        assert read(tmp_path / "in.data") == SAID


def test_hours_of_a_day_add_up_though_they_cost_the_same_and_copies_do_not(tmp_path):
    """Two days of one an hour are 24 each; the first hour given twice is a copy."""
    hours = [datetime(2026, 1, 1) + timedelta(hours=number) for number in range(48)]
    pl.DataFrame({"unique_id": "a", "ds": [*hours, hours[0]], "y": 1.0}).write_parquet(tmp_path / "in.parquet")
    [series] = panel_of(read_series(tmp_path / "in.parquet")).series
    assert series.values.tolist() == [24, 24]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("unique_id,ds,y\na,01/02/2026,1\na,02/02/2026,1\n", "dates like 01/02/2026 can be read day first or month"),
        ('unique_id,ds,y\na,2026-01-01,"1,234"\n', "numbers like 1,234 can be read with the comma as decimal sign"),
        ("unique_id,ds,y\na,soon,1\na,,1\n", "column ds holds no date .the first is 'soon'"),
        ("unique_id,ds\na,2026-01-01\n", "has no column y"),
        ("", "cannot be read as CSV or Parquet"),
        ("\x00\x01", "has no column unique_id, ds, y"),
    ],
)
def test_what_can_be_read_in_two_ways_or_not_at_all_is_refused(tmp_path, text, said):
    (tmp_path / "in.csv").write_text(text)
    with pytest.raises(SeriesError, match=said):
        read_series(tmp_path / "in.csv")


@pytest.mark.parametrize(
    "column",
    [{"y": [[1.0]]}, {"y": [True]}, {"ds": [timedelta(1)]}, {"ds": [17]}, {"ds": [None]}, {"unique_id": [b"\xff"]},
     {"unique_id": [{"a": 1}]}],
)  # fmt: skip
def test_columns_that_are_no_names_dates_or_numbers_are_refused(tmp_path, column):
    pl.DataFrame({"unique_id": ["a"], "ds": DAYS[:1], "y": [1.0]} | column).write_parquet(tmp_path / "in.parquet")
    with pytest.raises(SeriesError, match=f"column {next(iter(column))} "):
        read_series(tmp_path / "in.parquet")


@pytest.mark.parametrize(
    ("dates", "said"),
    [
        (["0001-01-01", "0001-01-02"], "its dates run from 0001-01-01"),
        (["2026-01-01", "9999-12-31"], "to 9999-12-31: a date must be wrong"),
        (["1901-01-01", "2026-01-01"], "a date must be wrong"),
        ([f"2025-{n:02}-01" for n in range(1, 13)] + [f"2025-12-{n:02}" for n in range(2, 20)],
         "it holds months until 2025-12-01 and days after"),
        ([f"2025-01-{n:02}" for n in range(1, 20)] + [f"2025-{n:02}-19" for n in range(2, 13)],
         "it holds days until 2025-01-19 and months after"),
    ],
)  # fmt: skip
def test_dates_that_make_no_series_are_a_stated_refusal(tmp_path, dates, said):
    (tmp_path / "in.csv").write_text("\n".join(["unique_id,ds,y", *(f"a,{day},5" for day in dates)]))
    [refusal] = panel_of(read_series(tmp_path / "in.csv")).refusals
    assert said in refusal.reason


@pytest.mark.parametrize("command", ["forecast --pool fast --workers 1", "anomalies"])
def test_a_result_that_cannot_be_written_is_said_and_the_series_stay(tmp_path, command):
    (tmp_path / "in.csv").write_text(PLAIN)
    (tmp_path / "folder").mkdir()
    options = [*command.split(), "--series", str(tmp_path / "in.csv")]
    for out in ("in.csv/out.csv", "folder"):
        made = CliRunner().invoke(app, [*options, "--out", str(tmp_path / out)])
        assert isinstance(made.exception, SeriesError) and "cannot be written" in str(made.exception)
    itself = CliRunner().invoke(app, [*options, "--out", str(tmp_path / "folder" / ".." / "in.csv")])
    assert itself.exit_code == 2
    assert (tmp_path / "in.csv").read_text() == PLAIN
