"""Decisions: every mistake is reported with its file, line and column, all at once, and nothing landed changes."""

from pathlib import Path

import pytest

from pipelines.errors import DecisionError
from pipelines.landing.decisions import FILES, land_decisions
from pipelines.settings import Workspace

SOUND = {
    "cost_centers": ["CC-1,Search,,,,,,,12,0,2026-01-01,", "CC-2,Ads,,,,,,,8,0,2026-01-01,"],
    "allocation_rules": [
        "by-tag,100,tag,CostCenter,CC-1,CC-1,100,,,",
        "split,200,account,,001234567890,CC-1,60,,,",
        "split,200,account,,001234567890,CC-2,40,,,",
    ],
    "shared_cost_rules": [
        "tax,10,charge_category,,Tax,proportional_usage,requests,equal_split>unallocated,CC-1;CC-2,,,"
    ],
    "drivers": ["2026-10-01,requests,CC-1,requests,10", "2026-10-01,requests,CC-2,requests,30"],
    "tag_aliases": ["key,,cost-centre,CostCenter"],
    "fx_rates": ["2026-10,EUR,USD,1.0837,monthly_average,ECB"],
}


def write(opened: Workspace, **changed: list[str]) -> None:
    """The sound files, some with other rows (a first row that begins with `header:` replaces the header)."""
    opened.decisions.mkdir(exist_ok=True)
    for name, rows in (SOUND | changed).items():
        header = ",".join(FILES[name])
        if rows and rows[0].startswith("header:"):
            header, rows = rows[0].removeprefix("header:"), rows[1:]
        (opened.decisions / f"{name}.csv").write_text("\n".join([header, *rows, ""]), "utf-8")


@pytest.fixture
def opened(tmp_path) -> Workspace:
    """A workspace whose sound decisions have landed."""
    (tmp_path / "finops.toml").write_text("")
    made = Workspace.open(tmp_path)
    write(made)
    land_decisions(made)
    return made


def landed_bytes(opened: Workspace) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in opened.landing.rglob("*") if path.is_file()}


def problems(opened: Workspace) -> list[str]:
    """What is wrong; fails when anything in landing changed."""
    before = landed_bytes(opened)
    with pytest.raises(DecisionError) as caught:
        land_decisions(opened)
    assert landed_bytes(opened) == before
    assert "Nothing was applied" in str(caught.value)
    return caught.value.problems


HEADER_OF = {name: ",".join(fields) for name, fields in FILES.items()}

