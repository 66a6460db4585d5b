"""Budgets: probabilities from calibrated totals, alerts that come once, when reallocation begins, periods."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.budgets.distribution import Total
from forecasting.budgets.outlook import (
    is_back,
    leaves_its_band,
    locked_above,
    outlooks_of,
    usual_share,
    with_actual_alerts,
    with_forecast_alerts,
    with_reallocations,
)
from forecasting.budgets.plans import Plan, planned_cost, plans_of, usual_cost
from forecasting.budgets.rows import Outlook
from forecasting.memory import Memory
from pipelines.landing.outlook_checks import period_days

TOTAL = Total(50.0, 70.0, 100.0, 130.0, 150.0)
DAY = date(2026, 10, 10)


def outlook(actual="0", rest=TOTAL, amount="100", version=1, days=40) -> Outlook:
    budget = {"budget_id": "b", "period": "2026-10", "version": version, "amount": Decimal(amount),
              "starts_on": date(2026, 10, 1), "ends_on": date(2026, 11, 1)}  # fmt: skip
    return Outlook(budget, DAY, Decimal(actual), rest, 0.3, 0.3, days, None)  # type: ignore[arg-type]


def test_the_bounds_of_a_total_are_its_probabilities():
    assert TOTAL.chance_above(100) == pytest.approx(0.5)
    assert TOTAL.chance_above(130) == pytest.approx(0.1)
    assert TOTAL.chance_above(70) == pytest.approx(0.9)
    assert TOTAL.quantile(0.9) == pytest.approx(130)
    assert TOTAL.quantile(0.5) == pytest.approx(100)


@given(st.lists(st.floats(-1e9, 1e9), min_size=5, max_size=5), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_quantiles_rise_and_chances_are_probabilities_whatever_the_bounds(points, one, two):
    total = Total(*points)
    low, high = sorted((one, two))
    assert total.quantile(low) <= total.quantile(high)
    assert 0 <= total.chance_above(points[2]) <= 1
    assert total.chance_above(total.quantile(high)) <= total.chance_above(total.quantile(low))


LIMITS = [
    {"budget_id": "b", "period": "2026-10", "version": 1, "threshold_percent": Decimal(p)} for p in (90, 100, 110)
]


def run_before(share="1.2", day=DAY - timedelta(1), version=1) -> list[dict]:
    """The outlook that the last run landed: it expected this share of the budget."""
    return [{"budget_id": "b", "period": "2026-10", "version": version, "as_of_date": day,
             "expected_ratio": None if share is None else Decimal(share)}]  # fmt: skip


def test_a_forecast_alert_comes_once_per_threshold_and_version():
    """Expected 105 of 100: 100 % is passed, 110 % is not; 90 % is for what was spent."""
    first = with_forecast_alerts([], [outlook("5")], LIMITS, {}, run_before())
    assert [(a["threshold_percent"], a["expected_cost"]) for a in first] == [(100, Decimal("105.00"))]
    later = [replace(outlook("30"), as_of=DAY + timedelta(1))]
    again = with_forecast_alerts(first, later, LIMITS, {}, run_before(day=DAY))
    assert [(a["threshold_percent"], a["alert_date"]) for a in again] == [(100, DAY), (110, DAY + timedelta(1))]
    assert with_forecast_alerts(again, [outlook("0")], LIMITS, {}, run_before()) == again  # falling takes none away
    limits = [limit | {"version": 2} for limit in LIMITS]
    armed = with_forecast_alerts(again, [outlook("30", version=2)], limits, {}, run_before(version=2))
    assert len(armed) == 4


@pytest.mark.parametrize(
    ("before", "raised"),
    [
        (run_before("1.12"), [100, 110]),
        (run_before("1.05"), [100]),  # the same breach: 110 % was not passed then
        (run_before("1.004"), []),
        (run_before(None), []),  # what an earlier release landed
        (run_before(day=DAY), []),  # the same days once more
        (run_before(version=2), []),
        ([], []),
    ],
)
def test_a_forecast_alert_needs_the_same_breach_in_two_runs_in_a_row(before, raised):
    """Expected 130 of 100 now."""
    alerts = with_forecast_alerts([], [outlook("30")], LIMITS, {}, before)
    assert [alert["threshold_percent"] for alert in alerts] == raised


def test_a_planned_event_raises_what_a_forecast_must_pass():
    """105 expected of 100, of which a launch may take 6; of 4 that it may take the alert tells."""
    assert with_forecast_alerts([], [outlook("5")], LIMITS, {("b", "2026-10"): Decimal(106)}, run_before()) == []
    [alert] = with_forecast_alerts([], [outlook("5")], LIMITS, {("b", "2026-10"): Decimal(104)}, run_before())
    assert (alert["amount"], alert["raised_by"]) == (100, 4)


def test_no_forecast_alert_without_five_weeks_of_history_or_for_a_trifle():
    assert with_forecast_alerts([], [outlook("30", days=34)], LIMITS, {}, run_before()) == []
    assert with_forecast_alerts([], [outlook("0.4")], LIMITS, {}, run_before()) == []  # 0.4 %: below what matters


def test_an_alert_of_costs_stays_as_it_was_first_raised():
    """Half was spent on the 5th; later that turns out to be the 4th, and 75 % to be reached too."""
    half = LIMITS[0] | {"threshold_percent": Decimal(50), "alert_date": date(2026, 10, 5), "cost": Decimal(51)}
    more = half | {"threshold_percent": Decimal(75), "alert_date": DAY, "cost": Decimal(80)}
    kept = with_actual_alerts([], [half])
    assert with_actual_alerts(kept, [half | {"alert_date": date(2026, 10, 4), "cost": Decimal(60)}, more]) == [
        half,
        more,
    ]
    assert with_actual_alerts(kept, []) == [half]


SURE = Total(99.0, 99.5, 100.0, 100.5, 101.0)


@pytest.mark.parametrize(
    ("actual", "rest", "leaves"),
    [("16", SURE, True), ("14", SURE, False), ("16", TOTAL, False), ("-16", SURE, True)],
)
def test_reallocation_begins_at_15_percent_that_are_80_percent_sure(actual, rest, leaves):
    assert leaves_its_band(outlook(actual, rest), Decimal(100)) is leaves


def test_of_the_golden_department_three_budgets_leave_their_band():
    """Reference domain.md 6: +22, -17.5, +1.67 and -17.5 %."""
    forecasts = {"100000": "122000", "80000": "66000", "60000": "61000", "40000": "33000"}
    sure = Total(-2.0, -1.0, 0.0, 1.0, 2.0)
    left = [leaves_its_band(outlook(spent, sure, budget), Decimal(budget)) for budget, spent in forecasts.items()]
    assert left == [True, True, False, True]


def test_reallocation_waits_for_five_days_of_the_period():
    early = replace(outlook("16", SURE), as_of=date(2026, 10, 4))
    assert not leaves_its_band(early, Decimal(100))
    assert leaves_its_band(replace(early, as_of=date(2026, 10, 5)), Decimal(100))


def of(name: str, amount: str, **fields) -> Outlook:
    """A budget of 100 that costs 100 so far and nothing more, or what `amount` it has."""
    one = outlook("100", Total(-2.0, -1.0, 0.0, 1.0, 2.0), amount)
    scope = {"scope": "cost_center", "scope_value": name, "department": "Shop", "priority": 1, "is_locked": "no"}
    return replace(one, budget=one.budget | {"budget_id": name} | scope | fields)


def test_budgets_that_cover_the_same_costs_exchange_nothing():
    """50 too little for A; B has 100 too much and gives what A may get, 5; so would a second budget of B, or the
    department's."""
    short, rich = of("A", "50"), of("B", "200")
    moved = with_reallocations([], [short, rich], ())
    assert [(row["from_budget_id"], row["to_budget_id"], row["amount"]) for row in moved] == [("B", "A", Decimal(5))]
    again = of("B", "200", budget_id="B2")
    whole = of("Shop", "500", scope="department", scope_value="Shop")
    assert with_reallocations([], [short, rich, again], ()) == []
    assert with_reallocations([], [short, whole], ()) == []


