"""How good the allocation is: rates against the target, what nobody pays by why, and what later proved right."""

from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.landing.books import EVENTS, LINES
from tests.integration.allocation_models import Charge

CENTERS = [f"{name},X,,,,,,,1,0,," for name in "AB"]
TEAMS = ["t,1,tag,team,a,A,100,,,", "u,1,tag,team,b,B,100,,,", "acct,9,account,,acct,B,100,,,"]


def asked(models, charges: list[Charge], sql: str, **decisions: list[str]) -> list[tuple]:
    with models.allocated(charges, {"cost_centers": CENTERS} | decisions) as con:
        return con.execute(sql).fetchall()


def test_accuracy_is_weighed_by_confidence_and_held_against_the_target(models):
    """Of 200.00: tag 100 · 0.95, account 40 · 0.8, pool by heads 50 · 0.7, nobody 10: (95 + 32 + 35) / 200 = 0.81."""
    charges = [
        Charge("100", tags={"team": "a"}), Charge("40", "acct"), Charge("50", service="shared"), Charge("10"),
    ]  # fmt: skip
    pools = ["p,1,service,,shared,headcount_based,,,,,,"]
    sql = (
        "select allocation_rate, direct_rate, allocation_accuracy, accuracy_target, meets_target, maturity_stage "
        "from fct_allocation_accuracy"
    )
    rates = (Decimal("0.95"), Decimal("0.7"), Decimal("0.81"))
    assert asked(models, charges, sql, allocation_rules=TEAMS, shared_cost_rules=pools) == [
        (*rates, Decimal("0.9"), False, "run")
    ]
    target = {"allocation_policies": ["accuracy_target,0.81,,"]}
    assert asked(models, charges, sql, allocation_rules=TEAMS, shared_cost_rules=pools, **target) == [
        (*rates, Decimal("0.81"), True, "run")
    ]


def test_the_stage_is_that_of_the_maturity_model(models):
    """50, 80 and 90 % of spend allocated are crawl, walk and run; one month each."""
    charges = []
    for month, owned in enumerate(("49.99", "50", "79.99", "80", "89.99", "90"), start=1):
        charges += [Charge(owned, "acct", day=f"2026-0{month}-01"),
                    Charge(str(100 - Decimal(owned)), day=f"2026-0{month}-01")]  # fmt: skip
    found = asked(
        models, charges, "select maturity_stage from fct_allocation_accuracy order by billing_period",
        allocation_rules=TEAMS,
    )  # fmt: skip
    assert [stage for (stage,) in found] == ["below crawl", "crawl", "crawl", "walk", "walk", "run"]


def test_what_nobody_pays_is_told_by_reason_and_adds_up_to_the_rate(models):
    """Of 100.00: no rule 5.00, tax without one 3.00, zero driver 10.00, 20 % of 10.00 not given to anyone."""
    charges = [Charge("72", "acct"), Charge("5"), Charge("3", kind="tax", category="Tax"),
               Charge("10", service="idle"), Charge("10", service="fixed")]  # fmt: skip
    decisions = {
        "allocation_rules": TEAMS,
        "shared_cost_rules": ["idle,1,service,,idle,proportional_usage,use,,,,,",
                              "fixed,2,service,,fixed,fixed_percentage,,,,,,"],
        "shared_cost_shares": ["fixed,A,80,,,"],
        "drivers": ["2026-10-01,use,A,,0"],
    }  # fmt: skip
    found = asked(
        models, charges, "select unallocated_reason, rule_id, charge_kind, unallocated_cost, share_of_total "
        "from fct_unallocated_costs order by all", **decisions,
    )  # fmt: skip
    assert found == [
        ("fixed_residual", "fixed", "cost", 2, Decimal("0.02")),
        ("no_rule", "~none", "cost", 5, Decimal("0.05")),
        ("no_rule", "~none", "tax", 3, Decimal("0.03")),
        ("zero_driver", "idle", "cost", 10, Decimal("0.1")),
    ]
    [(rate,)] = asked(models, charges, "select allocation_rate from fct_allocation_accuracy", **decisions)
    assert rate == 1 - sum(row[4] for row in found)


