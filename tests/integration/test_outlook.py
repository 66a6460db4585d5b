"""Anomalies and budgets of a built company: found, explained, conserved; a second look changes nothing."""

import json
import shutil
from datetime import timedelta
from decimal import Decimal

import duckdb
import pytest

from forecasting.budgets.outlook import look_ahead
from pipelines.build import build, compute_results
from pipelines.dbt_command import run_dbt
from pipelines.errors import BuildError, ResultError
from pipelines.landing.results import land_result, landed_result
from pipelines.outputs.publish import published_from_built
from pipelines.settings import Workspace


@pytest.fixture(scope="module")
def watched(built, tmp_path_factory):
    """A copy of the built company, built in its own place (views know where landing is), whose results are computed."""
    root = tmp_path_factory.mktemp("watched") / "w"
    shutil.copytree(built.root, root)
    workspace = Workspace.open(root)
    build(workspace)
    compute_results(workspace)
    return workspace


def test_the_planted_anomaly_is_found_on_its_days_with_its_resource(watched):
    truth = json.loads((watched.root / "truth.json").read_text("utf-8"))["anomalies"]
    planted = next(one for one in truth if one["source"] == "gcp-main")
    with duckdb.connect(str(watched.warehouse), read_only=True) as con:
        days = con.execute(
            "select anomaly_id, charge_date, actual_cost, status, also_seen_on from fct_cost_anomalies "
            "where sub_account_id = ? and first_seen_date = ? order by charge_date",
            [planted["sub_account"], planted["first_day"]],
        ).fetchall()
        assert [str(day[1]) for day in days] == [planted["first_day"], "2026-10-12", planted["last_day"]]
        assert days[0][3] == "resolved" and "account" in days[0][4]
        top = con.execute(
            "select cause_value, price_effect, quantity_effect > 0 from fct_anomaly_causes "
            "where anomaly_id = ? and dimension = 'resource' and cause_rank = 1",
            [days[0][0]],
        ).fetchone()
        assert "/jobs/" in top[0] and top[1:] == (0, True)


def test_actual_costs_are_those_of_the_ledger_to_the_last_decimal(watched):
    """Of every incident that is one leaf: its days, summed anew from fct_allocated_costs."""
    with duckdb.connect(str(watched.warehouse), read_only=True) as con:
        compared, wrong = con.execute("""
            with leaves as (
                select * from fct_cost_anomalies
                where series_level = 'leaf' and cost_center_id not like '~%' and sub_account_id is not null
            ),
            ledger as (
                select x_source, sub_account_id, service_name, cost_center_id, currency, charge_date,
                    sum(allocated_cost) as cost
                from fct_allocated_costs
                where charge_category = 'Usage' and charge_kind = 'cost' and method = 'direct'
                group by all
            )
            select count(*), count(*) filter (actual_cost is distinct from coalesce(cost, 0)) from leaves
            left join ledger
                using (x_source, sub_account_id, service_name, cost_center_id, currency, charge_date)
        """).fetchone()
    assert compared > 20 and wrong == 0


def test_the_end_of_a_commitment_is_no_alarm(watched):
    """The sample's old reservations end on 2026-09-01: the same machines cost more from that day."""
    with duckdb.connect(str(watched.warehouse), read_only=True) as con:
        statuses = con.execute(
            "select distinct status from fct_cost_anomalies where first_seen_date = date '2026-09-01' "
            "and service_name in ('Virtual Machines', 'Amazon Relational Database Service')"
        ).fetchall()
    assert statuses == [("expected",)]


