"""How much to commit: the numbers of the domain page 1.9.2 and 1.9.3, and brute force on small problems."""

import inspect
import json
import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting import purchase_guards
from forecasting.commitments import (
    best_capacity,
    best_commitment,
    break_even_months,
    marginal_saving,
    outcome,
    plan_outcome,
)
from forecasting.purchase_guards import guarded, warnings
from forecasting.purchase_inputs import Offer, Pool, left_to_cover, read_pools
from forecasting.purchase_plan import plan_pool
from pipelines.cli.savings import GUARDS

D = Decimal
DAY = [D(40)] * 8 + [D(70)] * 10 + [D(100)] * 6  # 24 hours, 1620 in all
TWO_PRICES = [[(D("0.5"), D(10)), (D("0.2"), D(20))], [(D("0.5"), D(10)), (D("0.2"), D(0))]] * 2


@pytest.mark.parametrize(
    ("capacity", "cost", "utilisation", "coverage", "rate"),
    [
        (40, "1351.2", "1.0000", "0.5926", "0.1659"),
        (70, "1389.6", "0.8571", "0.8889", "0.1422"),
        (100, "1728.0", "0.6750", "1.0000", "-0.0667"),
    ],
)
def test_more_coverage_loses_at_28_percent(capacity, cost, utilisation, coverage, rate):
    """The domain page's table: 24 hours of 8 × 40, 10 × 70, 6 × 100."""
    done = outcome(D(capacity), DAY, D("0.28"))
    found = [round(v, 4) for v in (done.utilisation, done.coverage, done.effective_savings_rate)]
    assert done.total_cost == D(cost)
    assert found == [D(utilisation), D(coverage), D(rate)]


def test_the_discounts_quantile_is_the_best_size():
    """28 % of 24 hours is the 7th smallest, 40; 40 % is the 10th, 70 at a cost of 1188."""
    assert best_capacity(DAY, D("0.28")) == 40
    assert best_capacity(DAY, D("0.40")) == 70
    assert outcome(D(70), DAY, D("0.40")).total_cost == 1188


def test_rightsizing_before_committing_costs_1036_80_a_day_and_after_it_1728():
    """Flat 100 an hour at 28 %. Commit 100, use 60: 24 × 72 = 1728. Use 60, commit 60: 24 × 43.2 = 1036.80."""
    smaller = [D(60)] * 24
    assert outcome(D(100), smaller, D("0.28")).total_cost == 1728
    assert outcome(best_capacity(smaller, D("0.28")), smaller, D("0.28")).total_cost == D("1036.8")


@pytest.mark.parametrize(("commitment", "cost"), [(0, 80), (5, 60), ("10", "67.5"), (13, 72), (21, 84)])
def test_a_plan_serves_the_highest_discount_first(commitment, cost):
    """Four hours of 10 at 50 %, two of them with 20 at 20 % beside: the domain page's table."""
    assert plan_outcome(D(commitment), TWO_PRICES).total_cost == D(cost)


def test_the_best_plan_over_two_prices_is_5_an_hour_with_a_savings_rate_of_a_quarter():
    assert best_commitment(TWO_PRICES) == 5
    assert plan_outcome(D(5), TWO_PRICES).effective_savings_rate == D("0.25")


amounts = st.decimals(min_value=0, max_value=50, places=1)
discounts = st.decimals(min_value=D("0.05"), max_value=D("0.80"), places=2)


@given(st.lists(amounts, min_size=1, max_size=12), discounts)
@settings(max_examples=150)
def test_no_size_costs_less_than_the_quantile(demand, discount):
    """Brute force over every amount that demand has, and those between."""
    best = outcome(best_capacity(demand, discount), demand, discount).total_cost
    tried = {D(0), *demand, *(amount / 2 for amount in demand), *(amount + D("0.1") for amount in demand)}
    assert best == min(outcome(size, demand, discount).total_cost for size in (*tried, best_capacity(demand, discount)))


