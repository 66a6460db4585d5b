-- Traffic to the internet by price tier over the last 30 days of the bill. A tier is reached by the payer's total of a month, so a gigabyte
-- less is a gigabyte of the cheapest tier. Grain: source × billing account × currency × price, with the gigabytes of all cheaper ones.
with

lines as (
    select
        charges.x_provider as provider,
        charges.x_source,
        charges.billing_account_id,
        charges.billing_currency as currency,
        charges.sku_price_id,
        sum(charges.pricing_quantity) as quantity,
        sum(charges.contracted_cost) as contracted_cost
    from {{ ref('int_focus__charges') }} as charges
    inner join {{ ref('int_optimization__meter_kinds') }} as kinds
        on
            {{ is_kind_of('kinds', 'charges') }}
    inner join (
        select x_source, max(bill_date) as bill_date from {{ ref('int_optimization__meters') }} group by x_source
    ) as newest
        on charges.x_source = newest.x_source
    where
        kinds.meter_kind = 'transfer_out'
        and charges.charge_category = 'Usage'
        and charges.pricing_quantity > 0
        and cast(charges.charge_period_start as date) > {{ plus_days('newest.bill_date', -30) }}
    group by charges.x_provider, charges.x_source, charges.billing_account_id, charges.billing_currency, charges.sku_price_id
),

tiers as (
    select
        provider,
        x_source,
        billing_account_id,
        currency,
        {{ unit_price('contracted_cost', 'quantity') }} as unit_price,
        {{ measure('quantity * 365 / 360.0') }} as gb
    from lines
)

select
    provider,
    x_source,
    billing_account_id,
    currency,
    cast(unit_price as decimal(28, 12)) as unit_price,
    {{ measure('sum(gb)') }} as gb,
    {{ measure('sum(sum(gb)) over (partition by x_source, billing_account_id, currency order by unit_price) - sum(gb)') }} as cheaper_gb
from tiers
where unit_price is not null
group by provider, x_source, billing_account_id, currency, unit_price
