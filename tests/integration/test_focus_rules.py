"""The rules of FOCUS as the build checks them: corruptions of the ledger and the money bugs of other tools are caught.

The SQL that runs here is the compiled SQL of the shipped marts, on a mutated copy of a built ledger.
"""

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from pipelines.settings import Workspace

MART = '"warehouse"."main"."fct_conformance"'
LEDGER = '"warehouse"."main"."int_focus__charges"'


@pytest.fixture
def ledger(built):
    """A connection with the built warehouse attached; a test puts its own version of the ledger into `mutated`."""
    with duckdb.connect() as con:
        con.execute(f"attach '{built.warehouse}' as warehouse (read_only)")
        yield con


def compiled(workspace: Workspace, mart: str) -> str:
    sql = (workspace.root / f".dbt/target/compiled/finops/models/marts/cost/{mart}.sql").read_text()
    assert LEDGER in sql and "not in (select this" not in sql  # the first build: over the whole ledger
    return sql.replace(LEDGER, "mutated")


def broken_rules(con: duckdb.DuckDBPyConnection, workspace: Workspace, select: str) -> dict[str, int]:
    """Rules that the shipped check finds broken in `select ... from {ledger}`."""
    con.execute(f"create or replace temp table mutated as {select.format(ledger=LEDGER)}")
    sql = compiled(workspace, "fct_conformance")
    rows = con.execute(f"select rule, sum(rows_broken) from ({sql}) where rows_broken > 0 group by 1").fetchall()
    return {rule: int(count) for rule, count in rows}


def unreconciled(con: duckdb.DuckDBPyConnection, workspace: Workspace, select: str) -> set[tuple[str, str]]:
    """(stage, source) whose totals the shipped reconciliation finds broken."""
    con.execute(f"create or replace temp table mutated as {select.format(ledger=LEDGER)}")
    sql = compiled(workspace, "fct_reconciliation")
    return set(con.execute(f"select distinct stage, x_source from ({sql}) where status = 'broken'").fetchall())


def change(where: str = "true", **columns: str) -> str:
    """The ledger with some columns replaced on the rows that `where` chooses."""
    replaced = ", ".join(f"case when {where} then {value} else {name} end as {name}" for name, value in columns.items())
    return f"select * replace ({replaced}) from {{ledger}}"


COVERED = "commitment_discount_status = 'Used'"
NOT_UNUSED = "coalesce(commitment_discount_status, '') <> 'Unused'"
FEE = "charge_category = 'Purchase' and commitment_discount_id is not null"
AZURE = "x_provider = 'azure'"
BY_PLAN = "x_rule = 'aws/covered_by_savings_plan'"
NEGATION = (
    " union all by name select * replace ('Adjustment' as charge_category, -contracted_cost as billed_cost, "
    "0 as effective_cost, null as commitment_discount_status) from {ledger} where " + BY_PLAN
)