@given(st.lists(st.lists(st.tuples(discounts, amounts), min_size=1, max_size=3), min_size=1, max_size=6))
@settings(max_examples=100)
def test_no_plan_over_several_prices_costs_less_than_the_optimiser(hours):
    """Brute force over a grid of commitments, finer than any bend."""
    best = plan_outcome(best_commitment(hours), hours).total_cost
    most = max(sum(usage * (1 - discount) for discount, usage in hour) for hour in hours)
    tried = [most * n / 97 for n in range(98)]
    assert best <= min(plan_outcome(size, hours).total_cost for size in tried) + D("1e-20")


@given(st.lists(amounts, min_size=1, max_size=12), discounts)
@settings(max_examples=100)
def test_one_price_is_the_special_case_of_several(demand, discount):
    """The plan's optimiser and the quantile reach the same cost."""
    single = outcome(best_capacity(demand, discount), demand, discount).total_cost
    hours = [[(discount, usage)] for usage in demand]
    assert abs(plan_outcome(best_commitment(hours), hours).total_cost - single) < D("1e-20")


@given(st.lists(amounts, min_size=1, max_size=8), amounts, amounts)
@settings(max_examples=100)
def test_replaying_the_bill_takes_off_only_what_no_commitment_pays(usage, capacity, saving):
    """The domain page's bill(X) - bill(X - δ) is the smaller of the saving and what runs on demand, hour by hour."""

    def bill(hours):
        return sum((max(hour - capacity, D(0)) for hour in hours), D(0))

    done = [min(saving, hour) for hour in usage]
    replayed = bill(usage) - bill([hour - less for hour, less in zip(usage, done, strict=True)])
    on_demand = [max(hour - capacity, D(0)) for hour in usage]
    assert replayed == sum((min(less, od) for less, od in zip(done, on_demand, strict=True)), D(0))


@pytest.mark.parametrize(("discount", "months", "even"), [("0.28", 12, "8.64"), ("0.50", 36, "18")])
def test_break_even_is_the_price_times_the_term(discount, months, even):
    assert break_even_months(D(discount), months) == D(even)


def test_one_more_unit_is_worth_nothing_at_the_best_size():
    """Of ten hours seven have demand left, so at 30 % off one more unit neither saves nor costs."""
    assert marginal_saving([D(0)] * 3 + [D(5)] * 7, D("0.30")) == 0
    assert marginal_saving([D(5)] * 10, D("0.30")) == D("0.30")


TODAY = date(2026, 10, 31)


def test_a_first_purchase_is_cut_to_80_percent_and_bought_in_twelve_steps():
    """Nothing is committed yet: a quarter of it would all end together, a twelfth is below a fifth."""
    kept = guarded(D(100), [D(100)] * 24, D(0), 12, None, TODAY)
    assert (kept.capacity, kept.now) == (80, D(80) / 12)
    assert kept.findings == ["first_purchase_80_percent", "ladder_of_12"]


def test_beside_enough_existing_commitments_a_quarter_is_bought_at_once():
    """A quarter of 100 is a fifth of 125 of which 25 exist already."""
    kept = guarded(D(100), [D(100)] * 24, D(25), 12, None, TODAY)
    assert (kept.capacity, kept.now) == (100, 25)


def test_three_years_cover_no_more_than_the_worst_twentieth_of_hours():
    kept = guarded(D(100), [D(30)] * 5 + [D(100)] * 95, D(500), 36, None, TODAY)
    assert kept.capacity == 30
    assert "long_term_capped_at_p5" in kept.findings


def test_nothing_is_bought_within_three_days_of_a_purchase():
    assert guarded(D(100), [D(100)], D(500), 12, TODAY - timedelta(days=2), TODAY).now == 0
    assert guarded(D(100), [D(100)], D(500), 12, TODAY - timedelta(days=3), TODAY).now == 25


def test_every_word_of_a_guard_rail_is_said_in_a_sentence():
    words = set(re.findall(r'"([a-z0-9_]{9,})"', inspect.getsource(purchase_guards)))
    assert len(words) == 10 and set(GUARDS) == words | {"ladder_of_4", "ladder_of_12"}


