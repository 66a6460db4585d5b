"""Chargeback lines as flat rows: the same columns in the CSV files and in the showback's pivot table."""

from collections.abc import Sequence
from decimal import Decimal

from pipelines.outputs.statement_model import Section, Showback, Statement

DATA_COLUMNS = (  # of the showback's flat table: header, width
    ("period", 9),
    ("billing_period", 13),
    ("cost_center_id", 18),
    ("cost_center", 26),
    ("department", 18),
    ("business_unit", 18),
    ("owner", 20),
    ("gl_account", 11),
    ("kind", 18),
    ("service", 34),
    ("provider", 10),
    ("source", 18),
    ("currency", 9),
    ("amount", 16),
    ("previous_amount", 16),
    ("billed_amount", 16),
    ("status", 12),
    ("line_id", 34),
)


def flat_rows(statement: Statement, section: Section, showback: Showback) -> list[Sequence[str | Decimal]]:
    center = statement.cost_center
    return [
        (
            showback.period,
            line.billing_period,
            center.cost_center_id,
            center.name,
            center.department,
            center.business_unit,
            center.owner,
            center.gl_account,
            line.kind,
            line.service,
            line.provider,
            line.source,
            section.currency,
            line.amount,
            line.previous,
            line.billed,
            "estimate" if showback.is_estimate else showback.status,
            line.line_id,
        )
        for line in section.lines
    ]
