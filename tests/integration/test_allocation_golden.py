"""Golden cases of allocation: every worked number of the domain page, from a FOCUS file to the statement's cents.

One source per case, so that each case is an invoice of its own; one build for all of them.
"""

import csv
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from pipelines.build import register_deliveries
from pipelines.dbt_command import run_dbt
from pipelines.landing import land
from pipelines.landing.decision_files import FILES
from pipelines.landing.decisions import land_decisions
from tests.integration.bills import open_workspace

MONTH = "2026-10"
# case: (pool amount, {unit: direct cost}); the pool's charge is of service "shared", the direct ones of "own".
CASES: dict[str, tuple[str, dict[str, str]]] = {
    "g1": ("100.00", {}),
    "g2": ("1000.00", {}),
    "g3": ("-250.01", {}),
    "g4": ("9300.00", {}),
    "g5": ("5000.00", {}),
    "g6": ("1000.01", {}),
    "g7a": ("600.00", {}),
    "g7b": ("400.00", {}),
    "g8": ("777.77", {}),
    "g10": ("300.00", {"a": "1000.00", "b": "-50.00", "c": "2000.00"}),
    "g11": ("24.00", {}),
    "g12": ("123.45", {"a": "4000.00", "b": "2500.00", "c": "1000.00"}),
    "g13": ("777.00", {}),
    "g13f": ("777.00", {}),
    "g18one": ("10.01", {}),
    "g18none": ("10.01", {}),
    "g18zero": ("0.00", {}),
    "g18cent": ("0.01", {}),
    "g9s1": ("100000.00", {}),
    "g9s2": ("60000.00", {}),
    "tier": ("600.00", {}),
    "tele": ("0.00", {}),  # its charges are per day, see below
}
EXPECTED = {
    "g1": {"a": "33.34", "b": "33.33", "c": "33.33"},
    "g2": {"a": "225.81", "b": "354.84", "c": "419.35"},
    "g3": {"a": "-56.46", "b": "-88.71", "c": "-104.84"},
    "g4": {"a": "5289.91", "b": "1450.46", "c": "2559.63"},
    "g5": {"a": "3000.00", "d": "2000.00"},
    "g6": {"a": "500.01", "b": "300.00", "c": "190.00", "~unallocated": "10.00"},
    "g7a": {"x": "450.00", "y": "150.00"},
    "g7b": {"x": "40.00", "y": "120.00", "z": "240.00"},
    "g8": {"x": "220.37", "y": "103.70", "z": "453.70"},
    "g10": {"a": "100.00", "c": "200.00"},
    "g11": {"a": "18.00", "b": "6.00"},
    "g12": {"a": "65.84", "b": "41.15", "c": "16.46"},
    "g13": {"~unallocated": "777.00"},
    "g13f": {"a": "388.50", "b": "388.50"},
    "g18one": {"a": "10.01"},
    "g18none": {"~unallocated": "10.01"},
    "g18zero": {},
    "g18cent": {"a": "0.01"},
    # 150 requests in two bands: a 100·1 + 50·0.5 = 125, b 25·1 = 25
    "tier": {"a": "500.00", "b": "100.00"},
    # day 1: 30.00 by 1:2; day 2: 30.00 by 2:1; day 3 unmeasured, 10.00 falls back to even
    "tele": {"a": "35.00", "b": "35.00"},
}


def rows_of(decision: str, rows: list[str]) -> str:
    return "\n".join([",".join(FILES[decision]), *rows, ""])


