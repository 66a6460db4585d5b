"""The decision files: their columns, what an empty cell means, and which words a column knows.

Dates are days; `valid_to` is exclusive, and an empty one means: still valid. Percentages are 0 to 100.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

Row = dict[str, Any]
OPEN_START, OPEN_END = date(1900, 1, 1), date(9999, 12, 31)

MATCH_TYPES = ("tag", "account", "resource", "resource_group", "name_pattern", "service")
POOL_MATCH_TYPES = ("charge_kind", "charge_category", "commitment_status", "service", "account", "tag", "any")
# What a pool is split by. The first row of SIMPLE_METHODS needs nothing but the cost centres themselves.
SIMPLE_METHODS = ("equal_split", "headcount_based", "revenue_based")
DRIVER_METHODS = ("proportional_usage", "tiered", "telemetry", "activity_based")
METHODS = ("proportional_usage", "proportional_cost", *SIMPLE_METHODS, "fixed_percentage", "activity_based", "hybrid",
           "tiered", "telemetry")  # fmt: skip
# Drivers that the ledger itself measures. The scoped ones are measured per source (service_cost: and service).
LEDGER_DRIVERS = ("direct_cost",)
SCOPED_DRIVERS = ("direct_billed_cost", "covered_usage", "on_demand_cost", "service_cost")
CHARGE_KINDS = ("cost", "tax", "credit", "support", "commitment_waste", "correction")
ACCOUNT_USES = ("clearing", "default", "unallocated", "company", *CHARGE_KINDS, "adjustment", "fx")
JOURNAL_FIELDS = (
    "journal_id", "line_no", "billing_period", "posting_date", "company", "account", "cost_center_id", "project",
    "debit", "credit", "currency", "text", "source_ref", "reversal_of", "origin_period", "amount",
)  # fmt: skip
SCOPES = ("total", "business_unit", "department", "cost_center", "provider", "sub_account", "service")
EVENT_KINDS = (
    "migration", "launch", "price_change", "commitment_start", "commitment_end", "credits_end", "maintenance", "other",
)  # fmt: skip
LICENCES = ("windows_server", "sql_server_standard", "sql_server_enterprise", "rhel", "sles")
RATE_TYPES = ("invoice", "monthly_average", "closing")
RECOMMENDATION_DECISIONS = ("accept", "schedule", "applied", "dismiss", "suppress")
POLICIES: dict[str, tuple[str, ...]] = {
    "shared_on_shared": ("reciprocal", "step_down", "direct"),
    "commitment_benefit": ("as_applied", "pooled", "by_owner", "central"),
    "backfill_same_resource": ("yes", "no"),
    "accuracy_target": (),  # a number from 0 to 1
    "fx_rate_order": (),  # types of rates, the first wins: monthly_average>closing>invoice
}


@dataclass(frozen=True)
class Field:
    type: pa.DataType
    required: bool = True
    choices: tuple[str, ...] = ()
    empty: Any = None  # what an empty optional cell means


_TEXT, _OPTIONAL = Field(pa.string()), Field(pa.string(), required=False)
_FROM = Field(pa.date32(), required=False, empty=OPEN_START)
_TO = Field(pa.date32(), required=False, empty=OPEN_END)
_PERCENT = Field(pa.decimal128(9, 6))
_DAY = Field(pa.date32(), required=False)
_MONEY = pa.decimal128(28, 12)

FILES: dict[str, dict[str, Field]] = {
    "cost_centers": {
        "cost_center_id": _TEXT,
        "name": _TEXT,
        "team": _OPTIONAL,
        "department": _OPTIONAL,
        "business_unit": _OPTIONAL,
        "owner": _OPTIONAL,
        "owner_email": _OPTIONAL,
        "gl_account": _OPTIONAL,
        "headcount": Field(pa.decimal128(18, 4), required=False, empty=Decimal(0)),
        "revenue": Field(pa.decimal128(24, 4), required=False, empty=Decimal(0)),
        "valid_from": _FROM,
        "valid_to": _TO,
    },
    "allocation_rules": {
        "rule_id": _TEXT,
        "priority": Field(pa.int32()),
        "match_type": Field(pa.string(), choices=MATCH_TYPES),
        "match_key": _OPTIONAL,
        "match_value": _TEXT,
        "cost_center_id": _TEXT,
        "share_percent": Field(pa.decimal128(9, 6), required=False, empty=Decimal(100)),
        "valid_from": _FROM,
        "valid_to": _TO,
        "note": _OPTIONAL,
    },
    "resource_parents": {
        "resource_id": _TEXT,
        "parent_resource_id": _TEXT,
        "priority": Field(pa.int32(), required=False, empty=900),
        "note": _OPTIONAL,
    },
    "shared_cost_rules": {
        "pool_id": _TEXT,
        "priority": Field(pa.int32()),
        "match_type": Field(pa.string(), choices=POOL_MATCH_TYPES),
        "match_key": _OPTIONAL,
        "match_value": _OPTIONAL,
        "method": Field(pa.string(), choices=METHODS),
        "driver": _OPTIONAL,
        "fallback": _OPTIONAL,
        "targets": _OPTIONAL,
        "valid_from": _FROM,
        "valid_to": _TO,
        "note": _OPTIONAL,
    },
    "shared_cost_shares": {
        "pool_id": _TEXT,
        "target": _TEXT,
        "share_percent": _PERCENT,
        "valid_from": _FROM,
        "valid_to": _TO,
        "note": _OPTIONAL,
    },
    "shared_cost_parts": {
        "pool_id": _TEXT,
        "part": _TEXT,
        "share_percent": _PERCENT,
        "method": Field(pa.string(), choices=("proportional_usage", "proportional_cost", *SIMPLE_METHODS)),
        "driver": _OPTIONAL,
        "fallback": _OPTIONAL,
        "note": _OPTIONAL,
    },
    "drivers": {
        "date": Field(pa.date32()),
        "driver": _TEXT,
        "cost_center_id": _TEXT,
        "unit": _OPTIONAL,
        "quantity": Field(pa.decimal128(28, 4)),
    },
    "driver_tiers": {
        "driver": _TEXT,
        "cost_center_id": _OPTIONAL,
        "from_quantity": Field(pa.decimal128(18, 4), required=False, empty=Decimal(0)),
        "weight": Field(pa.decimal128(9, 4)),
        "note": _OPTIONAL,
    },
    "charge_treatments": {
        "charge_kind": Field(pa.string(), choices=CHARGE_KINDS),
        "treatment": Field(pa.string(), choices=("rules", "pool", "central")),
        "cost_center_id": _OPTIONAL,
        "note": _OPTIONAL,
    },
    "allocation_policies": {
        "policy": Field(pa.string(), choices=tuple(POLICIES)),
        "value": _TEXT,
        "cost_center_id": _OPTIONAL,
        "note": _OPTIONAL,
    },
    "commitment_owners": {
        "commitment_id": _TEXT,
        "cost_center_id": _TEXT,
        "valid_from": _FROM,
        "valid_to": _TO,
        "note": _OPTIONAL,
    },
    "commitment_scopes": {
        "scope_id": _TEXT,
        "billing_account_id": _TEXT,
        "resource": Field(pa.string(), choices=("cpu", "ram")),
        "family": Field(pa.string(), required=False, empty=""),
        "region": _TEXT,
        "quantity_per_day": Field(pa.decimal128(18, 4)),
        "accounts": _OPTIONAL,
        "folders": _OPTIONAL,
        "fee_paid_by": Field(pa.string(), required=False, choices=("scope", "users"), empty="scope"),
        "valid_from": _FROM,
        "valid_to": _TO,
        "note": _OPTIONAL,
    },
    "tag_aliases": {
        "kind": Field(pa.string(), choices=("key", "value")),
        "tag_key": _OPTIONAL,
        "alias": _TEXT,
        "canonical": _TEXT,
    },
    "fx_rates": {
        "month": _TEXT,
        "from_currency": _TEXT,
        "to_currency": _TEXT,
        "rate": Field(pa.decimal128(18, 10)),
        "rate_type": Field(pa.string(), required=False, choices=RATE_TYPES, empty="monthly_average"),
        "source": _OPTIONAL,
    },
    "invoice_tolerances": {
        "bill": _TEXT,
        "invoice_id": _OPTIONAL,
        "currency": _TEXT,
        "tolerance": Field(pa.decimal128(18, 4)),
        "note": _OPTIONAL,
    },
    "gl_accounts": {
        "use": Field(pa.string(), choices=ACCOUNT_USES),
        "account": _TEXT,
        "note": _OPTIONAL,
    },
    "journal_columns": {
        "column": _TEXT,
        "field": _TEXT,
        "note": _OPTIONAL,
    },
    "close_approvals": {
        "billing_period": _TEXT,
        "decision": Field(pa.string(), choices=("approve", "reject")),
        "statement_hash": _TEXT,
        "approved_by": _TEXT,
        "approved_on": Field(pa.date32()),
        "note": _OPTIONAL,
    },
    "rule_thresholds": {
        "rule_id": _TEXT,
        "profile": Field(pa.string(), required=False, choices=("any", "prod", "nonprod"), empty="any"),
        "threshold": _TEXT,
        "value": Field(pa.decimal128(18, 6)),
        "note": _OPTIONAL,
    },
    "licence_entitlements": {
        "licence": Field(pa.string(), choices=LICENCES),
        "cores": Field(pa.decimal128(18, 4)),
        "valid_from": _FROM,
        "valid_to": _TO,
        "note": _OPTIONAL,
    },
    "commitment_terms": {
        "commitment_id": _TEXT,
        "starts_on": _DAY,
        "ends_on": _DAY,
        "term_months": Field(pa.int32(), required=False),
        "payment_option": _OPTIONAL,
        "note": _OPTIONAL,
    },
    # What will move costs on purpose: forecasts count it in, anomalies are not raised for it.
    "planned_events": {
        "event_id": _TEXT,
        "kind": Field(pa.string(), choices=EVENT_KINDS),
        "scope": Field(pa.string(), choices=SCOPES),
        "scope_value": _OPTIONAL,  # empty for total
        "starts_on": Field(pa.date32()),
        "ends_on": _TO,
        "change_percent": Field(pa.decimal128(9, 4), required=False),  # of the scope's cost
        "monthly_amount": Field(_MONEY, required=False),  # on top of it, in currency
        "currency": _OPTIONAL,
        "note": _OPTIONAL,
    },
    "anomaly_labels": {
        "anomaly_id": _TEXT,
        "label": Field(pa.string(), choices=("true", "false", "expected")),
        "labelled_by": _TEXT,
        "labelled_on": Field(pa.date32()),
        "note": _OPTIONAL,
    },
    "budgets": {
        "budget_id": _TEXT,
        "version": Field(pa.int32(), required=False, empty=1),
        "period": _TEXT,  # 2026-10, 2026-Q4, 2026 or 2026-04..2027-03
        "scope": Field(pa.string(), choices=SCOPES),
        "scope_value": _OPTIONAL,  # empty for total
        "amount": Field(_MONEY),
        "currency": _TEXT,
        "owner": _OPTIONAL,
        "department": _OPTIONAL,  # money moves only between budgets of one department
        "priority": Field(pa.int32(), required=False, empty=1),  # what an overspend weighs: production more
        "is_locked": Field(pa.string(), required=False, choices=("yes", "no"), empty="no"),
        "thresholds": Field(pa.string(), required=False, empty="50;75;85;90;95;110"),  # percent of the amount
        "applies_from": _DAY,  # of this version; empty: from the first day of the period
        "note": _OPTIONAL,
    },
    "commitment_offers": {
        "offer_id": _TEXT,
        "name": _TEXT,
        "provider": _TEXT,
        "program": _TEXT,
        "kind": Field(pa.string(), choices=("savings_plan", "reservation")),
        "services": _OPTIONAL,
        "discount_percent": _PERCENT,
        "term_months": Field(pa.int32()),
        "payment_option": _OPTIONAL,
        "upfront_percent": Field(pa.decimal128(9, 6), required=False, empty=Decimal(0)),
        "valid_from": _FROM,
        "valid_to": _TO,
        "note": _OPTIONAL,
    },
    # Where a workload may run, by law and by latency; places that no row names are not screened.
    "workload_places": {
        "workload": _TEXT,  # value of the tag workload, project, application or app; a prefix ends in *
        "provider": _TEXT,
        "region": _TEXT,
        "note": _OPTIONAL,
    },
    "interconnect_offers": {
        "offer_id": _TEXT,
        "provider": _TEXT,  # whose traffic it carries
        "other_provider": _TEXT,  # where to; * for any
        "fixed_month": Field(_MONEY),
        "price_gb": Field(_MONEY),
        "currency": _TEXT,
        "note": _OPTIONAL,
    },
    "recommendation_decisions": {
        "recommendation_id": _TEXT,
        "decision": Field(pa.string(), choices=RECOMMENDATION_DECISIONS),
        "decided_by": _TEXT,
        "decided_on": Field(pa.date32()),
        "until": _DAY,
        "applied_on": _DAY,
        "reason": _OPTIONAL,
    },
}  # fmt: skip
# Files that do not decide how money is allocated: another approval or ledger account recomputes no month.
NOT_ALLOCATION = (
    "gl_accounts", "journal_columns", "close_approvals", "commitment_scopes", "rule_thresholds", "commitment_terms",
    "licence_entitlements",
    "planned_events", "anomaly_labels", "budgets", "invoice_tolerances",
    "commitment_offers", "recommendation_decisions", "workload_places", "interconnect_offers",
)  # fmt: skip
