"""What can be saved, per provider and across providers, and in which order: from a warehouse or a published run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

Row = dict[str, Any]

_WAVES = "select * from rpt_optimization_result order by provider, currency, wave"
_TOP = """
select recommendation_id, provider, rule_id, action_type, resource_id, resource_name, currency, savings_net_now_month,
    savings_net_after_expiry_month, effort, risk, confidence_band, wave, weeks_in_a_row, status
from fct_recommendations
where counted_in_total order by savings_net_now_month_reporting desc nulls last, recommendation_id limit ?
"""
_PURCHASES = """
select plan_id, pool_id, offer_name, scope, term_months, currency, discount, guarded_commitment_hour,
    buy_now_commitment_hour, savings_month, savings_low_month, savings_high_month, utilisation, guard_rails
from fct_commitment_plan where is_chosen
order by sum(savings_month) over (partition by pool_id) desc, pool_id, savings_month desc, plan_id
"""
# The best place per workload and region; alternatives of each other, in no total.
_MOVES = """
select screening_id, workload, provider, region_id, target_provider, target_region_id, currency, comparable_cost_month,
    target_cost_month, transfer_between_month, stranded_commitment_month, net_saving_month, one_time_cost,
    payback_months, confidence, data_gaps
from fct_migration_screening where status = 'worth_a_look'
qualify row_number() over (partition by workload, x_source, region_id order by net_saving_month desc, screening_id) = 1
order by net_saving_month desc, screening_id limit ?
"""
_LINES = """
select workload, provider, other_provider, currency, egress_gb_month, egress_cost_month, egress_price_gb, offer_id,
    break_even_gb, line_saving_month, is_moving_consumer_cheaper
from rpt_intercloud_transfer order by egress_cost_month desc, transfer_id limit ?
"""


@dataclass(frozen=True)
class OptimizationResult:
    reporting_currency: str
    total_month_reporting: Decimal  # de-duplicated, all providers
    unconverted: list[str]  # currencies without a rate: not in the total
    waves: list[Row]
    top: list[Row]
    purchases: list[Row]
    moves: list[Row]  # screened moves between places, never in a total
    transfers: list[Row]  # traffic of workloads in several clouds, beside private lines

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def optimization_result(database: Path, limit: int = 10) -> OptimizationResult:
    """Totals per provider, currency and wave, the largest counted recommendations and the chosen purchases."""
    with duckdb.connect(str(database), read_only=True) as con:
        waves = _rows(con, _WAVES)
        top = _rows(con, _TOP, [limit])
        purchases = _rows(con, _PURCHASES)
        moves, transfers = _rows(con, _MOVES, [limit]), _rows(con, _LINES, [limit])
        currency = con.execute("select max(reporting_currency) from fct_recommendations").fetchone()
        missing = con.execute(
            "select distinct currency from fct_recommendations where counted_in_total "
            "and savings_net_now_month_reporting is null order by 1"
        ).fetchall()
    total = sum((wave["savings_now_month_reporting"] for wave in waves), Decimal(0))
    name = str(currency[0]) if currency and currency[0] else ""
    return OptimizationResult(name, total, [row[0] for row in missing], waves, top, purchases, moves, transfers)


def _rows(con: duckdb.DuckDBPyConnection, sql: str, parameters: list[object] | None = None) -> list[Row]:
    result = con.execute(sql, parameters or [])
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