def test_a_budget_has_spent_what_its_cost_centre_was_allocated(watched):
    """Each month of each cost centre, summed anew by day of use from allocated costs and rates of the file."""
    with duckdb.connect(str(watched.warehouse), read_only=True) as con:
        con.execute(f"create temp table rates as from read_csv('{watched.decisions / 'fx_rates.csv'}')")
        compared, wrong = con.execute("""
            with spent as (
                select cost_center_id, strftime(charge_date, '%Y-%m') as used_in, sum(cast(
                    allocated_cost * coalesce(cast(rate as decimal(18, 10)), 1) as decimal(28, 12))) as cost
                from fct_allocated_costs
                left join rates on month = billing_period and from_currency = currency and to_currency = 'USD'
                group by all
            )
            select count(*), count(*) filter (abs(actual_cost - cost) > 0.000001) from fct_budget_status
            inner join spent on scope_value = cost_center_id and period = used_in
            where status = 'over'
        """).fetchone()
    assert compared == 24 and wrong == 0


def test_the_newest_version_of_a_budget_counts_and_only_its_thresholds_are_armed(watched):
    with duckdb.connect(str(watched.warehouse), read_only=True) as con:
        assert con.execute(
            "select version, amount from fct_budget_status where budget_id = 'company-month' and period = '2026-10'"
        ).fetchall() == [(2, 320_000)]
        assert con.execute(
            "select distinct version from fct_budget_alerts where budget_id = 'company-month' and period = '2026-10'"
        ).fetchall() == [(2,)]


def test_each_threshold_is_raised_once_on_the_first_day_that_reached_it(watched):
    with duckdb.connect(str(watched.warehouse), read_only=True) as con:
        days = con.execute(
            "select charge_date, cost from int_budgets__scope_costs where scope_value = 'CC-2030' "
            "and charge_date >= date '2026-10-01' order by 1"
        ).fetchall()
        alerts = con.execute(
            "select threshold_percent, alert_date from fct_budget_alerts "
            "where budget_id = 'machine-learning-month' and period = '2026-10' and kind = 'actual' order by 1"
        ).fetchall()
    expected, spent = {}, 0
    for day, cost in days:
        spent += cost
        expected |= {limit: day for limit in (50, 75, 90, 110) if spent * 100 >= 8000 * limit and limit not in expected}
    assert dict(alerts) == expected and len(alerts) == len(expected) >= 3


def test_what_is_reallocated_stays_in_its_department_and_adds_up(watched):
    with duckdb.connect(str(watched.warehouse), read_only=True) as con:
        moved, across, over = con.execute("""
            select count(*), count(*) filter (g.department <> r.department), count(*) filter (a.amount <= 0)
            from fct_budget_adjustments as a
            inner join fct_budget_status as g on a.from_budget_id = g.budget_id and a.period = g.period
            inner join fct_budget_status as r on a.to_budget_id = r.budget_id and a.period = r.period
        """).fetchone()
        unchanged = con.execute(
            "select sum(amount) = sum(adjusted_amount), max(abs(adjusted_amount - amount) / amount) <= 0.1 "
            "from fct_budget_status where period = '2026-Q4'"
        ).fetchone()
    assert moved >= 1 and (across, over) == (0, 0) and unchanged == (True, True)


def test_the_same_ledger_gives_the_same_files_and_builds_nothing(watched):
    before = {path.name: path.read_bytes() for path in (watched.landing / "results").iterdir()}
    assert compute_results(watched).models == 0
    assert {path.name: path.read_bytes() for path in (watched.landing / "results").iterdir()} == before


def test_a_warehouse_that_was_moved_is_built_before_anything_is_computed_from_it(built, tmp_path):
    """Its views still look for what landed in the old place: nothing is read from there."""
    shutil.copytree(built.root, tmp_path / "w")
    moved = Workspace.open(tmp_path / "w")

    with pytest.raises(BuildError, match="Run `finops build` first"):
        compute_results(moved)


