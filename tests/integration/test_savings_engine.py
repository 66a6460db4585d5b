"""The savings engine as a whole: on candidates of a few rows, compiled by dbt once and run by DuckDB."""

import itertools
import json
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.build import register_deliveries
from pipelines.dbt_command import run_dbt
from pipelines.explain import Explanation, lines_of
from pipelines.landing.decisions import land_decisions
from pipelines.settings import Settings, Workspace
from tests.integration.allocation_models import in_order

D = Decimal
MONEY, SHARE = pa.decimal128(28, 12), pa.decimal128(13, 12)
ENGINE = ["int_savings__alone", "int_savings__chosen", "int_savings__replayed_hours", "int_savings__replayed"]
HOURS = 3
ORDER = {"existence": 1, "schedule": 2, "size": 3, "generation": 4}


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """The engine's SQL, in order, with the names of its relations."""
    workspace = Workspace(tmp_path_factory.mktemp("engine") / "w", Settings())
    workspace.landing.mkdir(parents=True)
    land_decisions(workspace)
    register_deliveries(workspace)
    run_dbt(workspace, ["compile", "--select", *ENGINE])
    manifest = json.loads((Path(workspace.root) / ".dbt" / "target" / "manifest.json").read_text("utf-8"))
    compiled = {i: n for i, n in manifest["nodes"].items() if n["name"] in ENGINE and n.get("compiled_code")}
    return [(compiled[i]["name"], compiled[i]["compiled_code"]) for i in in_order(compiled)]


def run(engine, candidates, on_demand):
    """Net saving per hour window of every chosen candidate: rows are (resource, dimension, share, confidence)."""
    with duckdb.connect() as con:
        con.execute("attach ':memory:' as warehouse; use warehouse")
        priced = [
            {
                "candidate_id": f"c{number}",
                "resource_id": f"r{resource}",
                "currency": "USD",
                "dimension": dimension,
                "stack_order": ORDER[dimension],
                "cost_part": "all",
                "share": share,
                "savings_contract": COST[resource] * HOURS * share,
                "confidence": confidence,
                "is_declined": False,
                "min_saving_month": D(0),
            }
            for number, (resource, dimension, share, confidence) in enumerate(candidates)
        ]
        types = {"share": SHARE, "savings_contract": MONEY, "confidence": pa.decimal128(18, 6)}
        types |= {"min_saving_month": pa.decimal128(18, 6), "is_declined": pa.bool_(), "stack_order": pa.int32()}
        schema = pa.schema([(name, types.get(name, pa.string())) for name in priced[0]])
        con.register("priced", pa.Table.from_pylist(priced, schema))
        con.execute("create table int_savings__priced as from priced")
        # A window of HOURS hours that counts as a month: 365 / 12 days in per_month() would only scale both sides.
        con.execute("create table int_savings__window as select 1 as days")
        hours = [
            {"candidate_id": row["candidate_id"], "pool_id": "p", "charge_hour": hour, "eligible_cost": COST[resource]}
            for row, (resource, *_) in zip(priced, candidates, strict=True)
            for hour in range(HOURS)
        ]
        con.register("hours", pa.Table.from_pylist(hours))
        con.execute(
            "create table int_savings__eligible_hours as select candidate_id, pool_id, charge_hour, "
            "cast(eligible_cost as decimal(28, 12)) as eligible_cost from hours"
        )
        pool = [{"pool_id": "p", "charge_hour": hour, "on_demand_cost": on_demand[hour]} for hour in range(HOURS)]
        con.register("pool", pa.Table.from_pylist(pool))
        con.execute(
            "create table int_commitments__hours as select pool_id, charge_hour, "
            "cast(on_demand_cost as decimal(28, 12)) as on_demand_cost from pool"
        )
        for name, sql in engine:
            con.execute(f"create table {name} as {sql}")
        return dict(
            con.execute("select candidate_id, sum(saving_net) from int_savings__replayed_hours group by 1").fetchall()
        )


COST = {0: D(10), 1: D(4), 2: D(7)}  # per hour, of three resources