def write_decisions(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    centers = []
    for case in CASES:
        for unit in "abcdxyz":
            centers.append(f"{case}-{unit},{case} {unit},,,,,,,0,0,2026-01-01,")
    centers = [c for c in centers if not c.startswith(("g4-a,", "g4-b,", "g4-c,", "g5-", "g18none-"))]
    centers += [
        "g4-a,A,,,,,,,20,0,2026-01-01,",
        "g4-b,B,,,,,,,10,0,2026-10-15,",
        "g4-c,C,,,,,,,30,0,2026-01-01,2026-10-11",
        "g5-a,A,,,,,,,0,1200000,2026-01-01,",
        "g5-b,B,,,,,,,0,-300000,2026-01-01,",
        "g5-c,C,,,,,,,0,0,2026-01-01,",
        "g5-d,D,,,,,,,0,800000,2026-01-01,",
        "g18none-a,Gone,,,,,,,0,0,2025-01-01,2026-01-01",
        "prod-p,P,,,,,,,0,0,2026-01-01,",
        "prod-q,Q,,,,,,,0,0,2026-01-01,",
    ]
    ways = {
        "g1": ("equal_split", "", "", "abc"),
        "g2": ("proportional_usage", "hours", "", "abc"),
        "g3": ("proportional_usage", "hours", "", "abc"),
        "g4": ("headcount_based", "", "", "abc"),
        "g5": ("revenue_based", "", "", "abcd"),
        "g6": ("fixed_percentage", "", "", ""),
        "g7a": ("activity_based", "requests", "", "xyz"),
        "g7b": ("activity_based", "gigabytes", "", "xyz"),
        "g8": ("hybrid", "", "", "xyz"),
        "g10": ("proportional_cost", "", "", "abc"),
        "g11": ("proportional_usage", "covered", "", "ab"),
        "g12": ("proportional_usage", "direct_cost", "", "abc"),
        "g13": ("proportional_usage", "nothing", "", "ab"),
        "g13f": ("proportional_usage", "nothing", "previous_period>equal_split", "ab"),
        "g18one": ("equal_split", "", "", "a"),
        "g18none": ("equal_split", "", "unallocated", "a"),
        "g18zero": ("equal_split", "", "", "abc"),
        "g18cent": ("equal_split", "", "", "abc"),
        "tier": ("tiered", "calls", "", "ab"),
        "tele": ("telemetry", "pods", "equal_split", "ab"),
        "g9s1": ("fixed_percentage", "", "", ""),
        "g9s2": ("fixed_percentage", "", "", ""),
    }
    pools = []
    for number, (case, (method, driver, fallback, units)) in enumerate(ways.items()):
        targets = ";".join(f"{case}-{unit}" for unit in units)
        pools.append(f"{case},{number},service,,shared {case},{method},{driver},{fallback},{targets},,,")
    quantities = {
        "hours": {f"{case}-{u}": q for case in ("g2", "g3") for u, q in zip("abc", ("7", "11", "13"), strict=True)},
        "requests": {"g7a-x": "300000", "g7a-y": "100000", "g7a-z": "0"},
        "gigabytes": {"g7b-x": "10", "g7b-y": "30", "g7b-z": "60"},
        "cpu": {"g8-x": "5", "g8-y": "0", "g8-z": "15"},
        "covered": {"g11-a": "300", "g11-b": "100"},
        "nothing": {"g13-a": "0", "g13-b": "0", "g13f-a": "0"},
        "calls": {"tier-a": "150", "tier-b": "25"},
    }
    drivers = [f"2026-10-01,{d},{u},,{q}" for d, units in quantities.items() for u, q in units.items()]
    drivers += ["2026-10-01,pods,tele-a,,1", "2026-10-01,pods,tele-b,,2"]
    drivers += ["2026-10-02,pods,tele-a,,2", "2026-10-02,pods,tele-b,,1"]
    rules = [
        f"own-{case}-{unit},10,account,,{case}-{unit},{case}-{unit},100,,,"
        for case, (_, direct) in CASES.items()
        for unit in direct
    ]
    shares = ["g6,g6-a,50,,,", "g6,g6-b,30,,,", "g6,g6-c,19,,,"]
    shares += ["g9s1,g9s2,20,,,", "g9s1,prod-p,50,,,", "g9s1,prod-q,30,,,"]
    shares += ["g9s2,g9s1,10,,,", "g9s2,prod-p,40,,,", "g9s2,prod-q,50,,,"]
    contents = {
        "cost_centers": centers,
        "shared_cost_rules": pools,
        "drivers": drivers,
        "allocation_rules": rules,
        "shared_cost_shares": shares,
        "shared_cost_parts": ["g8,base,40,equal_split,,,", "g8,use,60,proportional_usage,cpu,,"],
        "driver_tiers": ["calls,,0,1,", "calls,,100,0.5,"],
    }
    for name, rows in contents.items():
        (folder / f"{name}.csv").write_text(rows_of(name, rows))


HEADER = (
    "BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,BillingCurrency,ChargeCategory,ServiceName,"
    "ServiceCategory,ProviderName,SubAccountId,BilledCost,EffectiveCost,ListCost,ContractedCost"
).split(",")


def charge(cost: str, service: str, account: str = "", day: int = 1) -> list[str]:
    start, end = f"2026-10-{day:02d}T00:00:00Z", f"2026-10-{day + 1:02d}T00:00:00Z"
    return ["2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z", start, end, "USD", "Usage", service, "Compute",
            "Other Cloud", account, cost, cost, cost, cost]  # fmt: skip


_CAUTIOUS = ("--indirect-selection", "cautious")  # checks of what is built, not of what would be compared with it


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """All cases landed and built once."""
    root = tmp_path_factory.mktemp("golden")
    for case, (amount, direct) in CASES.items():
        charges = [charge(amount, f"shared {case}")]
        if case == "tele":
            charges = [charge("30.00", "shared tele", day=1), charge("30.00", "shared tele", day=2)]
            charges.append(charge("10.00", "shared tele", day=3))
        charges += [charge(cost, "own", f"{case}-{unit}") for unit, cost in direct.items()]
        folder = root / "bills" / case
        folder.mkdir(parents=True)
        with (folder / "focus.csv").open("w", newline="") as file:
            csv.writer(file).writerows([HEADER, *charges])
    sources = [{"name": c, "provider": "other", "format": "focus", "uri": str(root / "bills" / c)} for c in CASES]
    opened = open_workspace(root, *sources)
    write_decisions(opened.decisions)
    assert not land(opened).failed
    land_decisions(opened)
    register_deliveries(opened)
    run_dbt(opened, ["build", "--select", "+fct_chargeback", "--exclude-resource-type", "unit_test", *_CAUTIOUS])
    return opened


def statement(opened, case: str) -> dict[str, Decimal]:
    """The pool's part of a case's statements: unit -> cents."""
    with duckdb.connect(str(opened.warehouse), read_only=True) as con:
        rows = con.execute(
            "select cost_center_id, amount from fct_chargeback "
            "where x_source = ? and service_name like 'shared%' and amount <> 0 and kind <> 'rounding'",
            [case],
        ).fetchall()
    return {unit.removeprefix(f"{case}-"): amount for unit, amount in rows}


@pytest.mark.parametrize("case", EXPECTED)
def test_golden_case(company, case):
    """Domain page 4.10: the statement's cents are these."""
    assert statement(company, case) == {unit: Decimal(cents) for unit, cents in EXPECTED[case].items()}


def shared_on_shared(opened) -> dict[str, Decimal]:
    with duckdb.connect(str(opened.warehouse), read_only=True) as con:
        rows = con.execute(
            "select cost_center_id, cast(sum(allocated_cost) as decimal(18, 2)) from fct_allocated_costs "
            "where x_source in ('g9s1', 'g9s2') group by 1"
        ).fetchall()
    return dict(rows)


def test_pools_that_serve_each_other_are_solved_reciprocally(company):
    """Domain page 4.5; step-down and direct are in test_allocation_rules."""
    assert shared_on_shared(company) == {"prod-p": Decimal("86734.69"), "prod-q": Decimal("73265.31")}


def test_what_nobody_claims_says_why(company):
    """A driver of zero and percentages below 100 are different reasons."""
    with duckdb.connect(str(company.warehouse), read_only=True) as con:
        rows = con.execute(
            "select x_source, unallocated_reason, sum(allocated_cost) from fct_allocated_costs "
            "where cost_center_id = '~unallocated' group by all"
        ).fetchall()
    assert {(source, reason): cost for source, reason, cost in rows} == {
        ("g6", "fixed_residual"): Decimal("10.0001"),
        ("g13", "zero_driver"): Decimal("777"),
        ("g18none", "zero_driver"): Decimal("10.01"),
    }