# The 19 single-column corruptions, and the rule that each breaks.
CORRUPTIONS = {
    "list cost doubled": (change(list_cost="list_cost * 2"), "list_cost_is_price_times_quantity"),
    "contracted cost doubled": (
        change(contracted_cost="contracted_cost * 2"),
        "contracted_cost_is_price_times_quantity",
    ),
    "effective cost tripled on usage": (
        change("charge_category = 'Usage'", effective_cost="effective_cost * 3"),
        "uncovered_usage_costs_what_is_billed",
    ),
    "covered usage billed": (change(COVERED, billed_cost="5"), "covered_usage_is_not_billed"),
    "billing period of no length": (
        change(billing_period_end="billing_period_start"),
        "billing_period_ends_after_it_starts",
    ),
    "charge period ends before it starts": (
        change(charge_period_end="charge_period_start - interval '1' hour"),
        "charge_period_does_not_end_before_it_starts",
    ),
    "nested tags": (change(tags="""'{{"a": {{"b": "c"}}}}'"""), "tags_are_one_flat_json_object"),
    "status lost on covered usage": (change(COVERED, commitment_discount_status="null"), "covered_usage_has_a_status"),
    "no SkuId": (change(sku_id="null"), "sold_has_a_sku"),
    "no ConsumedQuantity": (change(consumed_quantity="null"), "used_usage_is_measured"),
    "no PricingQuantity": (change(pricing_quantity="null"), "sold_has_a_pricing_quantity"),
    "negative price": (change(list_unit_price="-list_unit_price"), "unit_prices_are_not_negative"),
    "unknown charge category": (change(charge_category="'Consumption'"), "charge_category_is_known"),
    "unknown service category": (change(service_category="'Cloud'"), "service_category_is_known"),
    "tags that are no JSON": (change(tags="'Env=prod'"), "tags_are_one_flat_json_object"),
    "currency in lower case": (change(billing_currency="lower(billing_currency)"), "currency_is_an_iso_code"),
    "empty texts": (change(region_id="''"), "nothing_is_an_empty_text"),
    "two categories for one service": (
        change("x_source_row % 2 = 0", service_category="'Media'"),
        "one_service_category_per_service",
    ),
    "purchase that is usage-based": (
        change("charge_category = 'Purchase'", charge_frequency="'Usage-Based'"),
        "purchase_is_never_usage_based",
    ),
}


def test_the_ledger_keeps_every_rule(ledger, built):
    """No rule is broken before anything is corrupted, and every rule has looked at every row."""
    assert broken_rules(ledger, built, "select * from {ledger}") == {}
    rules, fewest, most = ledger.execute(
        "select count(distinct rule), min(n), max(n) from (select rule, sum(rows_checked) n from "
        "warehouse.main.fct_conformance group by 1)"
    ).fetchone()
    assert rules >= 40 and fewest == most > 6_000
    assert len(CORRUPTIONS) == 19


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corrupted_column_breaks_its_rule(ledger, built, name):
    """Each of the corruptions, most of which the official validator does not see, fails the check by name."""
    select, rule = CORRUPTIONS[name]

    broken = broken_rules(ledger, built, select)

    assert broken.get(rule, 0) > 0, broken


@pytest.mark.parametrize(
    ("select", "rule"),
    [
        (  # finops-toolkit: only rows of type Usage lose their billed cost
            change("commitment_discount_status = 'Unused'", billed_cost="effective_cost"),
            "unused_commitment_is_not_billed",
        ),
        (  # CID, koku: the unused part stays on the fee
            f"{change(FEE, effective_cost='billed_cost')} where {NOT_UNUSED}",
            "commitment_purchase_costs_nothing_itself",
        ),
        (  # koku: the unused part is lost
            "select * from {ledger} where " + NOT_UNUSED,
            "commitments_cost_at_least_their_hourly_fees",
        ),
        (  # convert.md: PricingQuantity = Quantity / block size, and the costs follow from it
            change(AZURE, pricing_quantity="pricing_quantity / 1000", contracted_cost="contracted_cost / 1000"),
            "contracted_cost_is_of_the_order_of_the_bill",
        ),
        (  # the same, where only the quantity is wrong
            change(AZURE, pricing_quantity="pricing_quantity / 1000"),
            "contracted_cost_is_price_times_quantity",
        ),
        (  # negation kept: covered usage at its on-demand price, and a row that takes it back
            change(BY_PLAN, billed_cost="contracted_cost") + NEGATION,
            "covered_usage_is_not_billed",
        ),
    ],
    ids=["billed twice", "unused on the fee", "unused lost", "divided twice", "quantity divided", "negation kept"],
)
def test_a_money_bug_of_another_tool_breaks_its_rule(ledger, built, select, rule):
    """The ways in which other converters get commitments and quantities wrong can not pass."""
    assert broken_rules(ledger, built, select).get(rule, 0) > 0


