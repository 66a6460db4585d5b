"""Proposed budgets: once per month, within locked ones, spread over a year by its season; the sum stays."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.budgets.distribution import Total
from forecasting.budgets.outlook import held_of
from forecasting.budgets.proposals import (
    SeasonMonth,
    by_season,
    hold_within,
    unplanned_months,
    with_proposals,
    with_seasons,
)
from forecasting.budgets.rows import Outlook
from forecasting.results import BacktestRow

OCTOBER_31 = date(2026, 10, 31)


def month_budget(number: int, amount: str = "1200", name: str = "shop", **fields) -> dict:
    starts = date(2026, number, 1)
    ends = (starts + timedelta(31)).replace(day=1)
    return {"budget_id": name, "period": f"{starts:%Y-%m}", "version": 1, "amount": Decimal(amount), "scope": "total",
            "scope_value": None, "is_locked": "no", "starts_on": starts, "ends_on": ends} | fields  # fmt: skip


def outlook(budget: dict, likely: float = 100.0, as_of: date = OCTOBER_31) -> Outlook:
    source = SimpleNamespace(accuracy=0.9, model="mean")
    rest = Total(likely - 30, likely - 20, likely, likely + 20, likely + 30)
    return Outlook(budget, as_of, Decimal(0), rest, 0.0, 0.0, 90, source)  # type: ignore[arg-type]


NO_COSTS = pl.DataFrame(
    schema={"scope": pl.String, "scope_value": pl.String, "charge_date": pl.Date, "cost": pl.Float64}
)


def test_a_year_of_equal_months_is_a_twelfth_each_times_the_season():
    """12,000 a year; days of December cost 1.5 of a mean day, all others 0.9: of months of 30 days December takes
    1.5 / (11 × 0.9 + 1.5) = 1.5 / 11.4 of it, 1,578.95; each other one 947.37 or a cent less."""
    months = [SeasonMonth(f"2027-{n:02}", 30, 100_000, Decimal("1.5" if n == 12 else "0.9")) for n in range(1, 13)]
    spread = by_season(months)
    assert spread[-1] == 157_895 and set(spread[:-1]) == {94_736, 94_737}
    assert sum(spread) == 1_200_000


def test_two_months_share_their_sum_by_days_and_season():
    """2,400: November 30 days at 0.8 are 24, December 31 at 1.6 are 49.6: 24 / 73.6 and 49.6 / 73.6 of it."""
    months = [SeasonMonth("2026-11", 30, 120_000, Decimal("0.8")), SeasonMonth("2026-12", 31, 120_000, Decimal("1.6"))]
    assert by_season(months) == [78_260, 161_740]


def test_a_season_below_the_threshold_moves_nothing():
    """November 0.9 and December 1.1: 1,062.30 and 1,337.70 of 1,200 each are 11.5 % away."""
    months = [SeasonMonth("2026-11", 30, 120_000, Decimal("0.9")), SeasonMonth("2026-12", 31, 120_000, Decimal("1.1"))]
    assert by_season(months) == [120_000, 120_000]


def test_a_plan_that_differs_without_a_season_stays_as_a_person_made_it():
    months = [SeasonMonth("2026-11", 30, 4_000_000, Decimal(1)), SeasonMonth("2026-12", 31, 200_000, Decimal("1.001"))]
    assert by_season(months) == [4_000_000, 200_000]


@given(st.lists(st.tuples(st.integers(28, 31), st.integers(0, 10**12), st.integers(0, 5_000_000)), max_size=12))
def test_a_season_moves_money_and_makes_none(months):
    spread = by_season([SeasonMonth("m", days, cents, Decimal(index) / 10**6) for days, cents, index in months])
    assert sum(spread) == sum(cents for _, cents, _ in months)
    assert all(cents >= 0 for cents in spread)


def test_months_to_come_are_spread_once_a_year_and_locked_or_begun_ones_stay():
    indexes = {("shop", "2026-10"): Decimal("0.9"), ("shop", "2026-11"): Decimal("0.8"),
               ("shop", "2026-12"): Decimal("1.6"), ("held", "2026-11"): Decimal("0.8"),
               ("held", "2026-12"): Decimal("1.6")}  # fmt: skip
    budgets = [month_budget(n) for n in (10, 11, 12)]
    budgets += [month_budget(n, name="held", is_locked="yes") for n in (11, 12)]
    budgets += [month_budget(n, name="young") for n in (11, 12)]  # no season is known of it
    rows = with_seasons([], budgets, indexes, OCTOBER_31)
    assert [(row["to_budget_id"], row["period"], row["amount"], row["amount_after"]) for row in rows] == [
        ("shop", "2026-11", Decimal("-417.40"), Decimal("782.60")),
        ("shop", "2026-12", Decimal("417.40"), Decimal("1617.40")),
    ]
    assert with_seasons(rows, budgets, indexes, date(2026, 11, 5)) == rows


def test_a_budget_whose_next_month_nobody_planned_is_proposed_too():
    budgets = [
        month_budget(10),
        month_budget(10, name="other"),
        month_budget(11, name="other"),
        month_budget(9, name="x"),
    ]
    assert [(b["budget_id"], b["period"], b["ends_on"]) for b in unplanned_months(budgets, date(2026, 11, 1))] == [
        ("shop", "2026-11", date(2026, 12, 1))
    ]


@pytest.mark.parametrize(
    ("days", "history", "growth"),
    [
        # 10 a day: 280 in February and 310 in March are no growth of 10.7 %, and April has 30 days.
        ([date(2026, 2, 1) + timedelta(number) for number in range(59)], "300.00", "0.000000"),
        # 10 on three days of each: days without costs count. 30 in 31 days after 30 in 28 are a fall, to 29.03 in 30.
        ([date(2026, month, day) for month in (2, 3) for day in (1, 11, 21)], "29.03", "-0.096774"),
        # Known from the 15th of February and until the 29th of March only: 140 in 14 and 290 in 29 days.
        ([date(2026, 2, 15) + timedelta(number) for number in range(43)], "300.00", "0.000000"),
    ],
)
def test_months_before_are_compared_by_the_day(days, history, growth):
    costs = pl.DataFrame({"scope": "total", "scope_value": "", "charge_date": days, "cost": [10.0] * len(days)})
    as_of = date(2026, 3, 29) if days[-1] == date(2026, 3, 29) else date(2026, 3, 31)
    [row] = with_proposals([], [outlook(month_budget(4), as_of=as_of)], costs, {}, {})
    assert (row["history_amount"], row["growth_ratio"]) == (Decimal(history), Decimal(growth))


def test_the_confidence_of_a_proposal_is_how_often_its_last_six_intervals_held():
    """Of seven tested forecasts the oldest does not count; three held on all of 10 days, three on 5 of 10."""
    row = BacktestRow("total|", OCTOBER_31, "day", 10, "Combined", 0, 0, 0, 0, None, None, None)
    shares = [0.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5]
    tested = [
        replace(row, origin=OCTOBER_31 - timedelta(70 - number), covered80=share) for number, share in enumerate(shares)
    ]
    assert held_of([row, *tested[::-1]]) == {"total|": 0.75}
    [proposed] = with_proposals([], [replace(outlook(month_budget(11)), held=0.75)], NO_COSTS, {}, {})
    assert proposed["confidence"] == Decimal("0.75")


@pytest.mark.parametrize(
    ("as_of", "proposed"), [(date(2026, 10, 31), 1), (date(2026, 11, 5), 1), (date(2026, 11, 6), 0)]
)
def test_a_month_is_proposed_on_its_eve_or_within_five_days_and_once(as_of, proposed):
    due = [outlook(month_budget(11), as_of=as_of)]
    rows = with_proposals([], due, NO_COSTS, {}, {})
    assert len(rows) == proposed
    assert with_proposals(rows, due, NO_COSTS, {}, {}) == rows
    if proposed:
        assert [rows[0][name] for name in ("amount", "amount_after", "conservative_amount", "aggressive_amount")] == [
            Decimal("-1100"), Decimal("100"), Decimal("120"), Decimal("80")
        ]  # fmt: skip


def test_proposals_fit_into_the_locked_budget_above_them():
    """100 and 200 likely, 80 and 140 at least: of 240 the 60 too much are three quarters of 20 and of 60."""
    amounts, bound_by = hold_within(
        {"a": Decimal(100), "b": Decimal(200), "c": Decimal(50)},
        {"a": Decimal(80), "b": Decimal(140), "c": Decimal(40)},
        {"department": (Decimal(240), {"a", "b"}), "company": (Decimal(1000), {"a", "b", "c"})},
    )
    assert amounts == {"a": Decimal(85), "b": Decimal(155), "c": Decimal(50)}
    assert bound_by == {"a": "department", "b": "department"}


def test_nothing_is_proposed_below_what_one_future_in_ten_costs():
    amounts, bound_by = hold_within({"a": Decimal(100)}, {"a": Decimal(80)}, {"company": (Decimal(10), {"a"})})
    assert (amounts, bound_by) == ({"a": Decimal(80)}, {"a": "company"})


def test_a_proposal_names_the_locked_budget_that_holds_it():
    held = with_proposals([], [outlook(month_budget(11))], NO_COSTS, {}, {"company": (Decimal(90), {"shop"})})
    assert (held[0]["amount_after"], held[0]["constrained_by"]) == (Decimal(90), "company")
    assert held[0]["reason"] == "likely cost by mean, 100.00, held within company"
