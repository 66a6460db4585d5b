"""The gate: each delivery is checked before it replaces the previous one.

A delivery that fails lies in quarantine/<source>/<period>/ with reasons.json; the previous delivery stays in place.
Great Expectations runs on a small profile (one row per dataset, currency and metric), never on the charges themselves.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb

from data_quality.expectations import Check, failures
from data_quality.invoices import invoice_fault
from pipelines.errors import GateError
from pipelines.landing.contracts import Contract
from pipelines.landing.deliveries import Delivery
from pipelines.settings import Workspace

# A month this small says nothing by shrinking.
_ROWS_WORTH_A_DROP_CHECK = 1_000


def check_delivery(
    workspace: Workspace,
    contract: Contract,
    delivery: Delivery,
    data: Path,
    before: Delivery | None,
    expected_rows: int | None,
) -> None:
    """Raise GateError when the delivery may not be trusted.

    Checked: totals and rows against the source and the manifest, billing period, currency, drop against the previous
    delivery.
    """
    profile = _profile(contract, delivery, data, before, expected_rows)
    reasons = failures(profile, _checks(workspace, contract, delivery))
    if not reasons:
        return
    quarantine = workspace.quarantine / delivery.source / delivery.billing_period
    shutil.rmtree(quarantine, ignore_errors=True)
    quarantine.mkdir(parents=True)
    shutil.move(data, quarantine / "data.parquet")
    (quarantine / "delivery.json").write_text(delivery.to_json(), "utf-8")
    (quarantine / "reasons.json").write_text(json.dumps(reasons, indent=1), "utf-8")
    files = ", ".join(sorted({file["key"] for file in delivery.files})[:2])
    raise GateError(
        f"{delivery.source} {delivery.billing_period} ({files})",
        "; ".join(reasons),
        f"Put into {quarantine}; the previous delivery stays",
        "Check the export; a drop that is right is let through by [gate] max_drop = 1.0",
    )


def _checks(workspace: Workspace, contract: Contract, delivery: Delivery) -> list[Check]:
    limit = workspace.settings.gate.max_drop
    return [
        Check("difference", "equals", 0, "landed total differs from the source's by {value}"),
        Check("missing_rows", "equals", 0, "{value} rows of those the manifest announces are missing"),
        Check(
            "currency",
            "matches",
            r"^[A-Z]{3}$",
            "billing currency is '{value}', not a three-letter code (an export that states none needs "
            f'currency = "…" of {delivery.source} in finops.toml)',
        ),
        Check("foreign_period_rows", "equals", 0, f"{{value}} rows state another month than {delivery.billing_period}"),
        Check("undated_rows", "equals", 0, "{value} rows with a cost have no charge date"),
        Check("uncosted_rows", "equals", 0, f"{{value}} rows with a {contract.measured} have an empty cost"),
        Check("invoice_fault", "equals", "", "{value}"),
        Check("drop", "at_most", limit, f"lost {{value:.0%}} of the previous delivery's rows (limit {limit:.0%})"),
    ]


def _profile(
    contract: Contract, delivery: Delivery, data: Path, before: Delivery | None, expected_rows: int | None
) -> list[dict[str, Any]]:
    bounds = _bounds(contract, delivery, data)
    common: dict[str, Any] = {
        "missing_rows": 0 if expected_rows is None else expected_rows - delivery.rows,
        "foreign_period_rows": bounds[0],
        "undated_rows": bounds[1],
        "uncosted_rows": bounds[2],
        "drop": _drop(delivery, before),
        "invoice_fault": "" if contract.is_bill else invoice_fault(data),
    }
    rows = [
        {
            "currency": total.currency or "",
            "difference": int((total.source_rounded - total.landed).scaleb(12)),
            **common,
        }
        for total in delivery.totals
    ]
    return rows or [{"currency": None, "difference": 0, **common}]  # no rows, so no currency to judge


def _bounds(contract: Contract, delivery: Delivery, data: Path) -> tuple[int, int, int]:
    """Rows of another billing period, with a cost but no charge date, and with something measured but no cost."""
    period = {
        "cur": f"strftime({contract.period}, '%Y-%m')",
        "focus": f"strftime({contract.period}, '%Y-%m')",
        "billing_export": f"substr({contract.period}, 1, 4) || '-' || substr({contract.period}, 5, 2)",
        "invoices": contract.period,
        # Azure's billing period may start on any day, so its month is bound to the delivery's and its neighbours.
        "cost_details": "case when abs(date_diff('month', "
        f"date '{delivery.billing_period}-01', coalesce({contract.period}, {contract.charge_start}))) > 1 "
        f"then 'another' else '{delivery.billing_period}' end",
    }[contract.dataset]
    has_cost = " or ".join(f"{metric} <> 0" for metric in contract.cost_metrics)
    row = duckdb.sql(
        f"select count(*) filter (where {period} <> '{delivery.billing_period}'), "
        f"count(*) filter (where {contract.charge_start} is null and ({has_cost})), "
        f"count(*) filter (where {contract.billed_metrics[0]} is null and {contract.measured} is not null) "
        f"from read_parquet('{str(data).replace(chr(39), chr(39) * 2)}')"
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1]), int(row[2])


def _drop(delivery: Delivery, before: Delivery | None) -> float:
    if before is None or before.rows < _ROWS_WORTH_A_DROP_CHECK:
        return 0.0
    return max(0.0, 1 - delivery.rows / before.rows)
