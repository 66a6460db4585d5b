"""A statement line, led back: to the rules that gave it, and to the source rows of its source, month and service."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from pipelines.errors import SettingsError


@dataclass(frozen=True)
class Explanation:
    line: dict[str, Any]  # the row of fct_chargeback
    rules: list[tuple[Any, ...]]  # method, rule, version, days, exact amount
    charges: list[tuple[Any, ...]]  # file, row, mapping rule, charge day, billed, effective; the dearest ones


def explain(run_folder: Path, line_id: str, limit: int = 10) -> Explanation:
    """Explain one line of the published fct_chargeback; `line_id` may be its first characters if they are unique.

    The rules' amounts sum to the line before rounding to cents. The charges are the dearest of the line's source,
    month and service: those that its rules divided.
    """
    with duckdb.connect(str(run_folder / "marts.duckdb"), read_only=True) as con:
        found = con.execute("select * from fct_chargeback where starts_with(line_id, ?) limit 2", [line_id])
        names = [column[0] for column in found.description or []]
        rows = found.fetchall()
        if len(rows) != 1:
            what = "is no line of the published statements" if not rows else "begins several lines"
            raise SettingsError(line_id, what, fix="Take the line's id from a statement or from fct_chargeback")
        line = dict(zip(names, rows[0], strict=True))
        scope = [line["billing_period"], line["x_source"], line["service_name"]]
        kind = (
            "case when charge_kind <> 'cost' then charge_kind "
            "when method in ('direct', 'unallocated') then 'direct' else 'shared' end"
        )
        rules = con.execute(
            "select method, rule_id, rule_version, count(distinct charge_date), sum(allocated_cost) "
            "from fct_allocated_costs where billing_period = ? and x_source = ? and service_name = ? "
            f"and cost_center_id = ? and currency = ? and {kind} = ? group by all order by 5 desc, 1, 2",
            [*scope, line["cost_center_id"], line["currency"], line["kind"]],
        ).fetchall()
        charges = con.execute(
            "select x_source_file, x_source_row, x_rule, cast(ChargePeriodStart as date), BilledCost, EffectiveCost "
            "from focus_cost_and_usage where x_billing_period = ? and x_source = ? and ServiceName = ? "
            f"order by abs(EffectiveCost) desc, x_source_file, x_source_row limit {limit:d}",
            scope,
        ).fetchall()
    return Explanation(line, rules, charges)
