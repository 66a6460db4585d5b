-- Each invoice beside the billed cost that it asks for. Grain: bill × billing period × invoice × seller × two currencies.
-- invoice_total = ledger_total + tax + credit + marketplace + late + fx + rounding differences + unexplained, to the last decimal.
with

matched as (
    select * from {{ ref('int_invoices__matched') }}
),

-- A line for an earlier month's charges: the invoice of that month lacks them.
late_lines as (
    select x_source, charge_period, currency, seller, sum(amount) as amount
    from {{ ref('stg_invoices__rows') }}
    where line_number is not null and charge_period <> billing_period
    group by x_source, charge_period, currency, seller
),

earlier as (
    select *
    from matched
    where invoice_total is not null
    qualify
        row_number() over (
            partition by x_source, billing_period, currency, seller order by invoice_total desc, invoice_id
        ) = 1
),

billed_later as (
    select earlier.x_source, earlier.billing_period, earlier.charge_currency, earlier.match_key, earlier.currency, late_lines.amount
    from late_lines
    inner join earlier
        on
            late_lines.x_source = earlier.x_source
            and late_lines.charge_period = earlier.billing_period
            and late_lines.currency = earlier.currency
            and coalesce(late_lines.seller, '') = coalesce(earlier.seller, '')
),

expected as (
    select distinct x_source from {{ ref('stg_invoices__rows') }}
),

rated as (
    select
        matched.*,
        expected.x_source is not null as is_expected,
        coalesce(billed_later.amount, 0) as later,
        case
            when matched.currency = matched.charge_currency then cast(1 as decimal(18, 10))
            else coalesce(rates.rate, cast(matched.exchange_rate as decimal(18, 10)))
        end as rate,
        case
            when matched.currency = matched.charge_currency then cast(1 as decimal(18, 10))
            else cast(matched.exchange_rate as decimal(18, 10))
        end as invoice_rate,
        coalesce(currencies.minor_units, 2) as minor_units
    from matched
    left join expected on matched.x_source = expected.x_source
    left join billed_later
        on
            matched.x_source = billed_later.x_source
            and matched.billing_period = billed_later.billing_period
            and matched.charge_currency = billed_later.charge_currency
            and matched.match_key = billed_later.match_key
            and matched.currency = billed_later.currency
    left join {{ ref('int_currency__decided_rates') }} as rates
        on
            matched.billing_period = rates.billing_period
            and matched.charge_currency = rates.from_currency
            and matched.currency = rates.to_currency
    left join {{ ref('currencies') }} as currencies on matched.currency = currencies.currency_code
),

named as (
    select
        *,
        {{ money('charges_total * rate') }} as ledger_total,
        {{ money('marketplace * rate') }} as marketplace_difference,
        {{ money('tax') }} as tax_difference,
        {{ money('credit') }} as credit_difference,
        {{ money('late - later') }} as late_difference,
        {{ money('(charges_total + marketplace) * invoice_rate') }} - {{ money('charges_total * rate') }}
        - {{ money('marketplace * rate') }} + fx as fx_difference,
        -- Every line of an invoice is rounded to the minor unit, so it may be off by half of one.
        {{ from_minor_units('1', 'minor_units') }} * cast(0.5 as decimal(2, 1))
        * cast(case when line_count > invoice_count then line_count else invoice_count end as decimal(9, 0)) as rounding_limit
    from rated
),

rest as (
    select
        *,
        invoice_total - ledger_total - marketplace_difference - tax_difference - credit_difference - late_difference
        - fx_difference as remainder
    from named
),

tolerances as (
    select
        rest.x_source, rest.billing_period, rest.charge_currency, rest.match_key, rest.currency, decided.tolerance,
        row_number() over (
            partition by rest.x_source, rest.billing_period, rest.charge_currency, rest.match_key, rest.currency
            order by
                case when decided.invoice_id is not null then 0 else 1 end, case when decided.bill <> '*' then 0 else 1 end
        ) as tolerance_rank
    from rest
    inner join {{ ref('stg_decisions__invoice_tolerances') }} as decided
        on
            rest.currency = decided.currency
            and (decided.bill = '*' or decided.bill = rest.x_source)
            and (decided.invoice_id is null or decided.invoice_id = rest.invoice_id)
),

explained as (
    select
        rest.*,
        case when abs(rest.remainder) <= rest.rounding_limit then rest.remainder else 0 end as rounding_difference,
        case when abs(rest.remainder) <= rest.rounding_limit then 0 else rest.remainder end as unexplained,
        coalesce(tolerances.tolerance, 0) as tolerance
    from rest
    left join tolerances
        on
            rest.x_source = tolerances.x_source
            and rest.billing_period = tolerances.billing_period
            and rest.charge_currency = tolerances.charge_currency
            and rest.match_key = tolerances.match_key
            and rest.currency = tolerances.currency
            and tolerances.tolerance_rank = 1
)

select
    x_source,
    billing_period,
    invoice_id,
    seller,
    issued_on,
    charge_currency,
    currency,
    cast(charges_total as decimal(38, 12)) as charges_total,
    rate as exchange_rate,
    cast(ledger_total as decimal(38, 12)) as ledger_total,
    cast(tax_difference as decimal(38, 12)) as tax_difference,
    cast(credit_difference as decimal(38, 12)) as credit_difference,
    cast(marketplace_difference as decimal(38, 12)) as marketplace_difference,
    cast(late_difference as decimal(38, 12)) as late_difference,
    cast(fx_difference as decimal(38, 12)) as fx_difference,
    cast(case when invoice_total is not null then rounding_difference end as decimal(38, 12)) as rounding_difference,
    cast(case when invoice_total is not null then unexplained end as decimal(38, 12)) as unexplained,
    cast(invoice_total as decimal(38, 12)) as invoice_total,
    cast(tolerance as decimal(28, 12)) as tolerance,
    case
        when invoice_total is null and is_expected then 'missing'
        when invoice_total is null then 'none_landed'
        when abs(unexplained) > tolerance then 'unexplained'
        when unexplained <> 0 then 'tolerated'
        when invoice_total <> ledger_total then 'explained'
        else 'ok'
    end as status
from explained
