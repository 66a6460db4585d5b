"""Allocations equal, to the cent, a second computation that shares neither code nor SQL with the models; see pencil.py.

Random companies by Hypothesis, and one larger FOCUS ledger with the decision files of a finance team.
"""

import csv
import json
import random
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipelines.build import register_deliveries
from pipelines.dbt_command import run_dbt
from pipelines.landing import land
from pipelines.landing.decision_files import FILES
from pipelines.landing.decisions import land_decisions
from tests.integration.allocation_models import Charge
from tests.integration.bills import open_workspace
from tests.integration.pencil import Cost, Month, cents

METHODS = ("equal_split", "headcount_based", "revenue_based", "proportional_cost", "proportional_usage",
           "activity_based", "fixed_percentage", "hybrid")  # fmt: skip
LINES = "select billing_period, x_source, cost_center_id, service_name, kind, amount from fct_chargeback"


def read(files: dict[str, list[str]]) -> dict[str, list[dict[str, str]]]:
    return {name: list(csv.DictReader([",".join(columns), *files.get(name, [])])) for name, columns in FILES.items()}


@st.composite
def companies(draw, month: int):
    """Costs and decision files of one month: overlapping rules, splits, dated centres, pools that serve each other."""
    first, middle, after = (f"2026-{month:02d}-01", f"2026-{month:02d}-11", f"2026-{month + 1:02d}-01")
    number, percent = st.integers(0, 5000), st.integers(1, 99)
    units = [f"u{n}" for n in range(draw(st.integers(2, 4)))]
    files: dict[str, list[str]] = defaultdict(list)
    for unit in units:
        starts = first if unit in (units[0], units[-1]) else draw(st.sampled_from((first, middle)))
        files["cost_centers"].append(f"{unit},X,,,,,,,{draw(number)},{draw(st.integers(-900, 9000))},{starts},{after}")
    kinds = ("tag,CostCenter,red", "tag,CostCenter,bl*", "account,,a1", "account,,a*", "resource,,r-1", "service,,own")
    for at, kind in enumerate(draw(st.lists(st.sampled_from(kinds), unique=True, min_size=1))):
        name, priority = f"{month}r{at}", 10 * draw(st.integers(1, 2)) + at
        if draw(st.booleans()):
            part = draw(percent)
            files["allocation_rules"] += [
                f"{name},{priority},{kind},u0,{part},{first},{after},",
                f"{name},{priority},{kind},u0,{100 - part},{first},{after},".replace(",u0,", f",{units[-1]},"),
            ]
        else:
            files["allocation_rules"].append(f"{name},{priority},{kind},u0,100,{first},{middle},")
    pools = [f"p{n}-{month}" for n in range(draw(st.integers(1, 3)))]
    methods = [draw(st.sampled_from(METHODS)) for _ in pools]
    for at, (pool, method) in enumerate(zip(pools, methods, strict=True)):
        # Activities are pools by themselves and serve cost centres only.
        other = pools[at - 1] if methods[at - 1] != "activity_based" else pool
        fallback = draw(st.sampled_from(("", "equal_split", "unallocated", "headcount_based>equal_split")))
        matched = "any,," if at == len(pools) - 1 and draw(st.booleans()) else f"service,,shared{at}"
        files["shared_cost_rules"].append(f"{pool},{at},{matched},{method},use{at},{fallback},,{first},{after},")
        if method in ("hybrid", "fixed_percentage"):
            files["shared_cost_rules"][-1] = f"{pool},{at},{matched},{method},,,,{first},{after},"
        if method == "hybrid":
            part = draw(percent)
            files["shared_cost_parts"] += [
                f"{pool},even,{part},equal_split,,,",
                f"{pool},use,{100 - part},proportional_usage,use{at},{fallback},",
            ]
        if method == "fixed_percentage":
            part = draw(percent)
            files["shared_cost_shares"].append(f"{pool},u0,{part},{first},{after},")
            if other != pool:
                files["shared_cost_shares"].append(
                    f"{pool},{other},{draw(st.integers(1, 100 - part))},{first},{after},"
                )
        elif method != "activity_based" or draw(st.booleans()):
            for unit in units[1:]:
                files["drivers"].append(f"{first},use{at},{unit},,{draw(number)}")
            if other != pool and method in ("proportional_usage", "hybrid") and draw(st.booleans()):
                files["drivers"] += [f"{first},use{at},u0,,7", f"{first},use{at},{other},,{draw(st.integers(1, 50))}"]
        else:
            files["drivers"].append(f"{first},use{at},{units[1]},,0")  # measured, and not used
    costs = [
        Cost(
            day=draw(st.sampled_from((first, middle))),
            service=draw(st.sampled_from(("own", "shared0", "shared1", "shared2"))),
            amount=str(draw(st.integers(1, 10**6)) / Decimal(100)),
            account=draw(st.sampled_from(("", "a1", "a2", "b"))),
            resource=draw(st.sampled_from(("", "r-1", "r-2"))),
            tags=draw(st.sampled_from(({}, {"CostCenter": "red"}, {"cost-center": "blue"}))),
        )
        for _ in range(draw(st.integers(1, 8)))
    ]
    return costs, dict(files)


