"""A recommendation led back, as a person reads it."""

import json
from decimal import Decimal

from pipelines.explain_recommendation import recommendation_lines

ROW = {
    "action_type": "ScaleIn", "resource_name": None, "resource_id": "i-1", "rule_id": "aws_eks_nodes", "status": "open",
    "archive_reason": None, "first_seen_date": "2026-10-31", "weeks_in_a_row": 1, "wave": 2, "confidence": 0.8,
    "confidence_band": "high", "effort": "Low", "risk": "medium", "rollback_possible": True, "currency": "USD",
    "savings_contract_month": None, "current_config": None, "recommended_config": '{"nodes": 2}', "data_gaps": "[]",
    "superseded_by": None, "counted_in_total": True, "savings_net_now_month": None, "cost_before_month": Decimal(0),
}  # fmt: skip


def test_evidence_is_said_in_the_digits_that_were_measured():
    """3 x 0.8 is 2.4 to a reader; an amount keeps all of its decimals, and what is not known is not shown."""
    evidence = {"vcpu": 3 * 0.8, "share": 1 - 0.2, "cost": 78.301388593555, "nodes": 3, "price": None}

    lines = recommendation_lines(ROW | {"evidence": json.dumps(evidence)})

    shown = dict(line.split() for line in lines[lines.index("Evidence") + 1 :] if line)
    assert shown == {"vcpu": "2.4", "share": "0.8", "cost": "78.301388593555", "nodes": "3"}


def test_one_week_is_one_week():
    said = "\n".join(recommendation_lines(ROW | {"evidence": None}))

    assert "(1 week in a row)" in said and "not known: no price for it (never 0)" in said