TOO_MUCH = "too much to divide by; use a larger unit (a thousand, a million) in every row, so that it stays below 1e20"
MISTAKES = {
    "a budget of no period": (
        {"budgets": ["b,1,October,total,,100,USD,,,,,,"]},
        "budgets.csv line 2, column period: 'October' is not a month, quarter, year or up to twelve months like "
        "2026-10, 2026-Q4, 2026, 2026-04..2027-03",
    ),
    "a version of a budget that never applies": (
        {"budgets": ["b,1,2026-10,total,,100,USD,,,,,,2026-11-01,"]},
        "budgets.csv line 2, column applies_from: is not before the end of the period, so the version would never "
        "apply",
    ),
    "a version of a budget that applies before the one it replaces": (
        {"budgets": ["b,1,2026-10,total,,100,USD,,,,,,2026-10-15,", "b,2,2026-10,total,,90,USD,,,,,,,"]},
        "budgets.csv line 3, column applies_from: version 2 would apply from 2026-10-01, before version 1 (line 2, "
        "2026-10-15)",
    ),
    "a budget in another currency": (
        {"budgets": ["b,1,2026-10,total,,100,EUR,,,,,,"]},
        "budgets.csv line 2, column currency: budgets are kept in the reporting currency, USD",
    ),
    "a budget of an unknown cost centre": (
        {"budgets": ["b,1,2026-10,cost_center,CC-9,100,USD,,,,,,"]},
        "budgets.csv line 2, column scope_value: 'CC-9' is no cost_center of cost_centers.csv",
    ),
    "thresholds that do not rise": (
        {"budgets": ["b,1,2026-10,total,,100,USD,,,,,90;50,"]},
        "budgets.csv line 2, column thresholds: '90;50' is not rising percentages like 50;75;90;110",
    ),
    "an event that ends before it starts": (
        {"planned_events": ["e,launch,total,,2026-10-02,2026-10-01,,,,"]},
        "planned_events.csv line 2, column ends_on: is before starts_on",
    ),
    "two labels of one anomaly": (
        {"anomaly_labels": ["a,true,Ada,2026-10-01,", "a,false,Ben,2026-10-02,"]},
        "anomaly_labels.csv line 3: repeats line 2 (same anomaly_id)",
    ),
    "a commitment that ends before it starts": (
        {"commitment_terms": ["c,2027-01-01,2026-01-01,12,,"]},
        "commitment_terms.csv line 2, column ends_on: is not after starts_on",
    ),
    "unknown column": (
        {"drivers": [f"header:{HEADER_OF['drivers']},colour", "2026-10-01,r,CC-1,u,1,red"]},
        "drivers.csv: column 'colour' is unknown; known: date, driver, cost_center_id, unit, quantity",
    ),
    "missing column": (
        {"drivers": ["header:date,driver,unit,quantity", "2026-10-01,r,u,1"]},
        "drivers.csv: column 'cost_center_id' is missing",
    ),
    "bad date": (
        {"cost_centers": [*SOUND["cost_centers"], "CC-3,X,,,,,,,0,0,01/10/2026,"]},
        "cost_centers.csv line 4, column valid_from: '01/10/2026' is not a date like 2026-10-31",
    ),
    "no such day": (
        {"drivers": ["2026-02-30,requests,CC-1,u,1"]},
        "drivers.csv line 2, column date: '2026-02-30' is not a date like 2026-10-31",
    ),
    "end before start": (
        {"cost_centers": [*SOUND["cost_centers"], "CC-3,X,,,,,,,0,0,2026-10-01,2026-10-01"]},
        "cost_centers.csv line 4, column valid_to: is not after valid_from",
    ),
    "not a number": (
        {"cost_centers": ["CC-1,X,,,,,,,a dozen,0,,", SOUND["cost_centers"][1]]},
        "cost_centers.csv line 2, column headcount: 'a dozen' is not a number",
    ),
    "infinite": (
        {"fx_rates": ["2026-10,EUR,USD,NaN,,"]},
        "fx_rates.csv line 2, column rate: 'NaN' is not a number",
    ),
    "not a whole number": (
        {"allocation_rules": ["r,1.5,tag,k,v,CC-1,100,,,"]},
        "allocation_rules.csv line 2, column priority: '1.5' is not a whole number",
    ),
    "empty cell": (
        {"allocation_rules": ["r,1,tag,k,v,,100,,,"]},
        "allocation_rules.csv line 2, column cost_center_id: is empty",
    ),
    "surplus cell": (
        {"tag_aliases": ["key,,a,b,c"]},
        "tag_aliases.csv line 2: has more cells than the header",
    ),
    "unknown cost centre in a rule": (
        {"allocation_rules": ["r,1,tag,k,v,CC-9,100,,,"]},
        "allocation_rules.csv line 2, column cost_center_id: cost centre 'CC-9' is not in cost_centers.csv",
    ),
    "unknown cost centre in targets": (
        {"shared_cost_rules": ["tax,10,any,,,equal_split,,,CC-1;CC-9,,,"]},
        "shared_cost_rules.csv line 2, column targets: cost centre 'CC-9' is not in cost_centers.csv",
    ),
    "unknown cost centre in a driver": (
        {"drivers": [*SOUND["drivers"], "2026-10-01,requests,CC-9,u,1"]},
        "drivers.csv line 4, column cost_center_id: 'CC-9' is not in cost_centers.csv",
    ),
    "shares not 100": (
        {"allocation_rules": ["s,1,account,,1,CC-1,60,,,", "s,1,account,,1,CC-2,30,,,"]},
        "allocation_rules.csv line 2, column share_percent: the shares of rule s sum to 90, not 100",
    ),
    "share above 100": (
        {"allocation_rules": ["s,1,account,,1,CC-1,120,,,"]},
        "allocation_rules.csv line 2, column share_percent: must be above 0 and at most 100",
    ),
    "equal priority at the same time": (
        {"allocation_rules": ["a,1,tag,team,x,CC-1,100,,2026-10-02,", "b,1,tag,Team,X,CC-2,100,2026-10-01,,"]},
        "allocation_rules.csv line 3: is valid at the same time as line 2, which decides the same",
    ),
    "duplicate cost centre": (
        {"cost_centers": [*SOUND["cost_centers"], "CC-1,Again,,,,,,,1,0,2026-06-01,"]},
        "cost_centers.csv line 4: is valid at the same time as line 2, which decides the same",
    ),
    "reserved id": (
        {"cost_centers": [*SOUND["cost_centers"], "~mine,X,,,,,,,1,0,,"]},
        "cost_centers.csv line 4, column cost_center_id: ids may not start with ~",
    ),
    "duplicate driver row": (
        {"drivers": [*SOUND["drivers"], "2026-10-01,requests,CC-1,requests,11"]},
        "drivers.csv line 4: repeats line 2 (same date, driver and cost centre)",
    ),
    "negative driver": (
        {"drivers": [*SOUND["drivers"], "2026-10-02,requests,CC-1,requests,-1"]},
        "drivers.csv line 4, column quantity: is negative",
    ),
    "zero rate": ({"fx_rates": ["2026-10,EUR,USD,0,,"]}, "fx_rates.csv line 2, column rate: must be above 0"),
    "negative rate": ({"fx_rates": ["2026-10,EUR,USD,-1,,"]}, "fx_rates.csv line 2, column rate: must be above 0"),
    "bad month": (
        {"fx_rates": ["2026-13,EUR,USD,1,,"]},
        "fx_rates.csv line 2, column month: '2026-13' is not a month like 2026-10",
    ),
    "duplicate rate": (
        {"fx_rates": ["2026-10,EUR,USD,1,,", "2026-10,EUR,USD,2,,"]},
        "fx_rates.csv line 3: repeats line 2 (same month, currencies and rate_type)",
    ),
    "unknown type of rate": (
        {"fx_rates": ["2026-10,EUR,USD,1,average,"]},
        "fx_rates.csv line 2, column rate_type: 'average' is not one of invoice, monthly_average, closing",
    ),
    "no order of rates": (
        {"allocation_policies": ["fx_rate_order,closing>spot,,"]},
        "allocation_policies.csv line 2, column value: 'closing>spot' is not an order of invoice, monthly_average, "
        "closing written with >",
    ),
    "negative tolerance": (
        {"invoice_tolerances": ["*,,USD,-1,"]},
        "invoice_tolerances.csv line 2, column tolerance: is negative",
    ),
    "tolerance twice": (
        {"invoice_tolerances": ["*,,USD,1,", "*,,USD,2,"]},
        "invoice_tolerances.csv line 3: repeats line 2 (same bill, invoice_id, currency)",
    ),
    "unknown method": (
        {"shared_cost_rules": ["tax,10,any,,,by_feel,,,,,,"]},
        "shared_cost_rules.csv line 2, column method: 'by_feel' is not one of "
        "proportional_usage, proportional_cost, equal_split, headcount_based, revenue_based, fixed_percentage, "
        "activity_based, hybrid, tiered, telemetry",
    ),
    "unknown driver": (
        {"shared_cost_rules": ["tax,10,any,,,proportional_usage,clicks,,,,,"]},
        "shared_cost_rules.csv line 2, column driver: 'clicks' is neither direct_cost, direct_billed_cost, "
        "covered_usage, on_demand_cost, service_cost nor in drivers.csv",
    ),
    "a driver of an activity-based pool": (
        {
            "shared_cost_rules": ["abc,1,service,,x,activity_based,gb,,,,,"],
            "drivers": ["2026-10-01,gb,CC-1,gb,1", "2026-10-01,use,abc,gb,1"],
        },
        "drivers.csv line 3, column cost_center_id: 'abc' is activity-based: each activity is a pool of its own; "
        "share with abc/gb instead",
    ),
    "an activity-based target": (
        {
            "shared_cost_rules": [
                "abc,1,service,,x,activity_based,direct_cost,,,,,",
                "net,2,any,,,equal_split,,,abc;CC-1,,,",
            ]
        },
        "shared_cost_rules.csv line 3, column targets: 'abc' is activity-based: each activity is a pool of its own; "
        "share with abc/direct_cost instead",
    ),
    "unknown fallback": (
        {"shared_cost_rules": ["tax,10,any,,,equal_split,,by_feel,,,,"]},
        "shared_cost_rules.csv line 2, column fallback: 'by_feel' is neither a method, a driver nor unallocated",
    ),
    "weights that cannot be divided": (
        {
            "drivers": [
                "2026-10-01,bytes,CC-1,,1",
                "2026-10-01,bytes,CC-2,,90000000000000000000",
                "2026-10-02,bytes,CC-2,,10000000000000000000",
            ],
            "shared_cost_rules": [],
        },
        f"drivers.csv line 3, column quantity: driver 'bytes' in 2026-10 comes to 1.00e+20, {TOO_MUCH}",
    ),
    "weights that tiers make too large": (
        {
            "drivers": ["2026-10-01,bytes,CC-1,,1000000000000000000"],
            "driver_tiers": ["bytes,,0,100,"],
            "shared_cost_rules": [],
        },
        "drivers.csv line 2, column quantity: driver 'bytes' in 2026-10, weighed by driver_tiers.csv, comes to "
        f"1.00e+20, {TOO_MUCH}",
    ),
    "revenues that cannot be divided": (
        {"cost_centers": [SOUND["cost_centers"][0], "CC-2,Ads,,,,,,,8,9000000000000000000,2026-01-01,"]},
        "cost_centers.csv line 3, column revenue: the revenue of all cost centres, by the days of a month, comes to "
        f"2.79e+20, {TOO_MUCH}",
    ),
    "a number with too many digits": (
        {"drivers": ["2026-10-01,requests,CC-1,,1e30"]},
        "drivers.csv line 2, column quantity: '1e30' is not a number of at most 24 digits before the point; "
        "use a larger unit",
    ),
    "tag rule without a key": (
        {"allocation_rules": ["r,1,tag,,v,CC-1,100,,,"]},
        "allocation_rules.csv line 2, column match_key: a tag rule needs the tag's key",
    ),
}


