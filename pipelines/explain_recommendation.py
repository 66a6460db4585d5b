"""A recommendation, led back: every number that a reader needs to compute its saving by hand, and the sum itself."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

Row = dict[str, Any]

_ONE_CENT = Decimal("0.01")


def recommendation_lines(row: Row) -> list[str]:
    """The recommendation as text: what, how sure, the evidence, and its savings step by step."""
    currency = row["currency"] or ""
    lines = [
        f"{row['action_type']}  {row['resource_name'] or row['resource_id']}",
        f"{row['rule_id']} on {row['resource_id']}",
        f"{row['status']}{', ' + row['archive_reason'] if row['archive_reason'] else ''}, made since "
        f"{row['first_seen_date']} ({_weeks(row['weeks_in_a_row'])} in a row), wave {row['wave']}",
        f"confidence {row['confidence']:.2f} ({row['confidence_band']}), effort {row['effort']}, risk {row['risk']}, "
        f"{'can' if row['rollback_possible'] else 'can not'} be undone",
        "",
        f"Saving per month of 730 hours, {currency}",
    ]
    if row["savings_contract_month"] is None:
        lines.append("  not known: no price for it (never 0)")
    else:
        lines += _steps(row)
    for title, text in (
        ("Now", row["current_config"]),
        ("Then", row["recommended_config"]),
        ("Evidence", row["evidence"]),
    ):
        members = json.loads(text) if text else {}
        if members:
            lines += ["", title]
            lines += [f"  {name:<32}{_plain(value)}" for name, value in members.items() if value is not None]
    if row["data_gaps"] not in (None, "[]"):
        lines += ["", f"Not known: {', '.join(json.loads(row['data_gaps']))}"]
    if row["superseded_by"]:
        lines += ["", f"Not counted: {row['superseded_by'][:8]} is done instead"]
    elif not row["counted_in_total"]:
        lines += ["", "Not counted in the total"]
    return lines


def _steps(row: Row) -> list[str]:
    net = row["savings_net_now_month"]
    stacked = row["contracted_cost_month"] * row["remaining_share"] * row["saved_share"]
    steps = [
        ("cost at contract prices", row["contracted_cost_month"]),
        (f"× {_percent(row['saved_share'])} saved ({row['price_source']})", row["savings_contract_month"]),
    ]
    if row["remaining_share"] != 1:
        steps.append((f"on the {_percent(row['remaining_share'])} that others leave", stacked))
    if row["covered_saving_month"]:
        steps.append(("- commitments paid anyway", -row["covered_saving_month"]))
    if net is not None:
        rest = net - (stacked - (row["covered_saving_month"] or 0))
        if abs(rest) >= _ONE_CENT:
            steps.append(("- what it begins to cost (first year)", rest))
        steps.append(("= off the bill now", net))
    else:
        steps.append(("= off the bill now: not known", None))
    if row["savings_net_after_expiry_month"] is not None:
        steps.append(("  once commitments end", row["savings_net_after_expiry_month"]))
    if row["one_time_cost"]:
        steps.append(("  to be paid once", row["one_time_cost"]))
    if row["work_cost"]:
        steps.append((f"  {row['effort_hours'].normalize():f} hours of work", row["work_cost"]))
    if row["payback_months"]:
        steps.append(("  months until that has paid back", row["payback_months"]))
    return [f"  {text:<44}{'-' if value is None else f'{value:,.2f}':>18}" for text, value in steps]


def _weeks(count: int) -> str:
    return f"{count} week{'' if count == 1 else 's'}"


def _plain(value: Any) -> Any:
    """A measured number without the digits that only binary arithmetic has."""
    return f"{value:.15g}" if isinstance(value, float) else value


def _percent(share: Decimal) -> str:
    return f"{(share * 100).quantize(Decimal('0.0001')).normalize():f} %"
