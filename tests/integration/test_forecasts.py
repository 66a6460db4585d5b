"""A run lands a vintage, marts show it, and vintages are kept: nothing is computed twice, nothing rewritten."""

import shutil

import duckdb

from pipelines.build import build, compute_results
from pipelines.landing.decisions import land_decisions
from pipelines.landing.forecasts import vintages
from pipelines.settings import Workspace


def test_a_vintage_lands_once_is_shown_in_the_marts_and_stays_when_plans_change(built, tmp_path):
    root = tmp_path / "w"
    shutil.copytree(built.root, root)
    workspace = Workspace.open(root)
    plan = workspace.decisions / "planned_events.csv"
    header = "event_id,kind,scope,scope_value,starts_on,ends_on,change_percent,monthly_amount,currency,note\n"
    plan.write_text(header)
    build(workspace)  # in its new place
    said = []

    compute_results(workspace, said.append)
    first = vintages(workspace)
    compute_results(workspace, said.append)

    assert (
        [v.vintage_id for v in first] == [v.vintage_id for v in vintages(workspace)] == [f"{first[0].vintage_date}-1"]
    )
    assert any("stands: nothing has changed" in line for line in said)
    folder = workspace.landing / "forecasts" / first[0].vintage_id
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with duckdb.connect(str(workspace.warehouse), read_only=True) as con:
        levels = dict(
            con.execute(
                "select series_level, sum(yhat) from fct_cost_forecasts where grain = 'month' and scenario = 'likely' "
                "and currency = 'USD' group by 1"
            ).fetchall()
        )
        history, forecast = con.execute(
            "select (select sum(allocated_cost) / count(distinct charge_date) from fct_allocated_costs "
            "where currency = 'USD'), sum(yhat) / count(*) from fct_cost_forecasts "
            "where series_id = 'total|USD' and grain = 'day' and scenario = 'likely'"
        ).fetchone()
        tested = con.execute(
            "select count(*) from fct_forecast_accuracy where evidence = 'backtest' and model = 'Combined'"
        ).fetchone()
    assert set(levels) == {"leaf", "cost_center", "department", "provider", "service", "total"}
    assert len(set(levels.values())) == 1
    assert 0.7 < float(forecast) / float(history) < 1.5
    assert tested[0] > 0

    plan.write_text(header + f"launch,launch,total,,{first[0].vintage_date},,10,,,\n")
    land_decisions(workspace)
    compute_results(workspace, said.append)

    assert [v.vintage_id for v in vintages(workspace)] == [first[0].vintage_id, f"{first[0].vintage_date}-2"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    with duckdb.connect(str(workspace.warehouse), read_only=True) as con:
        latest = con.execute(
            "select vintage_id, is_latest, sum(planned_cost) > 0 from fct_cost_forecasts group by 1, 2 order by 1"
        ).fetchall()
    assert latest == [(f"{first[0].vintage_date}-1", False, False), (f"{first[0].vintage_date}-2", True, True)]