def test_a_pool_is_as_sure_as_its_driver_is_complete(models):
    """Confidence 0.5 + 0.4 · measured days: all by day, week or month; 10 of 31; all of the ten days so far."""
    days = {
        "daily": range(1, 32),
        "weekly": (1, 8, 15, 22, 29),
        "monthly": (1,),
        "third": range(1, 11),  # 10/31: 0.5 + 0.4 · 0.3226 = 0.63
    }
    drivers = [f"2026-10-{day:02d},{driver},A,,1" for driver, measured in days.items() for day in measured]
    pools = [f"{driver},{n},service,,{driver},proportional_usage,{driver},,,,," for n, driver in enumerate(days)]
    charges = [Charge("1", service=driver) for driver in days]
    sql = "select rule_id, confidence from fct_allocated_costs where rule_id <> '~none' order by 1"
    whole = {"shared_cost_rules": pools, "drivers": drivers}
    assert asked(models, [*charges, Charge("0", day="2026-10-31")], sql, **whole) == [
        ("daily", Decimal("0.90")),
        ("monthly", Decimal("0.90")),
        ("third", Decimal("0.63")),
        ("weekly", Decimal("0.90")),
    ]
    running = asked(models, [*charges, Charge("0", day="2026-10-10")], sql, **whole)
    assert dict(running)["third"] == Decimal("0.90")


BACKTEST = (
    "select billing_period, allocated_cost, proven_cost, restated_cost, misallocated_cost, backtest_accuracy "
    "from fct_allocation_backtest where evidence = '{}' order by 1"
)


def test_days_before_a_late_tag_prove_who_had_them_right(models):
    """Before the tags of the 15th, B's account had 60.00 of A's, nobody 30.00 of A's, and B 10.00 of its own: 90.00 lay
    wrong. Backfilled, nothing does."""
    charges = [
        Charge("60", "acct", resource="vm1", day="2026-10-01"),
        Charge("30", resource="vm2", day="2026-10-02"),
        Charge("10", "acct", resource="vm3", day="2026-10-03"),
        *(
            Charge("1", resource=vm, day="2026-10-15", tags={"team": t})
            for vm, t in (("vm1", "a"), ("vm2", "a"), ("vm3", "b"))
        ),
        Charge("500", resource="other", day="2026-10-03"),
        Charge("7", resource="vm2", day="2026-09-30"),
    ]
    found = asked(models, charges, BACKTEST.format("late_tags"), allocation_rules=TEAMS)
    assert found == [("2026-10", 100, 100, 0, 90, Decimal("0.1"))]
    backfill = {"allocation_policies": ["backfill_same_resource,yes,,"]}
    found = asked(models, charges, BACKTEST.format("late_tags"), allocation_rules=TEAMS, **backfill)
    assert found == [("2026-10", 100, 100, 0, 0, 1)]


def test_a_closed_month_is_measured_against_what_is_known_now(models):
    """G16: posted A 100.00, B 50.00; a re-tag makes it A 130.00, B 20.00: 30.00 of 150.00 lay wrong, accuracy 0.8.
    A restatement by 7.77 is no mistake of allocation, and is told apart."""
    line = {"sequence": 1, "revision": 1, "billing_period": "2026-10", "posting_period": "2026-10", "kind": "direct",
            "x_source": "s", "provider": "other", "service_name": "Compute", "billed_amount": 0, "currency": "USD",
            "amount_reporting": None}  # fmt: skip
    posted = [line | {"cost_center_id": c, "line_id": c, "amount": Decimal(a)} for c, a in (("A", 100), ("B", 50))]
    event = dict.fromkeys(EVENTS.names, "") | {
        "sequence": 1, "event": "close", "billing_period": "2026-10", "revision": 1,
    }  # fmt: skip
    register = models.workspace.landing / "register"
    before = {path: path.read_bytes() for path in register.glob("book_*.parquet")}
    pq.write_table(pa.Table.from_pylist(posted, LINES), register / "book_lines.parquet")
    pq.write_table(pa.Table.from_pylist([event], EVENTS), register / "book_events.parquet")
    try:
        for cost, expected in (
            ("130", (150, 150, 0, 30, Decimal("0.8"))),
            ("137.77", (150, Decimal("157.77"), Decimal("7.77"), 30, Decimal("0.80985"))),
        ):
            charges = [Charge(cost, tags={"team": "a"}), Charge("20", tags={"team": "b"})]
            [(month, *found)] = asked(models, charges, BACKTEST.format("closed_month"), allocation_rules=TEAMS)
            assert (month, *(round(number, 6) for number in found)) == ("2026-10", *expected)
    finally:
        for path, content in before.items():
            path.write_bytes(content)