@pytest.mark.parametrize("why", [purchase_guards.NOT_BILLED_YET, purchase_guards.OPEN_ANOMALY])
def test_nothing_is_bought_while_usage_or_commitments_are_not_known(why):
    kept = guarded(D(100), [D(100)], D(500), 12, TODAY - timedelta(days=30), TODAY, holds=[why])
    assert (kept.now, kept.capacity, kept.findings[-1]) == (0, 100, why)


def test_a_pool_waits_during_its_anomalies_and_knows_its_provider_s_forecast():
    con = duckdb.connect()
    con.execute("""
        create table int_commitments__demand as
        select 'p/' || service as pool_id, 'aws' as provider, 'a' as billing_account_id, 'compute' as program,
            'USD' as currency, service as service_name, 'eu' as region_id, 'm5' as family, 1 as is_hourly,
            false as falls, timestamp '2026-10-01' as charge_hour, 10::decimal(28, 12) as residual_cost,
            10::decimal(28, 12) as residual_before_reductions
        from (values ('EC2'), ('RDS')) as services(service);
        create table int_commitments__hours (pool_id text, covered_cost decimal(28, 12), charge_date date);
        create table int_savings__window as
        select date '2026-10-01' as first_day, date '2026-10-30' as last_day, 30 as days;
        create table int_commitments__purchases (pool_id text, last_purchase date, not_billed_yet boolean);
        create table int_commitments__open_anomalies as select 'p/EC2' as pool_id;
        create table int_commitments__outlook as
        select 'aws' as provider, 'USD' as currency, 0.8 as low, 1.0 as likely, 1.5 as high;
    """)

    pools = {pool.pool_id: pool for pool in read_pools(con)}

    assert {name: pool.reasons_to_wait for name, pool in pools.items()} == {
        "p/EC2": [purchase_guards.OPEN_ANOMALY], "p/RDS": [],
    }  # fmt: skip
    assert [pool.outlook for pool in pools.values()] == [[D("0.8"), 1, D("1.5")]] * 2


def test_a_band_holds_what_the_forecast_of_the_year_makes_of_the_savings():
    """10 an hour, of which 80 % are bought at 30 % off: 2.40 saved. Half the usage leaves 5 to cover of 8: -0.60."""
    pool = Pool("p/a/x/USD", "p", "a", "x", "USD", outlook=[D("0.5"), D(1), D("1.5")])
    pool.usage["Machines", "eu", "m5"] = {datetime(2026, 10, 1) + timedelta(hours=hour): D(10) for hour in range(48)}
    offer = Offer("sp", "Plan", "savings_plan", None, D("0.3"), 12, "No Upfront", D(0), "decision")

    [plan], _ = plan_pool(pool, [offer], TODAY)

    band = (plan["savings_low_month"], plan["savings_month"], plan["savings_high_month"])
    assert band == (D("-0.6") * 730, D("2.4") * 730, D("2.4") * 730)


def test_what_is_committed_stays_when_usage_falls_so_that_demand_bears_it_all():
    """30 of 40 an hour are covered: 10 % less usage is 4 an hour less, and leaves 6 of the 10 on demand; 30 % none."""
    pool = Pool("p/a/x/USD", "p", "a", "x", "USD", covered_hour=D(30))
    pool.usage["Machines", "eu", "m5"] = {datetime(2026, 10, 1) + timedelta(hours=hour): D(10) for hour in range(48)}

    assert [left_to_cover(pool, D(growth)) for growth in ("0.9", "0.7", "1.1")] == [D("0.6"), 0, D("1.4")]
    assert left_to_cover(replace(pool, covered_hour=D(1000)), D("1.1")) == 1
    pool.usage["Machines", "eu", "m5"] = {datetime(2026, 10, 1): D(0)}
    assert left_to_cover(replace(pool, covered_hour=D(0)), D("1.1")) == 1


def test_a_plan_says_that_planned_falls_are_off():
    pool = Pool("p/a/x/USD", "p", "a", "x", "USD", covered_hour=D(1000), falls=True)
    pool.usage["Machines", "eu", "m5"] = {datetime(2026, 10, 1) + timedelta(hours=hour): D(7) for hour in range(48)}
    offer = Offer("sp", "Plan", "savings_plan", None, D("0.3"), 12, "No Upfront", D(0), "decision")

    [plan], _ = plan_pool(pool, [offer], TODAY)

    assert purchase_guards.PLANNED_FALLS in json.loads(plan["guard_rails"])


