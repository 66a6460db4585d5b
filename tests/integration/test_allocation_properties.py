"""What holds for every allocation, whatever the costs, drivers and methods: Hypothesis looks for counterexamples.

Each example is a small company; its variants are other months of one ledger, so that one run allocates them all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.allocation_models import Charge, Decisions

MEASURED = ("proportional_usage", "proportional_cost", "headcount_based", "revenue_based")
CENT = Decimal("0.01")
examples = settings(max_examples=12, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True)
class Unit:
    name: str
    direct: Decimal
    heads: int
    revenue: int
    use: Decimal


@dataclass(frozen=True)
class Pool:
    amount: Decimal
    method: str
    serves: Decimal = Decimal(0)  # how much of its use is that of the pool after it


@dataclass(frozen=True)
class Company:
    units: tuple[Unit, ...]
    pools: tuple[Pool, ...]

    def written(self, month: int, order: int = 1) -> tuple[list[Charge], Decisions]:
        """Charges and decisions of one month; all rows backwards when `order` is -1."""
        first, after = f"2026-{month:02d}-01", f"2026-{month + 1:02d}-01"
        charges = [Charge(str(u.direct), u.name, "own", day=first) for u in self.units]
        decisions: Decisions = {
            "cost_centers": [f"{u.name},X,,,,,,,{u.heads},{u.revenue},{first},{after}" for u in self.units],
            "allocation_rules": [
                f"{u.name}{month},1,account,,{u.name},{u.name},100,{first},{after}," for u in self.units
            ],
            "shared_cost_rules": [],
            "drivers": [],
        }
        for number, pool in enumerate(self.pools):
            name, driver = f"p{number}-{month}", f"use{number}"
            charges += [Charge(str(part), None, name, day=first) for part in halves(pool.amount)]
            decisions["shared_cost_rules"].append(
                f"{name},{number},service,,{name},{pool.method},{driver},unallocated,,{first},{after},"
            )
            decisions["drivers"] += [f"{first},{driver},{u.name},,{u.use * (number + 1)}" for u in self.units]
            if pool.serves and number + 1 < len(self.pools):
                decisions["drivers"].append(f"{first},{driver},p{number + 1}-{month},,{pool.serves}")
        return charges[::order], {name: rows[::order] for name, rows in decisions.items()}


def halves(amount: Decimal) -> tuple[Decimal, Decimal]:
    part = (amount / 3).quantize(CENT)
    return part, amount - part


def cents(low: int, high: int) -> st.SearchStrategy[Decimal]:
    return st.integers(low, high).map(lambda n: n * CENT)


def companies(methods: Sequence[str]) -> st.SearchStrategy[Company]:
    units = st.lists(
        st.builds(
            Unit,
            name=st.just(""),
            direct=cents(-50_000, 1_000_000),
            heads=st.integers(0, 400),
            revenue=st.integers(-1_000, 1_000_000),
            use=st.integers(0, 10**9).map(lambda n: n * Decimal("0.0001")),
        ),
        min_size=1,
        max_size=4,
    ).map(lambda found: tuple(replace(u, name=f"u{n}") for n, u in enumerate(found)))
    pools = st.lists(
        st.builds(
            Pool, cents(-1_000_000, 10_000_000), st.sampled_from(methods),
            st.sampled_from((Decimal(0), Decimal(5), Decimal("12345.6789"))),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple)  # fmt: skip
    return st.builds(Company, units, pools)


def allocate(models, *variants: tuple[list[Charge], Decisions]) -> list[list[dict]]:
    """The allocated rows of each variant (variant n is month n + 1), in one run."""
    decisions: Decisions = {}
    for _, own in variants:
        for name, rows in own.items():
            decisions.setdefault(name, []).extend(rows)
    with models.allocated([charge for charges, _ in variants for charge in charges], decisions) as con:
        rows = con.execute(
            "select billing_period, cost_center_id, service_name, method, share, allocated_cost "
            "from fct_allocated_costs"
        ).fetchall()
    names = ("month", "unit", "service", "method", "share", "cost")
    found: list[list[dict]] = [[] for _ in variants]
    for row in rows:
        found[int(row[0][5:]) - 1].append(dict(zip(names, row, strict=True)))
    return found


def total(rows: list[dict], *by: str) -> dict:
    sums: dict = {}
    for row in rows:
        key = tuple(row[name].split("-")[0] for name in by)
        sums[key] = sums.get(key, Decimal(0)) + row["cost"]
    return {key: amount for key, amount in sums.items() if amount}


@examples
@given(companies((*MEASURED, "equal_split")))
def test_money_is_conserved_and_no_share_is_negative(models, company):
    """Per pool and in total, to the last decimal; a positive pool charges nobody less than nothing, and mirrored."""
    negative = replace(company, pools=tuple(replace(p, amount=-p.amount) for p in company.pools))
    rows, mirrored = allocate(models, company.written(1), negative.written(2))

    by_service = total(rows, "service")
    wanted = {("own",): sum(u.direct for u in company.units)}
    wanted |= {(f"p{number}",): pool.amount for number, pool in enumerate(company.pools)}
    assert by_service == {key: amount for key, amount in wanted.items() if amount}
    for row in rows:
        if row["service"] != "own":
            amount = company.pools[int(row["service"][1:].split("-")[0])].amount
            assert 0 <= row["share"] <= 1 and row["cost"] * amount >= 0

    pooled = total([r for r in rows if r["service"] != "own"], "unit", "service")
    assert total([r for r in mirrored if r["service"] != "own"], "unit", "service") == {
        key: -amount for key, amount in pooled.items()
    }


@examples
@given(companies((*MEASURED, "equal_split")))
def test_the_order_of_input_rows_changes_nothing(models, company):
    """Charges and decision rows backwards."""
    rows, backwards = allocate(models, company.written(1), company.written(2, order=-1))
    assert total(rows, "unit", "service", "method") == total(backwards, "unit", "service", "method")


@examples
@given(companies(MEASURED))
def test_a_unit_without_drivers_changes_nothing_and_weights_have_no_unit(models, company):
    """A cost centre that used nothing pays nothing; hours or seconds, heads or teams of ten make no difference."""
    idle = Unit("idle", Decimal(0), 0, 0, Decimal(0))
    more = replace(company, units=(*company.units, idle))
    seconds = replace(
        company,
        units=tuple(replace(u, use=u.use * 60, heads=u.heads * 10, revenue=u.revenue * 7) for u in company.units),
        pools=tuple(replace(p, serves=p.serves * 60) for p in company.pools),
    )
    rows, with_idle, scaled = allocate(models, company.written(1), more.written(2), seconds.written(3))
    assert total(rows, "unit", "service") == total(with_idle, "unit", "service") == total(scaled, "unit", "service")


@examples
@given(companies(MEASURED))
def test_splitting_a_cost_center_and_merging_it_again_conserves(models, company):
    """Its halves (rule split 60/40, drivers alike) pay together what it paid alone; the others pay the same."""
    whole = company.units[0]
    whole = replace(whole, heads=whole.heads * 5, revenue=whole.revenue * 5, use=whole.use * 5)
    company = replace(company, units=(whole, *company.units[1:]))
    parts = [
        replace(whole, name=name, direct=whole.direct * p / 5, heads=whole.heads * p // 5,
                revenue=whole.revenue * p // 5, use=whole.use * p / 5)
        for name, p in (("a", 3), ("b", 2))
    ]  # fmt: skip
    charges, decisions = replace(company, units=(*parts, *company.units[1:])).written(2)
    charges = [c for c in charges if c.account not in ("a", "b")]
    charges.append(Charge(str(whole.direct), "u0", "own", day="2026-02-01"))
    decisions["allocation_rules"] = [row for row in decisions["allocation_rules"] if row[0] not in "ab"]
    for name, percent in (("a", 60), ("b", 40)):
        decisions["allocation_rules"].append(f"u0-2,1,account,,u0,{name},{percent},2026-02-01,2026-03-01,")

    rows, split = allocate(models, company.written(1), (charges, decisions))

    merged = [r | {"unit": "u0" if r["unit"] in ("a", "b") else r["unit"]} for r in split]
    before, after = total(rows, "unit"), total(merged, "unit")
    assert sum(before.values()) == sum(after.values())
    for key in before.keys() | after.keys():  # shares have 12 decimals
        assert abs(before.get(key, 0) - after.get(key, 0)) < Decimal("0.000001"), key


@examples
@given(companies((*MEASURED, "equal_split")))
def test_a_statement_is_never_a_cent_away_from_the_exact_amount(models, company):
    """Largest remainder: every line is one of the two whole cents around it, and all lines sum to the invoice."""
    charges, decisions = company.written(1)
    with models.allocated(charges, decisions) as con:
        lines = con.execute(
            "with exact as (select cost_center_id, service_name, sum(allocated_cost) as exact from fct_allocated_costs "
            "group by all), lines as (select cost_center_id, service_name, sum(amount) as amount from fct_chargeback "
            "where kind <> 'rounding' group by all) select amount - exact from exact full join lines using "
            "(cost_center_id, service_name)"
        ).fetchall()
        paid = con.execute("select sum(amount) from fct_chargeback").fetchone()[0]
    assert all(abs(difference) < CENT for (difference,) in lines)
    assert paid == sum(Decimal(charge.cost) for charge in charges)
