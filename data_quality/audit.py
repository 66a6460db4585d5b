"""The audit before publishing: readers only ever see marts whose totals are proven.

dbt tests have checked the models; this checks what crosses the border: conservation from source to statement, every
delivery in the ledger, and no currencies added together without a rate.
"""

from __future__ import annotations

import duckdb

from data_quality.expectations import Check, failures
from pipelines.errors import AuditError
from pipelines.settings import Workspace

# One row per fact that must hold; `finding` is empty where it does, and else says what does not.
_FACTS = """
select case when status <> 'broken' then ''
    else stage || ' of ' || x_source || ' ' || billing_period || ' (' || metric || ', ' || currency || ') is off by '
        || rtrim(rtrim(cast(difference as varchar), '0'), '.') end as finding
from fct_reconciliation
union all
select 'decisions/fx_rates.csv has no rate ' || currency || ' to ' || '{reporting}' || ' for ' || billing_period
    || ', and pool ' || needed_by_pool || ' mixes currencies in that month' as finding
from int_currency__missing_rates
union all
select case when charges.x_delivery_version is not null or deliveries.row_count = 0 then ''
    else 'the delivery of ' || deliveries.x_source || ' ' || deliveries.billing_period || ' is not in the ledger' end
from int_deliveries__current as deliveries
left join (select distinct x_delivery_version from int_focus__charges) as charges
    on deliveries.ledger_version = charges.x_delivery_version
union all
select case when count(*) > 0 then '' else 'no delivery has landed yet' end from int_deliveries__current
"""


def audit_marts(workspace: Workspace, con: duckdb.DuckDBPyConnection) -> int:
    """Check the built marts through `con`; return how many facts hold. Raises AuditError with those that do not."""
    reporting = workspace.settings.workspace.reporting_currency
    facts = [{"finding": row[0]} for row in con.execute(_FACTS.format(reporting=reporting)).fetchall()]
    if failures(facts, [Check("finding", "equals", "", "{value}")]):
        broken = sorted({fact["finding"] for fact in facts if fact["finding"]})
        shown = "\n  ".join(broken[:10]) + (f"\n  … and {len(broken) - 10} more" if len(broken) > 10 else "")
        raise AuditError(
            "audit",
            f"{len(broken)} of {len(facts)} facts do not hold:\n  {shown}\n",
            "Nothing was published; readers keep the previous run",
            "Mend what is named, then run `finops build` and `finops publish`",
        )
    return len(facts)