def test_sustained_use_ends_where_a_commitment_covers_it():
    """List price 10 an hour, 30 % off by sustained use: 7. A commitment at 37 % off the list costs 6.30, so it takes
    1 - 6.3 / 7 = 10 % off what is paid now: 0.70 an hour, 511 a month, not 37 % of 7. One at 28 % takes off nothing."""
    pool = Pool("p/a/compute/USD", "p", "a", "compute", "USD", covered_hour=D(1000))
    machines = ("Machines", "eu", "n1")
    pool.usage[machines] = {datetime(2026, 10, 1) + timedelta(hours=hour): D(7) for hour in range(48)}
    pool.reduced[machines] = (D(480), D(336))
    cud = Offer("cud", "CUD", "savings_plan", None, D("0.37"), 12, "Monthly", D(0), "decision")

    [plan], _ = plan_pool(pool, [cud, replace(cud, offer_id="weak", discount=D("0.28"))], TODAY)

    assert (plan["offer_id"], plan["discount"], plan["guarded_commitment_hour"]) == ("cud", D("0.1"), D("6.3"))
    assert plan["savings_month"] == 511


def test_reservations_are_for_a_region_and_family_and_each_is_sized_by_its_own_usage():
    """10 of m5 by day, 10 of r5 by night: a plan at 30 % covers 10 always and saves 3 an hour; a reservation of one
    family is used in half of the hours, and at 45 % off would have to be in 55 %."""
    pool = Pool("p/a/compute/USD", "p", "a", "compute", "USD", covered_hour=D(1000))
    for hour in range(48):
        family = "m5" if 8 <= hour % 24 < 20 else "r5"
        pool.usage["Machines", "eu", family][datetime(2026, 10, 1) + timedelta(hours=hour)] = D(10)
    pool.usage["Machines", "us", "m5"] = {datetime(2026, 10, 1) + timedelta(hours=h): D(4) for h in range(48)}
    reserved = Offer("ri", "RI", "reservation", "Machines", D("0.45"), 12, "No Upfront", D(0), "decision")
    plan = Offer("sp", "Plan", "savings_plan", None, D("0.30"), 12, "No Upfront", D(0), "decision")

    rows = {row["offer_id"]: row for row in plan_pool(pool, [reserved, plan], TODAY)[0]}

    # In layers: 4 in the other region reserved saves 1.80 an hour, the plan on the 10 above it 3.00.
    assert {name: (row["scope"], row["savings_month"]) for name, row in rows.items() if row["is_chosen"]} == {
        "ri/us/m5": ("Machines us m5", 1314),
        "sp": (None, 2190),
    }
    assert rows["ri/eu/m5"]["savings_month"] == rows["ri/eu/r5"]["savings_month"] == 0


def test_the_discount_of_known_sizes_says_nothing_of_unknown_ones_beside_them():
    """What the bill shows of reserved machines is offered for m5, not for a GPU; a person's offer is for both."""
    pool = Pool("p/a/compute/USD", "p", "a", "compute", "USD", covered_hour=D(1000))
    for family in ("m5", ""):
        pool.usage["Machines", "eu", family] = {datetime(2026, 10, 1) + timedelta(hours=h): D(10) for h in range(48)}
    seen = Offer("observed/ri", "RI", "reservation", "Machines", D("0.40"), 12, None, D(0), "bill")

    assert [offer.only for offer in pool.offers_here([seen])] == [("Machines", "eu", "m5")]
    assert len(pool.offers_here([replace(seen, source="decision")])) == 2


PROGRAMS = {
    # Domain page 1.9.3, 1.9.4, 1.5.9 and 1.6: what is compared with what, at discounts that a customer might have.
    "ri, sp": ("compute", [("ri", "reservation", "0.40"), ("sp", "savings_plan", "0.28")]),
    "rds ri, database sp": ("databases", [("rds-ri", "reservation", "0.35"), ("db-sp", "savings_plan", "0.20")]),
    "azure": ("compute", [("reservation", "reservation", "0.41"), ("savings-plan", "savings_plan", "0.25")]),
    "gcp": ("compute", [("cud-resource", "reservation", "0.37"), ("cud-flexible", "savings_plan", "0.28")]),
}


