"""What BI tools may rely on: every published mart has an enforced contract that a person can read, and keeps it."""

import json
import re
from functools import cache
from shutil import copytree

import duckdb
import pytest

from pipelines.dbt_command import run_dbt
from pipelines.errors import BuildError
from pipelines.inputs import DBT_PROJECT
from pipelines.outputs.publish import current_run, publish
from pipelines.settings import Workspace

# Key columns that the design fixes, per mart; a missing one breaks a dashboard somewhere.
KEY_COLUMNS = {
    "focus_cost_and_usage": "BilledCost EffectiveCost ListCost ContractedCost BillingCurrency BillingPeriodStart "
    "ChargePeriodStart ChargeCategory ServiceName ServiceProviderName SubAccountId Tags x_source "
    "x_delivery_id x_source_row",
    "fct_daily_costs": "charge_date billing_period provider x_source billing_account_id sub_account_id service_name "
    "service_category region_id resource_id charge_category charge_class pricing_category billing_currency billed_cost "
    "effective_cost list_cost contracted_cost effective_cost_reporting billed_cost_reporting tags",
    "fct_allocated_costs": "charge_date billing_period cost_center_id method rule_id rule_version driver_value share "
    "allocated_cost currency confidence",
    "fct_allocation_accuracy": "total_cost direct_cost shared_cost unallocated_cost allocation_rate "
    "allocation_accuracy",
    "fct_chargeback": "billing_period posting_period cost_center_id line_id kind amount currency status",
    "fct_reconciliation": "stage x_source billing_period currency metric source_total landed_total ledger_total "
    "allocated_total statement_total difference status",
    "fct_invoice_reconciliation": "x_source billing_period invoice_id seller currency ledger_total invoice_total "
    "unexplained status",
}


@pytest.fixture(scope="module")
def published(built, tmp_path_factory):
    """The built company, published: the names of its marts and a connection to them."""
    root = tmp_path_factory.mktemp("published") / "w"
    copytree(built.root, root)
    workspace = Workspace.open(root)
    publish(workspace)
    run = current_run(workspace)
    assert run is not None
    with duckdb.connect(str(run / "marts.duckdb"), read_only=True) as con:
        yield workspace, con


@cache
def _manifest(path):
    return json.loads(path.read_text("utf-8"))


def _marts(published):
    """Every published table with what dbt knows of it, straight from the manifest that built it."""
    workspace, con = published
    manifest = _manifest(workspace.root / ".dbt" / "target" / "manifest.json")
    names = [name for (name,) in con.execute("select table_name from information_schema.tables").fetchall()]
    models = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    tests = [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]
    return {name: models[name] for name in sorted(names) if name != "publish_info"}, tests


def test_every_published_mart_has_an_enforced_contract_a_grain_and_a_meaning_for_every_column(published):
    """A mart that is added without them fails here: what is published is promised."""
    marts, tests = _marts(published)
    assert len(marts) >= 18
    missing = []
    for name, model in marts.items():
        if not model["contract"]["enforced"]:
            missing.append(f"{name}: no enforced contract")
        if "ne row per" not in model["description"].replace("\n", " "):
            missing.append(f"{name}: its description does not say what one row is")
        missing += [
            f"{name}.{column['name']}: no {part}"
            for column in model["columns"].values()
            for part in ("data_type", "description")
            if not column[part]
        ]
        if not any(
            test["attached_node"] == model["unique_id"] and test["test_metadata"]["name"] == "grain"
            for test in tests
            if test.get("attached_node")
        ):
            missing.append(f"{name}: no grain test")
    assert not missing


def test_published_columns_are_the_contracts_columns_in_name_order_and_type(published):
    """The contract is of the file that readers open, not only of the private warehouse."""
    _, con = published
    marts, _ = _marts(published)
    for name, model in marts.items():
        columns = [(column, kind.lower()) for column, kind, *_ in con.execute(f"describe {name}").fetchall()]
        promised = [(column["name"], column["data_type"].lower()) for column in model["columns"].values()]
        assert columns == promised, name


def test_descriptions_travel_with_the_published_file(published):
    """A person who opens marts.duckdb in a BI tool reads what each table and column means."""
    _, con = published
    marts, _ = _marts(published)
    comments = dict(
        con.execute(
            "select table_name, comment from duckdb_tables() union all select view_name, comment from duckdb_views()"
        ).fetchall()
    )
    columns = {
        (table, column): comment
        for table, column, comment in con.execute(
            "select table_name, column_name, comment from duckdb_columns()"
        ).fetchall()
    }
    for name, model in marts.items():
        assert comments[name] == model["description"].strip()
        for column in model["columns"].values():
            assert columns[name, column["name"]] == column["description"].strip()


def test_money_is_decimal_in_every_published_mart(published):
    """Floats lose cents: no mart may hold one."""
    _, con = published
    floats = con.execute(
        "select table_name, column_name from information_schema.columns where data_type in ('DOUBLE', 'FLOAT', 'REAL')"
    ).fetchall()
    assert floats == []


def test_the_key_columns_of_the_design_exist_by_name(published):
    """Dashboards are written against these names."""
    marts, _ = _marts(published)
    for name, columns in KEY_COLUMNS.items():
        assert set(columns.split()) <= set(marts[name]["columns"]), name


def test_incremental_models_fail_when_their_columns_change():
    """An incremental table that silently keeps its old columns would break its contract later."""
    for path in (DBT_PROJECT / "models").rglob("*.sql"):
        text = path.read_text("utf-8")
        if "materialized='incremental'" in text:
            assert "on_schema_change='fail'" in text, path.name


def test_a_warehouse_whose_numbers_do_not_hold_fails_its_tests_and_says_where(built, tmp_path):
    """A trillionth too much, a row twice, a row of no delivery: each has a check that can fail."""
    root = tmp_path / "w"
    copytree(built.root, root)
    workspace = Workspace.open(root)
    with duckdb.connect(str(workspace.warehouse)) as con:
        con.execute(
            "update fct_daily_costs set billed_cost = billed_cost + 0.000000000001 where rowid = (select min(rowid) "
            "from fct_daily_costs where x_source = 'azure-ea' and billing_period = '2026-09')"
        )
        con.execute("insert into fct_daily_costs select * from fct_daily_costs where x_source = 'aws-payer' limit 1")
        con.execute(
            "update int_focus__charges set x_delivery_id = 'ghost' where x_source = 'gcp-main' and x_source_row = 1"
        )
    with pytest.raises(BuildError) as failure:
        run_dbt(workspace, ["test", "--select", "fct_daily_costs", "int_focus__charges", "fct_chargeback"])
    message = str(failure.value)
    assert re.search(r"azure-ea 2026-09 billed_cost in EUR: ledger \d+\.\d{12}, daily \d+\.\d{12}", message)
    assert "fct_daily_costs_counts_every_charge_once" in message
    assert "assert_every_charge_is_of_the_current_delivery_of_its_month" in message