def test_a_label_and_a_planned_event_come_back_through_decisions(watched):
    with duckdb.connect(str(watched.warehouse), read_only=True) as con:
        [(found, team), *_] = con.execute(
            "select distinct anomaly_id, cost_center_id from fct_cost_anomalies "
            "where first_seen_date = date '2026-10-11' and series_level = 'leaf'"
        ).fetchall()
    labels = watched.decisions / "anomaly_labels.csv"
    events = watched.decisions / "planned_events.csv"
    labels.write_text(
        f"anomaly_id,label,labelled_by,labelled_on,note\n{found},false,Ada,2026-10-14,Quarterly report\n"
        "mistyped,true,Ada,2026-10-14,\n",
        "utf-8",
    )
    events.write_text(
        "event_id,kind,scope,scope_value,starts_on,ends_on,change_percent,monthly_amount,currency,note\n"
        f"report,other,cost_center,{team},2026-10-10,2026-10-13,,,,\n",
        "utf-8",
    )
    said: list[str] = []
    compute_results(watched, said.append)
    assert any(line.endswith("anomaly_labels.csv names none of them with mistyped") for line in said)
    with duckdb.connect(str(watched.warehouse), read_only=True) as con:
        assert con.execute(
            "select distinct label, status, suppressed_by from fct_cost_anomalies where anomaly_id = ?", [found]
        ).fetchall() == [("false", "dismissed", "planned_event:report")]
        assert con.execute("select events, false_alarms, precision_rate from fct_anomaly_quality").fetchall() == [
            (0, 1, 0)
        ]


def test_a_step_that_breaks_off_is_named_keeps_what_it_found_and_is_tried_again(watched):
    """A full disk, say: nobody can write where anomalies land. Bills are published all the same."""
    results = watched.landing / "results"
    before = (results / "anomaly_days.parquet").read_bytes()
    in_the_way = results / ".anomaly_days.parquet"
    in_the_way.mkdir()

    broken = compute_results(watched)

    assert [problem.where for problem in broken.failed] == ["anomalies"]
    assert "What it found before stays" in str(broken.failed[0])
    with pytest.raises(ResultError):
        broken.raise_failed()
    assert (results / "anomaly_days.parquet").read_bytes() == before
    assert published_from_built(watched) is None  # the next run does not take this one for whole
    in_the_way.rmdir()
    assert compute_results(watched).failed == ()


def test_alerts_stay_as_they_were_raised_and_a_forecast_is_alerted_in_its_second_run(watched):
    """As if 999 % had been reached by a cost that was restated since, 50 % a day earlier; the last run knew less."""
    assert landed_result(watched, "budget_forecast_alerts") == []
    kept = landed_result(watched, "budget_actual_alerts")
    one = next(a for a in kept if a["budget_id"] == "machine-learning-month" and a["threshold_percent"] == 50)
    earlier = one | {"alert_date": one["alert_date"] - timedelta(1), "cost": one["cost"] + 1}
    never = earlier | {"threshold_percent": Decimal(999)}
    land_result(watched, "budget_actual_alerts", [earlier, never, *(a for a in kept if a is not one)])
    before = landed_result(watched, "budget_outlooks")
    land_result(watched, "budget_outlooks", [row | {"as_of_date": row["as_of_date"] - timedelta(1)} for row in before])

    look_ahead(watched)
    run_dbt(watched, ["run", "--select", "fct_budget_alerts"])

    over = {(row["budget_id"], row["period"]) for row in before if row["expected_ratio"] >= Decimal("1.005")}
    with duckdb.connect(str(watched.warehouse), read_only=True) as con:
        found = con.execute(
            "select threshold_percent, alert_date, cost, is_still_reached from fct_budget_alerts where kind = 'actual' "
            "and budget_id = ? and period = ? and threshold_percent in (50, 999) order by 1",
            [one["budget_id"], one["period"]],
        ).fetchall()
        alerted = con.execute(
            "select distinct budget_id, period, is_still_reached from fct_budget_alerts where kind = 'forecast'"
        ).fetchall()
    day, cost = earlier["alert_date"], earlier["cost"]
    assert found == [(50, day, cost, True), (999, day, cost, False)]
    assert over and {(name, period, True) for name, period in over} >= set(alerted) and alerted