@pytest.mark.parametrize(
    ("source", "select"),
    [
        (
            "gcp-main",  # focus_converter: cost before credits
            "select c.* replace (c.billed_cost - coalesce(e.credits_total, 0) as billed_cost) from {ledger} as c "
            "left join exported as e using (x_source, x_source_file, x_source_row)",
        ),
        ("gcp-main", change("x_provider = 'gcp'", billed_cost="greatest(billed_cost, 0)")),  # ... and clamped at zero
        ("azure-ea", change("commitment_discount_status = 'Unused'", billed_cost="effective_cost")),
        (
            "aws-payer",  # negation kept beside covered usage that is already free
            "select * from {ledger}" + NEGATION,
        ),
    ],
    ids=["credits left out", "credits clamped", "unused billed twice", "negation kept"],
)
def test_a_money_bug_of_another_tool_breaks_the_reconciliation(ledger, built, source, select):
    """What is billed ties to the export itself, so a wrong total is named by its source."""
    ledger.execute(
        "create temp table exported as select x_source, x_source_file, x_source_row, credits_total "
        f"from '{built.landing}/billing_export/source=*/billing_period=2*/data.parquet'"
    )
    assert unreconciled(ledger, built, "select * from {ledger}") == set()

    assert ("ledger", source) in unreconciled(ledger, built, select)


def test_the_build_names_the_rule_the_rows_and_an_example(ledger, built):
    """The failing data test says what is wrong, not only how many rows it found."""
    name = "assert_the_ledger_keeps_the_rules_of_focus.sql"
    sql = (built.root / f".dbt/target/compiled/finops/tests/{name}").read_text()
    ledger.execute(f"create temp table mutated as {change(COVERED, billed_cost='5').format(ledger=LEDGER)}")
    ledger.execute(f"create temp table found as {compiled(built, 'fct_conformance')}")
    count = ledger.execute(f"select count(*) from mutated where {COVERED} and billed_cost = 5").fetchone()[0]

    with pytest.raises(duckdb.Error, match="covered_usage_is_not_billed") as caught:
        ledger.execute(f"select count(*) from ({sql.replace(MART, 'found')})").fetchall()

    assert f"({count - excused(ledger)} rows, first " in str(caught.value) and " row " in str(caught.value)
    assert ledger.execute(f"select count(*) from ({sql})").fetchone() == (0,)


def excused(con: duckdb.DuckDBPyConnection) -> int:
    """Covered rows whose bill says so themselves."""
    row = con.execute(f"select count(*) from mutated where {COVERED} and x_gaps like '%BilledCost%'").fetchone()
    return int(row[0])


def test_gaps_are_counted_with_their_cost(ledger, built):
    """A column that an export does not have is one line per month, with the rows and the money that it concerns."""
    gaps = ledger.execute(
        "select focus_column, sum(gap_rows), sum(billed_cost) from warehouse.main.fct_conformance_gaps "
        "where x_source = 'aws-acquired' and focus_column = 'SubAccountName' group by 1"
    ).fetchall()
    rows = ledger.execute(f"select count(*), sum(billed_cost) from {LEDGER} where x_source = 'aws-acquired'").fetchone()
    assert gaps == [("SubAccountName", *rows)]
    total = ledger.execute("select sum(billed_cost) from warehouse.main.fct_conformance_gaps where focus_column = ''")
    assert total.fetchone()[0] > Decimal(0)


def test_the_views_have_the_columns_of_their_versions(ledger, built):
    """1.4 has its 65 columns and 1.2 its 57, each once and spelled as in the specification; the rest is x_."""
    model = Path(__file__).parents[1] / "fixtures/focus/columns.csv"
    with duckdb.connect() as con:
        known = con.execute(f"select * from read_csv('{model}', all_varchar = true)").fetchall()
    for version, view in (("1.4", "focus_cost_and_usage"), ("1.2", "focus_cost_and_usage_1_2")):
        columns = [row[0] for row in ledger.execute(f"describe warehouse.main.{view}").fetchall()]
        assert sorted(c for c in columns if not c.startswith("x_")) == sorted(c for v, c in known if v == version)
