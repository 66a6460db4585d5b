"""The ledger's forecast adds up at every level, completes late days, schedules what is no usage, counts plans in."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from forecasting.ledger.events import Event, in_billed_currency, parts_of, planned_changes, without_events
from forecasting.ledger.outlook import Outlook, outlook
from forecasting.ledger.panel import Leaf, ledger_panel, usage_series
from forecasting.ledger.rows import vintage_tables
from forecasting.ledger.schedule import scheduled_costs
from forecasting.series import DAILY, Series
from pipelines.landing.forecasts import TABLES, Vintage

START, END = date(2026, 6, 1), date(2026, 10, 31)
DAYS = [START + timedelta(days=at) for at in range((END - START).days + 1)]
NO_MIX = pl.DataFrame(schema=dict.fromkeys(("x_source", "sub_account_id", "service_name", "cost_center_id", "currency"),
                                            pl.String) | {"cost": pl.Float64})  # fmt: skip
LATE = {END: 0.8, END - timedelta(days=1): 0.9}  # how much of these days had come when they were read


def row(
    day: date, service: str, center: str, stream: str, cost: float, completion: float | None = 1.0
) -> dict[str, object]:
    department = {"A": "Shop", "B": "Shop", "C": "Data"}[center]
    return {
        "charge_date": day, "x_source": "src", "provider": "p", "service_name": service, "cost_center_id": center,
        "team": center, "department": department, "stream": stream, "currency": "USD", "cost": cost,
        "completion": completion,
    }  # fmt: skip


@pytest.fixture(scope="module")
def costs() -> pl.DataFrame:
    """Usage of 100, 50 and 25 a weekday (80 % at weekends) in three teams; a fee of 300 on each first; tax of 10 %."""
    noise = np.random.default_rng(5)
    rows = []
    for day in DAYS:
        for service, center, size in (("vm", "A", 100.0), ("db", "B", 50.0), ("vm", "C", 25.0), ("mail", "C", 0.1)):
            level = size * (0.8 if day.weekday() > 4 else 1) * (1 + 0.02 * noise.standard_normal())
            rows.append(row(day, service, center, "usage", level * LATE.get(day, 1), 1 / LATE.get(day, 1)))
        if day.day == 1:
            rows.append(row(day, "support", "A", "fee", 300.0))
        if (day + timedelta(days=1)).day == 1:
            month = [r for r in rows if r["stream"] == "usage" and r["cost_center_id"] == "C"
                     and r["charge_date"] >= day.replace(day=1)]  # fmt: skip
            rows.append(row(day, "tax", "C", "tax", 0.1 * sum(r["cost"] * r["completion"] for r in month)))  # type: ignore[operator]
    return pl.DataFrame(rows)


@pytest.fixture(scope="module")
def made(costs: pl.DataFrame) -> Outlook:
    panel = ledger_panel(costs)
    assert panel is not None
    event = Event("move", "migration", "department", "Data", date(2026, 12, 1), date(2027, 1, 1), 50.0, None, None)
    return outlook(panel, [event], NO_MIX, "fast", 7, 1, lambda _: None)


@pytest.fixture(scope="module")
def points(made: Outlook) -> pl.DataFrame:
    tables = vintage_tables(made, Vintage("2026-10-31-1", "2026-10-31", "x"))
    joined = pl.from_arrow(tables["points"].cast(TABLES["points"])).join(  # type: ignore[union-attr]
        pl.from_arrow(tables["series"]).select("series_id", "series_level"),  # type: ignore[union-attr, arg-type]
        on="series_id",
    )
    assert isinstance(joined, pl.DataFrame)
    return joined


def test_late_days_are_completed_not_taken_as_a_fall(costs: pl.DataFrame) -> None:
    panel = ledger_panel(costs)
    assert panel is not None
    series = {leaf.cost_center_id: s for leaf, s in usage_series(panel).items() if leaf.service_name == "vm"}
    assert series["A"].end == END
    assert series["A"].values[-1] == pytest.approx(80, rel=0.1)  # a Saturday, of which 80 % had come
    assert series["A"].values[-2] == pytest.approx(100, rel=0.1)
    assert "2 days completed" in series["A"].notes[0]


def test_days_that_are_hardly_known_are_forecast_instead(costs: pl.DataFrame) -> None:
    unknown = costs.with_columns(
        pl.when(pl.col("charge_date") >= date(2026, 10, 30)).then(None).otherwise("completion").alias("completion")
    )
    panel = ledger_panel(unknown)
    assert panel is not None
    assert panel.ends == {("src", "USD"): date(2026, 10, 29)}


def test_services_below_half_a_per_cent_are_pooled_with_their_team(costs: pl.DataFrame) -> None:
    panel = ledger_panel(costs)
    assert panel is not None
    assert {leaf.service_name for leaf in usage_series(panel)} == {"vm", "db", "~other"}


def test_every_level_adds_up_to_the_total_exactly_in_every_scenario(points: pl.DataFrame) -> None:
    sums = points.group_by("grain", "forecast_date", "scenario", "series_level").agg(pl.col("yhat").sum())
    spread = sums.group_by("grain", "forecast_date", "scenario").agg(
        pl.col("yhat").n_unique(), pl.col("series_level").n_unique()
    )
    assert spread["yhat"].unique().to_list() == [1]
    assert spread["series_level"].unique().to_list() == [6]


def test_days_add_up_to_their_month(points: pl.DataFrame) -> None:
    total = points.filter((pl.col("series_id") == "total|USD") & (pl.col("scenario") == "likely"))
    november = total.filter((pl.col("grain") == "day") & (pl.col("forecast_date").dt.month() == 11))
    month = total.filter((pl.col("grain") == "month") & (pl.col("forecast_date") == date(2026, 11, 1)))
    assert november["yhat"].sum() == month["yhat"].item()


def test_scenarios_keep_their_order_and_intervals_their_point(points: pl.DataFrame) -> None:
    total = points.filter(pl.col("series_id") == "total|USD").pivot(
        "scenario", index=["grain", "forecast_date"], values="yhat"
    )
    months = total.filter(pl.col("grain") == "month")
    assert (months["aggressive"] < months["likely"]).all()
    assert (months["likely"] < months["conservative"]).all()
    bounds = points.select(pl.col("lo95", "lo80", "yhat", "hi80", "hi95").cast(pl.Float64)).to_numpy()
    assert (np.diff(bounds, axis=1) >= 0).all()


def test_a_fee_comes_again_on_its_day_and_tax_follows_usage(points: pl.DataFrame) -> None:
    likely = points.filter((pl.col("scenario") == "likely") & (pl.col("grain") == "day"))
    fee = likely.filter(pl.col("series_id") == "leaf|src|p|~fee|A|USD")
    assert {d.day: float(y) for d, y in fee.select("forecast_date", "yhat").iter_rows() if y} == {1: 300.0}
    months = points.filter((pl.col("scenario") == "likely") & (pl.col("grain") == "month"))
    january = months.filter((pl.col("forecast_date") == date(2027, 1, 1)) & (pl.col("series_level") == "leaf"))
    value = {uid: float(y) for uid, y in january.select("series_id", "yhat").iter_rows()}
    usage = value["leaf|src|p|vm|C|USD"] + value["leaf|src|p|~other|C|USD"]
    assert value["leaf|src|p|~tax|C|USD"] == pytest.approx(0.1 * usage, rel=1e-3)


def test_a_planned_event_changes_its_scope_while_it_lasts(points: pl.DataFrame) -> None:
    """Half as much again for department Data in December, nothing in November and January, nothing for Shop."""
    months = points.filter((pl.col("grain") == "month") & (pl.col("scenario") == "likely"))
    planned = {
        (uid, day): float(y) for uid, day, y in months.select("series_id", "forecast_date", "planned_cost").iter_rows()
    }
    december = months.filter(
        (pl.col("series_id") == "leaf|src|p|vm|C|USD") & (pl.col("forecast_date") == date(2026, 12, 1))
    )["yhat"].item()
    assert planned["leaf|src|p|vm|C|USD", date(2026, 12, 1)] == pytest.approx(float(december) / 3, rel=1e-6)
    assert planned["department|Data|USD", date(2026, 11, 1)] == 0
    assert planned["department|Data|USD", date(2027, 1, 1)] == 0
    assert planned["department|Shop|USD", date(2026, 12, 1)] == 0


def test_an_amount_a_month_is_spread_over_its_days_and_leaves_and_credits_end() -> None:
    leaves = [Leaf("s", "p", name, "A", "D", "USD") for name in ("vm", "db", "~credit")]
    days = [date(2026, 11, 1) + timedelta(days=at) for at in range(30)]
    now = np.array([[30.0] * 30, [10.0] * 30, [-5.0] * 30])
    launch = Event("launch", "launch", "total", None, days[0], date(9999, 12, 31), None, 1200.0, "USD")
    ends = Event("end", "credits_end", "total", None, days[10], date(9999, 12, 31), None, None, None)
    change = planned_changes([launch, ends], parts_of([launch, ends], leaves, NO_MIX), leaves, now, days)
    assert change[0] == pytest.approx(np.full(30, 30.0))  # 1200 / 30 days, three quarters of it
    assert change[1] == pytest.approx(np.full(30, 10.0))
    assert change[2].tolist() == [0.0] * 10 + [5.0] * 20


def test_an_amount_in_a_currency_that_is_not_billed_is_converted_into_the_one_that_most_is_billed_in() -> None:
    """Shop is billed 40 USD and 60 EUR at 1.2; 750 GBP at 1.6 are 1200 USD, so 1000 EUR. Nothing says what a JPY is."""
    usage = {
        Leaf("s", "p", "vm", "A", department, currency): Series(
            f"{department}{currency}", DAILY, START, np.array([cost])
        )
        for department, currency, cost in (("Shop", "USD", 40.0), ("Shop", "EUR", 60.0), ("Data", "USD", 900.0))
    }
    rates = {"USD": 1.0, "EUR": 1.2, "GBP": 1.6}
    pounds = Event("g", "launch", "department", "Shop", START, date(9999, 12, 31), None, 750.0, "GBP")
    kept = [replace(pounds, currency="JPY"), replace(pounds, currency="USD"), replace(pounds, scope_value="None")]
    found = in_billed_currency([pounds, *kept], usage, NO_MIX, rates)
    assert (found[0].monthly_amount, found[0].currency) == (1000.0, "EUR") and found[1:] == kept
    assert "+1,000.00 EUR a month (+750.00 GBP)" in found[0].assumption()


def test_an_event_of_a_unit_an_account_or_a_small_service_changes_its_part_of_the_leaves() -> None:
    """Account x has three quarters of A's vm and nothing of B's; mail is 2 of the 8 that `~other` of A costs."""
    leaves = [Leaf("s", "p", name, center, "D", "USD") for center, name in
              (("A", "vm"), ("B", "vm"), ("A", "~other"), ("A", "~credit"))]  # fmt: skip
    mix = pl.DataFrame(
        [("s", "x", "vm", "A", "USD", 30.0), ("s", "y", "vm", "A", "USD", 10.0), ("s", "y", "vm", "B", "USD", 20.0),
         ("s", "y", "mail", "A", "USD", 2.0), ("s", "y", "dns", "A", "USD", 6.0)],
        schema=NO_MIX.schema, orient="row",
    )  # fmt: skip
    end = date(9999, 12, 31)
    unit = Event("u", "launch", "business_unit", "U", START, end, 10.0, None, None, frozenset({"A"}))
    account = Event("a", "migration", "sub_account", "x", START, end, -50.0, None, None)
    service = Event("s", "price_change", "service", "mail", START, end, None, 310.0, "USD")
    nowhere = Event("n", "launch", "service", "no such", START, end, 10.0, None, None)
    events = [unit, account, service, nowhere]
    parts = parts_of(events, leaves, mix)
    assert parts.tolist() == [[1, 0, 1, 1], [0.75, 0, 0, 0.625], [0, 0, 0.25, 0], [0, 0, 0, 0]]
    now = np.array([[40.0], [20.0], [8.0], [-5.0]])
    change = planned_changes(events, parts, leaves, now, [date(2026, 10, 1)])
    assert change.tolist() == [[4 - 15], [0], [pytest.approx(0.8 + 10)], [0]]


def test_an_event_that_has_begun_is_not_counted_twice() -> None:
    """10 a day and 15 since an event of +50 %; 3, and 4 since one of 31 a month; what was switched off stays off."""
    leaves = [Leaf("s", "p", "vm", center, "D", "USD") for center in "ABC"]
    values = [np.array([10.0] * 4 + [15.0] * 3), np.array([3.0] * 4 + [4.0] * 3), np.array([9.0] * 4 + [0.0] * 3)]
    usage = {
        leaf: Series(leaf.series_id, "D", date(2026, 10, 1), one) for leaf, one in zip(leaves, values, strict=True)
    }
    begun, end = date(2026, 10, 5), date(9999, 12, 31)
    events = [
        Event("a", "launch", "cost_center", "A", begun, end, 50.0, None, None),
        Event("b", "migration", "cost_center", "B", begun, end, None, 31.0, "USD"),
        Event("c", "other", "cost_center", "C", begun, end, -100.0, None, None),
    ]
    clean = without_events(usage, events, NO_MIX)
    assert [clean[leaf].values.tolist() for leaf in leaves] == [[10.0] * 7, [3.0] * 7, [9.0] * 4 + [0.0] * 3]
    next_day = np.array([[10.0], [3.0], [0.0]])
    change = planned_changes(events, parts_of(events, leaves, NO_MIX), leaves, next_day, [date(2026, 10, 8)])
    assert (next_day + change).tolist() == [[15], [4], [0]]


def test_a_charge_that_missed_a_month_is_not_expected_and_the_31st_falls_on_the_last_day(costs: pl.DataFrame) -> None:
    once = row(date(2026, 10, 5), "x", "A", "credit", -40.0)
    last = [row(date(2026, m, d), "x", "B", "fee", 7.0) for m, d in ((8, 31), (9, 30), (10, 31))]
    panel = ledger_panel(pl.concat([costs, pl.DataFrame([once, *last])]))
    assert panel is not None
    found = {(leaf.service_name, leaf.cost_center_id): days
             for leaf, days in scheduled_costs(panel, date(2026, 11, 30), {}).items()}  # fmt: skip
    assert ("~credit", "A") not in found
    assert {day: cost for day, cost in found["~fee", "B"].items() if cost} == {date(2026, 11, 30): 7.0}
