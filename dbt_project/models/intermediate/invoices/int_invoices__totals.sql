-- What each invoice asks for, by what its lines are for. Grain: bill × billing period × invoice × currency.
select
    x_source,
    billing_period,
    invoice_id,
    currency,
    charge_currency,
    max(seller) as seller,
    min(issued_on) as issued_on,
    max(exchange_rate) as exchange_rate,
    coalesce(
        sum(case when line_number is null then amount end), sum(case when line_number is not null then amount end)
    ) as invoice_total,
    sum(case when line_number is not null then 1 else 0 end) as line_count,
    sum(case when line_number is not null and category = 'marketplace' then 1 else 0 end) as marketplace_lines,
    sum(case when line_number is not null and charge_period = billing_period and category = 'tax' then amount else 0 end)
        as tax,
    sum(case when line_number is not null and charge_period = billing_period and category = 'credit' then amount else 0 end)
        as credit,
    sum(case when line_number is not null and charge_period = billing_period and category = 'fx' then amount else 0 end)
        as fx,
    sum(case when line_number is not null and (charge_period <> billing_period or category = 'late') then amount else 0 end)
        as late
from {{ ref('stg_invoices__rows') }}
group by x_source, billing_period, invoice_id, currency, charge_currency