def test_a_budget_that_money_was_moved_for_begins_no_other_move_before_it_came_back():
    """A costs 100 of 50, 55 after the move: no second one in November. 100 of 95 is back within 10 %."""
    short, rich = of("A", "50"), of("B", "200")
    first = with_reallocations([], [short, rich], ())
    november = [replace(one, as_of=date(2026, 11, 10)) for one in (short, rich)]
    assert with_reallocations(first, november, {("A", "2026-10", 1), ("B", "2026-10", 1)}) == first
    assert not is_back(short, Decimal(55)) and is_back(short, Decimal(95))


def test_a_locked_budget_stands_above_the_cost_centres_in_its_scope():
    lock = of("company", "500", scope="total", scope_value=None, is_locked="yes")
    shop = of("shop", "500", scope="department", scope_value="Shop", is_locked="yes")
    centers = [("A", "Shop", None), ("B", "Other", None)]
    assert locked_above([lock, shop], [lock, shop, of("A", "1"), of("B", "1"), of("C", "1")], centers) == {
        "company": (Decimal(500), {"A", "B"}),
        "shop": (Decimal(500), {"A"}),
    }


def test_days_that_are_hardly_known_are_forecast_and_not_taken_for_spent(tmp_path):
    """10 a day, known until the 28th of September; of the four days after it 1 came so far. Of October 310 are to come:
    September's last two days are none of it. Of August to October, 59 days count and 33 are to come. September is over,
    and its last two days are to come all the same; August is whole.
    """
    days = [date(2026, 8, 1) + timedelta(number) for number in range(63)]
    counted = date(2026, 9, 28)
    costs = pl.DataFrame(
        {
            "scope": "total", "scope_value": "", "charge_date": days, "counted_until": counted,
            "cost": [Decimal(10) if day <= counted else Decimal(1) for day in days],
        }
    )  # fmt: skip
    august, september, october, summer = (
        {"budget_id": "b", "period": "p", "scope": "total", "scope_value": None, "amount": Decimal(300),
         "starts_on": date(2026, first, 1), "ends_on": date(2026, end, 1)}
        for first, end in ((8, 9), (9, 10), (10, 11), (8, 11))
    )  # fmt: skip

    found = list(outlooks_of([august, september, october, summer], costs, Memory(tmp_path / "memory.parquet"), {}, {}))

    assert [(one.as_of, one.actual, round(one.rest.middle, 6)) for one in found] == [
        (counted, 280, 20),
        (counted, 0, 310),
        (counted, 590, 330),
    ]


