"""What a published run tells of budgets: mistakes in them first, then those that will hardly hold."""

import duckdb

from pipelines.learned import learned
from pipelines.settings import Workspace
from pipelines.workspace_template import write_workspace


def test_a_budget_whose_scope_no_bill_names_is_told_before_those_at_risk(tmp_path):
    write_workspace(tmp_path)
    run = tmp_path / "published" / "20261101T000000Z-1"
    run.mkdir(parents=True)
    with duckdb.connect(str(run / "marts.duckdb")) as con:
        con.execute("""
            create table rpt_close_readiness
                (x_source text, billing_period text, missing_days int, why_not text, is_safe_to_close bool);
            create table fct_restatements (x_source text, billing_period text, billing_currency text,
                billed_difference int, effective_difference int, charge_date date, landed_at timestamp);
            create table fct_schema_changes (x_source text, billing_period text, change text, column_name text,
                severity text, landed_at timestamp);
            create table fct_cost_anomalies (anomaly_id text, first_seen_date date, impact_total int, currency text,
                severity text, root_cause text, status text);
            create table fct_budget_status (budget_id text, period text, scope text, scope_value text, status text,
                expected_cost int, adjusted_amount int, currency text, overrun_probability decimal(18, 6),
                risk_level text);
            insert into fct_budget_status values
                ('shop', '2026-11', 'service', 'EC2', 'running', 120, 100, 'USD', 0.9, 'critical'),
                ('typo', '2026-11', 'service', 'EC3', 'no_costs', null, 100, 'USD', null, 'unknown'),
                ('none', '2026-11', 'total', null, 'no_costs', null, 100, 'USD', null, 'unknown');
        """)

    assert learned(Workspace.open(tmp_path), run).lines() == [
        ("Budgets", "typo 2026-11: no bill names service 'EC3'; see budgets.csv"),
        ("Budgets", "shop 2026-11: 120 expected of 100 USD, overrun 90 % likely"),
    ]
