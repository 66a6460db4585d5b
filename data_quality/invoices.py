"""What makes landed invoices unusable: found before they replace the previous delivery."""

from __future__ import annotations

from pathlib import Path

import duckdb

from pipelines.landing.contracts import INVOICE_CATEGORIES

_CATEGORIES = ", ".join(f"'{category}'" for category in INVOICE_CATEGORIES)
_FAULTS = f"""
with rows as (
    select *, 'invoice ' || invoice_id || ' of ' || bill as named, coalesce(category, 'usage') as kind
    from read_parquet(?)
),
totals as (
    select named, currency,
        sum(amount) filter (line_number is null) as total, sum(amount) filter (line_number is not null) as lines,
        count(*) filter (line_number is null) as headers, count(*) filter (line_number is not null) as line_count,
        count(distinct coalesce(seller, '')) as sellers, count(distinct coalesce(charge_currency, currency)) as charged,
        count(distinct coalesce(exchange_rate, 0)) as rates
    from rows group by all
),
faults as (
    select 'row ' || x_source_row || ' of ' || x_source_file || ' names no bill or no invoice_id' as fault
    from rows where bill is null or invoice_id is null
    union all
    select named || ' has the category ''' || kind || ''', which is not one of {", ".join(INVOICE_CATEGORIES)}'
    from rows where kind not in ({_CATEGORIES})
    union all
    select named || ' has the charge_period ''' || charge_period || ''', which is not a month like 2026-10'
    from rows where not regexp_full_match(charge_period, '\\d{{4}}-(0[1-9]|1[0-2])')
    union all
    select named || ' is in ' || currency || ', its charges in ' || charge_currency || ', without an exchange_rate'
    from rows where charge_currency <> currency and coalesce(exchange_rate, 0) <= 0
    union all
    select named || ' has line ' || line_number || ' ' || count(*) || ' times; leave one'
    from rows where line_number is not null group by named, currency, line_number having count(*) > 1
    union all
    select named || ' has ' || headers || ' totals in ' || currency || '; leave one' from totals where headers > 1
    union all
    select named || ' names more than one seller, charge_currency or exchange_rate'
    from totals where sellers > 1 or charged > 1 or rates > 1
    union all
    select named || ' is ' || short(total) || ' ' || currency || ' in total, its lines sum to ' || short(lines)
    from totals where headers = 1 and line_count > 0 and total <> lines
)
select min(fault) from faults
"""


def invoice_fault(data: Path) -> str:
    """The first fault of the landed invoices in `data`, as a sentence; empty when there is none."""
    with duckdb.connect() as con:
        con.execute("create macro short(amount) as rtrim(rtrim(cast(amount as varchar), '0'), '.')")
        row = con.execute(_FAULTS, [str(data)]).fetchone()
    return str(row[0]) if row and row[0] else ""