@pytest.mark.parametrize(("changed", "problem"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named_and_nothing_is_applied(opened, changed, problem):
    """One wrong cell: the sentence says file, line and column, and the landed decisions keep their bytes."""
    write(opened, **changed)
    assert problem in problems(opened)


def test_mistakes_of_all_files_are_reported_at_once(opened):
    """Someone mends four files in one go, not one per run."""
    write(
        opened,
        cost_centers=[*SOUND["cost_centers"], "CC-3,X,,,,,,,0,0,soon,"],
        allocation_rules=["r,first,tag,k,v,CC-1,all,,,"],
        shared_cost_rules=["tax,10,any,,,by_feel,,,,,,"],
        fx_rates=["2026-10,EUR,USD,one,,"],
    )
    assert [problem.split(":")[0] for problem in problems(opened)] == [
        "cost_centers.csv line 4, column valid_from",
        "allocation_rules.csv line 2, column priority",
        "allocation_rules.csv line 2, column share_percent",
        "shared_cost_rules.csv line 2, column method",
        "fx_rates.csv line 2, column rate",
    ]


def test_contradictions_between_files_are_reported_at_once(opened):
    """A cost centre that was removed is named by every file that still uses it."""
    write(opened, cost_centers=SOUND["cost_centers"][:1])
    named = {problem.split(" ")[0] for problem in problems(opened) if "CC-2" in problem}
    assert named == {"allocation_rules.csv", "shared_cost_rules.csv", "drivers.csv"}


def test_a_number_too_large_for_its_column_is_a_mistake_like_any_other(opened):
    """It must not stop half-way, with some files applied and others not."""
    write(
        opened,
        cost_centers=[SOUND["cost_centers"][0], "CC-2,Renamed,,,,,,,8,0,2026-01-01,"],
        allocation_rules=["r,99999999999,tag,k,v,CC-1,100,,,"],
    )
    assert any("allocation_rules.csv line 2, column priority" in problem for problem in problems(opened))


def test_comments_and_blank_lines_do_not_shift_the_line_that_is_named(opened):
    """The line is the one an editor shows."""
    write(opened, fx_rates=["# European Central Bank", "", "2026-10,EUR,USD,0,,"])
    assert problems(opened) == ["fx_rates.csv line 4, column rate: must be above 0"]


def test_sound_decisions_land_with_their_counts_and_the_same_bytes_again(opened):
    """Landing the same decisions twice changes no byte."""
    before = landed_bytes(opened)
    assert land_decisions(opened) == {name: len(SOUND.get(name, ())) for name in FILES}
    assert landed_bytes(opened) == before


def test_consecutive_validities_are_no_overlap(opened):
    """valid_to is exclusive: one rule ends on the day on which the next begins."""
    write(
        opened,
        allocation_rules=["a,1,tag,team,x,CC-1,100,,2026-10-01,", "b,1,tag,team,x,CC-2,100,2026-10-01,,"],
    )
    assert land_decisions(opened)["allocation_rules"] == 2


def test_an_absent_file_counts_as_empty(opened):
    """A company without shared-cost rules keeps no file of them."""
    (opened.decisions / "fx_rates.csv").unlink()
    assert land_decisions(opened)["fx_rates"] == 0