@pytest.mark.parametrize(("program", "kinds"), PROGRAMS.values(), ids=list(PROGRAMS))
def test_every_kind_of_offer_is_in_the_plan_and_in_the_what_if(program, kinds):
    """A steady 10 an hour: the cheaper, narrower one takes it all; 730 × 10 × its discount a month."""
    pool = Pool("p/a/x/USD", "p", "a", program, "USD", covered_hour=D(1000))
    pool.usage["Service", "eu", "family"] = {datetime(2026, 10, 1) + timedelta(hours=h): D(10) for h in range(48)}
    offers = [Offer(name, name, kind, None, D(off), 12, None, D(0), "decision") for name, kind, off in kinds]

    plans, sizes = plan_pool(pool, offers, TODAY)

    assert [(p["savings_month"], p["is_chosen"]) for p in plans] == [
        (7300 * D(kinds[0][2]), True),
        (7300 * D(kinds[1][2]), False),
    ]
    assert {row["offer_id"] for row in sizes if row["is_best"]} == {p["offer_id"] for p in plans}
    assert {p["action_type"] for p in plans} == {"PurchaseSavingsPlans", "PurchaseReservedInstances"}


def test_poor_use_poor_return_late_break_even_and_daily_data_are_said():
    """100 bought for 24 hours of DAY at 5 %: used 67.5 %, a loss, and even after 11.4 months."""
    done = outcome(D(100), DAY, D("0.05"))
    assert warnings(done, D("0.05"), 12, False) == [
        "utilisation_below_80_percent",
        "return_below_10_percent",
        "break_even_after_9_months",
        "daily_data_hides_peaks",
    ]
    assert warnings(outcome(D(40), DAY, D("0.28")), D("0.28"), 12, True) == []


def test_reserved_databases_are_compared_with_a_plan_over_all_databases():
    """RDS 10 an hour, a cache 10. Reserving RDS at 36 % saves 3.60, a plan over both at 20 % saves 4.00 an hour alone;
    in layers 3.60 and 2.00 on the cache: 5.60 an hour, 4,088 a month. At 15 % it is no layer below a plan."""
    pool = Pool("p/a/databases/USD", "p", "a", "databases", "USD", covered_hour=D(1000))
    start = datetime(2026, 10, 1)
    for hour in range(48):
        pool.usage["Relational", "", ""][start + timedelta(hours=hour)] = D(10)
        pool.usage["Cache", "", ""][start + timedelta(hours=hour)] = D(10)
    reserved = Offer("ri", "RI", "reservation", "Relational", D("0.36"), 12, "No Upfront", D(0), "decision")
    plan = Offer("db-sp", "Database plan", "savings_plan", None, D("0.20"), 12, "No Upfront", D(0), "decision")

    plans, sizes = plan_pool(pool, [reserved, plan], TODAY)

    assert [(p["offer_id"], p["is_chosen"], p["savings_month"]) for p in plans] == [
        ("ri", True, D("2628")),
        ("db-sp", True, D("1460")),
    ]
    assert [p["guarded_commitment_hour"] for p in plans] == [D("6.4"), 8]
    assert {row["offer_id"] for row in sizes if row["is_best"]} == {"ri", "db-sp"}
    assert all(row["savings_month"] == 0 for row in sizes if row["capacity_hour"] == 0)
    dear = replace(reserved, discount=D("0.15"))
    assert [(p["offer_id"], p["is_chosen"], p["savings_month"]) for p in plan_pool(pool, [dear, plan], TODAY)[0]] == [
        ("db-sp", True, D("2920")),
        ("ri", False, D("1095")),
    ]


