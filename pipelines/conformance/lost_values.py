"""Gaps that are ours: columns which the ledger says the source does not give, and the landed row has.

A gap in x_gaps excuses a rule of FOCUS, so it must be true. The conversion names a gap where its own result is empty,
which it would be too if it had lost the value; what the row had is looked up in landing, past the conversion.
"""

from __future__ import annotations

import duckdb

from pipelines.landing.contracts import CONTRACTS, FOCUS
from pipelines.settings import Workspace

# dataset -> column of FOCUS -> landed columns any of which gives it
GIVEN_BY: dict[str, dict[str, tuple[str, ...]]] = {
    "cur": {
        "BillingAccountId": ("bill_payer_account_id",),
        "BillingAccountName": ("bill_payer_account_name",),
        "SubAccountName": ("line_item_usage_account_name",),
        "ResourceType": ("product_product_family",),
        "SkuId": ("product_sku",),
        "PricingQuantity": ("line_item_usage_amount",),
        "PricingUnit": ("pricing_unit",),
        "ConsumedQuantity": ("line_item_usage_amount",),
        "ConsumedUnit": ("pricing_unit",),
    },
    "cost_details": {
        "BillingAccountId": ("billing_account_id", "billing_profile_id"),
        "BillingAccountName": ("billing_account_name", "billing_profile_name"),
        "SubAccountName": ("subscription_name",),
        "ResourceType": ("resource_type",),
        "SkuId": ("product_id", "part_number", "meter_id"),
        "PricingQuantity": ("quantity",),
        "PricingUnit": ("unit_of_measure",),
        "ConsumedQuantity": ("quantity",),
        "ConsumedUnit": ("unit_of_measure",),
    },
    "billing_export": {
        "BillingAccountId": ("billing_account_id",),
        "SubAccountName": ("project_name",),
        "SkuId": ("sku_id",),
        "ListCost": ("cost_at_list",),
        "ContractedCost": ("cost_at_effective_price_default",),
        "PricingQuantity": ("usage_amount_in_pricing_units",),
        "PricingUnit": ("usage_pricing_unit",),
        "ConsumedQuantity": ("usage_amount",),
        "ConsumedUnit": ("usage_unit",),
    },
    # A FOCUS file gives a column under its own name.
    "focus": {
        "".join(word.capitalize() for word in name.split("_")): (name,)
        for name in FOCUS.columns
        if not name.startswith("x_")
    },
}


def lost_values(
    con: duckdb.DuckDBPyConnection, workspace: Workspace, source: str | None = None
) -> list[tuple[str, str, int, str]]:
    """(rule, origin, rows, example) per column of FOCUS that a row names as a gap although its landed row has it.

    `con` uses the warehouse. Rows that pods and tasks get from their instance have no landed row of their own.
    """
    found: list[tuple[str, str, int, str]] = []
    for dataset, columns in GIVEN_BY.items():
        files = sorted(workspace.landing.glob(f"{dataset}/source={source or '*'}/billing_period=2*/data.parquet"))
        if not files:
            continue
        kinds = CONTRACTS[dataset].columns
        given = " union all ".join(
            f"select '{column}' as focus_column, x_source, x_billing_period, x_source_file, x_source_row, x_rule "
            f"from gaps where list_contains(names, '{column}') and ("
            + " or ".join(f"{name} <> ''" if kinds[name] == "text" else f"{name} is not null" for name in names)
            + ")"
            for column, names in columns.items()
        )
        landed = {name: None for names in columns.values() for name in names}
        found += con.execute(
            f"""
            with gaps as (
                select l.x_source, l.x_billing_period, l.x_source_file, l.x_source_row, l.x_rule,
                    string_split(l.x_gaps, ',') as names, {", ".join(f"r.{name}" for name in landed)}
                from int_focus__charges as l
                join read_parquet(?, union_by_name = true, hive_partitioning = false) as r
                    on l.x_delivery_id = r.x_delivery_id and l.x_source = r.x_source
                    and l.x_billing_period = r.x_billing_period and l.x_source_file = r.x_source_file
                    and l.x_source_row = r.x_source_row
                where l.x_gaps is not null and l.x_rule not like '%/split\\_%' escape '\\'
            )
            select 'the_source_does_not_give_' || focus_column, 'converted', count(*),
                min(concat(x_source, ' ', x_billing_period, ': ', x_source_file, ' row ', x_source_row, ' ', x_rule))
            from ({given}) group by focus_column order by focus_column
            """,
            [[str(path) for path in files]],
        ).fetchall()
    return found
