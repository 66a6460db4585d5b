"""What `finops explain` says of a screened move: every number that a reader needs to do the sum again."""

import json
from decimal import Decimal

from pipelines.explain_screening import screening_lines

ROW = {
    "workload": "shop", "provider": "aws", "region_id": "eu-west-1", "target_provider": "azure",
    "target_region_id": "westeurope", "target_source": "azure-ea", "currency": "USD", "status": "worth_a_look",
    "confidence": Decimal("0.40"), "effective_cost_month": Decimal(1000), "comparable_share": Decimal("0.8"),
    "comparable_cost_month": Decimal(800), "target_cost_month": Decimal(140), "transfer_between_month": Decimal(9),
    "stranded_commitment_month": Decimal(120), "net_saving_month": Decimal(531), "one_time_cost": None,
    "effort_hours": Decimal(40), "work_cost": Decimal(3200), "data_gaps": '["egress_price"]',
    "evidence": json.dumps(
        {"vcpu_hours": 2000, "price_vcpu_hour": 0.03, "memory_gib_hours": 8000, "price_memory_gib_hour": 0.0065,
         "block_gib": 0, "price_block_gib": None, "object_gib": 0, "price_object_gib": 0.02, "egress_gb": 0,
         "price_egress_gb": None, "price_currency": "EUR", "rate_then": 1.25, "allowed_because": "EU"}
    ),
}  # fmt: skip


def test_a_screening_shows_quantities_prices_and_steps():
    """2,000 × 0.03 + 8,000 × 0.0065 = 112 EUR, at 1.25 that is 140 USD; 800 − 140 − 9 − 120 = 531."""
    text = "\n".join(screening_lines(ROW))
    assert [line.split() for line in screening_lines(ROW)[4:6]] == [
        ["2,000.00", "vCPU", "hours", "×", "0.03", "60.00"],
        ["8,000.00", "GiB", "hours", "of", "memory", "×", "0.0065", "52.00"],
    ]
    steps = {line.rsplit(None, 1)[0].strip(): line.rsplit(None, 1)[1] for line in screening_lines(ROW)[8:13]}
    assert steps == {
        "costs now": "1,000.00", "of it 80.0 % is sold there too": "800.00", "- the same there (at 1.25)": "140.00",
        "- traffic that leaves": "9.00", "- commitments that stay": "120.00",
    }  # fmt: skip
    assert "= saved" in text and "531.00" in text and "3,200.00" in text and "Not known: egress_price" in text