@settings(max_examples=6, derandomize=True, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(st.tuples(*(companies(month) for month in range(1, 7))))
def test_random_companies_are_allocated_as_by_pencil(models, months):
    """Six months, each a company of its own, in one run: every statement line within a billionth of its fraction."""
    files: dict[str, list[str]] = defaultdict(list)
    for _, own in months:
        for name, rows in own.items():
            files[name] += rows
    charges = [
        Charge(c.amount, c.account or None, c.service, c.resource or None, tags=c.tags, day=c.day)
        for costs, _ in months
        for c in costs
    ]
    found: dict[tuple, Decimal] = defaultdict(Decimal)
    with models.allocated(charges, files) as con:
        for period, center, service, kind, amount in con.execute(
            "select billing_period, cost_center_id, service_name, case when method in ('direct', 'unallocated') "
            "then 'direct' else 'shared' end, sum(allocated_cost) from fct_allocated_costs group by all"
        ).fetchall():
            found[period, center, service, kind] = amount

    expected: dict[tuple, Fraction] = {}
    for number, (costs, own) in enumerate(months, start=1):
        for (_, *line), amount in Month(f"2026-{number:02d}", costs, read(own)).lines.items():
            expected[f"2026-{number:02d}", *line] = amount
    for key in found.keys() | expected.keys():
        assert abs(Fraction(found.get(key, Decimal(0))) - expected.get(key, Fraction(0))) < Fraction(1, 10**9), key


TEAMS = ("Search", "Ads", "Maps", "Checkout", "Ledger", "Fraud", "Mobile", "Web", "Data", "ML")
FINANCE = {  # as a finance team keeps them
    "cost_centers": [
        *(f"CC-{100 + n},{team},{team},Eng,Product,,,6{n}00,{3 + 7 * n % 23},{1000 * (n - 2)},2026-01-01,"
          for n, team in enumerate(TEAMS)),
        "CC-900,New venture,,,Labs,,,6990,12,0,2026-10-12,",
        "CC-901,Wound up,,,Labs,,,6991,9,0,2026-01-01,2026-10-08",
    ],
    "tag_aliases": ["key,,kostenstelle,CostCenter", "key,,cc,CostCenter", "value,CostCenter,seach,CC-100"],
    "allocation_rules": [
        *(f"tag-{n},100,tag,CostCenter,CC-{100 + n},CC-{100 + n},100,,," for n in range(len(TEAMS))),
        "venture,90,tag,CostCenter,venture-*,CC-900,100,2026-10-12,,",
        "wound-up,90,tag,CostCenter,venture-*,CC-901,100,,2026-10-08,",
        "lake,50,resource,,lake-*,CC-108,62.5,,,", "lake,50,resource,,lake-*,CC-109,37.5,,,",
        "acct-7,300,account,,7777,CC-103,100,,2026-10-20,", "acct-7b,300,account,,7777,CC-104,100,2026-10-20,,",
    ],
    "shared_cost_rules": [
        "network,10,service,,Network,proportional_usage,gigabytes,,,,,",
        "kubernetes,20,service,,Kubernetes,hybrid,,,,,,",
        "wiki,30,service,,Wiki,headcount_based,,,,,,", "brand,35,service,,Brand,revenue_based,,equal_split,,,,",
        "security,40,service,,Security,fixed_percentage,,,,,,", "queue,45,service,,Queue,activity_based,requests,,,,,",
        "tax,60,charge_category,,Tax,proportional_cost,,,,,,",
        "deals,61,charge_category,,Credit,proportional_cost,,,,,,",
        "seats,65,service,,Seats,equal_split,,,CC-100;CC-101;CC-102,,,",
    ],
    "shared_cost_parts": ["kubernetes,base,30,equal_split,,,", "kubernetes,use,70,proportional_usage,cores,,"],
    "shared_cost_shares": ["security,network,15,,,", "security,CC-100,40,,,", "security,CC-107,35.5,,,"],
    "drivers": [
        *(f"2026-10-{1 + n:02d},gigabytes,CC-{100 + n},GB,{17 * n * n % 101}.25" for n in range(len(TEAMS))),
        "2026-10-03,gigabytes,kubernetes,GB,140", "2026-10-04,gigabytes,security,GB,20",
        *(f"2026-10-05,cores,CC-{100 + n},h,{n * 31 % 7}" for n in range(len(TEAMS))), "2026-10-05,cores,network,h,2.5",
        "2026-10-09,requests,CC-102,,900001", "2026-10-10,requests,CC-105,,12", "2026-11-01,requests,CC-100,,5",
    ],
}  # fmt: skip
HEADER = ("BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,BillingCurrency,ChargeCategory,"
          "ServiceName,ServiceCategory,ProviderName,SubAccountId,ResourceId,Tags,BilledCost,EffectiveCost,ListCost,"
          "ContractedCost")  # fmt: skip


def ledger() -> list[Cost]:
    """2,400 charges, some 800,000 USD: half tagged (in four spellings), shared ones, tax; and a vendor's credits."""
    dice = random.Random(4)
    names = ("CostCenter", "cost-center", "CC", "Kostenstelle")
    values = [f"CC-{100 + n}" for n in range(len(TEAMS))] + ["seach", "venture-1", "nobody"]
    shared = ("Network", "Kubernetes", "Wiki", "Brand", "Security", "Queue", "Seats", "Unknown")
    costs = []
    for number in range(2400):
        day, amount = f"2026-10-{dice.randint(1, 31):02d}", str(Decimal(dice.randint(1, 67_000_000)) / 10**5)
        match number % 12:
            case 0 | 1 | 2 | 3 | 4 | 5:
                tags = {dice.choice(names): dice.choice(values)}
                costs.append(Cost(day, "Compute", amount, account="1111", resource=f"i-{number}", tags=tags))
            case 6:
                costs.append(Cost(day, "Storage", amount, account="1111", resource=f"lake-{number % 5}"))
            case 7:
                costs.append(Cost(day, "Database", amount, account="7777"))
            case 8 | 9 | 10:
                costs.append(Cost(day, dice.choice(shared), amount, account="2222"))
            case _:
                costs.append(Cost(day, "VAT", amount, category="Tax"))
    costs += [Cost(f"2026-10-{1 + n:02d}", "Agreement", f"-{n}00.07", category="Credit", source="vendor")
              for n in range(1, 20)]  # fmt: skip
    return costs


def write_focus(path, costs: list[Cost]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER.split(","))
        for c in costs:
            start, end = f"{c.day}T00:00:00Z", f"{c.day}T23:00:00Z"
            writer.writerow([
                "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z", start, end, "USD", c.category, c.service, "Other",
                "Cloud", c.account, c.resource, json.dumps(c.tags), *[c.amount] * 4,
            ])  # fmt: skip


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """The ledger and the decision files, landed and allocated."""
    root = tmp_path_factory.mktemp("pencil")
    sources = []
    for name in ("s", "vendor"):
        (root / name).mkdir()
        write_focus(root / name / "focus.csv", [cost for cost in ledger() if cost.source == name])
        sources.append({"name": name, "provider": "other", "format": "focus", "uri": str(root / name)})
    opened = open_workspace(root, *sources)
    opened.decisions.mkdir(exist_ok=True)
    for name, rows in FINANCE.items():
        (opened.decisions / f"{name}.csv").write_text("\n".join([",".join(FILES[name]), *rows, ""]))
    assert not land(opened).failed
    land_decisions(opened)
    register_deliveries(opened)
    run_dbt(opened, ["build", "--select", "+fct_chargeback", "--exclude-resource-type", "test", "unit_test"])
    return opened


def test_a_foreign_ledger_is_stated_cent_by_cent_as_by_pencil(foreign):
    """Every line of every statement, and what is smaller than a cent."""
    october = Month("2026-10", ledger(), read(FINANCE)).lines
    expected = {
        line: amount
        for source in ("s", "vendor")
        for line, amount in cents({k: v for k, v in october.items() if k[0] == source}).items()
        if amount
    }
    with duckdb.connect(str(foreign.warehouse), read_only=True) as con:
        stated = con.execute(f"{LINES} where kind <> 'rounding' and amount <> 0").fetchall()
        [(everything,)] = con.execute("select sum(amount) from fct_chargeback").fetchall()
    assert {tuple(line): amount * 100 for _, *line, amount in stated} == expected
    assert len(expected) > 80
    assert everything == sum(Decimal(cost.amount) for cost in ledger())