def test_a_reservation_takes_the_stable_base_and_a_plan_what_comes_above_it():
    """10 by night and 30 by day of one service. A tenth of the hours use 10: 10 reserved at 40 % saves 4.00 an hour,
    the 20 above it are used half of the time: worth buying only at more than 50 % off, so a plan at 30 % buys none."""
    pool = Pool("p/a/databases/USD", "p", "a", "databases", "USD", covered_hour=D(1000))
    for hour in range(48):
        pool.usage["Relational", "", ""][datetime(2026, 10, 1) + timedelta(hours=hour)] = D(
            30 if 8 <= hour % 24 < 20 else 10
        )
        pool.usage["Cache", "", ""][datetime(2026, 10, 1) + timedelta(hours=hour)] = D(5)
    reserved = Offer("ri", "RI", "reservation", "Relational", D("0.40"), 12, "No Upfront", D(0), "decision")
    plan = Offer("db-sp", "Database plan", "savings_plan", None, D("0.30"), 12, "No Upfront", D(0), "decision")

    [below, above] = plan_pool(pool, [reserved, plan], TODAY)[0]

    assert (below["offer_id"], below["guarded_commitment_hour"], below["savings_month"]) == ("ri", 6, 2920)
    assert (above["offer_id"], above["guarded_commitment_hour"], above["savings_month"]) == ("db-sp", D("3.5"), 1095)
    assert below["is_chosen"] and above["is_chosen"]


hours_of_two = st.lists(st.tuples(amounts, amounts), min_size=24, max_size=24)


@given(hours_of_two, discounts, discounts)
@settings(max_examples=40)
def test_layers_never_save_more_than_a_replay_of_the_hours_says(hours, cheap, dear):
    """Each hour is served by the reservation, then by the plan; both are paid whether used or not."""
    pool = Pool("p/a/databases/USD", "p", "a", "databases", "USD", covered_hour=D(10_000))
    for number, (relational, cache) in enumerate(hours):
        pool.usage["Relational", "", ""][datetime(2026, 10, 1) + timedelta(hours=number)] = relational
        pool.usage["Cache", "", ""][datetime(2026, 10, 1) + timedelta(hours=number)] = cache
    reserved = Offer("ri", "RI", "reservation", "Relational", max(cheap, dear), 12, "No Upfront", D(0), "decision")
    plan = Offer("db-sp", "Plan", "savings_plan", None, min(cheap, dear), 12, "No Upfront", D(0), "decision")

    rows = {p["offer_id"]: p for p in plan_pool(pool, [reserved, plan], TODAY)[0] if p["is_chosen"]}

    held = {
        o.offer_id: rows[o.offer_id]["guarded_commitment_hour"] if o.offer_id in rows else D(0)
        for o in (reserved, plan)
    }
    room_ri, room_sp = (held[o.offer_id] / (1 - o.discount) for o in (reserved, plan))
    saved = D(0)
    for relational, cache in hours:
        by_ri = min(relational, room_ri)
        by_sp = min(relational + cache - by_ri, room_sp)
        saved += by_ri + by_sp - held["ri"] - held["db-sp"]
    claimed = sum((p["savings_month"] for p in rows.values()), D(0))
    assert abs(claimed - saved / 24 * 730) < D("0.000001")


def test_a_band_of_savings_holds_the_mean_that_the_newest_days_pull_down():
    """28 days of 10 save 2 an hour, the 29th of nothing loses 8: (28 · 2 - 8) / 29 · 730 = 1,208.28 a month.

    22 of the 23 weeks know nothing of that day: 1,460 at a tenth and at nine tenths.
    """
    pool = Pool("p/a/compute/USD", "p", "a", "compute", "USD", covered_hour=D(1000))
    start = datetime(2026, 10, 1)
    for hour in range(29 * 24):
        pool.usage["Compute", "", ""][start + timedelta(hours=hour)] = D(10 if hour < 28 * 24 else 0)
    offer = Offer("sp", "Plan", "savings_plan", None, D("0.20"), 12, "No Upfront", D(0), "decision")

    [row], _ = plan_pool(pool, [offer], TODAY)

    assert [round(row[f"savings_{name}month"], 2) for name in ("low_", "", "high_")] == [
        D("1208.28"), D("1208.28"), D(1460),
    ]  # fmt: skip
