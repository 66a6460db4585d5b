"""A screened move of a workload, led back: what it uses, what that costs elsewhere, what is left of it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

Row = dict[str, Any]

# What is sold everywhere: its amount and its price in the evidence, and how a reader calls it.
_SOLD = (
    ("vcpu_hours", "price_vcpu_hour", "vCPU hours"),
    ("memory_gib_hours", "price_memory_gib_hour", "GiB hours of memory"),
    ("block_gib", "price_block_gib", "GiB on disks"),
    ("object_gib", "price_object_gib", "GiB in buckets"),
    ("egress_gb", "price_egress_gb", "GB to the internet"),
)


def screening_lines(row: Row) -> list[str]:
    """The screening as text: quantities × prices there, in the price's currency and then in the reporting one."""
    seen = json.loads(row["evidence"], parse_float=Decimal)
    lines = [
        f"{row['workload']}  {row['provider']} {row['region_id'] or '-'} to {row['target_provider']} "
        f"{row['target_region_id']}",
        f"{row['status']}, confidence {row['confidence']:.2f}: a screening, in no total, never automated",
        "",
        f"There, at prices of {row['target_source']} in {seen['price_currency']}",
    ]
    for amount, price, words in _SOLD:
        if not seen[amount]:
            continue
        cost = "no price" if seen[price] is None else f"{seen[amount] * seen[price]:,.2f}"
        at = "-" if seen[price] is None else f"{seen[price]:f}".rstrip("0")
        lines.append(f"  {seen[amount]:>16,.2f} {words:<22}× {at:<16}{cost:>14}")
    steps = [
        ("costs now", row["effective_cost_month"]),
        (f"of it {row['comparable_share'] * 100:.1f} % is sold there too", row["comparable_cost_month"]),
        (f"- the same there (at {seen['rate_then']})", row["target_cost_month"]),
        ("- traffic that leaves", row["transfer_between_month"]),
        ("- commitments that stay", row["stranded_commitment_month"]),
        ("= saved", row["net_saving_month"]),
        ("  to be paid once for moving its data", row["one_time_cost"]),
        (f"  {row['effort_hours'].normalize():f} hours of work", row.get("work_cost")),
    ]
    lines += ["", f"Per month of 730 hours, {row['currency']}"]
    lines += [f"  {text:<44}{'not known' if value is None else f'{value:,.2f}':>18}" for text, value in steps]
    if seen.get("allowed_because"):
        lines += ["", f"May run there: {seen['allowed_because']}"]
    if row["data_gaps"] != "[]":
        lines += ["", f"Not known: {', '.join(json.loads(row['data_gaps']))}"]
    return lines