def test_planned_events_are_in_a_budgets_forecast_once(tmp_path):
    """10 a day, 15 since the +50 % of the 11th of September, until the 9th of October; from the 6th 31 a month on
    top. October: 9 days of 15, 22 of 10 and 26 of 1."""
    days = [date(2026, 8, 1) + timedelta(number) for number in range(61)]
    costs = pl.DataFrame(
        {"scope": "total", "scope_value": "", "charge_date": days, "counted_until": days[-1],
         "cost": [Decimal(15) if day >= date(2026, 9, 11) else Decimal(10) for day in days]}
    )  # fmt: skip
    october = {"budget_id": "b", "period": "2026-10", "scope": "total", "scope_value": None, "amount": Decimal(300),
               "starts_on": date(2026, 10, 1), "ends_on": date(2026, 11, 1)}  # fmt: skip
    launch = {"scope": "total", "scope_value": "", "starts_on": date(2026, 9, 11), "ends_on": date(2026, 10, 10),
              "change_percent": Decimal(50), "monthly_amount": None, "first_credits": None,
              "other_credits": None}  # fmt: skip
    move = launch | {"starts_on": date(2026, 10, 6), "ends_on": date(9999, 12, 31), "change_percent": None,
                     "monthly_amount": Decimal(31)}  # fmt: skip
    memory = Memory(tmp_path / "memory.parquet")
    [found] = outlooks_of([october], costs, memory, {}, plans_of([launch, move]))
    assert found.rest.middle == pytest.approx(9 * 15 + 22 * 10 + 26 * 1)


