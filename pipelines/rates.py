"""Months and currencies that have no rate into the reporting currency: said by every run until a person decides one."""

from __future__ import annotations

import duckdb

from pipelines.errors import RateError
from pipelines.outputs.publish import current_run
from pipelines.settings import Workspace

_MISSING = """
select billing_period, billing_currency from fct_daily_costs
where effective_cost_reporting is null and (effective_cost <> 0 or billed_cost <> 0)
group by all order by all
"""


def unrated_costs(workspace: Workspace) -> RateError | None:
    """What `missing_rates` says of the published run; None where nothing is published."""
    current = current_run(workspace)
    if current is None:
        return None
    with duckdb.connect(str(current / "marts.duckdb"), read_only=True) as marts:
        return missing_rates(marts, workspace.settings.workspace.reporting_currency)


def missing_rates(marts: duckdb.DuckDBPyConnection, reporting: str) -> RateError | None:
    """The error that names every month and currency of the published costs without a rate; None when all have one."""
    months: dict[str, list[str]] = {}
    for period, currency in marts.execute(_MISSING).fetchall():
        months.setdefault(currency, []).append(period)
    if not months:
        return None
    named = "; ".join(f"{currency} to {reporting} for {', '.join(of)}" for currency, of in months.items())
    return RateError(
        "decisions/fx_rates.csv",
        f"has no rate {named}",
        f"These costs are published in their own currency only; in {reporting} they are empty, never zero",
        "Add the rates, then `finops run`",
    )