def best_possible(candidates, on_demand):
    """The largest net saving of any selection that the rules of exclusion allow, by trying all of them."""
    best = D(0)
    for size in range(len(candidates) + 1):
        for chosen in itertools.combinations(candidates, size):
            per_resource = {}
            for resource, dimension, share, _ in chosen:
                per_resource.setdefault(resource, []).append((dimension, share))
            if any(
                len({d for d, _ in found}) < len(found) or ("existence" in dict(found) and len(found) > 1)
                for found in per_resource.values()
            ):
                continue
            saving = D(0)
            for resource, found in per_resource.items():
                kept = D(1)
                for _, share in found:
                    kept *= 1 - share
                saving += COST[resource] * (1 - kept)
            best = max(best, sum((min(saving, hour) for hour in on_demand), D(0)))
    return best


shares = st.sampled_from([D("0.1"), D("0.25"), D("0.4"), D("0.5"), D("1")])
candidates = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(sorted(ORDER)), shares, st.sampled_from([D("0.5"), D("0.9")])),
    min_size=1,
    max_size=6,
)
pools = st.lists(st.sampled_from([D(0), D(3), D(9), D(21)]), min_size=HOURS, max_size=HOURS)
slow = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(rows=candidates, on_demand=pools)
@slow
def test_the_deduplicated_total_never_exceeds_the_spend_nor_the_best_exclusive_choice(engine, rows, on_demand):
    """Whatever rules say of one resource, a saving is never counted twice, nor where a commitment pays anyway."""
    total = sum(run(engine, rows, on_demand).values(), D(0))

    touched = sum((COST[resource] for resource in {row[0] for row in rows}), D(0))
    assert total <= sum((min(hour, touched) for hour in on_demand), D(0))
    assert total <= best_possible(rows, on_demand)


@given(rows=candidates, more=candidates, on_demand=pools)
@slow
def test_another_rule_never_raises_the_total_above_the_exclusive_optimum(engine, rows, more, on_demand):
    both = (rows + more)[:8]
    assert sum(run(engine, both, on_demand).values(), D(0)) <= best_possible(both, on_demand)


def test_stopping_30_an_hour_beside_80_committed_saves_two_thirds_now(engine, monkeypatch):
    """The domain page's case over three hours: 90 at contract price, 60 off the bill."""
    monkeypatch.setitem(COST, 0, D(30))
    assert run(engine, [(0, "existence", D(1), D("0.9"))], [D(20)] * HOURS) == {"c0": D(60)}


def test_a_recommendation_is_explained_so_that_a_reader_gets_its_saving_by_hand():
    """1000 × 20 % on the 60 % that a rightsizing leaves is 120; 40 of it commitments go on costing: 80."""
    row = {
        "action_type": "MigrateToGraviton", "resource_name": "api-1", "resource_id": "i-1", "rule_id": "graviton",
        "status": "open", "archive_reason": None, "first_seen_date": "2026-10-01", "weeks_in_a_row": 5, "wave": 2,
        "confidence": D("0.7"), "confidence_band": "medium", "effort": "Medium", "risk": "medium", "currency": "USD",
        "rollback_possible": True, "contracted_cost_month": D(1000), "saved_share": D("0.2"),
        "remaining_share": D("0.6"), "price_source": "observed_price", "savings_contract_month": D(200),
        "covered_saving_month": D(40), "savings_net_now_month": D(80), "savings_net_after_expiry_month": D(120),
        "one_time_cost": D(0), "work_cost": D(760), "effort_hours": D("8.00"), "payback_months": D(9),
        "current_config": '{"sku": "m5.large"}', "recommended_config": '{"sku": "m8g.large"}',
        "evidence": '{"cpu_p95": 12.5}', "data_gaps": '["memory"]', "superseded_by": None, "counted_in_total": True,
    }  # fmt: skip
    lines = lines_of(Explanation("recommendation", row, [], [], [], 0))
    amounts = [line.split()[-1] for line in lines if line.startswith("  ") and "," in line or ".00" in line]
    assert amounts[:8] == ["1,000.00", "200.00", "120.00", "-40.00", "80.00", "120.00", "760.00", "9.00"]
    assert any("cpu_p95" in line and "12.5" in line for line in lines)
    assert max(map(len, lines)) <= 100 and "Not known: memory" in lines