def test_what_an_event_switched_off_stays_off_and_no_cost_falls_below_nothing():
    off, move = Plan(DAY, date.max, -100, 0), Plan(DAY, date.max, 0, 310)
    assert usual_cost([off], DAY, 0.0) == 0 and planned_cost([off], DAY, 5.0) == -5
    assert usual_cost([move], DAY, 4.0) == 0 and planned_cost([move], DAY, 4.0) == 10
    assert usual_cost([off, move], DAY - timedelta(1), 7.0) == 7


def test_credits_that_end_come_on_top_of_the_forecast_once():
    """31 a day less 3.1 of credits (93 on October's other days), on firsts less 20. From the 10th they are gone and
    10 % more is used: 34.1 where 27.9 would have been usual, and 11 on a first."""
    plan = Plan(DAY, date.max, 10, 0, 20, 93)
    assert planned_cost([plan], DAY - timedelta(1), 27.9) == 0 and usual_cost([plan], DAY - timedelta(1), 27.9) == 27.9
    assert 27.9 + planned_cost([plan], DAY, 27.9) == pytest.approx(34.1)
    assert usual_cost([plan], DAY, 34.1) == pytest.approx(27.9)
    assert 11 + planned_cost([plan], date(2026, 11, 1), 11) == pytest.approx(34.1)
    assert usual_cost([plan], date(2026, 11, 1), 34.1) == pytest.approx(11)


def test_the_usual_share_follows_the_weekdays():
    """100 on weekdays, nothing at weekends: of August 2026 (21 weekdays) its first ten days hold six."""
    days = [date(2026, 6, 1) + timedelta(number) for number in range(61)]
    costs = pl.DataFrame({"charge_date": days, "cost": [100 if day.weekday() < 5 else 0 for day in days]})
    share = usual_share(costs, date(2026, 8, 1), date(2026, 9, 1), date(2026, 8, 10), {})
    assert share == pytest.approx(6 / 21)


def test_the_usual_share_follows_the_season_of_each_month():
    """100 every day, but twice as much in December: of the quarter's 31 + 30 + 62 days' worth November ends at 61."""
    days = [date(2026, 6, 1) + timedelta(number) for number in range(122)]
    costs = pl.DataFrame({"charge_date": days, "cost": [100] * len(days)})
    seasons = {date(2026, 10, 1): 1.0, date(2026, 11, 1): 1.0, date(2026, 12, 1): 2.0}
    share = usual_share(costs, date(2026, 10, 1), date(2027, 1, 1), date(2026, 11, 30), seasons)
    assert share == pytest.approx(61 / 123)


@pytest.mark.parametrize(
    ("period", "days"),
    [("2026-12", (date(2026, 12, 1), date(2027, 1, 1))), ("2026-Q4", (date(2026, 10, 1), date(2027, 1, 1))),
     ("2026", (date(2026, 1, 1), date(2027, 1, 1))), ("2026-04..2027-03", (date(2026, 4, 1), date(2027, 4, 1))),
     ("2026-07..2026-12", (date(2026, 7, 1), date(2027, 1, 1))), ("2026-04..2027-04", None),
     ("2026-07..2026-06", None), ("0000", None), ("9999", None), ("2026-13", None), ("26-Q1", None)],
)  # fmt: skip
def test_periods_are_months_quarters_years_and_up_to_twelve_months(period, days):
    assert period_days(period) == days
